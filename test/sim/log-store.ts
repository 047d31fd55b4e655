// Twin of src/io/log-store.ts: writes become durable after a drawn delay, and a crash keeps or loses those under way.
import type { Done, ImageMeta, ImageReader, ImageWriter, LogStore, LogWrite, Recovered, StateRecord } from '../../src/env.ts';
import { translateDiskError } from '../../src/io/data-directory-error.ts';
import type { HardState, Index, Term } from '../../src/raft/types.ts';
import { batchBytes } from './database.ts';
import { copyEntry, type Prepared, RecordSet, type SimDisk } from './disk.ts';
import type { Process } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** How a disk behaves; the nemesis changes it while the run goes on. */
export interface DiskMood {
  /** A write or read takes between these many true milliseconds. */
  leastMs: number;
  mostMs: number;
  /** How many times longer a save of the state takes, up to 600 ms. */
  saveFactor: number;
  /** Writes that still succeed before one fails for good; Infinity for a healthy disk. */
  writesBeforeFailure: number;
  /** How that one fails. ENOSPC: nothing of it is there, and there is no room until somebody makes some. */
  failure: 'EIO' | 'ENOSPC';
  /** No write ends before this moment of true time, those that are under way included. The node is told nothing of it. */
  hangsUntilMs: number;
}

type Kind = 'append' | 'state' | 'image';

interface Pending {
  readonly kind: Kind;
  /** Its entries, for those who ask what the node has handed over. */
  readonly write: LogWrite | null;
  atMs: number;
  /** What it would write, at the moment at which it does. */
  readonly prepare: () => Prepared;
  finished: boolean;
}

export interface StoreObserver {
  /** Called before a write is taken over, while `holds` still tells the state before it. */
  appending(write: LogWrite): void;
  savingState(meta: ImageMeta): void;
}

const SLOW_SAVE_MAX_MS = 600;
/** The mark is synced so long behind a write, as by `src/io/head-writer.ts`. */
const MARK_SYNC_AFTER_MS = 20;

/** How often a write that hangs looks whether it may end. */
const HANG_LOOK_MS = 25;

/** One opening of a {@link SimDisk} by one process. */
export class SimLogStore implements LogStore {
  readonly recovered: Recovered;
  readonly #disk: SimDisk;
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #random: SeededRandom;
  readonly #mood: DiskMood;
  readonly #observer: StoreObserver;
  /** In order of the calls. */
  #pending: Pending[] = [];
  #broken: Error | null = null;
  #closed = false;
  /** What {@link append} was given last; newer than the disk's only in its commit, which waits for the next record. */
  #hardState: HardState;
  #isMarkSyncPlanned = false;
  /** What was durable and was not recovered: the checks at the opening have failed. */
  readonly shortfall: string | null;

