// What the core reads of the durable log, and the in-memory form of it that both the replica and the tests keep.
import { assert } from '../assert.ts';
import { entriesBytes, entriesWithin, entryBytes } from './sizes.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type Index,
  type SnapshotMeta,
  type Term,
} from './types.ts';

/** The durable part of the log as the core sees it. Reads are immediate: what may still be needed is kept in memory. */
export interface Storage {
  initialState(): { readonly hardState: HardState; readonly conf: ConfState };
  /** Index of the first entry that can be read; one past the snapshot. */
  firstIndex(): Index;
  /** Index of the last entry, or of the snapshot when there is none behind it. */
  lastIndex(): Index;
  /** Term of the entry at `index`; known for firstIndex - 1 too. Undefined outside of that. */
  term(index: Index): Term | undefined;
  /** Entries in [from, to), cut to `maxBytes` but never to nothing. The range must be readable. */
  entries(from: Index, to: Index, maxBytes: number): readonly Entry[];
  /** The newest snapshot that can be sent. */
  snapshot(): SnapshotMeta;
}

/** The durable log mirrored in memory. Its owner calls a method here when the same change has become durable. */
export class MemoryStorage implements Storage {
  #hardState: HardState = EMPTY_HARD_STATE;
  #snapshot: SnapshotMeta = { index: 0, term: 0, conf: EMPTY_CONF_STATE };
  /** The position before the first entry. Invariant: compacted.index <= snapshot.index or equal to a compaction point. */
  #compacted: { term: Term; index: Index } = { term: 0, index: 0 };
  /** Invariant: #entries[i].index === #compacted.index + 1 + i. */
  #entries: Entry[] = [];
  #bytes = 0;

  /** Bytes of all entries that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The position after which the entries up to `until` have at most `maxBytes`; `floor` if that is not below it. */
  positionWithin(until: Index, maxBytes: number, floor: Index): Index {
    let bytes = 0;
    let index = until;
    for (; index > floor && index > this.#compacted.index; index--) {
      bytes += entryBytes(this.#entries[index - this.#compacted.index - 1] as Entry);
      if (bytes > maxBytes) return index;
    }
    return index;
  }

  /** Bytes of the entries up to and including `index`. Costs as much as there are. */
  bytesThrough(index: Index): number {
    let bytes = 0;
    for (let at = 0; at < index - this.#compacted.index && at < this.#entries.length; at++) bytes += entryBytes(this.#entries[at] as Entry);
    return bytes;
  }

  initialState(): { hardState: HardState; conf: ConfState } {
    return { hardState: this.#hardState, conf: this.#snapshot.conf };
  }

  firstIndex(): Index {
    return this.#compacted.index + 1;
  }

  lastIndex(): Index {
    return this.#compacted.index + this.#entries.length;
  }

  term(index: Index): Term | undefined {
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#entries[index - this.#compacted.index - 1]?.term;
  }

  entries(from: Index, to: Index, maxBytes: number): readonly Entry[] {
    assert(
      from > this.#compacted.index && to <= this.lastIndex() + 1,
      `storage: [${from}, ${to}) is outside of ${this.firstIndex()}..${this.lastIndex()}`,
    );
    const start = from - this.#compacted.index - 1;
    return entriesWithin(this.#entries, start, start + to - from, maxBytes);
  }

  snapshot(): SnapshotMeta {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** A newer snapshot of the same log: what may be sent from now on. The log is not cut. */
  setSnapshot(snapshot: SnapshotMeta): void {
    this.#snapshot = snapshot;
  }

  /** Replaces everything by a snapshot that was received. */
  installSnapshot(snapshot: SnapshotMeta): void {
    this.#snapshot = snapshot;
    this.#compacted = { term: snapshot.term, index: snapshot.index };
    this.#entries = [];
    this.#bytes = 0;
  }

  /** Appends `entries`, replacing whatever stood at their indexes and behind. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const keep = first.index - this.#compacted.index - 1;
    assert(keep <= this.#entries.length, `storage: entry ${first.index} leaves a hole after ${this.lastIndex()}`);
    if (keep < 0) {
      this.append(entries.slice(-keep));
      return;
    }
    if (keep < this.#entries.length) this.#bytes -= entriesBytes(this.#entries.splice(keep));
    for (const entry of entries) this.#entries.push(entry);
    this.#bytes += entriesBytes(entries);
  }

  /** Drops the entries up to and including `index`. */
  compact(index: Index): void {
    if (index <= this.#compacted.index) return;
    const term = this.term(index);
    assert(term !== undefined, `storage: compacting to ${index}, last is ${this.lastIndex()}`);
    this.#bytes -= entriesBytes(this.#entries.splice(0, index - this.#compacted.index));
    this.#compacted = { term, index };
  }
}
