// One connection of a client: its requests under way in order, those held back, and how far its reader is.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's socket tells of its operating system handle; net.Socket reads the same fields for its own timeout. */
interface SocketHandle {
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
}

/** A request of which the answer is not completely sent. */
export interface UnderWay {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Nothing else is under way on the connection at the same time. */
  readonly isAlone: boolean;
  /** Bytes that the node has reserved for its answer. */
  reservedBytes: number;
  /** Those of them that count while a read is being answered; 0 for a change, and once the answer is made. */
  makingBytes: number;
}

/** A request that waits for the ones before it. */
export interface Held {
  readonly underWay: UnderWay;
  /** Local time since which it waits. */
  readonly sinceMs: number;
  /** Lets it go on, or refuses it. */
  readonly go: (refusal?: Error) => void;
}

export class Connection {
  readonly socket: Socket;
  /** In the order of the answers. */
  readonly underWay: UnderWay[] = [];
  readonly held: Held[] = [];
  /** Bytes that had arrived on the connection when its last request was admitted. */
  arrivedBefore = 0;
  /** Local time when its last request was admitted. */
  admittedAtMs = 0;
  /** Whether it streams a watch, which has a time limit of its own. */
  isWatch = false;
  /** Bytes taken by the operating system when the reader last made progress, and when that was; null while nothing waits for the reader. */
  #progress: { readonly takenBytes: number; readonly atMs: number } | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Bytes of answers that the reader has not taken. */
  get unreadBytes(): number {
    // The first response counts what waits in the socket, the later ones what waits for their turn.
    let bytes = 0;
    for (const { response } of this.underWay) bytes += response.writableLength;
    return bytes;
  }

  /** Bytes of the body that is arriving; 0 if none is. */
  get arrivingBytes(): number {
    const last = this.underWay.at(-1)?.request;
    return last === undefined || last.complete ? 0 : this.socket.bytesRead - this.arrivedBefore;
  }

  /** For how long the reader has taken less than `leastBytes` of what waits for it, in milliseconds; 0 while nothing waits. */
  stalledMs(nowMs: number, leastBytes: number): number {
    const handle = (this.socket as { readonly _handle?: SocketHandle | null })._handle ?? {};
    const takenBytes = (handle.bytesWritten ?? 0) - (handle.writeQueueSize ?? 0);
    if (this.unreadBytes === 0) this.#progress = null;
    else if (this.#progress === null || takenBytes - this.#progress.takenBytes >= leastBytes) this.#progress = { takenBytes, atMs: nowMs };
    return this.#progress === null ? 0 : nowMs - this.#progress.atMs;
  }

  /** Whether a request has arrived completely and its answer is not completely sent. */
  get isAnswering(): boolean {
    const last = this.underWay.at(-1);
    return last?.request.complete === true;
  }
}
