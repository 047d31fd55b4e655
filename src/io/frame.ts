// Frames on a byte stream: a length, a kind, a body. The length is judged before anything behind it is kept.

/** Bytes of the length that stands before every frame; it counts the kind and the body. */
export const FRAME_LENGTH_BYTES = 4;
/** Bytes before the body. */
export const FRAME_HEAD_BYTES = 5;
/** A frame that is larger than what has arrived of it starts with a buffer of this size; it doubles as more arrives. */
const PARTIAL_START_BYTES = 65_536;

/** Bytes that are no frame of ours: nothing behind them on that stream can be trusted. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code = 'bad-frame';
}

/** Writes what stands before a body of `bodyBytes` bytes. */
export function writeFrameHead(target: Buffer, kind: number, bodyBytes: number): void {
  target.writeUInt32BE(1 + bodyBytes, 0);
  target[FRAME_LENGTH_BYTES] = kind;
}

/** One frame as a buffer of its own. */
export function frameOf(kind: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + body.length);
  writeFrameHead(frame, kind, body.length);
  frame.set(body, FRAME_HEAD_BYTES);
  return frame;
}

/**
 * Takes a stream apart into frames. A frame that lies within one chunk is handed out as a view of it; one that is spread over several
 * is copied once (twice at most, where its buffer had to grow).
 * Invariant: it holds at most twice the bytes that arrived of one unfinished frame, plus {@link PARTIAL_START_BYTES}.
 */
export class FrameReader {
  /** Greatest length (kind and body) of the next frames; a longer one is an error. */
  frameMaxBytes: number;
  readonly #head = Buffer.alloc(FRAME_LENGTH_BYTES);
  #headFilled = 0;
  /** What has arrived of the unfinished frame; null while its length is not yet known. */
  #partial: Buffer | null = null;
  #partialFilled = 0;
  #partialLength = 0;

  constructor(frameMaxBytes: number) {
    this.frameMaxBytes = frameMaxBytes;
  }

  /** Whether a frame has begun that has not ended. */
  get unfinished(): boolean {
    return this.#headFilled > 0;
  }

  /**
   * Takes the next bytes and hands out the frames that they complete, in order, until `deliver` answers false (then the reader must not
   * be used again). Throws {@link FrameError} at a length that is 0 or too large.
   */
  push(chunk: Buffer, deliver: (kind: number, body: Buffer) => boolean): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headFilled === 0 && chunk.length - at >= FRAME_LENGTH_BYTES) {
        const length = this.#judged(chunk.readUInt32BE(at));
        const start = at + FRAME_LENGTH_BYTES;
        const end = start + length;
        if (end <= chunk.length) {
          at = end;
          if (!deliver(chunk[start] as number, chunk.subarray(start + 1, end))) return;
          continue;
        }
      }
      at = this.#collect(chunk, at);
      if (this.#partial !== null && this.#partialFilled === this.#partialLength) {
        const frame = this.#partial;
        const end = this.#partialLength;
        this.#headFilled = 0;
        this.#partial = null;
        if (!deliver(frame[0] as number, frame.subarray(1, end))) return;
      }
    }
  }

  /** Adds to the unfinished frame what belongs to it; returns where it ends in `chunk`. */
  #collect(chunk: Buffer, start: number): number {
    let at = start;
    while (this.#headFilled < FRAME_LENGTH_BYTES && at < chunk.length) this.#head[this.#headFilled++] = chunk[at++] as number;
    if (this.#headFilled < FRAME_LENGTH_BYTES) return at;
    if (this.#partial === null) {
      this.#partialLength = this.#judged(this.#head.readUInt32BE(0));
      this.#partialFilled = 0;
      this.#partial = Buffer.allocUnsafeSlow(Math.min(this.#partialLength, PARTIAL_START_BYTES));
    }
    const end = Math.min(chunk.length, at + this.#partialLength - this.#partialFilled);
    const filled = this.#partialFilled + end - at;
    if (filled > this.#partial.length) this.#partial = this.#grown(this.#partial, filled);
    chunk.copy(this.#partial, this.#partialFilled, at, end);
    this.#partialFilled = filled;
    return end;
  }

  #grown(partial: Buffer, neededBytes: number): Buffer {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#partialLength, Math.max(neededBytes, partial.length * 2)));
    partial.copy(larger, 0, 0, this.#partialFilled);
    return larger;
  }

  #judged(length: number): number {
    if (length === 0) throw new FrameError('a frame of no bytes');
    if (length > this.frameMaxBytes) throw new FrameError(`a frame of ${length} bytes, above ${this.frameMaxBytes}`);
    return length;
  }
}
