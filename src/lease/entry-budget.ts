// How much of the work that can wait for later entries the present entry has left.

/**
 * Keys and claims of ended leases, and waiters with the same outcome, that one entry processes, in all. One of them costs up to 20 µs.
 * What is left is processed by later entries. The same on every node, because it decides what an entry does.
 */
export const ENTRY_WORK_MAX = 256;

/** Counts down during each entry. */
export class EntryBudget {
  readonly #max: number;
  #left = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Units of work that the present entry has left; never negative. */
  get left(): number {
    return this.#left;
  }

  get isSpent(): boolean {
    return this.#left === 0;
  }

  /** The next entry begins. */
  begin(): void {
    this.#left = this.#max;
  }

  spend(): void {
    if (this.#left > 0) this.#left -= 1;
  }
}
