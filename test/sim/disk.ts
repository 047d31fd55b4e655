// What a simulated node has on its platter: a database that may lie about what it lost, the mark beside it, and the product's own checks.
import type { ImageMeta, LogWrite, RecordChecksum, Recovered, StateRecord } from '../../src/env.ts';
import { MalformedBytesError } from '../../src/io/bytes.ts';
import { codec } from '../../src/io/codec.ts';
import { DataDirectoryError, damaged } from '../../src/io/data-directory-error.ts';
import { decodeHead, EMPTY_HEAD, encodeHead, type Head } from '../../src/io/head.ts';
import { decodeMeta, encodeMeta, NO_IMAGE, SUM_MODULUS } from '../../src/io/image-meta.ts';
import { logKey } from '../../src/io/keys.ts';
import { decodeRecord, encodeRecord, recordChecksum } from '../../src/io/log-records.ts';
import { LogReader, type RecoveredLog } from '../../src/io/log-recovery.ts';
import { LogShape } from '../../src/io/log-shape.ts';
import { holdsMark } from '../../src/io/mark.ts';
import { entriesBytes } from '../../src/raft/sizes.ts';
import { EMPTY_HARD_STATE, type Entry, type HardState, type Index, type Term } from '../../src/raft/types.ts';
import { type Change, SimDatabase } from './database.ts';
import type { SeededRandom } from './random.ts';

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

/** A write, ready to be made, torn or lost. */
export interface Prepared {
  readonly changes: readonly Change[];
  /** What is so once the changes are in the database. */
  readonly settle: () => void;
}

/** What can be done to a disk while no process has it open. */
export const DAMAGES = ['bit-flip', 'lost-tail', 'lost-middle', 'old-database', 'mark-gone', 'mark-flip'] as const;
export type Damage = (typeof DAMAGES)[number];

/**
 * The data directory of one node. The same bytes stand in it as in a real one (`src/io/head.ts`, `log-records.ts`, `image-meta.ts`), and the
 * product's own code decides at each opening whether they may be believed; only LevelDB itself and the files are simulated.
 */
