// Outcomes by their callers' keys, so that a repeat is told what the first was told: bounded by number, bytes and lease time, in log order.
import { Changes, type Saved } from './changes.ts';
import type { Fingerprint } from './fingerprints.ts';
import { REMEMBERED_BYTES_MAX, REMEMBERED_FOR_MS, REMEMBERED_MAX } from './limits.ts';
import { ShardedMap } from './sharded-map.ts';
import type { Standing } from './standing.ts';

/** What is known of one key. */
export interface Remembered extends Saved {
  readonly key: string;
  /** Of the command: the same key with another command is a mistake of its caller. */
  readonly fingerprint: Fingerprint;
  /** Index of the entry that decided; of the one that queued while `outcome` is empty. */
  readonly index: number;
  /** Place among what that entry noted: with the index it orders all. */
  readonly position: number;
  /** Lease time of that entry. */
  readonly timeMs: number;
  /** The outcome as JSON, without what the command says itself; empty while its claim waits. */
  readonly outcome: string;
}

/** In a list from the oldest on. The order of a `Map` would do, but to find its first entry costs a step for each one deleted before it. */
interface Kept extends Remembered {
  older: Kept | null;
  newer: Kept | null;
}

/** One entry forgets at most so many for their age: a quiet time must not make the next call pay for all. */
const AGED_PER_ENTRY_MAX = 16;

/** All that is remembered, in the order of the log. */
export class RememberedOutcomes {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #standing: Standing;
  readonly #byKey = new ShardedMap<Kept>();
  /** Ends of the list. Invariant: it ascends by index and position. */
  #oldest: Kept | null = null;
  #newest: Kept | null = null;
  #bytes = 0;
  #lastIndex = 0;
  #lastPosition = 0;

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Log index of the oldest outcome; 0 if there is none. */
  get oldestIndex(): number {
    return this.#oldest?.index ?? 0;
  }

  get(key: string): Remembered | undefined {
    return this.#byKey.get(key);
  }

  /** Remembers what the present entry decided under a key, in place of what there was; the oldest make room for it. */
  put(key: string, fingerprint: Fingerprint, outcome: string): void {
    const { index, timeMs } = this.#standing;
    const savedChecksum = this.#byKey.get(key)?.savedChecksum ?? null;
    this.changes.mark(key, savedChecksum);
    this.#remove(key);
    this.#lastPosition = index === this.#lastIndex ? this.#lastPosition + 1 : 0;
    this.#lastIndex = index;
    this.#add({ key, fingerprint, index, position: this.#lastPosition, timeMs, outcome, savedChecksum });
    let aged = 0;
    for (let oldest = this.#oldest; oldest !== null; oldest = this.#oldest) {
      const isTooMuch = this.#byKey.size > REMEMBERED_MAX || this.#bytes > REMEMBERED_BYTES_MAX;
      const isAged = oldest.timeMs + REMEMBERED_FOR_MS < timeMs && aged < AGED_PER_ENTRY_MAX;
      if (oldest.key === key || !(isTooMuch || isAged)) break;
      if (!isTooMuch) aged += 1;
      this.#standing.forgot(oldest.index);
      this.forget(oldest.key);
    }
  }

  forget(key: string): void {
    const remembered = this.#byKey.get(key);
    if (remembered === undefined) return;
    this.changes.mark(key, remembered.savedChecksum);
    this.#remove(key);
  }

  /** Takes one from an image, all of them in order of index and position; false if there is one of that key. */
  restore(remembered: Remembered): boolean {
    if (this.#byKey.has(remembered.key)) return false;
    this.#add(remembered);
    return true;
  }

  /** All, in order of their keys. */
  *all(): Iterable<Remembered> {
    for (const key of [...this.#byKey.keys()].sort()) yield this.#byKey.get(key) as Kept;
  }

  #add(remembered: Remembered): void {
    const kept: Kept = { ...remembered, older: this.#newest, newer: null };
    if (this.#newest === null) this.#oldest = kept;
    else this.#newest.newer = kept;
    this.#newest = kept;
    this.#byKey.set(kept.key, kept);
    this.#bytes += bytesOf(kept);
  }

  #remove(key: string): void {
    const kept = this.#byKey.get(key);
    if (kept === undefined) return;
    if (kept.older === null) this.#oldest = kept.newer;
    else kept.older.newer = kept.newer;
    if (kept.newer === null) this.#newest = kept.older;
    else kept.newer.older = kept.older;
    this.#byKey.delete(key);
    this.#bytes -= bytesOf(kept);
  }
}

function bytesOf({ key, outcome }: Remembered): number {
  return key.length + outcome.length;
}
