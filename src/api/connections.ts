// All connections of clients: how many, how many requests each may have under way, and how many bytes they may keep in memory.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LARGE_BODY_BYTES } from '../contract/limits.ts';
import { Connection, type Held, type UnderWay } from './connection.ts';
import { type ConnectionLimits, PROGRESS_BYTES } from './connection-limits.ts';
import { ApiError } from './errors.ts';

/** Beyond the budget of the node, a reader is cut off that stalls for this long, in milliseconds. */
const STALL_OVER_BUDGET_MS = 1_000;
/** Share of the connections in use from which the alarm `fds` is raised, and the part of it below which it is cleared. */
const CROWDED_SHARE = 0.8;
const CLEARED_AT = 0.9;
/** Between two looks at all busy connections, in milliseconds. */
const LOOK_MS = 250;
/** After the stop began: when requests that are incomplete are cut off, and when everything is, in milliseconds. */
const STOP_INCOMPLETE_MS = 1_000;
const STOP_ALL_MS = 6_000;

const CONNECTION = Symbol('connection');
type TrackedSocket = Socket & { [CONNECTION]?: Connection };

export class Connections {
  readonly #server: Server;
  readonly #limits: ConnectionLimits;
  readonly #fds: (isActive: boolean) => void;
  readonly #all = new Set<Connection>();
  /** Those with requests under way. */
  readonly #busy = new Set<Connection>();
  /** Those whose first held request waits for room for its answer, in order. */
  readonly #waitingForRoom = new Set<Connection>();
  /** Bytes of large answers that are being made or wait for their readers. */
  #reservedBytes = 0;
  #makingBytes = 0;
  #isCrowded = false;
  #dropped = 0;
  #cutOff = 0;
  readonly #timer: NodeJS.Timeout;

