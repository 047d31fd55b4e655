// Virtual time: runs everything that was planned in order of time, and at one time in the order in which it was planned.
import type { Cancel } from '../../src/env.ts';

interface Planned {
  readonly atMs: number;
  readonly sequence: number;
  /** Null once cancelled. */
  run: (() => void) | null;
}

/** The one queue of a simulation. Nothing in a simulation happens outside of it. */
export class Scheduler {
  #nowMs = 0;
  #sequence = 0;
  #executed = 0;
  /** Binary heap by (atMs, sequence). */
  readonly #heap: Planned[] = [];
  readonly #afterEach: () => void;

  /** `afterEach` is called after every event. */
  constructor(afterEach: () => void = () => {}) {
    this.#afterEach = afterEach;
  }

  /** Virtual milliseconds since the start, with fraction: true time, which no node sees. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get executed(): number {
    return this.#executed;
  }

  /** Runs `run` once, `delayMs` from now; at once after everything that is already planned for now when 0. */
  after(delayMs: number, run: () => void): Cancel {
    if (!(delayMs >= 0)) throw new RangeError(`scheduler: delay ${delayMs}`);
    const planned: Planned = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, run };
    this.#sequence += 1;
    this.#push(planned);
    return () => {
      planned.run = null;
    };
  }

  /** Runs events until virtual time reaches `untilMs` (which it then is), or `stop` says so after an event. */
  runUntil(untilMs: number, stop: () => boolean = () => false): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      const run = next.run;
      if (run === null) continue;
      next.run = null;
      this.#nowMs = next.atMs;
      this.#executed += 1;
      run();
      this.#afterEach();
      if (stop()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Runs the next event, if there is one. */
  step(): boolean {
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.run === null) {
        this.#pop();
        continue;
      }
      const atMs = next.atMs;
      const before = this.#executed;
      this.runUntil(atMs, () => this.#executed > before);
      return true;
    }
    return false;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(planned);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(planned, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Planned;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Planned, heap[child] as Planned)) child = right;
      const below = heap[child] as Planned;
      if (!isBefore(below, last)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(left: Planned, right: Planned): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}
