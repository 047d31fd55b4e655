// What a lease in its holder's hands and a session have in common: held until released or lost, with a signal and a reason.
/// <reference lib="esnext.disposable" preserve="true" />
import type { ClientClock } from './clock.ts';
import { LeaseLostError } from './errors.ts';
import type { Call, HttpCaller } from './http.ts';
import type { Ending, Keeper } from './renewal.ts';

export interface HoldingOptions {
  readonly caller: HttpCaller;
  readonly clock: ClientClock;
  /** For the reason of its end: "jobs/prod/nightly (worker-1, fence 7)". */
  readonly title: string;
  /** The call that gives it back, and the code by which the cluster says that it had ended before. */
  readonly giveBack: Call;
  readonly goneCode: string;
}

/** Held from `keptBy` on, for as long as the keeper says so. */
export abstract class Holding {
  /** Null until it is held. */
  protected keeper: Keeper | null = null;
  readonly #options: HoldingOptions;
  readonly #aborted = new AbortController();
  #lost: LeaseLostError | null = null;

  constructor(options: HoldingOptions) {
    this.#options = options;
  }

  /** For the client: from now on `keeper` says whether it is held. */
  keptBy(keeper: Keeper): this {
    this.keeper = keeper;
    return this;
  }

  /** For the client: the keeper has come to its end. */
  end({ reason, error }: Ending): void {
    if (this.#lost !== null) return;
    this.#lost = new LeaseLostError(reason, this.#options.title, error?.facts, error ?? undefined);
    this.#aborted.abort(this.#lost);
  }

  /** Aborts no later than the moment at which holding can no longer be guaranteed; its reason is a {@link LeaseLostError}. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Why it is not held, null while it is. Looks at the clock, not at a timer: right even in a program that blocks its event loop. */
  get lost(): LeaseLostError | null {
    const ending = this.#lost === null ? this.keeper?.ending() : null;
    if (ending != null) this.end(ending);
    return this.#lost;
  }

  /** For how long it is guaranteed without another renewal, in milliseconds; 0 once it is lost. */
  get remainingMs(): number {
    if (this.lost !== null || this.keeper === null) return 0;
    return Math.max(0, this.keeper.heldUntilMs - this.#options.clock.now());
  }

  /** Throws a {@link LeaseLostError} unless it is surely held at this moment. Costs a look at the clock. */
  assertHeld(): void {
    const { lost } = this;
    if (lost !== null) throw lost;
  }

  /**
   * Gives it back. From the call on it counts as lost, with the reason `released`. Settles when the cluster has ended it, or had before;
   * throws `LeaseholdError` when that cannot be told, and then it ends by itself: with its duration, or the session by which it lives.
   */
  async release(): Promise<void> {
    this.keeper?.release();
    this.end({ reason: 'released', error: null });
    const { caller, giveBack, goneCode } = this.#options;
    try {
      await caller.call(giveBack);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === goneCode)) throw error;
    }
  }

  /** For `await using`: releases, and leaves what cannot be given back now to its own end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {});
  }
}
