// One life of a simulated process: what is planned for it runs only while it lives, and waits while it is paused.
import type { Cancel } from '../../src/env.ts';
import type { Scheduler } from './scheduler.ts';

/** Runs a node's code; the owner sets who is running and catches what it throws. */
export type Enter = (run: () => void) => void;

interface Late {
  readonly timer: boolean;
  run: (() => void) | null;
}

/** The gate through which every input of a node comes. After `kill` nothing of that life runs any more. */
export class Process {
  readonly #scheduler: Scheduler;
  readonly #enter: Enter;
  #alive = true;
  #paused = false;
  /** What came due during the pause, in that order. */
  #late: Late[] = [];

  constructor(scheduler: Scheduler, enter: Enter) {
    this.#scheduler = scheduler;
    this.#enter = enter;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `run` inside the process at `delayMs` from now, or as soon as a pause is over, or never if it has been killed. */
  after(delayMs: number, timer: boolean, run: () => void): Cancel {
    let cancelled = false;
    const cancel = this.#scheduler.after(delayMs, () => {
      if (!cancelled)
        this.#arrive(timer, () => {
          if (!cancelled) run();
        });
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Runs `run` inside the process now: for calls of clients, which must look first whether it is alive and not paused. */
  call(run: () => void): void {
    if (!this.#alive || this.#paused) throw new Error('process: called while dead or paused');
    this.#enter(run);
  }

  /** Runs `run` now, or when the pause is over: a client's request waits in the socket of a stopped process. */
  callWhenAwake(run: () => void): void {
    this.#arrive(false, run);
  }

  pause(): void {
    this.#paused = true;
  }

  /** Ends a pause. All late timers fire first, or all late input comes first: both orders are seen in practice. */
  resume(timersFirst: boolean): void {
    if (!this.#paused || !this.#alive) return;
    this.#paused = false;
    const late = this.#late;
    this.#late = [];
    for (const wanted of [timersFirst, !timersFirst]) {
      for (const item of late) {
        if (item.timer === wanted) this.#scheduler.after(0, () => this.#arrive(item.timer, () => item.run?.()));
      }
    }
  }

  kill(): void {
    this.#alive = false;
    this.#late = [];
  }

  #arrive(timer: boolean, run: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#late.push({ timer, run });
    else this.#enter(run);
  }
}
