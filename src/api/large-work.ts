// Spreads long pieces of work over event-loop turns: one piece per turn, in order, with timers and sockets served in between.
import { ApiError } from './errors.ts';

/** Pieces of work that wait, each with the bytes that it keeps in memory meanwhile. */
export class LargeWork {
  readonly #maxBytes: number;
  readonly #pieces: { readonly bytes: number; readonly run: () => void }[] = [];
  #bytes = 0;
  #isScheduled = false;

  /** Waiting pieces keep at most `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that waiting pieces keep in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Runs `piece` in a later turn.
   *
   * @throws ApiError overloaded if the waiting pieces would keep more than the maximum. The first piece is always accepted.
   */
  add(bytes: number, piece: () => void): void {
    if (this.#pieces.length > 0 && this.#bytes + bytes > this.#maxBytes)
      throw new ApiError('overloaded', `request bodies of more than ${this.#maxBytes} bytes wait to be read on this node`);
    this.#pieces.push({ bytes, run: piece });
    this.#bytes += bytes;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#pieces.length === 0) return;
    this.#isScheduled = true;
    // A callback of setImmediate that is added by another one runs in the next turn.
    setImmediate(() => {
      this.#isScheduled = false;
      const piece = this.#pieces.shift();
      this.#schedule();
      this.#bytes -= piece?.bytes ?? 0;
      piece?.run();
    });
  }
}
