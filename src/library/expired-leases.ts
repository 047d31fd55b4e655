// The stream of expired leases: batches that wait, at most so many, for whoever reads them.

/** Batches that wait; one more is dropped, and its leases are offered again after the retry interval (etcd: 16). */
const BATCHES_MAX = 16;

/** Hands each batch to one reader. */
export class ExpiredLeases<Lease> {
  #batches: (readonly Lease[])[] = [];
  #readers: ((result: IteratorResult<readonly Lease[]>) => void)[] = [];
  #ended = false;

  /** False: the batch was dropped, as nobody reads. */
  offer(batch: readonly Lease[]): boolean {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: batch });
      return true;
    }
    if (this.#batches.length >= BATCHES_MAX) return false;
    this.#batches.push(batch);
    return true;
  }

  /** Forgets the batches that wait. */
  clear(): void {
    this.#batches = [];
  }

  /** No batch comes any more. */
  end(): void {
    this.#ended = true;
    this.clear();
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  /** A reader of the stream; leaving its loop leaves nothing behind. */
  read(): AsyncIterableIterator<readonly Lease[]> {
    const own = new Set<(result: IteratorResult<readonly Lease[]>) => void>();
    let left = false;
    const iterator: AsyncIterableIterator<readonly Lease[]> = {
      next: () => {
        const batch = left ? undefined : this.#batches.shift();
        if (batch !== undefined) return Promise.resolve({ done: false, value: batch });
        if (left || this.#ended) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => {
          const reader = (result: IteratorResult<readonly Lease[]>): void => {
            own.delete(reader);
            resolve(result);
          };
          own.add(reader);
          this.#readers.push(reader);
        });
      },
      return: () => {
        left = true;
        this.#readers = this.#readers.filter((reader) => !own.has(reader));
        for (const reader of own) reader({ done: true, value: undefined });
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}