  /** `fds` sets and clears the alarm for the share of the connections in use. */
  constructor(server: Server, limits: ConnectionLimits, fds: (isActive: boolean) => void = () => {}) {
    this.#server = server;
    this.#fds = fds;
    this.#limits = limits;
    server.maxConnections = limits.connectionsMax;
    server.on('connection', (socket: TrackedSocket) => this.#begin(socket));
    server.on('drop', () => this.#dropped++);
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_MS).unref();
  }

  /** Connections that are open. */
  get count(): number {
    return this.#all.size;
  }

  /** Connections closed without an answer because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Connections closed because their readers stalled, their bodies took too much room, or they sent too many requests at once. */
  get cutOff(): number {
    return this.#cutOff;
  }

  /**
   * Calls `go` once the request may be carried out: at once if nothing is under way on its connection. `reserveBytes`: what its answer
   * might need; 0 for an answer that is always small. An answer that might be large, and a large body, are alone on their connection.
   */
  admit(request: IncomingMessage, response: ServerResponse, reserveBytes: number, go: Held['go']): void {
    const connection = (request.socket as TrackedSocket)[CONNECTION];
    // A simulated request of a test has no connection.
    if (connection === undefined) {
      go();
      return;
    }
    // Node goes on parsing what had arrived on a connection that was cut off.
    if (connection.socket.destroyed) return;
    const isAlone = reserveBytes > 0 || isLargeBody(request);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const underWay: UnderWay = { request, response, isAlone, reservedBytes: reserveBytes, makingBytes: isRead ? reserveBytes : 0 };
    if (connection.held.length === 0 && this.#fits(connection, underWay)) {
      this.#start(connection, underWay, go);
      return;
    }
    if (connection.held.length >= this.#limits.pipelineHeldMax) {
      this.#cut(connection);
      return;
    }
    connection.held.push({ underWay, sinceMs: performance.now(), go });
  }

  /** The answer of the first request of its connection is completely sent. */
  finished(request: IncomingMessage): void {
    const connection = (request.socket as TrackedSocket | null)?.[CONNECTION];
    const first = connection?.underWay[0];
    // A request whose path cannot be decoded is answered without having been admitted.
    if (connection === undefined || first?.request !== request) return;
    connection.underWay.shift();
    this.#free(first);
    this.#goOn(connection);
    if (connection.underWay.length === 0) this.#busy.delete(connection);
  }

  /** The answer of a request that reserved room is made, and has so many bytes. */
  sized(request: IncomingMessage, bytes: number): void {
    // One that reserves is alone on its connection.
    const underWay = (request.socket as TrackedSocket | null)?.[CONNECTION]?.underWay[0];
    if (underWay?.request !== request) return;
    this.#reservedBytes += bytes - underWay.reservedBytes;
    underWay.reservedBytes = bytes;
    this.#made(underWay);
    this.#giveRoom();
  }

  /** Whether a request has arrived completely on the connection whose answer is not completely sent. */
  owesAnswer(socket: Duplex): boolean {
    const connection = (socket as TrackedSocket)[CONNECTION];
    return connection !== undefined && (connection.held.length > 0 || connection.underWay.some(({ request }) => request.complete));
  }

  /** The last request of the connection streams a watch. */
  streams({ socket }: IncomingMessage): void {
    const connection = (socket as TrackedSocket)[CONNECTION];
    if (connection !== undefined) connection.isWatch = true;
  }

  /**
   * Ends connections on which nothing was asked, and lets held requests go on to be refused. Incomplete requests have a second, readers
   * another one to begin, and everything has {@link STOP_ALL_MS}.
   */
  stop(): void {
    for (const connection of this.#all) {
      if (connection.socket.bytesRead === 0) connection.socket.destroy();
      for (const { underWay, go } of connection.held.splice(0)) this.#start(connection, underWay, go);
    }
    this.#waitingForRoom.clear();
    clearInterval(this.#timer);
    const beganMs = performance.now();
    const timer = setInterval(() => this.#endConnections(performance.now(), performance.now() - beganMs), LOOK_MS).unref();
    this.#server.once('close', () => clearInterval(timer));
  }

  /** What is left of the connections `stoppingMs` after the stop began: none may hold it up that nothing is owed to, or that does not read. */
  #endConnections(nowMs: number, stoppingMs: number): void {
    for (const connection of this.#all) {
      const isHopeless = stoppingMs >= STOP_ALL_MS || connection.stalledMs(nowMs, PROGRESS_BYTES) >= STALL_OVER_BUDGET_MS;
      if (isHopeless || (stoppingMs >= STOP_INCOMPLETE_MS && !connection.isAnswering)) connection.socket.destroy();
    }
  }

  #begin(socket: TrackedSocket): void {
    const connection = new Connection(socket);
    socket[CONNECTION] = connection;
    this.#all.add(connection);
    socket.once('close', () => {
      this.#all.delete(connection);
      this.#busy.delete(connection);
      this.#waitingForRoom.delete(connection);
      connection.held.length = 0;
      for (const underWay of connection.underWay.splice(0)) this.#free(underWay);
      this.#giveRoom();
    });
  }

  #fits(connection: Connection, { isAlone, reservedBytes, makingBytes }: UnderWay): boolean {
    const { underWay } = connection;
    if (underWay.length > 0 && (isAlone || underWay.length >= this.#limits.pipelineMax || underWay[0]?.isAlone === true)) return false;
    const hasRoom = this.#reservedBytes + reservedBytes <= this.#limits.unreadMaxBytes;
    if (reservedBytes === 0 || (hasRoom && this.#makingBytes + makingBytes <= this.#limits.makingMaxBytes)) return true;
    this.#waitingForRoom.add(connection);
    return false;
  }

  #start(connection: Connection, underWay: UnderWay, go: Held['go']): void {
    this.#reservedBytes += underWay.reservedBytes;
    this.#makingBytes += underWay.makingBytes;
    connection.underWay.push(underWay);
    connection.arrivedBefore = connection.socket.bytesRead;
    connection.admittedAtMs = performance.now();
    this.#busy.add(connection);
    go();
  }

  /** Starts the held requests that fit now, in order. */
  #goOn(connection: Connection): void {
    for (let next = connection.held[0]; next !== undefined && this.#fits(connection, next.underWay); next = connection.held[0]) {
      connection.held.shift();
      this.#start(connection, next.underWay, next.go);
    }
  }

  #made(underWay: UnderWay): void {
    this.#makingBytes -= underWay.makingBytes;
    underWay.makingBytes = 0;
  }

  #free(underWay: UnderWay): void {
    this.#made(underWay);
    this.#reservedBytes -= underWay.reservedBytes;
    underWay.reservedBytes = 0;
    this.#giveRoom();
  }