  /** Throws a `DataDirectoryError` when the disk is full or damaged. */
  constructor(
    disk: SimDisk,
    scheduler: Scheduler,
    process: Process,
    random: SeededRandom,
    mood: DiskMood,
    observer: StoreObserver,
    plant: (recovered: Recovered) => Recovered = (recovered) => recovered,
  ) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#process = process;
    this.#random = random;
    this.#mood = mood;
    this.#observer = observer;
    const { recovered, shortfall } = disk.recover();
    this.recovered = plant(recovered);
    this.shortfall = shortfall;
    this.#hardState = this.recovered.hardState;
  }

  readState(each: (records: readonly StateRecord[]) => void, done: Done): void {
    if (this.#closed) {
      this.#process.after(this.#delayMs(), false, () => done(closedError()));
      return;
    }
    const { stateError } = this.#disk;
    if (stateError !== null) {
      this.#process.after(this.#delayMs(), false, () => done(stateError));
      return;
    }
    const records = this.#disk.state.list();
    // Any order is allowed, so every order must do.
    for (let last = records.length - 1; last > 0; last -= 1) {
      const other = this.#random.below(last + 1);
      const moved = records[last] as StateRecord;
      records[last] = records[other] as StateRecord;
      records[other] = moved;
    }
    const next = (position: number): void => {
      this.#process.after(this.#delayMs(), false, () => {
        if (position >= records.length) {
          done();
          return;
        }
        const until = position + 1 + this.#random.below(50);
        each(records.slice(position, until));
        next(until);
      });
    };
    next(0);
  }

  append(given: LogWrite, done: Done): void {
    this.#observer.appending(given);
    const { term, vote } = this.#hardState;
    this.#hardState = given.hardState ?? this.#hardState;
    const write = { hardState: this.#hardState, entries: given.entries.map(copyEntry) };
    if (write.entries.length === 0 && write.hardState.term === term && write.hardState.vote === vote && !this.#closed) {
      // Only the commit index moved. It may be lost, so it waits for the next record.
      this.#process.after(0, false, () => done(this.#broken ?? undefined));
      return;
    }
    this.#begin('append', write, () => this.#disk.append(write), done);
  }

  probe(done: Done): void {
    this.#process.after(this.#delayMs(), false, () => done(this.#broken ?? (this.#closed ? closedError() : undefined)));
  }

  saveState(meta: ImageMeta, records: readonly StateRecord[], done: Done): void {
    this.#observer.savingState(meta);
    this.#begin('state', null, () => this.#disk.saveState(meta, records), done);
  }

  compact(index: Index): void {
    if (index > this.#disk.image.index) throw new Error(`log store: compact(${index}) behind image ${this.#disk.image.index}`);
    const incarnation = this.#disk.incarnation;
    this.#scheduler.after(this.#delayMs(), () => {
      // An image that was installed meanwhile has dropped it all; a crash has forgotten the wish.
      if (this.#disk.incarnation === incarnation && index <= this.#disk.lastIndex && this.#process.alive) this.#disk.compact(index);
    });
  }

  openImage(): ImageReader {
    if (this.#closed) throw closedError();
    const meta = this.#disk.image;
    const records = this.#disk.state.list();
    let position = 0;
    let closed = false;
    return {
      meta,
      next: (maxBytes, done) => {
        if (closed) throw new Error('image reader: read after close');
        this.#process.after(this.#delayMs(), false, () => {
          if (closed) return;
          const start = position;
          for (let bytes = 0; position < records.length && bytes < maxBytes; position += 1) {
            const [name, content] = records[position] as StateRecord;
            bytes += name.length + (content?.length ?? 0);
          }
          done(null, records.slice(start, position));
        });
      },
      close: () => {
        closed = true;
      },
    };
  }

  beginImage(): ImageWriter {
    const ended = (): Error | undefined => this.#broken ?? (this.#closed ? closedError() : undefined);
    const generation = this.#disk.beginImage();
    const { incarnation } = this.#disk;
    return new SimImageWriter(generation, new RecordSet(this.#disk.checksum), {
      write: (records, done) => {
        this.#scheduler.after(this.#delayMs(), () => {
          const isOpen = this.#disk.incarnation === incarnation && this.#process.alive && ended() === undefined;
          if (isOpen) this.#disk.writePiece(generation, records);
          this.#process.callWhenAwake(() => done(ended()));
        });
      },
      clear: () => {
        if (ended() === undefined) this.#disk.clearImage(generation);
      },
    });
  }

  installImage(meta: ImageMeta, writer: ImageWriter, hardState: HardState | null, done: Done): void {
    if (!(writer instanceof SimImageWriter)) throw new Error('log store: a foreign image writer');
    const records = writer.finish();
    const { generation } = writer;
    const mismatch = records.mismatch(meta);
    if (mismatch !== null) {
      this.#disk.clearImage(generation);
      this.#process.after(this.#delayMs(), false, () => done(new Error(`log store: ${mismatch}`)));
      return;
    }
    if (hardState !== null) this.#hardState = hardState;
    this.#begin('image', { hardState, entries: [] }, () => this.#disk.installImage(meta, generation, records, this.#hardState), done);
  }

  close(done: Done): void {
    this.#closed = true;
    const longest = this.#pending.reduce((latest, pending) => Math.max(latest, pending.atMs), this.#scheduler.nowMs);
    this.#process.after(longest - this.#scheduler.nowMs + this.#delayMs(), false, () => done());
  }

  /**
   * The process is gone, and with `power` the machine: each write under way is kept, lost, or torn at any byte, but none is kept that builds
   * on one that is not.
   */
  crash(power = false): void {
    let lostAny = this.#broken !== null;
    let lostImage = lostAny;
    for (const pending of this.#pending) {
      pending.finished = true;
      const lost = this.#random.chance(0.5) || lostImage || (lostAny && pending.kind === 'image');
      const prepared = lost && lostAny ? null : pending.prepare();
      if (prepared !== null) {
        if (lost) this.#tear(prepared);
        else this.#disk.make(prepared);
      }
      lostAny ||= lost;
      lostImage ||= lost && pending.kind === 'image';
    }
    this.#pending = [];
    if (power) this.#disk.losePower(this.#random);
    else this.#disk.syncMark();
  }

  #tear(prepared: Prepared): void {
    const { length } = batchBytes(prepared.changes);
    this.#disk.tear(prepared, this.#random.below(length), length);
  }

  /** Whether the entry (index, term) has been handed over for writing, durable or not. */
  holds(index: Index, term: Term): boolean {
    for (let at = this.#pending.length - 1; at >= 0; at -= 1) {
      const entries = this.#pending[at]?.write?.entries ?? [];
      const first = entries[0];
      if (first !== undefined && index >= first.index) return entries[index - first.index]?.term === term;
    }
    return this.#disk.has(index, term);
  }

  /** Whether a write has failed. */
  get isBroken(): boolean {
    return this.#broken !== null;
  }

  /** The term of the newest hard state that has been handed over. */
  get handedTerm(): Term {
    for (let at = this.#pending.length - 1; at >= 0; at -= 1) {
      const hardState = this.#pending[at]?.write?.hardState ?? null;
      if (hardState !== null) return hardState.term;
    }
    return this.#disk.hardState.term;
  }

  #begin(kind: Kind, write: LogWrite | null, prepare: () => Prepared, done: Done): void {
    if (this.#closed) {
      this.#process.after(this.#delayMs(), false, () => done(closedError()));
      return;
    }
    if (this.#pending.some((other) => other.kind === kind)) throw new Error(`log store: a second ${kind} while one is under way`);
    // A received image replaces log and state: what was called before it or after it keeps that order.
    const before = this.#pending.filter((other) => other.kind === 'image' || kind === 'image');
    const earliestMs = before.reduce((latest, other) => Math.max(latest, other.atMs), 0);
    const delayedMs = this.#delayMs();
    const ownMs = kind === 'state' ? Math.max(delayedMs, Math.min(delayedMs * this.#mood.saveFactor, SLOW_SAVE_MAX_MS)) : delayedMs;
    const delayMs = Math.max(ownMs, earliestMs - this.#scheduler.nowMs);
    const pending: Pending = { kind, write, atMs: this.#scheduler.nowMs + delayMs, prepare, finished: false };
    this.#pending.push(pending);
    this.#scheduler.after(delayMs, () => this.#finish(pending, done));
  }

  #finish(pending: Pending, done: Done): void {
    if (pending.finished) return;
    const { hangsUntilMs } = this.#mood;
    if (hangsUntilMs > this.#scheduler.nowMs) {
      // Looks again at the next multiple, all writes in the order in which they would have ended.
      pending.atMs = (Math.floor(this.#scheduler.nowMs / HANG_LOOK_MS) + 1) * HANG_LOOK_MS;
      this.#scheduler.after(pending.atMs - this.#scheduler.nowMs, () => this.#finish(pending, done));
      return;
    }
    pending.finished = true;
    this.#pending = this.#pending.filter((other) => other !== pending);
    if (this.#broken === null && this.#mood.writesBeforeFailure <= 0) this.#fail(pending);
    this.#mood.writesBeforeFailure -= 1;
    if (this.#broken === null) this.#make(pending.prepare());
    const error = this.#broken ?? undefined;
    this.#process.callWhenAwake(() => done(error));
  }

  #make(prepared: Prepared): void {
    this.#disk.make(prepared);
    if (this.#isMarkSyncPlanned) return;
    this.#isMarkSyncPlanned = true;
    this.#scheduler.after(MARK_SYNC_AFTER_MS, () => {
      this.#isMarkSyncPlanned = false;
      if (this.#process.alive) this.#disk.syncMark();
    });
  }

  /** After EIO the failed write may well be found after reopening; of one that found no room there is at most a beginning. */
  #fail(pending: Pending): void {
    const { failure } = this.#mood;
    this.#broken = translateDiskError('simulated', Object.assign(new Error(`${failure}: simulated`), { code: failure }));
    const prepared = pending.prepare();
    if (failure === 'ENOSPC') this.#disk.isFull = true;
    if (failure === 'EIO' && this.#random.chance(0.5)) this.#disk.make(prepared);
    else this.#tear(prepared);
  }

  #delayMs(): number {
    return Math.max(this.#random.between(this.#mood.leastMs, this.#mood.mostMs), this.#mood.hangsUntilMs - this.#scheduler.nowMs);
  }
}

function closedError(): Error {
  return new Error('log store: closed');
}

/** The disk below an image that is being written. */
interface ImageTarget {
  write(records: readonly StateRecord[], done: Done): void;
  clear(): void;
}

class SimImageWriter implements ImageWriter {
  readonly generation: number;
  readonly #records: RecordSet;
  readonly #target: ImageTarget;
  #state: 'open' | 'finished' | 'aborted' = 'open';
  #writing = false;

  constructor(generation: number, records: RecordSet, target: ImageTarget) {
    this.generation = generation;
    this.#records = records;
    this.#target = target;
  }

  write(records: readonly StateRecord[], done: Done): void {
    if (this.#state !== 'open') throw new Error(`image writer: write when ${this.#state}`);
    if (this.#writing) throw new Error('image writer: a second write while one is under way');
    this.#writing = true;
    this.#records.put(records);
    this.#target.write(records, (error) => {
      this.#writing = false;
      done(error);
    });
  }

  abort(): void {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    this.#target.clear();
  }

  finish(): RecordSet {
    if (this.#state !== 'open' || this.#writing) throw new Error(`image writer: install when ${this.#writing ? 'writing' : this.#state}`);
    this.#state = 'finished';
    return this.#records;
  }
}
