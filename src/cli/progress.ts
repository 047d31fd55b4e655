// A line on the terminal for what takes longer than a moment: a bar where the end is known, else a turning stroke; gone when it is done.
import { duration } from './format.ts';
import { bar, cut, type Terminal } from './terminal.ts';

/** What is over by then shows nothing. */
const SHOW_AFTER_MS = 700;
const REDRAW_MS = 100;
const STROKES = ['|', '/', '-', '\\'];

/** How far something is. */
export interface Step {
  readonly label: string;
  /** From 0 to 1; null where nobody knows. */
  readonly share: number | null;
}

/** Draws on `terminal`, or nothing where there is none (a pipe, --json). */
export class Progress {
  readonly #terminal: Terminal | undefined;
  #isShown = false;
  #step: Step | null = null;

  constructor(terminal: Terminal | undefined) {
    this.#terminal = terminal;
  }

  /** Shows `label` while `work` goes on: with a bar that fills in `totalMs`, or until `tell` knows better. Work within work shows nothing of its own. */
  async during<Result>(label: string, totalMs: number | null, work: () => Promise<Result>): Promise<Result> {
    const terminal = this.#terminal;
    if (terminal === undefined || this.#step !== null) return await work();
    this.#step = { label, share: null };
    const began = performance.now();
    const redraw = setInterval(() => {
      const elapsedMs = performance.now() - began;
      if (elapsedMs < SHOW_AFTER_MS || this.#step === null) return;
      terminal.write(`\r${cut(progressLine(this.#step, elapsedMs, totalMs), terminal.columns - 1)}\u001b[K`);
      this.#isShown = true;
    }, REDRAW_MS);
    try {
      return await work();
    } finally {
      clearInterval(redraw);
      this.#step = null;
      this.clear();
    }
  }

  /** How far what goes on is. */
  tell(step: Step): void {
    if (this.#step !== null) this.#step = step;
  }

  /** Makes room for a line that stays. */
  clear(): void {
    if (this.#isShown) this.#terminal?.write('\r\u001b[K');
    this.#isShown = false;
  }
}

/** `queues for demo/main/leader [######--------------] 9.1 s of 30.0 s`. `totalMs`: after which it ends anyway, null if never. */
export function progressLine({ label, share }: Step, elapsedMs: number, totalMs: number | null): string {
  if (share !== null) return `${label} ${bar(share)} ${Math.floor(share * 100)} %, ${duration(elapsedMs)}`;
  if (totalMs !== null && totalMs > 0) return `${label} ${bar(elapsedMs / totalMs)} ${duration(elapsedMs)} of ${duration(totalMs)}`;
  return `${STROKES[Math.floor(elapsedMs / REDRAW_MS) % STROKES.length]} ${label}, ${duration(elapsedMs)}`;
}
