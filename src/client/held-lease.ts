// A lease in its holder's hands: its fence, the signal that aborts when holding is no longer sure, and the gate for writes.
import type { ClientClock } from './clock.ts';
import { LeaseLostError } from './errors.ts';
import type { HttpCaller } from './http.ts';
import { LinkedAbort } from './linked-abort.ts';
import { type LeaseName, leaseIf, leaseNameText, leasePath } from './names.ts';
import type { Ending, Keeper } from './renewal.ts';

/** "This holder has this lease, in this tenure", as the HTTP contract takes it in `assert`. */
export interface GateAssertion extends LeaseName {
  readonly holder: string;
  readonly fence: number;
}

export interface HeldLeaseOptions {
  readonly caller: HttpCaller;
  readonly clock: ClientClock;
  readonly fetch: typeof fetch;
  readonly name: LeaseName;
  readonly holder: string;
  readonly fence: number;
  /** The session by which it lives, or null. */
  readonly session: string | null;
}

/**
 * What `claim` gives. It renews itself until it is released or lost, and keeps the process alive as long.
 *
 * The client counts from the moment before each request was sent, on its monotonic clock, less a margin; the cluster counts from a later
 * moment, and its clock runs slower or equal. So while `assertHeld` does not throw nobody else has the lease. What it cannot
 * guard is what comes after it: between the check and the effect of a write this program may be paused. Only the fence guards that:
 * send `gate()` with writes to Leasehold's own store, and `fence` with those to any other resource that remembers the greatest it saw.
 */
export class HeldLease {
  readonly name: LeaseName;
  readonly holder: string;
  /** Grows with every new tenure; the same for as long as this one lasts. */
  readonly fence: number;
  /** The session's lease id, or null when it lives by a duration of its own. */
  readonly session: string | null;
  readonly #caller: HttpCaller;
  readonly #clock: ClientClock;
  readonly #fetch: typeof fetch;
  readonly #aborted = new AbortController();
  #keeper: Keeper | null = null;
  #lost: LeaseLostError | null = null;

  constructor(options: HeldLeaseOptions) {
    this.name = options.name;
    this.holder = options.holder;
    this.fence = options.fence;
    this.session = options.session;
    this.#caller = options.caller;
    this.#clock = options.clock;
    this.#fetch = options.fetch;
  }

  /** For the client: from now on `keeper` says whether the lease is held. */
  keptBy(keeper: Keeper): this {
    this.#keeper = keeper;
    return this;
  }

  /** For the client: the keeper has come to its end. */
  end({ reason, error }: Ending): void {
    if (this.#lost !== null) return;
    this.#lost = new LeaseLostError(
      reason,
      `${leaseNameText(this.name)} (${this.holder}, fence ${this.fence})`,
      error?.facts,
      error ?? undefined,
    );
    this.#aborted.abort(this.#lost);
  }

  /** Aborts no later than the moment at which holding can no longer be guaranteed; its reason is a {@link LeaseLostError}. */
  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** Why it is not held, null while it is. Looks at the clock, not at a timer: right even in a program that blocks its event loop. */
  get lost(): LeaseLostError | null {
    const ending = this.#lost === null ? this.#keeper?.ending() : null;
    if (ending != null) this.end(ending);
    return this.#lost;
  }

  /** For how long it is guaranteed without another renewal, in milliseconds; 0 once it is lost. */
  get remainingMs(): number {
    if (this.lost !== null || this.#keeper === null) return 0;
    return Math.max(0, this.#keeper.heldUntilMs - this.#clock.now());
  }

  /** Throws a {@link LeaseLostError} unless the lease is surely held at this moment. Costs a look at the clock. */
  assertHeld(): void {
    const { lost } = this;
    if (lost !== null) throw lost;
  }

  /** The assertion for a gated write: the log itself decides whether this tenure lasts when the write is applied. */
  gate(): GateAssertion {
    return { ...this.name, holder: this.holder, fence: this.fence };
  }

  /** The same for the header `lease-if`. */
  get leaseIf(): string {
    return leaseIf(this.name, this);
  }

  /** `fetch` with the header `lease-if` for this tenure, and aborted with it. Throws at once when the lease is lost. */
  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    this.assertHeld();
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    const others = headers.get('lease-if');
    headers.set('lease-if', others === null ? this.leaseIf : `${others}, ${this.leaseIf}`);
    const given = init.signal ?? (input instanceof Request ? input.signal : null);
    const abort = new LinkedAbort(given ?? undefined, this.signal);
    try {
      return await this.#fetch(input, { ...init, headers, signal: abort.signal });
    } finally {
      // The head of an answer tells what was decided; its body may be read to the end.
      abort.unlink();
    }
  }

  /**
   * Gives the lease back. From the call on it counts as lost, with the reason `released`. Settles when the cluster has ended this tenure, or had
   * before; throws `LeaseholdError` when that cannot be told, and then the lease ends by itself.
   */
  async release(): Promise<void> {
    if (this.#keeper === null) return;
    this.#keeper.release();
    this.end({ reason: 'released', error: null });
    try {
      const query = { holder: this.holder, fence: this.fence };
      await this.#caller.call({ method: 'DELETE', path: leasePath(this.name), query, effect: 'repeatable' });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'not-held')) throw error;
    }
  }

  /** For `await using`: releases, and leaves a lease that cannot be given back now to its own end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {});
  }
}
