// Renewal in a thread of its own, for programs that block their event loop: seen from the thread whose lease it is.
import type { Worker } from 'node:worker_threads';
import { type ClientClock, systemClock } from './clock.ts';
import { LeaseholdError, type LossReason } from './errors.ts';
import type { Call } from './http.ts';
import { LinkedAbort } from './linked-abort.ts';
import { type Ending, type Keeper, STALL_MS } from './renewal.ts';
import { SharedTenure } from './shared-tenure.ts';

/** What the thread is given at its start. */
export interface RenewalWork {
  readonly endpoints: readonly string[];
  /** The renewal, repeatable. */
  readonly call: Call;
  readonly durationMs: number;
  readonly marginMs: number;
  readonly sentAtMs: number;
  /** The thread stops renewing when the other one has given no sign of life for so long, in milliseconds. */
  readonly maxStallMs: number;
  readonly memory: SharedArrayBuffer;
}

/** What the thread says first, and once when the holding ends. */
export type RenewalWord = 'started' | RenewalEnded;

export interface RenewalEnded {
  readonly reason: LossReason;
  readonly error: Pick<LeaseholdError, 'code' | 'status' | 'failure' | 'message' | 'facts'> | null;
}

/** Signs of life in the time that may pass without one. */
const SIGNS_OF_LIFE = 4;

/**
 * The thread writes until when holding is guaranteed into memory that both share, so `ending` is right at once in a program that has
 * just come out of a long computation. A program that hangs must not keep its lease for ever: hence `maxStallMs`.
 */
export class WorkerRenewal implements Keeper {
  readonly #tenure: SharedTenure;
  readonly #worker: Worker;
  readonly #clock: ClientClock = systemClock;
  readonly #ended: (ending: Ending) => void;
  #ending: Ending | null = null;
  #cancelDeadline: () => void = () => {};
  #cancelSign: () => void = () => {};
  readonly #closed: LinkedAbort;

  private constructor(worker: Worker, work: RenewalWork, closed: AbortSignal, ended: (ending: Ending) => void) {
    this.#tenure = new SharedTenure(work.memory);
    this.#worker = worker;
    this.#ended = ended;
    // The thread has a caller of its own, which nobody closes. What is held ends when its time is up.
    this.#closed = new LinkedAbort(closed);
    const stop = (): void => void worker.terminate();
    if (this.#closed.isAborted) stop();
    else this.#closed.signal.addEventListener('abort', stop);
    worker.on('message', (word: RenewalWord) => {
      if (word !== 'started') this.#end({ reason: word.reason, error: revived(word.error) });
    });
    worker.on('error', (error) =>
      this.#end({
        reason: 'not-confirmed',
        error: new LeaseholdError('internal', null, 'unknown', `the thread that renews has failed: ${error.message}`, {}, error),
      }),
    );
    this.#giveSign(work.maxStallMs / SIGNS_OF_LIFE);
    this.#awaitDeadline();
  }

  /** Starts the thread, which renews no more once `closed` aborts. Throws as {@link requireThreads}. */
  static async start(work: Omit<RenewalWork, 'memory'>, closed: AbortSignal, ended: (ending: Ending) => void): Promise<WorkerRenewal> {
    const threads = requireThreads();
    const whole: RenewalWork = { ...work, memory: SharedTenure.memory(work.sentAtMs + work.durationMs - work.marginMs, systemClock.now()) };
    // None of the program's own flags: some of them (`--input-type`) are not for files.
    const worker = new threads.Worker(new URL('./renewal-worker.js', import.meta.url), { workerData: whole, execArgv: [] });
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.removeAllListeners();
    return new WorkerRenewal(worker, whole, closed, ended);
  }

  get heldUntilMs(): number {
    return this.#tenure.heldUntilMs;
  }

  ending(): Ending | null {
    if (this.#ending !== null) return this.#ending;
    const overdueMs = this.#clock.now() - this.heldUntilMs;
    // The thread's own word for it may still wait to be read.
    const reason = this.#tenure.reason ?? (overdueMs < 0 ? null : overdueMs > STALL_MS ? 'stalled' : 'not-confirmed');
    if (reason !== null) this.#end({ reason, error: null });
    return this.#ending;
  }

  release(): void {
    this.#end({ reason: 'released', error: null });
  }

  #giveSign(everyMs: number): void {
    this.#tenure.giveSign(this.#clock.now());
    this.#cancelSign = this.#clock.after(everyMs, () => this.#giveSign(everyMs));
  }

  #awaitDeadline(): void {
    this.#cancelDeadline = this.#clock.after(this.heldUntilMs - this.#clock.now(), () => {
      if (this.ending() === null) this.#awaitDeadline();
    });
  }

  #end(ending: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    this.#cancelDeadline();
    this.#cancelSign();
    this.#closed.unlink();
    void this.#worker.terminate();
    this.#ended(ending);
  }
}

/** Throws `TypeError` where there are no threads of Node's kind. */
export function requireThreads(): typeof import('node:worker_threads') {
  // Not imported: a bundler for browsers would follow that, and stop.
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  if (threads === undefined) throw new TypeError('renewal in a worker thread needs Node');
  return threads;
}

function revived(error: RenewalEnded['error']): LeaseholdError | null {
  return error === null ? null : new LeaseholdError(error.code, error.status, error.failure, error.message, error.facts);
}