  /** Lets the requests go on that wait for room, the longest first. */
  #giveRoom(): void {
    if (this.#waitingForRoom.size === 0) return;
    for (const connection of [...this.#waitingForRoom]) {
      this.#waitingForRoom.delete(connection);
      this.#goOn(connection);
      if (this.#waitingForRoom.has(connection)) return;
    }
  }

  #look(nowMs: number): void {
    // Cleared a little lower, so that one connection more or less does not raise it again and again.
    const share = this.#all.size / this.#limits.connectionsMax;
    this.#isCrowded = share >= (this.#isCrowded ? CROWDED_SHARE * CLEARED_AT : CROWDED_SHARE);
    this.#fds(this.#isCrowded);
    const stalled: { readonly connection: Connection; readonly bytes: number; readonly forMs: number }[] = [];
    let unreadBytes = 0;
    let arrivingBytes = 0;
    for (const connection of this.#busy) {
      const bytes = connection.unreadBytes;
      const forMs = connection.stalledMs(nowMs, PROGRESS_BYTES);
      unreadBytes += bytes;
      arrivingBytes += connection.arrivingBytes;
      // A watch has its own limit of time (`Watcher`), and its words for a reader that is too slow.
      if (forMs >= this.#limits.readerStallMs && !connection.isWatch) this.#cut(connection);
      else if (forMs >= STALL_OVER_BUDGET_MS) stalled.push({ connection, bytes, forMs });
    }
    if (unreadBytes > this.#limits.unreadMaxBytes || this.#waitingForRoom.size > 0) {
      for (const { connection, bytes } of stalled.sort((a, b) => b.forMs - a.forMs)) {
        if (unreadBytes <= this.#limits.unreadMaxBytes / 2) break;
        unreadBytes -= bytes;
        this.#cut(connection);
      }
    }
    if (arrivingBytes > this.#limits.arrivingMaxBytes) this.#endUploads(arrivingBytes);
    for (const connection of [...this.#waitingForRoom]) {
      const [first] = connection.held;
      if (first === undefined || nowMs - first.sinceMs < this.#limits.roomWaitMs) break;
      this.#waitingForRoom.delete(connection);
      connection.held.shift();
      first.underWay.reservedBytes = 0;
      first.underWay.makingBytes = 0;
      this.#start(connection, first.underWay, () =>
        first.go(new ApiError('overloaded', 'unread answers use all memory for answers on this node. Retry later, or ask another node')),
      );
    }
  }

  #endUploads(arrivingBytes: number): void {
    let bytes = arrivingBytes;
    const slowest = [...this.#busy].filter((each) => each.arrivingBytes > 0).sort((a, b) => a.admittedAtMs - b.admittedAtMs);
    for (const connection of slowest) {
      if (bytes <= this.#limits.arrivingMaxBytes / 2) return;
      bytes -= connection.arrivingBytes;
      this.#cut(connection);
    }
  }

  #cut(connection: Connection): void {
    if (connection.socket.destroyed) return;
    this.#cutOff++;
    connection.socket.destroy();
  }
}

/** Whether its body may be parsed in a later turn. The length of a chunked body is not known. */
function isLargeBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return length === undefined ? headers['transfer-encoding'] !== undefined : length.length > 4 && Number(length) >= LARGE_BODY_BYTES;
}
