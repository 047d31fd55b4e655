// Writes the state behind: changed records go to the disk in batches off the critical path, and the log is cut only behind them.
import type { Codec, ImageMeta, LogStore, RecordChecksum, StateRecord } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { MemoryStorage } from '../raft/storage.ts';
import type { ConfState, Term } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';

const SUM_MODULUS = 2 ** 48;

export interface StateSaverSeams {
  readonly store: LogStore;
  readonly codec: Codec;
  readonly checksum: RecordChecksum;
}

export class StateSaver {
  readonly #seams: StateSaverSeams;
  readonly #storage: MemoryStorage;
  readonly #limits: ReplicaLimits;
  readonly #fatal: (error: Error) => void;
  #meta: ImageMeta;
  #saving = false;

  constructor(seams: StateSaverSeams, storage: MemoryStorage, meta: ImageMeta, limits: ReplicaLimits, fatal: (error: Error) => void) {
    this.#seams = seams;
    this.#storage = storage;
    this.#meta = meta;
    this.#limits = limits;
    this.#fatal = fatal;
  }

  get isSaving(): boolean {
    return this.#saving;
  }

  /** The image was replaced by a received one. */
  replaced(meta: ImageMeta): void {
    this.#meta = meta;
  }

  /** Saves if enough has changed. `term` is that of the last applied entry, `conf` the configuration there. */
  maybeSave(state: StateMachine, term: Term, conf: () => ConfState): void {
    if (this.#saving) return;
    const { saveAfterRecords, saveAfterEntries } = this.#limits;
    if (state.changedCount < saveAfterRecords && state.appliedIndex - this.#meta.index < saveAfterEntries) return;
    this.save(state, term, conf(), () => {});
  }

  /** Saves all that has changed; `saved` at once when that is nothing, never after a failure. Not while one is under way. */
  save(state: StateMachine, term: Term, conf: ConfState, saved: () => void): void {
    const index = state.appliedIndex;
    if (index === this.#meta.index) {
      saved();
      return;
    }
    let { count, sum } = this.#meta;
    const records: StateRecord[] = [];
    for (const { name, content, savedChecksum } of state.takeChanges()) {
      const encoded = content === null ? null : this.#seams.codec.encode(content);
      const checksum = encoded === null ? 0 : this.#seams.checksum(name, encoded);
      // A record that came and went between two saves was never there; 0 stands for that.
      if (encoded === null && savedChecksum === 0) continue;
      count += (encoded === null ? 0 : 1) - (savedChecksum === 0 ? 0 : 1);
      sum = (sum + checksum - savedChecksum + SUM_MODULUS) % SUM_MODULUS;
      if (encoded !== null) state.noteSaved(name, checksum);
      records.push([name, encoded]);
    }
    const meta: ImageMeta = { index, term, conf, count, sum };
    this.#saving = true;
    this.#seams.store.saveState(meta, records, (error) => {
      this.#saving = false;
      if (error !== undefined) {
        this.#fatal(error);
        return;
      }
      this.#meta = meta;
      this.#storage.setSnapshot({ index, term, conf });
      this.#cutLog();
      saved();
    });
  }

  /** In steps, so that neither memory nor disk is moved about for single entries. */
  #cutLog(): void {
    const through = this.#meta.index - this.#limits.keepEntries;
    const step = Math.max(1, Math.floor(this.#limits.keepEntries / 8));
    if (through < this.#storage.firstIndex() - 1 + step) return;
    this.#storage.compact(through);
    this.#seams.store.compact(through);
  }
}
