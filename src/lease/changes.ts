// Which records of one kind differ from what was saved last, and under which checksum that stands on disk.

/** What every part that is saved as a record of its own carries. */
export interface Saved {
  /** Checksum of the version saved last, 0 if it was never saved. */
  savedChecksum: number;
}

/** Ids of changed things, each with the checksum of the version on disk, so that even one that is gone can be taken off a sum. */
export class Changes {
  #saved = new Map<string, number>();

  get count(): number {
    return this.#saved.size;
  }

  /** The thing changes, appears or goes. Only the first change since the last `take` counts: that is what the disk holds. */
  mark(id: string, savedChecksum: number): void {
    if (!this.#saved.has(id)) this.#saved.set(id, savedChecksum);
  }

  /** All that changed since the last call, by id, with the checksum on disk. */
  take(): ReadonlyMap<string, number> {
    const taken = this.#saved;
    this.#saved = new Map();
    return taken;
  }

  /** The version last taken is on disk now; what has changed again since still needs saving over it. */
  noteSaved(id: string, checksum: number): void {
    if (this.#saved.has(id)) this.#saved.set(id, checksum);
  }
}
