// A clock that stands still until it is moved, for tests of programs that embed a node.
import type { Cancel, Clock } from '../env.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Monotonic milliseconds. What is to run `soon` does so without its being moved. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();
  #moving = false;

  /** What it shows at first, in milliseconds; fractions are fine. */
  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = { atMs: this.#nowMs + Math.max(delayMs, 0), run };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /**
   * Moves on by so many milliseconds, timer by timer in the order of their times, and lets what each sets off come to its end before the
   * next. Throws if it is moving already.
   */
  async advance(byMs: number): Promise<void> {
    if (this.#moving) throw new Error('the clock is being moved already');
    this.#moving = true;
    const untilMs = this.#nowMs + byMs;
    await settled();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next);
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
    this.#moving = false;
    await settled();
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
    return next;
  }
}

/** Turns of the event loop after which a node without disk and peers has nothing left to do: read, append, save and apply take one each. */
const TURNS = 8;

async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
