// One connection: frames in, a bounded queue of frames out. It dies at the first oddity and takes its queue with it.
import type { Socket } from 'node:net';
import { FrameError, FrameReader } from './frame.ts';
import { Silence } from './silence.ts';
import type { TransportCounters, TransportLimits } from './transport-limits.ts';
import type { FramePieces } from './wire.ts';

/** Pieces from this size on are handed to the socket as they are; smaller neighbours are copied together. */
const COPY_MAX_BYTES = 32_768;
/** Idle time before the system probes the other side; ten probes a second apart follow. */
const KEEP_ALIVE_MS = 5_000;

/** Frames that wait, oldest first. */
class Lane {
  bytes = 0;
  frames: FramePieces[] = [];

  add(pieces: FramePieces, bytes: number): void {
    this.frames.push(pieces);
    this.bytes += bytes;
  }

  clear(): void {
    this.frames = [];
    this.bytes = 0;
  }
}

export class Link {
  /** Takes every frame, until {@link Link.end} or {@link Link.close}. What it throws is not caught. */
  onFrame: (kind: number, body: Buffer) => void = () => {};
  /** Called once, when no frame will come or go any more; never during {@link Link.send}. */
  onClosed: () => void = () => {};
  /** The same for whoever keeps count of connections. */
  onGone: () => void = () => {};
  closed = false;
  readonly #socket: Socket;
  readonly #limits: TransportLimits;
  readonly #counters: TransportCounters;
  readonly #reader: FrameReader;
  readonly #main = new Lane();
  readonly #images = new Lane();
  /** Writes that the system has not yet taken. */
  #writesPending = 0;
  #pumpPlanned = false;
  #ending = false;
  /** Sweeps since anything was written while something waits, and since the unfinished frame began. */
  #stuckSweeps = 0;
  #partialSweeps = 0;
  readonly #silence = new Silence();

  /** `greetingMaxBytes` bounds the frames until {@link Link.trust}. */
  constructor(socket: Socket, greetingMaxBytes: number, limits: TransportLimits, counters: TransportCounters) {
    this.#socket = socket;
    this.#limits = limits;
    this.#counters = counters;
    this.#reader = new FrameReader(greetingMaxBytes);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', this.#read);
    // A reset or a failed write: 'close' follows and says all that matters.
    socket.on('error', () => {});
    socket.on('end', () => this.close());
    socket.on('close', () => this.close());
  }

  /** The other side has introduced itself: frames may have their full size. */
  trust(): void {
    this.#reader.frameMaxBytes = this.#limits.frameMaxBytes;
  }