export class SimDisk {
  hardState: HardState = EMPTY_HARD_STATE;
  image: ImageMeta = NO_IMAGE.meta;
  state: RecordSet;
  incarnation = 0;
  /** No room for another byte. */
  isFull = false;
  /** A fault that a test plants: no look at the mark. */
  ignoresMark = false;
  /** A fault that a test plants: only what the head or the meta is in is synced, not the pieces of an image and not a compaction. */
  syncsLess = false;
  /** The greatest generation that this opening has seen or given. */
  #lastGeneration = 0;
  readonly checksum: RecordChecksum;
  readonly #name: string;
  database = new SimDatabase();
  /** Both slots of the mark, as the process sees them and as they would be found after a loss of power. */
  #mark: { told: (Buffer | null)[]; synced: (Buffer | null)[]; place: 0 | 1 } = {
    told: [encodeHead(EMPTY_HEAD), null],
    synced: [encodeHead(EMPTY_HEAD), null],
    place: 0,
  };
  #isFormed = false;
  #head: Head = EMPTY_HEAD;
  #shape = new LogShape({ index: 0, term: 0 });
  /** First index of each log record, ascending. */
  #firsts: Index[] = [];
  /** The position before the first entry. Invariant: preceding.index <= image.index. */
  #preceding: { index: Index; term: Term } = { index: 0, term: 0 };
  /** Invariant: #entries[i].index === #preceding.index + 1 + i. */
  #entries: Entry[] = [];
  #stateError: Error | null = null;
  /** For an old copy to be put back. */
  #copy: SimDatabase | null = null;

  constructor(checksum: RecordChecksum, name = 'n0') {
    this.checksum = checksum;
    this.#name = name;
    this.state = new RecordSet(checksum);
  }

  get lastIndex(): Index {
    return this.#preceding.index + this.#entries.length;
  }

  get firstIndex(): Index {
    return this.#preceding.index + 1;
  }

  /** Of all entries in the log. */
  get logBytes(): number {
    return entriesBytes(this.#entries);
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

  /** Why the state cannot be read; null when it can. Known from an opening on. */
  get stateError(): Error | null {
    return this.#stateError;
  }

  // ---------------------------------------------------------------- opening

  /**
   * Opens the directory for one more life. Throws a `DataDirectoryError` when it is full, or not what it was. `shortfall` says what was durable
   * and is not in what was recovered: the checks have failed then.
   */
  recover(): { readonly recovered: Recovered; readonly shortfall: string | null } {
    if (this.isFull) throw new DataDirectoryError('full', `no space is left for the data directory ${this.#name}`);
    const before = { hardState: this.hardState, last: this.lastIndex, term: this.termAt(this.lastIndex), image: this.image.index };
    try {
      if (this.#isFormed) this.#read();
    } catch (error) {
      throw error instanceof MalformedBytesError ? damaged(this.#name, error.message, error) : error;
    }
    this.#isFormed = true;
    this.incarnation = this.#head.incarnation + 1;
    const commit = Math.max(this.#head.hardState.commit, this.image.index);
    this.hardState = { ...this.#head.hardState, commit };
    const head = { ...this.#head, sequence: this.#head.sequence + 1, incarnation: this.incarnation, hardState: this.hardState };
    this.database.write([['h', encodeHead(head)]], true);
    this.#tell(head);
    this.syncMark();
    this.#copy ??= this.database.copy();
    const recovered: Recovered = {
      hardState: this.hardState,
      image: this.image,
      entries: [...this.#entries],
      precedingTerm: this.#preceding.term,
      incarnation: this.incarnation,
    };
    return { recovered, shortfall: this.#shortfall(before) };
  }

  #shortfall(before: { hardState: HardState; last: Index; term: Term | undefined; image: Index }): string | null {
    const { term, vote } = before.hardState;
    if (this.hardState.term !== term || this.hardState.vote !== vote)
      return `term ${this.hardState.term} and vote ${this.hardState.vote} instead of ${term} and ${vote}`;
    const last = Math.max(before.last, before.image);
    if (Math.max(this.lastIndex, this.image.index) < last) return `a log to ${this.lastIndex} instead of ${last}`;
    if (before.last > this.image.index && this.termAt(before.last) !== before.term)
      return `term ${this.termAt(before.last)} at ${before.last} instead of ${before.term}`;
    return null;
  }

  /** As `src/io/log-store.ts` does it: the mark, the head, the meta, then the whole log. */
  #read(): void {
    const marks = this.#mark.told
      .filter((slot) => slot !== null)
      .sort((one, other) => decodeHead(other).sequence - decodeHead(one).sequence);
    const newest = marks[0];
    if (newest === undefined) throw damaged(this.#name, 'the mark, which says how far the log was written, is missing or altered');
    this.#mark.place = this.#mark.told[0] === newest ? 0 : 1;
    const stored = this.database.get('h');
    if (stored === undefined) throw damaged(this.#name, 'the head of its log is gone');
    const head = decodeHead(stored);
    if (!this.ignoresMark && !holdsMark(newest, stored)) {
      const marked = decodeHead(newest);
      throw damaged(this.#name, `its database ends with write ${head.sequence}, the mark says that write ${marked.sequence} was made`);
    }
    const meta = this.database.get('m');
    const image = meta === undefined ? NO_IMAGE : decodeMeta(codec, meta);
    const reader = new LogReader(image.meta.index);
    this.#clearLeftovers(image.generation);
    const records = this.database.list('l');
    for (const [key, value] of records) reader.add(decodeRecord(logKey(Number(key.slice(1))), value));
    const log = reader.finish(head, image.meta);
    this.#head = head;
    this.image = image.meta;
    this.#firsts = records.map(([key]) => Number(key.slice(1)));
    this.#takeLog(log);
    this.#readState(image.generation);
  }

  /** As by a real store: not synced, but no later image has the number of one of them. */
  #clearLeftovers(generation: number): void {
    const leftovers = this.database.list('s').filter(([key]) => generationOf(key) !== generation);
    this.#lastGeneration = leftovers.reduce((greatest, [key]) => Math.max(greatest, generationOf(key)), generation);
    this.#delete(leftovers);
  }

  #delete(records: readonly (readonly [key: string, value: Buffer])[]): void {
    const changes = records.map(([key]): Change => [key, null]);
    if (changes.length > 0) this.database.write(changes, false);
  }

  #takeLog({ entries, precedingTerm, shape }: RecoveredLog): void {
    this.#shape = shape;
    this.#entries = [...entries];
    const first = entries[0]?.index ?? shape.last.index + 1;
    this.#preceding = { index: first - 1, term: entries.length === 0 ? shape.last.term : precedingTerm };
  }

  /** What is wrong with it is told when it is read, as by a real store. */
  #readState(generation: number): void {
    this.#stateError = null;
    const set = new RecordSet(this.checksum);
    for (const [key, value] of this.database.list(`s${generation}/`)) {
      const name = key.slice(key.indexOf('/') + 1);
      const content = value.subarray(4);
      if (value.length < 4 || this.checksum(name, content) !== value.readUInt32LE(0))
        this.#stateError = damaged(this.#name, `the state record ${JSON.stringify(name)} is altered`);
      set.put([[name, content]]);
    }
    const mismatch = set.mismatch(this.image);
    if (mismatch !== null) this.#stateError ??= damaged(this.#name, mismatch);
    this.state = set;
  }

  // ---------------------------------------------------------------- writing

  /** Makes a whole write durable. */
  make({ changes, settle }: Prepared): void {
    this.database.write(changes, true);
    settle();
  }

  /** The power goes or the process ends when so many bytes of the write have reached the file. */
  tear({ changes, settle }: Prepared, bytes: number, length: number): void {
    this.database.tear(changes, bytes);
    if (bytes >= length) settle();
  }

  /** Whether a write is more than a commit index that moved, which waits for the next record. */
  isWorthWriting({ hardState, entries }: LogWrite): boolean {
    const { term, vote } = this.hardState;
    return entries.length > 0 || (hardState !== null && (hardState.term !== term || hardState.vote !== vote));
  }

  append(write: LogWrite): Prepared {
    const hardState = write.hardState ?? this.hardState;
    const sequence = this.#head.sequence + 1;
    const changes: Change[] = [];
    const first = write.entries[0]?.index;
    let head: Head = { ...this.#head, sequence, hardState };
    let settleLog = (): void => {};
    if (first !== undefined) {
      if (first > this.lastIndex + 1) throw new Error(`disk: entry ${first} leaves a hole after ${this.lastIndex}`);
      if (first <= this.image.index) throw new Error(`disk: entry ${first} would replace what is behind the image at ${this.image.index}`);
      const entries = write.entries.map(copyEntry);
      for (const [place, entry] of entries.entries()) {
        if (entry.index !== first + place) throw new Error(`disk: entry ${entry.index} after ${first + place - 1}`);
      }
      // The shape moves on now: the write before has been made, and if this one is not, the process ends.
      const gone = first <= this.lastIndex ? this.#shape.truncate(first) : [];
      for (const other of gone) if (other !== first) changes.push([recordKey(other), null]);
      const record = encodeRecord({ sequence, previousTerm: this.#shape.last.term, previousChecksum: this.#shape.lastChecksum }, entries);
      changes.push([recordKey(first), record]);
      this.#shape.append(entries, recordChecksum(record));
      const { index: lastIndex, term: lastTerm } = this.#shape.last;
      head = { ...head, lastIndex, lastTerm, lastChecksum: recordChecksum(record) };
      settleLog = () => {
        this.#firsts = [...this.#firsts.filter((other) => !gone.includes(other)), first];
        this.#entries.length = first - this.#preceding.index - 1;
        this.#entries.push(...entries);
      };
    }
    changes.push(['h', encodeHead(head)]);
    return {
      changes,
      settle: () => {
        const isPromise = head.hardState.term !== this.hardState.term || head.hardState.vote !== this.hardState.vote;
        settleLog();
        this.#settleHead(head, isPromise);
      },
    };
  }

  saveState(meta: ImageMeta, records: readonly StateRecord[]): Prepared {
    if (meta.index < this.image.index) throw new Error(`disk: image ${meta.index} behind ${this.image.index}`);
    const copies = records.map(([name, content]): StateRecord => [name, content?.slice() ?? null]);
    const { generation } = this;
    return {
      changes: [...copies.map((record) => this.#stateChange(generation, record)), ['m', encodeMeta(codec, { generation, meta })]],
      settle: () => {
        this.state.put(copies);
        const mismatch = this.state.mismatch(meta);
        if (mismatch !== null) throw new Error(`disk: ${mismatch}`);
        this.image = meta;
      },
    };
  }

  /** A number for an image that is about to be written. */
  beginImage(): number {
    this.#lastGeneration += 1;
    return this.#lastGeneration;
  }

  /** Writes a piece of an image that does not count yet. */
  writePiece(generation: number, records: readonly StateRecord[]): void {
    const changes = records.map((record) => this.#stateChange(generation, record));
    this.database.write(changes, !this.syncsLess);
  }

  /** Drops an image that does not count. */
  clearImage(generation: number): void {
    this.#delete(this.database.list(`s${generation}/`));
  }

  installImage(meta: ImageMeta, generation: number, set: RecordSet, hardState: HardState | null): Prepared {
    const old = this.generation;
    const changes: Change[] = [];
    for (const first of this.#shape.reset({ index: meta.index, term: meta.term })) changes.push([recordKey(first), null]);
    const next = { ...this.#head, sequence: this.#head.sequence + 1, hardState: hardState ?? this.hardState };
    const head: Head = { ...next, lastIndex: meta.index, lastTerm: meta.term, lastChecksum: 0 };
    changes.push(['m', encodeMeta(codec, { generation, meta })], ['h', encodeHead(head)]);
    return {
      changes,
      settle: () => {
        this.state = set;
        this.image = meta;
        this.#preceding = { index: meta.index, term: meta.term };
        this.#entries = [];
        this.#firsts = [];
        this.#settleHead(head, true);
        this.clearImage(old);
      },
    };
  }

  /** Synced: if these deletes were lost and later ones survived, the log would have a hole. */
  compact(index: Index): void {
    if (index > this.image.index) throw new Error(`disk: compacting to ${index} behind image ${this.image.index}`);
    if (index > this.lastIndex) throw new Error(`disk: compacting to ${index}, last is ${this.lastIndex}`);
    const gone = this.#shape.compact(index);
    if (gone.length === 0) return;
    this.database.write(
      gone.map((first) => [recordKey(first), null]),
      !this.syncsLess,
    );
    this.#firsts = this.#firsts.filter((first) => !gone.includes(first));
    const through = (this.#firsts[0] ?? this.lastIndex + 1) - 1;
    const term = this.termAt(through) ?? 0;
    this.#entries = this.#entries.slice(through - this.#preceding.index);
    this.#preceding = { index: through, term };
  }

  get generation(): number {
    const stored = this.database.get('m');
    return stored === undefined ? NO_IMAGE.generation : decodeMeta(codec, stored).generation;
  }

  /** What the mark was told reaches the platter. */
  syncMark(): void {
    this.#mark.synced = [...this.#mark.told];
  }

  /** Of what was not synced, any part may be gone: of the mark each slot by itself, of the database its end. */
  losePower(random: SeededRandom): void {
    this.#mark.told = this.#mark.told.map((slot, place) => (random.chance(0.5) ? slot : (this.#mark.synced[place] ?? slot)));
    this.syncMark();
    this.database.losePower(random);
  }

  #settleHead(head: Head, isPromise: boolean): void {
    this.#head = head;
    this.hardState = head.hardState;
    this.#tell(head);
    if (isPromise) this.syncMark();
  }

  #tell(head: Head): void {
    this.#head = head;
    this.#mark.place = this.#mark.place === 0 ? 1 : 0;
    this.#mark.told[this.#mark.place] = encodeHead(head);
  }

  #stateChange(generation: number, [name, content]: StateRecord): Change {
    const key = `s${generation}/${name}`;
    if (content === null) return [key, null];
    const value = Buffer.allocUnsafe(4 + content.length);
    value.writeUInt32LE(this.checksum(name, content), 0);
    value.set(content, 4);
    return [key, value];
  }

  // ---------------------------------------------------------------- harm

  /** Harms the directory while no process has it open. Answers what was done, in words; null when there was nothing to harm. */
  damage(kind: Damage, random: SeededRandom): string | null {
    const { logLength } = this.database;
    switch (kind) {
      case 'bit-flip': {
        const key = this.database.flipBit(random);
        return key === null ? null : `a bit of ${key} is flipped`;
      }
      case 'lost-tail': {
        const dropped = this.database.drop(1 + random.below(Math.max(1, logLength)), 0);
        return dropped === 0 ? null : `the last ${dropped} batches are gone`;
      }
      case 'lost-middle': {
        const dropped = this.database.drop(1 + random.below(5), 1 + random.below(5));
        return dropped === 0 ? null : `${dropped} batches before the last are gone`;
      }
      case 'old-database':
        if (this.#copy === null) return null;
        this.database = this.#copy;
        this.#copy = null;
        return 'the database is an old copy';
      case 'mark-gone':
        this.#mark.told = [null, null];
        return 'the mark is gone';
      case 'mark-flip':
        // Its checksum tells: the slot counts for nothing.
        this.#mark.told[random.below(2)] = null;
        return 'a slot of the mark is flipped';
    }
  }

  /** What no disk may do: is empty, as if it had never been used. For tests that plant a fault. */
  wipe(): void {
    this.database = new SimDatabase();
    this.#isFormed = false;
    this.#head = EMPTY_HEAD;
    this.#takeLog({ entries: [], precedingTerm: 0, shape: new LogShape({ index: 0, term: 0 }) });
    this.#firsts = [];
    this.image = NO_IMAGE.meta;
    this.state = new RecordSet(this.checksum);
  }

  /** What no disk may do: forgets the last entry, if there is one behind the image, and all witnesses agree. For tests that plant a fault. */
  loseLast(): void {
    if (this.lastIndex <= this.image.index) return;
    this.#entries.pop();
    const entries = this.#entries;
    const changes: Change[] = this.#firsts.map((first) => [recordKey(first), null]);
    this.#firsts = [];
    this.#shape.reset(this.#preceding);
    let lastChecksum = 0;
    if (entries.length > 0) {
      const record = encodeRecord({ sequence: this.#head.sequence, previousTerm: this.#preceding.term, previousChecksum: 0 }, entries);
      lastChecksum = recordChecksum(record);
      this.#shape.append(entries, lastChecksum);
      this.#firsts = [this.firstIndex];
      changes.push([recordKey(this.firstIndex), record]);
    }
    const { index: lastIndex, term: lastTerm } = this.#shape.last;
    const commit = Math.min(this.hardState.commit, lastIndex);
    const head = { ...this.#head, hardState: { ...this.hardState, commit }, lastIndex, lastTerm, lastChecksum };
    this.database.write([...changes, ['h', encodeHead(head)]], true);
    this.#settleHead({ ...head, sequence: head.sequence }, true);
    this.#mark.told = [encodeHead(head), encodeHead(head)];
    this.syncMark();
  }
}

/** The entry with bytes of its own: neither a disk nor a wire shares memory with whoever gave it. */
export function copyEntry(entry: Entry): Entry {
  return entry.kind === 'normal' ? { ...entry, data: entry.data.slice() } : entry;
}

/** The generation in the key of a state record, `s3/name`. */
function generationOf(key: string): number {
  return Number(key.slice(1, key.indexOf('/')));
}

/** Keys in the order of indexes. */
function recordKey(first: Index): string {
  return `l${first.toString().padStart(16, '0')}`;
}
