// Writes the state behind: changed records go to the disk in batches off the critical path, and the log is cut only behind them.
import type { Clock, Codec, ImageMeta, LogStore, RecordChecksum, StateRecord } from '../env.ts';
import type { ChangeSet, StateMachine } from '../lease/state-machine.ts';
import type { MemoryStorage } from '../raft/storage.ts';
import type { ConfState, Index, Term } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';
import type { Roster } from './roster.ts';

const SUM_MODULUS = 2 ** 48;
/** Records made ready for the disk in one turn of the event loop; the rest waits for what has arrived meanwhile. */
const RECORDS_PER_TURN = 256;

/** Who the members are, as Raft counts them and as their peers find them. */
export interface SavedMembership {
  readonly conf: ConfState;
  readonly roster: Roster;
}

export interface StateSaverSeams {
  readonly clock: Pick<Clock, 'soon'>;
  readonly store: LogStore;
  readonly codec: Codec;
  readonly checksum: RecordChecksum;
}

export interface StateSaverHost {
  /** The state is on the disk as it was at `index`: what the log holds up to there is not needed for a restart any more. */
  saved(index: Index): void;
  fatal(error: Error): void;
}

/** A save whose records are not all encoded yet. */
interface Preparing {
  readonly state: StateMachine;
  readonly changes: ChangeSet;
  readonly records: StateRecord[];
  readonly index: Index;
  readonly term: Term;
  readonly conf: ConfState;
  readonly roster: Roster;
  count: number;
  sum: number;
  readonly saved: () => void;
}

export class StateSaver {
  readonly #seams: StateSaverSeams;
  readonly #storage: MemoryStorage;
  readonly #limits: ReplicaLimits;
  readonly #host: StateSaverHost;
  #meta: ImageMeta;
  /** Bytes of entries applied since the last save began. */
  #unsavedBytes = 0;
  #preparing: Preparing | null = null;
  #writing = false;

  constructor(seams: StateSaverSeams, storage: MemoryStorage, meta: ImageMeta, limits: ReplicaLimits, host: StateSaverHost) {
    this.#seams = seams;
    this.#storage = storage;
    this.#meta = meta;
    this.#limits = limits;
    this.#host = host;
  }

  get isSaving(): boolean {
    return this.#preparing !== null || this.#writing;
  }

  /** Index of the saved state. */
  get savedIndex(): Index {
    return this.#meta.index;
  }

  /** Entries of so many bytes were applied. */
  applied(bytes: number): void {
    this.#unsavedBytes += bytes;
  }

  /** The image was replaced by a received one. */
  replaced(meta: ImageMeta): void {
    this.#meta = meta;
    this.#unsavedBytes = 0;
  }

  /** Saves if enough has changed. `term` is that of the last applied entry, `membership` what is in force there. */
  maybeSave(state: StateMachine, term: Term, membership: () => SavedMembership): void {
    if (this.isSaving) return;
    const { saveAfterRecords, saveAfterEntries, saveAfterBytes } = this.#limits;
    const isDue =
      state.changedCount >= saveAfterRecords ||
      state.appliedIndex - this.#meta.index >= saveAfterEntries ||
      this.#unsavedBytes >= saveAfterBytes;
    if (!isDue) return;
    this.save(state, term, membership(), () => {});
  }

  /**
   * Saves all that has changed until now, whatever changes meanwhile; `saved` when that is on the disk or was given up, at once when it is nothing,
   * never after a failure. Not while one is under way.
   */
  save(state: StateMachine, term: Term, { conf, roster }: SavedMembership, saved: () => void): void {
    const index = state.appliedIndex;
    if (index === this.#meta.index) {
      saved();
      return;
    }
    const { count, sum } = this.#meta;
    const preparing = { state, changes: state.takeChanges(), records: [], index, term, conf, roster, count, sum, saved };
    this.#preparing = preparing;
    this.#unsavedBytes = 0;
    this.#prepare(preparing);
  }

  /** The state is about to be replaced by another one: what is being made ready is of no use any more. What is being written stays. */
  giveUp(): void {
    const preparing = this.#preparing;
    this.#preparing = null;
    preparing?.saved();
  }

  #prepare(preparing: Preparing): void {
    if (this.#preparing !== preparing) return;
    const changes = preparing.changes.next(RECORDS_PER_TURN);
    for (const { name, content, savedChecksum } of changes) {
      const encoded = content === null ? null : this.#seams.codec.encode(content);
      // A record that was created and deleted between two saves is not on disk.
      if (encoded === null && savedChecksum === null) continue;
      const checksum = encoded === null ? null : this.#seams.checksum(name, encoded);
      preparing.count += (checksum === null ? 0 : 1) - (savedChecksum === null ? 0 : 1);
      preparing.sum = (preparing.sum + (checksum ?? 0) - (savedChecksum ?? 0) + SUM_MODULUS) % SUM_MODULUS;
      if (checksum !== null) preparing.state.noteSaved(name, checksum);
      preparing.records.push([name, encoded]);
    }
    if (changes.length < RECORDS_PER_TURN) this.#write(preparing);
    else this.#seams.clock.soon(() => this.#prepare(preparing));
  }

  #write({ index, term, conf, roster, count, sum, records, saved }: Preparing): void {
    this.#preparing = null;
    this.#writing = true;
    const meta: ImageMeta = { index, term, conf, roster: roster.encode(this.#seams.codec), count, sum };
    this.#seams.store.saveState(meta, records, (error) => {
      this.#writing = false;
      if (error !== undefined) {
        this.#host.fatal(error);
        return;
      }
      this.#meta = meta;
      this.#storage.setSnapshot({ index, term, conf });
      this.#host.saved(index);
      saved();
    });
  }
}
