// Twin of src/io/clock.ts: a node's monotonic clock and timers, driven by virtual time.
import type { Cancel, Clock } from '../../src/env.ts';
import type { Process } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface ClockOptions {
  /** What the clock shows at virtual time 0: its zero is arbitrary. */
  readonly zeroMs: number;
  /** Milliseconds of this clock in one true millisecond, near 1. */
  readonly rate: number;
  /** Timers fire up to this much late, in true milliseconds. */
  readonly latenessMs: number;
  /** An event-loop turn begins up to this much after it was requested, in true milliseconds: all inputs until then share it. 0 if absent. */
  readonly turnDelayMs?: number;
}

/** Like a real one it keeps running while the process is paused or dead. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #random: SeededRandom;
  readonly #options: ClockOptions;
  /** Readings within the present event. */
  #readings = 0;
  #readAtEvent = -1;

  constructor(scheduler: Scheduler, process: Process, random: SeededRandom, options: ClockOptions) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#random = random;
    this.#options = options;
  }

  now(): number {
    if (this.#readAtEvent !== this.#scheduler.executed) {
      this.#readAtEvent = this.#scheduler.executed;
      this.#readings = 0;
    }
    this.#readings += 1;
    // Virtual time stands still while code runs, so code that never comes back can only be told by what it does meanwhile.
    if (this.#readings > READINGS_MOST) throw new Error(`the clock was read ${READINGS_MOST} times in one turn: a loop without end`);
    return this.#options.zeroMs + this.#scheduler.nowMs * this.#options.rate;
  }

  after(delayMs: number, run: () => void): Cancel {
    const wanted = Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS);
    const lateMs = this.#random.unit() * this.#options.latenessMs;
    // A hair more than asked for: rounding must not make a timer fire early by this very clock.
    return this.#process.after(wanted / this.#options.rate + lateMs + 1e-6, true, run);
  }

  soon(run: () => void): void {
    const { turnDelayMs = 0 } = this.#options;
    this.#process.after(turnDelayMs === 0 ? 0 : this.#random.unit() * turnDelayMs, false, run);
  }
}

/** The longest delay that a real timer can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const READINGS_MOST = 100_000;
