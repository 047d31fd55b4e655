// A small HTTP server of the tests' own: it notes each request and gives the answers it was told to, in order.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface NotedRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
}

/** An answer, given after `delayMs`; `hangUp` closes the connection without one, `silent` never answers; a function looks at the request first. */
export type StubAnswer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string>; readonly delayMs?: number }
  | ((request: NotedRequest) => Exclude<StubAnswer, (request: NotedRequest) => unknown>)
  | 'hangUp'
  | 'silent';

/** Answers with `answers` in turn, the last one again and again. */
export class StubServer {
  readonly requests: NotedRequest[] = [];
  readonly #server: Server;
  #answers: readonly StubAnswer[] = [{ status: 204 }];
  #given = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const noted = { method, url, body: text === '' ? undefined : JSON.parse(text), headers };
        this.requests.push(noted);
        const next = this.#answers[Math.min(this.#given++, this.#answers.length - 1)] ?? 'hangUp';
        const answer = typeof next === 'function' ? next(noted) : next;
        if (answer === 'silent') return;
        if (answer === 'hangUp') {
          request.socket.destroy();
          return;
        }
        const type = answer.status >= 400 ? 'application/problem+json' : 'application/json';
        setTimeout(() => {
          response.writeHead(answer.status, { 'content-type': type, 'leasehold-node': 'n1', 'leasehold-index': '42', ...answer.headers });
          response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
        }, answer.delayMs ?? 0);
      });
    });
  }

  static async start(...answers: readonly StubAnswer[]): Promise<StubServer> {
    const stub = new StubServer();
    if (answers.length > 0) stub.#answers = answers;
    await new Promise<void>((resolve) => stub.#server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A problem document as the server writes it. */
export function problem(status: number, code: string, facts: Record<string, unknown> = {}): StubAnswer {
  return { status, body: { type: `urn:leasehold:${code}`, title: code, status, detail: `detail of ${code}`, code, ...facts } };
}

/** The URL of a port of this machine that nobody listens on. */
export async function deadUrl(): Promise<string> {
  const stub = await StubServer.start();
  const { url } = stub;
  await stub.stop();
  return url;
}
