// The log of Figure 2: durable and not yet durable entries as one sequence, with what is committed and applied.
import { assert } from '../assert.ts';
import { entriesBytes, entriesWithin } from './sizes.ts';
import type { Storage } from './storage.ts';
import type { Entry, EntryId, Index, SnapshotMeta, Term } from './types.ts';
import { Unstable } from './unstable.ts';

export type ConflictListener = (index: Index, existingTerm: Term, newTerm: Term) => void;

export class RaftLog {
  readonly #storage: Storage;
  readonly unstable: Unstable;
  /** Highest index known to be committed (Figure 2, commitIndex). Never decreases. */
  committed: Index;
  /** Highest index handed out to be applied. Invariant: applied <= applying <= committed. */
  applying: Index;
  /** Highest index applied (Figure 2, lastApplied). */
  applied: Index;
  readonly #maxApplyingBytes: number;
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: Storage, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#maxApplyingBytes = maxApplyingBytes;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const before = storage.firstIndex() - 1;
    this.committed = before;
    this.applying = before;
    this.applied = before;
  }

  firstIndex(): Index {
    return this.unstable.firstIndex() ?? this.#storage.firstIndex();
  }

  lastIndex(): Index {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  last(): EntryId {
    const index = this.lastIndex();
    return { index, term: this.term(index) ?? 0 };
  }

  /** Undefined outside of [firstIndex - 1, lastIndex]. */
  term(index: Index): Term | undefined {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#storage.term(index);
  }

  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** Whether a log that ends at `theirs` has at least what this one has (section 5.4.1). */
  isUpToDate(theirs: EntryId): boolean {
    const own = this.last();
    return theirs.term > own.term || (theirs.term === own.term && theirs.index >= own.index);
  }

  /**
   * AppendEntries at the receiver, steps 2 to 5 of Figure 2. Undefined when the entry before does not match;
   * otherwise the index of the last of `entries`, up to which this log now equals the sender's.
   */
  maybeAppend(previous: EntryId, entries: readonly Entry[], leaderCommit: Index, onConflict: ConflictListener): Index | undefined {
    if (!this.matches(previous)) return undefined;
    const lastNew = previous.index + entries.length;
    const conflict = entries.findIndex((entry) => !this.matches(entry));
    if (conflict >= 0) {
      const entry = entries[conflict] as Entry;
      assert(entry.index > this.committed, `log: entry ${entry.index} conflicts with a committed one, commit is ${this.committed}`);
      const existing = this.term(entry.index);
      if (existing !== undefined) onConflict(entry.index, existing, entry.term);
      this.append(conflict === 0 ? entries : entries.slice(conflict));
    }
    // Not further than what was just matched: anything behind may differ from the leader's log.
    this.commitTo(Math.min(leaderCommit, lastNew));
    return lastNew;
  }

  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.committed, `log: appending ${first.index} would replace committed entries, commit is ${this.committed}`);
    this.unstable.truncateAndAppend(entries);
  }

  /**
   * The last index at or before `index` whose term is at most `term`: the furthest point where a log that has `term` at
   * `index` can agree with this one (section 5.3, the faster back-up). Term 0 where this log cannot tell.
   */
  findConflictByTerm(index: Index, term: Term): EntryId {
    for (let at = index; at > 0; at--) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: Index): void {
    if (index <= this.committed) return;
    assert(index <= this.lastIndex(), `log: commit ${index} is behind the last entry ${this.lastIndex()}; was the log damaged or lost?`);
    this.committed = index;
  }

  /** Commits `id` if it is newer and of the given term here (section 5.4.2: a leader counts replicas of its own term only). */
  maybeCommit(id: EntryId): boolean {
    if (id.term === 0 || id.index <= this.committed || !this.matches(id)) return false;
    this.commitTo(id.index);
    return true;
  }

  /** Entries from `index` on, cut to `maxBytes` but not to nothing. Undefined when they have been compacted. */
  entriesFrom(index: Index, maxBytes: number): readonly Entry[] | undefined {
    if (index > this.lastIndex()) return [];
    return this.#slice(index, this.lastIndex() + 1, maxBytes);
  }

  /** All entries in [from, to). */
  slice(from: Index, to: Index): readonly Entry[] {
    return this.#slice(from, to, Number.POSITIVE_INFINITY) ?? [];
  }

  /** Committed entries that are to be applied next. None while a snapshot waits or the budget is used up. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const budget = this.#maxApplyingBytes - this.#applyingBytes;
    return this.#slice(this.applying + 1, this.#maxAppliable(allowUnstable) + 1, budget) ?? [];
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    return !this.#applyingPaused && this.unstable.snapshot === null && this.applying < this.#maxAppliable(allowUnstable);
  }

  /** Notes that `entries` have been handed out. More follow only when they all fitted into the budget. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries[entries.length - 1] as Entry;
    assert(last.index <= this.committed, `log: applying ${last.index}, commit is ${this.committed}`);
    this.applying = last.index;
    this.#applyingBytes += entriesBytes(entries);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes || last.index < this.#maxAppliable(allowUnstable);
  }

  appliedTo(index: Index, bytes: number): void {
    assert(index >= this.applied && index <= this.committed, `log: applied ${index} is outside of ${this.applied}..${this.committed}`);
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  snapshot(): SnapshotMeta {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  restore(snapshot: SnapshotMeta): void {
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  #maxAppliable(allowUnstable: boolean): Index {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  #slice(from: Index, to: Index, maxBytes: number): readonly Entry[] | undefined {
    if (from < this.firstIndex()) return undefined;
    const { offset, entries } = this.unstable;
    if (from >= offset) return entriesWithin(entries, from - offset, to - offset, maxBytes);
    const stableEnd = Math.min(to, offset);
    const stable = this.#storage.entries(from, stableEnd, maxBytes);
    if (to <= offset || stable.length < stableEnd - from) return stable;
    const budget = maxBytes - entriesBytes(stable);
    const rest = entriesWithin(entries, 0, to - offset, budget);
    // `entriesWithin` never returns nothing; here something stands before it already.
    return entriesBytes(rest) > budget ? stable : [...stable, ...rest];
  }
}
