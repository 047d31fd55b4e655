// Name lookups for dials: one at a time for each name, few in all. A lookup occupies a thread that disk writes need as well.
import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Cancel } from '../env.ts';

/**
 * Lookups that run at once. A resolver that hangs occupies this many threads, however often peers are dialled. Half of the four threads
 * that Node.js starts by default.
 */
export const LOOKUPS_MAX = 2;

type Callback = Parameters<LookupFunction>[2];

/** One name that is being resolved or waits for that. */
interface Pending {
  readonly start: () => void;
  readonly waiting: Set<Callback>;
}

/** A lookup for one dial. */
export interface DialLookup {
  /** For `net.connect`. */
  readonly find: LookupFunction;
  /** The dial has ended: its result is not needed. The system's call itself cannot be ended. */
  readonly cancel: Cancel;
}

export class PeerNames {
  readonly #lookup: LookupFunction;
  /** By name and options. A lookup that hangs is joined by later dials. */
  readonly #pending = new Map<string, Pending>();
  readonly #queue: string[] = [];
  #running = 0;

  constructor(lookup: LookupFunction = systemLookup as LookupFunction) {
    this.#lookup = lookup;
  }

  lookup(): DialLookup {
    let cancel: Cancel = () => {};
    return {
      find: (name, options, callback) => {
        cancel = this.#find(name, options, callback);
      },
      cancel: () => cancel(),
    };
  }

  #find(name: string, options: Parameters<LookupFunction>[1], callback: Callback): Cancel {
    const key = JSON.stringify([name, options]);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      const waiting = new Set<Callback>();
      const start = () =>
        this.#lookup(name, options, (...result) => {
          this.#pending.delete(key);
          this.#running--;
          this.#startNext();
          for (const each of waiting) each(...result);
        });
      pending = { start, waiting };
      this.#pending.set(key, pending);
      this.#queue.push(key);
    }
    pending.waiting.add(callback);
    this.#startNext();
    return () => this.#cancel(key, callback);
  }

  #startNext(): void {
    while (this.#running < LOOKUPS_MAX && this.#queue.length > 0) {
      const pending = this.#pending.get(this.#queue.shift() as string);
      if (pending === undefined) continue;
      this.#running++;
      pending.start();
    }
  }

  #cancel(key: string, callback: Callback): void {
    const pending = this.#pending.get(key);
    pending?.waiting.delete(callback);
    const at = this.#queue.indexOf(key);
    if (at === -1 || (pending?.waiting.size ?? 0) > 0) return;
    this.#queue.splice(at, 1);
    this.#pending.delete(key);
  }
}
