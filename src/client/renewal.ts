// Keeps something held by renewing it, and knows at any moment until when holding is guaranteed.
import type { ClientClock } from './clock.ts';
import { LeaseholdError, type LossReason } from './errors.ts';

/** Renewed at this fraction of the duration, so that two more attempts have a chance. */
const RENEW_AT = 1 / 3;
/** Pause after an attempt that was not confirmed: this fraction of the duration, within bounds. */
const RETRY_AT = 1 / 30;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;
/** One attempt may take this fraction of what is left, so that another endpoint gets its turn. */
const ATTEMPT_SHARE = 1 / 3;
const ATTEMPT_MIN_MS = 20;
/** A timer that comes so much too late says that this program did not run. */
export const STALL_MS = 100;

/** How a renewal came to its end. */
export interface Ending {
  readonly reason: LossReason;
  /** What the cluster said last, if it said anything. */
  readonly error: LeaseholdError | null;
}

/** What {@link Renewal} and its twin in another thread offer to the lease that they keep. */
export interface Keeper {
  /** On the client's clock: holding is guaranteed before this moment, not from it on. */
  readonly heldUntilMs: number;
  /** Null while held. Looks at the clock by itself, so it needs no timer to be right. */
  ending(): Ending | null;
  /** Stops renewing; what was held counts as released. */
  release(): void;
}

export interface RenewalOptions {
  /** How long each renewal lasts from the moment at which it was sent, in milliseconds. */
  readonly durationMs: number;
  /** Taken off every promise, for clocks that run at different rates and work that must still be stopped, in milliseconds. */
  readonly marginMs: number;
  /** When the request was sent that began the holding, on `clock`. Before, not after: the cluster counts from somewhere in between. */
  readonly sentAtMs: number;
  readonly clock: ClientClock;
  /** One round of attempts, `attemptMs` each, `patienceMs` in all. Throws `LeaseholdError`. */
  renew(attemptMs: number, patienceMs: number, signal: AbortSignal): Promise<void>;
  /** False keeps it from renewing at a moment at which renewing is due; the holding then ends as `stalled`. */
  mayRenew?(): boolean;
  /** The guarantee was moved to `heldUntilMs`. */
  confirmed?(heldUntilMs: number): void;
  /** Called once. */
  ended(ending: Ending): void;
}

/**
 * Renews until it is released or lost. The cluster keeps a lease at least for its duration from the *start* of the call, so every
 * promise counts from the moment before sending. Once lost it stays lost, even if an answer comes late after all: work has been
 * stopped on the strength of it.
 */
export class Renewal implements Keeper {
  readonly #options: RenewalOptions;
  #heldUntilMs: number;
  #ending: Ending | null = null;
  #lastError: LeaseholdError | null = null;
  /** When the next attempt is due; infinite while one is under way. */
  #dueMs: number;
  #cancelAttempt: () => void = () => {};
  #cancelDeadline: () => void = () => {};
  readonly #stopped = new AbortController();

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#heldUntilMs = this.#promise(options.sentAtMs);
    this.#dueMs = options.sentAtMs + options.durationMs * RENEW_AT;
  }

  /** Begins to renew. */
  start(): void {
    this.#awaitDeadline();
    this.#awaitAttempt();
  }

  get heldUntilMs(): number {
    return this.#heldUntilMs;
  }

  ending(): Ending | null {
    const { clock } = this.#options;
    const nowMs = clock.now();
    if (this.#ending === null && nowMs >= this.#heldUntilMs) {
      const lateMs = Math.max(nowMs - this.#heldUntilMs, nowMs - this.#dueMs);
      this.#end({ reason: lateMs > STALL_MS ? 'stalled' : 'not-confirmed', error: this.#lastError });
    }
    return this.#ending;
  }

  release(): void {
    this.#end({ reason: 'released', error: null });
  }

  #promise(sentAtMs: number): number {
    return sentAtMs + this.#options.durationMs - this.#options.marginMs;
  }

  #awaitDeadline(): void {
    const { clock } = this.#options;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(this.#heldUntilMs - clock.now(), () => {
      // A timer may come a little early, and one as long as a timer can take much too early.
      if (this.ending() === null) this.#awaitDeadline();
    });
  }

  #awaitAttempt(): void {
    const { clock } = this.#options;
    this.#cancelAttempt = clock.after(this.#dueMs - clock.now(), () => {
      if (this.ending() !== null) return;
      if (clock.now() < this.#dueMs) this.#awaitAttempt();
      else if (this.#options.mayRenew?.() === false) this.#end({ reason: 'stalled', error: null });
      else void this.#attempt();
    });
  }

  async #attempt(): Promise<void> {
    const { clock, durationMs, renew } = this.#options;
    const sentAtMs = clock.now();
    const leftMs = this.#heldUntilMs - sentAtMs;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      await renew(Math.max(ATTEMPT_MIN_MS, leftMs * ATTEMPT_SHARE), leftMs, this.#stopped.signal);
      // Too late is lost, whatever the answer says.
      if (this.ending() !== null) return;
      this.#lastError = null;
      this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#promise(sentAtMs));
      this.#options.confirmed?.(this.#heldUntilMs);
      this.#dueMs = sentAtMs + durationMs * RENEW_AT;
      this.#awaitDeadline();
    } catch (error) {
      if (this.#ending !== null) return;
      if (!(error instanceof LeaseholdError)) throw error;
      // A request that came in too slowly is refused as well (408), which says nothing about the lease.
      if (error.failure === 'refused' && error.code !== 'wait-timeout') {
        this.#end({ reason: 'ended', error });
        return;
      }
      this.#lastError = error;
      this.#dueMs = clock.now() + Math.min(Math.max(durationMs * RETRY_AT, RETRY_MIN_MS), RETRY_MAX_MS);
    }
    this.#awaitAttempt();
  }

  #end(ending: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    this.#cancelAttempt();
    this.#cancelDeadline();
    this.#stopped.abort();
    this.#options.ended(ending);
  }
}
