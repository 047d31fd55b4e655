// A bare TCP client for tests: sends bytes as they are, reads whole answers, hangs up when told.
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Harness, settleDown } from './harness.ts';

/** An answer as it came over the wire; header names in lower case. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
}

/** One connection. */
export class RawClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  closed = false;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port });
    this.#socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    // A reset is one of the ways in which a server may close.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    onTestFinished(() => this.hangUp());
  }

  /** Takes nothing more of what the server sends. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Takes everything again. */
  readOn(): void {
    this.#socket.resume();
  }

  /** Sends bytes as they are. */
  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** Sends a request with a JSON body or none. */
  request(method: string, path: string, body?: unknown): void {
    const text = body === undefined ? '' : JSON.stringify(body);
    this.write(
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
  }

  /** The next answer. Fails when the server closes before it is whole. */
  async answer(): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#take();
      if (answer !== null) return answer;
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves once the server has closed the connection. */
  async end(): Promise<void> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Closes at once. */
  hangUp(): void {
    this.#socket.destroy();
  }

  #take(): RawAnswer | null {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [first = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const bodyEnd = end + 4 + Number(headers['content-length'] ?? 0);
    if (this.#received.length < bodyEnd) return null;
    const text = this.#received.toString('utf8', end + 4, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd);
    return { status: Number(first.split(' ')[1]), headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }
}

/** Lets the harness listen on a free port and tells it. */
export async function listen(harness: Harness): Promise<number> {
  await harness.server.listen({ host: '127.0.0.1', port: 0 });
  const address = harness.server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** Resolves as soon as `condition` holds; asks often, and fails after some ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 2000) throw new Error('what was waited for did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves once the server has noticed that all connections are gone. */
export async function allGone({ server }: Pick<Harness, 'server'>): Promise<void> {
  const count = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.server.getConnections((error, connections) => (error === null ? resolve(connections) : reject(error)));
    });
  while ((await count()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await settleDown();
}
