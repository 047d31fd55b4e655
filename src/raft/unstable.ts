// The tail of the log that is not yet known to be durable: entries, and a snapshot that is being installed.
import { assert } from '../assert.ts';
import type { Entry, EntryId, Index, SnapshotMeta, Term } from './types.ts';

export class Unstable {
  /** A received snapshot that is not yet durable; it lies before all of `entries`. */
  snapshot: SnapshotMeta | null = null;
  /** Invariant: entries[i].index === offset + i. */
  entries: Entry[] = [];
  /** Index of the first entry here, or of the next one to come. */
  offset: Index;
  /** Entries before this index are being written already. Invariant: offset <= offsetInProgress <= offset + entries.length. */
  #offsetInProgress: Index;
  #snapshotInProgress = false;

  constructor(offset: Index) {
    this.offset = offset;
    this.#offsetInProgress = offset;
  }

  firstIndex(): Index | undefined {
    return this.snapshot === null ? undefined : this.snapshot.index + 1;
  }

  lastIndex(): Index | undefined {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1;
    return this.snapshot?.index;
  }

  term(index: Index): Term | undefined {
    if (index < this.offset) return this.snapshot?.index === index ? this.snapshot.term : undefined;
    return this.entries[index - this.offset]?.term;
  }

  /** Entries whose write has not been asked for yet. */
  nextEntries(): readonly Entry[] {
    return this.entries.slice(this.#offsetInProgress - this.offset);
  }

  hasNextEntries(): boolean {
    return this.entries.length > this.#offsetInProgress - this.offset;
  }

  /** The snapshot, unless its installation has been asked for already. */
  nextSnapshot(): SnapshotMeta | null {
    return this.#snapshotInProgress ? null : this.snapshot;
  }

  /** Notes that the write of everything here has been asked for. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.offset + this.entries.length;
    this.#snapshotInProgress = this.snapshot !== null;
  }

  /**
   * The log is durable up to `last`. Only the newest write says so: when the entry at that index has been replaced since,
   * the acknowledgement speaks of entries that are no more (A, B, A again) and frees nothing.
   */
  stableTo(last: EntryId): void {
    if (last.index < this.offset || this.term(last.index) !== last.term) return;
    const count = last.index + 1 - this.offset;
    this.entries = this.entries.slice(count);
    this.offset += count;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.offset);
  }

  stableSnapshotTo(index: Index): void {
    if (this.snapshot?.index !== index) return;
    this.snapshot = null;
    this.#snapshotInProgress = false;
  }

  restore(snapshot: SnapshotMeta): void {
    this.offset = snapshot.index + 1;
    this.#offsetInProgress = this.offset;
    this.entries = [];
    this.snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Appends, replacing whatever stands at those indexes and behind. What is replaced must be written again. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = (entries[0] as Entry).index;
    const end = this.offset + this.entries.length;
    assert(first <= end, `unstable: entry ${first} leaves a hole, the log ends at ${end - 1}`);
    if (first <= this.offset) {
      this.offset = first;
      this.entries = [...entries];
      this.#offsetInProgress = first;
      return;
    }
    // Earlier slices may have been handed out, so a replaced tail gets a new array instead of being overwritten in place.
    if (first < end) this.entries = this.entries.slice(0, first - this.offset);
    for (const entry of entries) this.entries.push(entry);
    this.#offsetInProgress = Math.min(this.#offsetInProgress, first);
  }
}
