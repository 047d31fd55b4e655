// Watches the one synced write of a node that can be under way: how long it has taken so far, and how long writes take.
import type { Clock } from '../env.ts';
import { PercentileWindow } from './percentile-window.ts';

const WINDOW_MS = 30_000;

export class DiskWatch {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #durations = new PercentileWindow(WINDOW_MS);
  #isWriting = false;
  /** Age of the write at `#seenMs`. */
  #ageMs = 0;
  /** When the age was last added to, or when the last write ended. */
  #seenMs: number;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#seenMs = clock.now();
  }

  began(): void {
    this.#isWriting = true;
    this.#ageMs = 0;
    this.#seenMs = this.#clock.now();
  }

  ended(): void {
    const nowMs = this.#clock.now();
    this.#durations.observe(nowMs, this.#ageMs + nowMs - this.#seenMs);
    this.#isWriting = false;
    this.#ageMs = 0;
    this.#seenMs = nowMs;
  }

  /**
   * Moves the age of the write on, by at most `stepMaxMs` for each call. To be called at a fixed interval: a process that was stopped
   * finds a write old that may have ended long ago, and a pause of the process is no fault of the disk.
   */
  tick(stepMaxMs: number): void {
    const nowMs = this.#clock.now();
    if (!this.#isWriting) return;
    this.#ageMs += Math.min(nowMs - this.#seenMs, stepMaxMs);
    this.#seenMs = nowMs;
  }

  /** Age of the unfinished write as of the last tick, in milliseconds; 0 for none. */
  get pendingMs(): number {
    return this.#isWriting ? this.#ageMs : 0;
  }

  /** How long no write has been under way, in milliseconds; 0 while one is. */
  get idleMs(): number {
    return this.#isWriting ? 0 : this.#clock.now() - this.#seenMs;
  }

  /** The 99th percentile of the last 30 s, in milliseconds; 0 for fewer than 3 writes. */
  get p99Ms(): number {
    return this.#durations.p99(this.#clock.now());
  }

  /** Whether writes have been measured for at least 30 s. */
  get isMeasured(): boolean {
    return this.#durations.isFilled(this.#clock.now());
  }
}
