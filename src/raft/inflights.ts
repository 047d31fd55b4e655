// The window of appends that were sent to one peer and are not yet acknowledged, limited by count and by bytes.
import { assert } from '../assert.ts';
import type { Index } from './types.ts';

export interface InflightsLimits {
  /** Most messages in the window. */
  readonly maxMessages: number;
  /** Most bytes of entries in the window; 0 for no limit. One message may exceed it. */
  readonly maxBytes: number;
}

export class Inflights {
  readonly limits: InflightsLimits;
  // Last index and size of each message, oldest first, from `#head` on. Invariant: indexes ascend.
  #lastIndexes: Index[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: InflightsLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.#lastIndexes.length - this.#head;
  }

  get isFull(): boolean {
    const { maxMessages, maxBytes } = this.limits;
    return this.count >= maxMessages || (maxBytes !== 0 && this.#bytes >= maxBytes);
  }

  /** Notes a message whose last entry is `lastIndex`. The window must not be full. */
  add(lastIndex: Index, bytes: number): void {
    assert(!this.isFull, `inflights: adding ${lastIndex} to a full window of ${this.count}`);
    this.#lastIndexes.push(lastIndex);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Forgets every message whose last entry is at or before `index`; an older acknowledgement frees nothing. */
  freeUpTo(index: Index): void {
    while (this.count > 0 && (this.#lastIndexes[this.#head] as Index) <= index) {
      this.#bytes -= this.#sizes[this.#head] as number;
      this.#head++;
    }
    if (this.count === 0) this.reset();
    else if (this.#head > 1024) {
      this.#lastIndexes = this.#lastIndexes.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }

  reset(): void {
    this.#lastIndexes = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