  /**
   * Queues a frame; what is queued during one callback leaves in one write. False, and the frame is dropped, when the queue is full.
   * A frame of `images` waits until nothing else does.
   */
  send(pieces: FramePieces, lane: 'main' | 'images'): boolean {
    if (this.closed || this.#ending) return false;
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    if (lane === 'images') {
      if (this.#images.bytes + this.#socket.writableLength > this.#limits.imageQueueMaxBytes) return false;
      this.#images.add(pieces, bytes);
    } else {
      if (this.#main.frames.length >= this.#limits.queueMaxFrames) return false;
      if (this.#main.bytes + this.#socket.writableLength + bytes > this.#limits.queueMaxBytes) return false;
      this.#main.add(pieces, bytes);
    }
    if (!this.#pumpPlanned) {
      this.#pumpPlanned = true;
      // Not setImmediate: the frames of one callback belong together, those of the next should not wait for it.
      process.nextTick(this.#pump);
    }
    return true;
  }

  /**
   * Sends what is queued and says goodbye; the connection closes when the other side has closed too. Closing sooner could make the
   * system throw away what the other side has not read yet. The caller has a bound for it.
   */
  end(): void {
    if (this.closed) return;
    this.#ending = true;
    this.#images.clear();
    this.#pump();
  }

  /** Breaks the connection at once and forgets what was queued. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#main.clear();
    this.#images.clear();
    this.#socket.destroy();
    this.onGone();
    this.onClosed();
  }

  /** Closes for bytes that no honest peer sends. */
  malformed(): void {
    this.#counters.malformed++;
    this.close();
  }

  /**
   * To be called every `sweepMs`: closes a connection that is stuck, whose frame does not end, or that is silent. Sweeps are counted
   * rather than time, as in `silence.ts`.
   */
  sweep(sweepMs: number): void {
    this.#stuckSweeps = this.#writesPending > 0 ? this.#stuckSweeps + 1 : 0;
    this.#partialSweeps = this.#reader.unfinished ? this.#partialSweeps + 1 : 0;
    const isSilent = this.#silence.sweep(sweepMs, this.#limits.silenceMaxMs);
    const { stuckMaxMs, partialFrameMaxMs } = this.#limits;
    const isOverdue = this.#stuckSweeps * sweepMs > stuckMaxMs || this.#partialSweeps * sweepMs > partialFrameMaxMs;
    if (!isOverdue && !isSilent) return;
    this.#counters.timedOut++;
    this.close();
  }

  readonly #read = (chunk: Buffer): void => {
    if (this.closed) return;
    this.#silence.end();
    try {
      this.#reader.push(chunk, this.#deliver);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.malformed();
    }
  };

  readonly #deliver = (kind: number, body: Buffer): boolean => {
    this.#partialSweeps = 0;
    if (!this.#ending) this.onFrame(kind, body);
    return !this.closed;
  };

  readonly #pump = (): void => {
    this.#pumpPlanned = false;
    const socket = this.#socket;
    // A socket that broke a moment ago takes bytes to nowhere; 'close' follows.
    while (!socket.destroyed && this.#main.frames.length > 0 && socket.writableLength < this.#limits.writeMaxBytes) this.#write(this.#main);
    while (!socket.destroyed && this.#main.frames.length === 0 && this.#images.frames.length > 0 && socket.writableLength === 0) {
      this.#write(this.#images);
    }
    if (this.#ending && !socket.destroyed && this.#main.frames.length === 0 && this.#writesPending === 0) socket.end();
  };

  readonly #written = (): void => {
    this.#writesPending--;
    this.#stuckSweeps = 0;
    if (this.#main.frames.length > 0 || this.#images.frames.length > 0 || this.#ending) this.#pump();
  };

  /** Hands the oldest frames of a lane to the socket as one write: all there are, or about as many as the socket should hold. */
  #write(lane: Lane): void {
    const most = lane === this.#images ? 1 : this.#limits.writeMaxBytes;
    let bytes = 0;
    let count = 0;
    const pieces: Uint8Array[] = [];
    for (const frame of lane.frames) {
      if (bytes >= most) break;
      for (const piece of frame) {
        pieces.push(piece);
        bytes += piece.length;
      }
      count++;
    }
    if (count === lane.frames.length) lane.frames = [];
    else lane.frames.splice(0, count);
    lane.bytes -= bytes;
    this.#counters.writes++;
    this.#writesPending++;
    this.#hand(joined(pieces));
  }

  #hand(buffers: readonly Uint8Array[]): void {
    const last = buffers.length - 1;
    if (last > 0) this.#socket.cork();
    for (let at = 0; at < last; at++) this.#socket.write(buffers[at] as Uint8Array);
    this.#socket.write(buffers[last] as Uint8Array, this.#written);
    if (last > 0) this.#socket.uncork();
  }
}

/** The same bytes in few buffers: one copy of the small pieces costs less than a system call that gathers them. */
function joined(pieces: readonly Uint8Array[]): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  let start = 0;
  let bytes = 0;
  const join = (end: number): void => {
    if (end - start === 1) buffers.push(pieces[start] as Uint8Array);
    else if (end > start) buffers.push(concatenated(pieces, start, end, bytes));
  };
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at] as Uint8Array;
    if (piece.length < COPY_MAX_BYTES) {
      bytes += piece.length;
      continue;
    }
    join(at);
    buffers.push(piece);
    start = at + 1;
    bytes = 0;
  }
  join(pieces.length);
  return buffers;
}

function concatenated(pieces: readonly Uint8Array[], start: number, end: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  for (let at = start; at < end; at++) {
    const piece = pieces[at] as Uint8Array;
    buffer.set(piece, filled);
    filled += piece.length;
  }
  return buffer;
}
