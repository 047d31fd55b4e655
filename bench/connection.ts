// A small HTTP/1.1 client on bare sockets, one request in flight: cheap enough that the load generator leaves the cores to the servers.
import { connect, type Socket } from 'node:net';

/** Where a node answers clients. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** An answer of any status. `index` is the header `leasehold-index`, NaN when the answer has none. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly index: number;
}

/** No answer came. `definite` says that no byte of the request can have reached a server. */
export class NoAnswer extends Error {
  readonly definite: boolean;
  constructor(message: string, definite: boolean) {
    super(message);
    this.definite = definite;
  }
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** One keep-alive connection; it reconnects by itself for the next request after it has broken. */
export class Connection {
  readonly #endpoint: Endpoint;
  #socket: Socket | null = null;
  #connected = false;
  #received: Buffer | null = null;
  #waiting: Waiting | null = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Sends a request; `body` is JSON text or null for none. Rejects with `NoAnswer` when none came within `timeoutMs`. */
  send(method: string, path: string, body: string | null, timeoutMs: number): Promise<Answer> {
    if (this.#waiting) throw new Error('one request at a time on a connection');
    const socket = this.#socket ?? this.#open();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#drop(new NoAnswer(`no answer within ${timeoutMs} ms`, !this.#connected)), timeoutMs);
      this.#waiting = { resolve, reject, timer };
      const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#endpoint.host}:${this.#endpoint.port}\r\n`;
      socket.write(
        body === null
          ? `${head}\r\n`
          : `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  /** Ends the connection; a request in flight is rejected. */
  close(): void {
    this.#drop(new NoAnswer('closed by the caller', false));
  }

  #open(): Socket {
    const socket = connect({ host: this.#endpoint.host, port: this.#endpoint.port, noDelay: true });
    this.#socket = socket;
    this.#connected = false;
    socket.on('connect', () => {
      if (this.#socket === socket) this.#connected = true;
    });
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return;
      this.#received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk]);
      this.#takeAnswer();
    });
    // `error` is always followed by `close`, which alone would not say why.
    socket.on('error', (error) => this.#socket === socket && this.#drop(new NoAnswer(error.message, !this.#connected)));
    socket.on('close', () => this.#socket === socket && this.#drop(new NoAnswer('connection closed by the server', !this.#connected)));
    return socket;
  }

  #drop(error: NoAnswer): void {
    const waiting = this.#takeWaiting();
    this.#socket?.destroy();
    this.#socket = null;
    this.#received = null;
    waiting?.reject(error);
  }

  #takeWaiting(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) clearTimeout(waiting.timer);
    return waiting;
  }

  #takeAnswer(): void {
    const bytes = this.#received;
    if (bytes === null) return;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = bytes.toString('latin1', 0, headEnd).toLowerCase();
    const start = headEnd + HEAD_END.length;
    const body = head.includes('\r\ntransfer-encoding: chunked')
      ? chunkedBody(bytes, start)
      : sizedBody(bytes, start, header(head, 'content-length'));
    if (body === null) return;
    this.#received = null;
    const waiting = this.#takeWaiting();
    if (head.includes('\r\nconnection: close')) this.#drop(new NoAnswer('closed by the server', true));
    waiting?.resolve({ status: Number(head.slice(9, 12)), body, index: Number(header(head, 'leasehold-index') ?? Number.NaN) });
  }
}

function header(head: string, name: string): string | null {
  const at = head.indexOf(`\r\n${name}: `);
  if (at < 0) return null;
  const start = at + name.length + 4;
  const end = head.indexOf('\r\n', start);
  return end < 0 ? head.slice(start) : head.slice(start, end);
}

/** Null until all of it has come. */
function sizedBody(bytes: Buffer, start: number, length: string | null): string | null {
  const end = start + Number(length ?? 0);
  return bytes.length < end ? null : bytes.toString('utf8', start, end);
}

/** Null until all of it has come. */
function chunkedBody(bytes: Buffer, start: number): string | null {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return null;
    if (size === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
