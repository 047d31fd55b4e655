// The time by which a client judges what it holds: monotonic, and the same in every thread of a process.

/** Injected, so that what depends on time can be tested in virtual time. */
export interface ClientClock {
  /** Monotonic milliseconds with fraction; the zero is arbitrary. */
  now(): number;
  /** Runs `run` once, no earlier than `delayMs` from now; the returned function cancels. A longer delay than a timer can take is cut to that. */
  after(delayMs: number, run: () => void): () => void;
}

/** A Node timer above this fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

// `performance.now` counts from the start of each thread; in Node the process's own monotonic clock is there for all of them.
const hrtime: (() => bigint) | undefined = globalThis.process?.hrtime?.bigint;

/** The clock of this machine. It stands still while a virtual machine is suspended; only the fence guards against that. */
export const systemClock: ClientClock = {
  now: hrtime === undefined ? () => performance.now() : () => Number(hrtime()) / 1e6,
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(Math.max(Math.ceil(delayMs), 0), TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
};

/** Waits, unless `signal` aborts first: then it throws the signal's reason. */
export function sleep(clock: ClientClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
