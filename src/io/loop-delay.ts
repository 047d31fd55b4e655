// How long this process kept its event loop from everything that waited for it: what a heartbeat that came due felt.
import { createHistogram } from 'node:perf_hooks';
import { Histogram } from '../histogram.ts';

/** A timer of this period is watched; what it is late by is the delay. */
const PERIOD_MS = 10;
const MICROSECONDS = 1_000;

/** Milliseconds with fraction, all 0 when nothing was measured yet. */
export interface LoopDelayFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /**
   * The most of one delay that can have been work of this process: no more than the processor time that it used meanwhile, all its threads
   * together. Where this is far below `maxMs`, the process waited for a processor: the machine is overloaded, or was suspended. Measured
   * from the first `take` on, since asking for processor time a hundred times a second is dear on some machines; until then it is `maxMs`.
   */
  readonly maxWorkMs: number;
  /** The period that the figures are of. */
  readonly sinceMs: number;
}

/** Measures from the moment when it is made until `stop`. */
export class LoopDelay {
  /** All delays since the beginning. */
  readonly all = new Histogram();
  /** Of microseconds, one more than they were: a histogram takes no zero. */
  readonly #delays = createHistogram();
  #maxWorkMs = 0;
  #startMs = performance.now();
  #lastMs = this.#startMs;
  /** Null until the first `take`. */
  #lastCpuMs: number | null = null;
  #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = this.#wait();
  }

  /** The figures since the last call, or since the beginning. */
  take(): LoopDelayFigures {
    // What holds the loop up until now is no part of it: the timer has not come yet.
    const of = (microseconds: number): number => (this.#delays.count === 0 ? 0 : (microseconds - 1) / MICROSECONDS);
    const nowMs = performance.now();
    const figures = {
      p50Ms: of(this.#delays.percentile(50)),
      p99Ms: of(this.#delays.percentile(99)),
      maxMs: of(this.#delays.max),
      maxWorkMs: this.#lastCpuMs === null ? of(this.#delays.max) : this.#maxWorkMs,
      sinceMs: nowMs - this.#startMs,
    };
    this.#delays.reset();
    this.#maxWorkMs = 0;
    this.#lastCpuMs ??= cpuMs();
    this.#startMs = nowMs;
    return figures;
  }

  /** Ends the measuring. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => this.#came(), PERIOD_MS).unref();
  }

  #came(): void {
    const nowMs = performance.now();
    // A timer fires up to a millisecond early or late by its own rounding.
    const lateMs = Math.max(0, nowMs - this.#lastMs - PERIOD_MS);
    this.all.observe(lateMs);
    this.#delays.record(Math.round(lateMs * MICROSECONDS) + 1);
    if (this.#lastCpuMs !== null) {
      const usedMs = cpuMs();
      this.#maxWorkMs = Math.max(this.#maxWorkMs, Math.min(lateMs, usedMs - this.#lastCpuMs));
      this.#lastCpuMs = usedMs;
    }
    this.#lastMs = nowMs;
    this.#timer = this.#wait();
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS;
}
