// What must be known of the log on disk to append to it, cut it and chain it, without its entries: its records and where terms begin.
import { assert } from '../assert.ts';
import type { Entry, EntryId, Index, Term } from '../raft/types.ts';

interface Span {
  readonly first: Index;
  /** The last entry of this record that counts; those behind were superseded. */
  last: Index;
  readonly checksum: number;
}

/** The records on disk in order. Invariant: contiguous, each span's first is the one before's last + 1. */
export class LogShape {
  #spans: Span[] = [];
  /** First index of each term, ascending; the first step stands for the position before the log. */
  #steps: EntryId[];
  #last: EntryId;

  /** An empty log behind `base`. */
  constructor(base: EntryId) {
    this.#steps = [base];
    this.#last = base;
  }

  get last(): EntryId {
    return this.#last;
  }

  get records(): number {
    return this.#spans.length;
  }

  /** The term at `index`, which must be known: from the base to the last. */
  termAt(index: Index): Term {
    for (let at = this.#steps.length - 1; at >= 0; at--) {
      const step = this.#steps[at] as EntryId;
      if (step.index <= index) return step.term;
    }
    assert(false, `log shape: term at ${index} is not known, last is ${this.#last.index}`);
  }

  /** Checksum of the record that ends just before an append at the present end; 0 when there is none. */
  get lastChecksum(): number {
    return this.#spans.at(-1)?.checksum ?? 0;
  }

  /** Forgets the entries from `index` on; answers the first indexes of the records that hold nothing else. */
  truncate(index: Index): Index[] {
    const gone: Index[] = [];
    for (let span = this.#spans.at(-1); span !== undefined && span.first >= index; span = this.#spans.at(-1)) {
      gone.push(span.first);
      this.#spans.pop();
    }
    const span = this.#spans.at(-1);
    if (span !== undefined) span.last = index - 1;
    while (this.#steps.length > 1 && (this.#steps.at(-1) as EntryId).index >= index) this.#steps.pop();
    this.#last = { index: index - 1, term: this.termAt(index - 1) };
    return gone;
  }

  /** Adds a record of `entries`, which follow the last. */
  append(entries: readonly Entry[], checksum: number): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    this.#spans.push({ first: first.index, last: last.index, checksum });
    let term = this.#last.term;
    for (const entry of entries) {
      if (entry.term === term) continue;
      term = entry.term;
      this.#steps.push({ index: entry.index, term });
    }
    this.#last = { index: last.index, term: last.term };
  }

  /** Forgets the records that lie entirely at or below `index`; answers their first indexes. */
  compact(index: Index): Index[] {
    let count = 0;
    while (count < this.#spans.length && (this.#spans[count] as Span).last <= index) count++;
    const gone = this.#spans.splice(0, count).map((span) => span.first);
    let step = 0;
    while (step + 1 < this.#steps.length && (this.#steps[step + 1] as EntryId).index <= index) step++;
    this.#steps.splice(0, step);
    return gone;
  }

  /** Forgets everything and stands behind `base`; answers the first indexes of all records. */
  reset(base: EntryId): Index[] {
    const gone = this.#spans.map((span) => span.first);
    this.#spans = [];
    this.#steps = [base];
    this.#last = base;
    return gone;
  }
}
