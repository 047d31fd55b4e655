// A log store in memory, for nodes whose data may end with the process: the same contract as on disk, without the disk.
import type { Done, ImageMeta, ImageReader, ImageWriter, LogStore, LogWrite, RecordChecksum, Recovered, StateRecord } from '../env.ts';
import { EMPTY_CONF_STATE, EMPTY_HARD_STATE, type Entry, type HardState, type Index, type Term } from '../raft/types.ts';

/** Records read or handed on in one piece: work whose length nobody waits for. */
const PIECE_RECORDS_MAX = 1_000;
/** `ImageMeta.sum` is told modulo this. */
const SUM_MODULUS = 2 ** 48;

/** What a memory store holds; opening it anew is a restart of its node. */
export class MemoryDisk {
  hardState: HardState = EMPTY_HARD_STATE;
  image: ImageMeta = { index: 0, term: 0, conf: EMPTY_CONF_STATE, roster: new Uint8Array(0), count: 0, sum: 0 };
  state = new Map<string, Uint8Array>();
  /** The position before the first entry. Invariant: not behind the image. */
  preceding: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  /** Invariant: contiguous from preceding.index + 1 on. */
  entries: Entry[] = [];
  incarnation = 0;
}

/** One opening of a {@link MemoryDisk}. What a call changes counts at once, and is told by `later`. */
export class MemoryLogStore implements LogStore {
  readonly recovered: Recovered;
  readonly #disk: MemoryDisk;
  readonly #checksum: RecordChecksum;
  readonly #later: (run: () => void) => void;
  #closed = false;

  /** `later` runs something after the present call, in order. */
  constructor(disk: MemoryDisk, checksum: RecordChecksum, later: (run: () => void) => void) {
    this.#disk = disk;
    this.#checksum = checksum;
    this.#later = later;
    disk.incarnation += 1;
    const { hardState, image, entries, preceding, incarnation } = disk;
    this.recovered = { hardState, image, entries: [...entries], precedingTerm: preceding.term, incarnation };
  }

  readState(each: (records: readonly StateRecord[]) => void, done: Done): void {
    if (this.#closed) {
      this.#later(() => done(closedError()));
      return;
    }
    const records = [...this.#disk.state];
    const next = (position: number): void => {
      if (position >= records.length) {
        done();
        return;
      }
      each(records.slice(position, position + PIECE_RECORDS_MAX));
      this.#later(() => next(position + PIECE_RECORDS_MAX));
    };
    this.#later(() => next(0));
  }

  append({ hardState, entries }: LogWrite, done: Done): void {
    this.#answer(done, () => {
      const disk = this.#disk;
      if (hardState !== null) disk.hardState = hardState;
      const first = entries[0];
      if (first === undefined) return;
      const kept = first.index - disk.preceding.index - 1;
      if (kept < 0 || kept > disk.entries.length) throw new Error(`log store: entry ${first.index} does not follow what is there`);
      disk.entries.length = kept;
      for (const entry of entries) disk.entries.push(entry.kind === 'normal' ? { ...entry, data: entry.data.slice() } : entry);
    });
  }

  probe(done: Done): void {
    this.#answer(done, () => {});
  }

  saveState(meta: ImageMeta, records: readonly StateRecord[], done: Done): void {
    this.#answer(done, () => {
      put(this.#disk.state, records);
      this.#disk.image = meta;
    });
  }

  compact(index: Index): void {
    const disk = this.#disk;
    if (index > disk.image.index) throw new Error(`log store: compact(${index}) behind image ${disk.image.index}`);
    const count = index - disk.preceding.index;
    const last = disk.entries[count - 1];
    if (last === undefined) return;
    disk.entries = disk.entries.slice(count);
    disk.preceding = { index, term: last.term };
  }

  openImage(): ImageReader {
    if (this.#closed) throw closedError();
    const records = [...this.#disk.state];
    let position = 0;
    return {
      meta: this.#disk.image,
      next: (maxBytes, done) => {
        const piece: StateRecord[] = [];
        for (let bytes = 0; position < records.length && bytes < maxBytes && piece.length < PIECE_RECORDS_MAX; position += 1) {
          const record = records[position] as readonly [string, Uint8Array];
          bytes += record[0].length + record[1].length;
          piece.push(record);
        }
        this.#later(() => done(null, piece));
      },
      close: () => {},
    };
  }

  beginImage(): ImageWriter {
    return new MemoryImageWriter((done, write) => this.#answer(done, write));
  }

  installImage(meta: ImageMeta, writer: ImageWriter, hardState: HardState | null, done: Done): void {
    this.#answer(done, () => {
      if (!(writer instanceof MemoryImageWriter)) throw new Error('log store: a foreign image writer');
      const { records } = writer;
      let sum = 0;
      for (const [name, content] of records) sum = (sum + this.#checksum(name, content)) % SUM_MODULUS;
      if (records.size !== meta.count || sum !== meta.sum) throw new Error('log store: the image is not the one that was announced');
      const disk = this.#disk;
      disk.state = records;
      disk.image = meta;
      disk.preceding = { index: meta.index, term: meta.term };
      disk.entries = [];
      // What the image holds is committed.
      disk.hardState = hardState ?? { ...disk.hardState, commit: Math.max(disk.hardState.commit, meta.index) };
    });
  }

  close(done: Done): void {
    this.#closed = true;
    this.#later(() => done());
  }

  #answer(done: Done, change: () => void): void {
    let error: Error | undefined;
    try {
      if (this.#closed) throw closedError();
      change();
    } catch (caught) {
      error = caught as Error;
    }
    this.#later(() => done(error));
  }
}

class MemoryImageWriter implements ImageWriter {
  readonly records = new Map<string, Uint8Array>();
  readonly #answer: (done: Done, write: () => void) => void;

  constructor(answer: (done: Done, write: () => void) => void) {
    this.#answer = answer;
  }

  write(records: readonly StateRecord[], done: Done): void {
    this.#answer(done, () => put(this.records, records));
  }

  abort(): void {
    this.records.clear();
  }
}

function put(state: Map<string, Uint8Array>, records: readonly StateRecord[]): void {
  for (const [name, content] of records) {
    if (content === null) state.delete(name);
    else state.set(name, content.slice());
  }
}

function closedError(): Error {
  return new Error('log store: closed');
}
