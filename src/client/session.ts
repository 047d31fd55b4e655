// A session: one lease of the lessor by which many claims live, so that one renewal keeps them all.
import type { ClientClock } from './clock.ts';
import { LeaseLostError } from './errors.ts';
import type { HeldLease } from './held-lease.ts';
import type { HttpCaller } from './http.ts';
import { type LeaseName, pathOf } from './names.ts';
import type { Ending, Keeper } from './renewal.ts';

export interface SessionClaimOptions {
  /** Queue for it at most this long, in milliseconds, if another holds it. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface SessionOptions {
  readonly caller: HttpCaller;
  readonly clock: ClientClock;
  /** The lease's id, a decimal string. */
  readonly id: string;
  readonly holder: string;
  /** Claims a lease by this session. */
  claim(session: Session, name: string | LeaseName, options: SessionClaimOptions): Promise<HeldLease>;
}

/** Renews itself, and with it all claims made by it. Its end, here or in the cluster, is theirs, at one revision. */
export class Session {
  /** The lease's id, a decimal string: a put with it as `lease` makes a key that goes with the session. */
  readonly id: string;
  /** In whose name its claims are made. */
  readonly holder: string;
  readonly #options: SessionOptions;
  readonly #aborted = new AbortController();
  readonly #claims = new Set<HeldLease>();
  #keeper: Keeper | null = null;
  #lost: LeaseLostError | null = null;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.holder = options.holder;
    this.#options = options;
  }

  /** For the client: from now on `keeper` says whether the session lives. */
  keptBy(keeper: Keeper): this {
    this.#keeper = keeper;
    return this;
  }

  /** For the client: the keeper has come to its end, and every claim with it. */
  end(ending: Ending): void {
    if (this.#lost !== null) return;
    const { reason, error } = ending;
    this.#lost = new LeaseLostError(reason, `session ${this.id} (${this.holder})`, error?.facts, error ?? undefined);
    this.#aborted.abort(this.#lost);
    for (const claim of this.#claims) claim.end(ending);
    this.#claims.clear();
  }

  /** For the client: `claim` lives by this session. */
  keep(claim: HeldLease): HeldLease {
    const heldUntilMs = () => this.#keeper?.heldUntilMs ?? 0;
    claim.keptBy({
      get heldUntilMs() {
        return heldUntilMs();
      },
      ending: () => this.#keeper?.ending() ?? null,
      release: () => this.#claims.delete(claim),
    });
    this.#claims.add(claim);
    if (this.#lost !== null) claim.end({ reason: this.#lost.reason, error: null });
    return claim;
  }

  get signal(): AbortSignal {
    return this.#aborted.signal;
  }

  /** As {@link HeldLease.lost}. */
  get lost(): LeaseLostError | null {
    const ending = this.#lost === null ? this.#keeper?.ending() : null;
    if (ending != null) this.end(ending);
    return this.#lost;
  }

  /** As {@link HeldLease.remainingMs}. */
  get remainingMs(): number {
    if (this.lost !== null || this.#keeper === null) return 0;
    return Math.max(0, this.#keeper.heldUntilMs - this.#options.clock.now());
  }

  /** As {@link HeldLease.assertHeld}. */
  assertHeld(): void {
    const { lost } = this;
    if (lost !== null) throw lost;
  }

  /** Claims a lease in the session's name. Throws as the client's `claim`, and at once when the session is lost. */
  async claim(name: string | LeaseName, options: SessionClaimOptions = {}): Promise<HeldLease> {
    this.assertHeld();
    return await this.#options.claim(this, name, options);
  }

  /** Ends the session, its claims and its keys. Settles when the cluster has ended it, or had before. */
  async release(): Promise<void> {
    if (this.#keeper === null) return;
    this.#keeper.release();
    this.end({ reason: 'released', error: null });
    try {
      await this.#options.caller.call({ method: 'DELETE', path: `/v1/lessor/leases${pathOf(this.id)}`, effect: 'repeatable' });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'lease-not-found')) throw error;
    }
  }

  /** For `await using`: releases, and leaves a session that cannot be ended now to its own end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {});
  }
}
