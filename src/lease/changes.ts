// Which records of one kind differ from what was saved last, under which checksum that stands on disk, and what they were when a save began.

/** Checksum of the record version on disk. `null` if the disk holds none: any number, 0 included, can be a checksum. */
export type SavedChecksum = number | null;

/** What every part that is saved as a record of its own carries. */
export interface Saved {
  savedChecksum: SavedChecksum;
}

/** What a thing's record says now; null when there is none of that id. */
export type ContentOf = (id: string) => unknown[] | null;

/** Ids of changed things, each with the checksum of the version on disk, so that even one that is gone can be taken off a sum. */
export class Changes {
  #saved = new Map<string, SavedChecksum>();
  #taken: TakenChanges | null = null;

  get count(): number {
    return this.#saved.size;
  }

  /**
   * The thing is about to change, to appear or to go: called before it does, so that a save under way still gets what was.
   * Only the first change since the last `take` counts: that is what the disk holds.
   */
  mark(id: string, savedChecksum: SavedChecksum): void {
    if (this.#saved.has(id)) return;
    this.#saved.set(id, savedChecksum);
    this.#taken?.keep(id);
  }

  /** All that changed since the last call, to be read as it is now, however much later. What was taken before is not kept up any more. */
  take(content: ContentOf): TakenChanges {
    this.#taken = new TakenChanges(this.#saved, content);
    this.#saved = new Map();
    return this.#taken;
  }

  /** Nothing has changed: this is what the disk holds. */
  forget(): void {
    this.#saved = new Map();
    this.#taken = null;
  }

  /** The version last taken is on disk now; what has changed again since still needs saving over it. */
  noteSaved(id: string, checksum: number): void {
    if (this.#saved.has(id)) this.#saved.set(id, checksum);
  }
}

/** Changed records of one kind as they were when they were taken; each costs a copy only if it changes again before it is read. */
export class TakenChanges {
  /** Those that have not been read. */
  readonly #saved: Map<string, SavedChecksum>;
  readonly #content: ContentOf;
  /** What has changed again, as it was. */
  readonly #kept = new Map<string, unknown[] | null>();

  constructor(saved: Map<string, SavedChecksum>, content: ContentOf) {
    this.#saved = saved;
    this.#content = content;
  }

  /** A thing is about to change again. */
  keep(id: string): void {
    if (this.#saved.has(id)) this.#kept.set(id, this.#content(id));
  }

  /** Each once: its id, what its record said when it was taken, and the checksum of what is on disk. */
  *read(): Generator<readonly [id: string, content: unknown[] | null, savedChecksum: SavedChecksum], void, undefined> {
    for (const [id, savedChecksum] of this.#saved) {
      const kept = this.#kept.get(id);
      // From here on it may change as it likes.
      this.#saved.delete(id);
      this.#kept.delete(id);
      yield [id, kept === undefined ? this.#content(id) : kept, savedChecksum];
    }
  }
}
