// Real time: the process's monotonic clock and the event loop's timers.
import type { Cancel, Clock } from '../env.ts';

/** The longest delay a timer of Node takes; above it, it would fire after 1 ms. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The clock of this process. It stands still while the machine is suspended and never follows changes of the wall clock. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(delayMs: number, run: () => void): Cancel {
    // A timer rounds its delay down and may fire a fraction of a millisecond early by this clock; hence the rounding up.
    const timer = setTimeout(run, Math.min(Math.max(Math.ceil(delayMs), 1), DELAY_MAX_MS));
    return () => clearTimeout(timer);
  },
  soon(run: () => void): void {
    setImmediate(run);
  },
};
