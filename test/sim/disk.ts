// What a simulated node has on its platter: survives the process, changes only by whole durable writes.

import type { ImageMeta, LogWrite, RecordChecksum, Recovered, StateRecord } from '../../src/env.ts';
import { EMPTY_CONF_STATE, EMPTY_HARD_STATE, type Entry, type HardState, type Index, type Term } from '../../src/raft/types.ts';

interface Kept {
  readonly content: Uint8Array;
  readonly checksum: number;
}

/** A set of records with the two figures that an image's meta must match. */
export class RecordSet {
  readonly records = new Map<string, Kept>();
  sum = 0;
  readonly #checksum: RecordChecksum;

  constructor(checksum: RecordChecksum) {
    this.#checksum = checksum;
  }

  put(changes: readonly StateRecord[]): void {
    for (const [name, content] of changes) {
      const old = this.records.get(name);
      if (old !== undefined) this.sum = (this.sum - old.checksum + SUM_MODULUS) % SUM_MODULUS;
      if (content === null) {
        this.records.delete(name);
      } else {
        const kept = { content: content.slice(), checksum: this.#checksum(name, content) };
        this.records.set(name, kept);
        this.sum = (this.sum + kept.checksum) % SUM_MODULUS;
      }
    }
  }

  /** Says how the records differ from what `meta` promises; null when they do not. */
  mismatch(meta: ImageMeta): string | null {
    if (meta.count === this.records.size && meta.sum === this.sum) return null;
    return `image ${meta.index}: meta says ${meta.count} records with sum ${meta.sum}, there are ${this.records.size} with ${this.sum}`;
  }

  list(): StateRecord[] {
    return [...this.records].map(([name, kept]) => [name, kept.content] as const);
  }
}

/** The durable content of one node's data directory. Every method is all or nothing. */
export class SimDisk {
  hardState: HardState = EMPTY_HARD_STATE;
  image: ImageMeta = { index: 0, term: 0, conf: EMPTY_CONF_STATE, count: 0, sum: 0 };
  state: RecordSet;
  incarnation = 0;
  /** The position before the first entry. Invariant: preceding.index <= image.index. */
  #preceding: { index: Index; term: Term } = { index: 0, term: 0 };
  /** Invariant: #entries[i].index === #preceding.index + 1 + i. */
  #entries: Entry[] = [];
  /** Last index of each append, ascending: like the real log, this one forgets whole appends only. */
  #ends: Index[] = [];
  readonly checksum: RecordChecksum;

  constructor(checksum: RecordChecksum) {
    this.checksum = checksum;
    this.state = new RecordSet(checksum);
  }

  get lastIndex(): Index {
    return this.#preceding.index + this.#entries.length;
  }

  get firstIndex(): Index {
    return this.#preceding.index + 1;
  }

  /** Term of the entry at `index`; undefined when it is not in the log. */
  termAt(index: Index): Term | undefined {
    if (index === this.#preceding.index) return this.#preceding.term;
    return this.#entries[index - this.#preceding.index - 1]?.term;
  }

  /** Whether the node has the effect of the entry (index, term) durably: in its log, or inside its image. */
  has(index: Index, term: Term): boolean {
    return index <= this.image.index || this.termAt(index) === term;
  }

  /** Opens the directory for one more life. */
  recover(): Recovered {
    this.incarnation += 1;
    return {
      hardState: this.hardState,
      image: this.image,
      entries: [...this.#entries],
      precedingTerm: this.#preceding.term,
      incarnation: this.incarnation,
    };
  }

  append(write: LogWrite): void {
    if (write.hardState !== null) this.hardState = write.hardState;
    const first = write.entries[0];
    if (first === undefined) return;
    const keep = first.index - this.#preceding.index - 1;
    if (keep > this.#entries.length) throw new Error(`disk: entry ${first.index} leaves a hole after ${this.lastIndex}`);
    if (keep < 0) throw new Error(`disk: entry ${first.index} would replace what is behind ${this.#preceding.index}`);
    if (keep < this.#entries.length) {
      this.#entries.length = keep;
      this.#ends = this.#ends.filter((end) => end < first.index - 1);
      this.#ends.push(first.index - 1);
    }
    for (const entry of write.entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`disk: entry ${entry.index} after ${this.lastIndex}`);
      this.#entries.push(copyEntry(entry));
    }
    this.#ends.push(this.lastIndex);
  }

  saveState(meta: ImageMeta, records: readonly StateRecord[]): void {
    if (meta.index < this.image.index) throw new Error(`disk: image ${meta.index} behind ${this.image.index}`);
    this.state.put(records);
    const mismatch = this.state.mismatch(meta);
    if (mismatch !== null) throw new Error(`disk: ${mismatch}`);
    this.image = meta;
  }

  installImage(meta: ImageMeta, records: RecordSet, hardState: HardState | null): void {
    this.state = records;
    this.image = meta;
    this.#preceding = { index: meta.index, term: meta.term };
    this.#entries = [];
    this.#ends = [];
    if (hardState !== null) this.hardState = hardState;
  }

  /** What no disk may do: forgets the last entry, if there is one behind the image. For tests that plant a fault. */
  loseLast(): void {
    if (this.lastIndex <= this.image.index) return;
    this.#entries.pop();
    this.#ends = [...this.#ends.filter((end) => end < this.lastIndex), this.lastIndex];
  }

  compact(index: Index): void {
    if (index <= this.#preceding.index) return;
    if (index > this.image.index) throw new Error(`disk: compacting to ${index} behind image ${this.image.index}`);
    if (index > this.lastIndex) throw new Error(`disk: compacting to ${index}, last is ${this.lastIndex}`);
    const through = this.#ends.filter((end) => end <= index).at(-1) ?? 0;
    const term = this.termAt(through);
    if (through <= this.#preceding.index || term === undefined) return;
    this.#entries = this.#entries.slice(through - this.#preceding.index);
    this.#ends = this.#ends.filter((end) => end > through);
    this.#preceding = { index: through, term };
  }
}

/** The entry with bytes of its own: neither a disk nor a wire shares memory with whoever gave it. */
export function copyEntry(entry: Entry): Entry {
  return entry.kind === 'normal' ? { ...entry, data: entry.data.slice() } : entry;
}

/** `ImageMeta.sum` is told modulo this. */
const SUM_MODULUS = 2 ** 48;
