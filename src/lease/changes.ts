// Which records differ from what was saved last, and under which checksum that one stands on disk.

/** A record's name is a letter for its kind and the name of the thing. */
export const recordNames = {
  claim: (claimId: string): string => `c${claimId}`,
  key: (key: string): string => `k${key}`,
  lease: (id: string): string => `l${id}`,
  /** Time and revision; the one without a name behind the letter. */
  standing: 'm',
  pins: (claimId: string): string => `p${claimId}`,
} as const;

/** What every part that is saved as a record of its own carries. */
export interface Saved {
  /** Checksum of the version saved last, 0 if it was never saved. */
  savedChecksum: number;
}

/** Names of changed records, each with the checksum of the version on disk, so that even a record that is gone can be taken off a sum. */
export class Changes {
  #saved = new Map<string, number>();

  get count(): number {
    return this.#saved.size;
  }

  /** The record changes, appears or goes. Only the first change since the last `take` counts: that is what the disk holds. */
  mark(name: string, savedChecksum: number): void {
    if (!this.#saved.has(name)) this.#saved.set(name, savedChecksum);
  }

  /** All that changed since the last call, by name, with the checksum on disk. */
  take(): ReadonlyMap<string, number> {
    const taken = this.#saved;
    this.#saved = new Map();
    return taken;
  }

  /** The version last taken is on disk now; a record that has changed again since still needs saving over it. */
  noteSaved(name: string, checksum: number): void {
    if (this.#saved.has(name)) this.#saved.set(name, checksum);
  }
}
