// A client's clock in virtual time: it moves when the test says so, and can stand still or jump as a stopped process sees it.
import type { ClientClock } from '../../src/client/clock.ts';

export class VirtualClock implements ClientClock {
  #nowMs = 1_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have not come. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass, each timer at its moment, and what it set off before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes and no timer comes: the event loop is blocked, or the process stopped. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
