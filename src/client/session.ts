// A session: one lease of the lessor by which many claims live, so that one renewal keeps them all.
import type { ClientClock } from './clock.ts';
import type { HeldLease } from './held-lease.ts';
import { Holding } from './holding.ts';
import type { HttpCaller } from './http.ts';
import { type LeaseName, pathOf } from './names.ts';
import type { Ending } from './renewal.ts';

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

/** Renews itself, and with it all claims made by it. Its end, here or in the cluster, is theirs and its keys', at one revision. */
export class Session extends Holding {
  /** The lease's id, a decimal string: a put with it as `lease` makes a key that goes with the session. */
  readonly id: string;
  /** In whose name its claims are made. */
  readonly holder: string;
  readonly #options: SessionOptions;
  readonly #claims = new Set<HeldLease>();

  constructor(options: SessionOptions) {
    const { caller, clock, id, holder } = options;
    super({
      caller,
      clock,
      title: `session ${id} (${holder})`,
      giveBack: { method: 'DELETE', path: `/v1/lessor/leases${pathOf(id)}`, effect: 'repeatable' },
      goneCode: 'lease-not-found',
    });
    this.id = id;
    this.holder = holder;
    this.#options = options;
  }

  /** For the client: the keeper has come to its end, and every claim with it. */
  override end(ending: Ending): void {
    super.end(ending);
    for (const claim of this.#claims) claim.end(ending);
    this.#claims.clear();
  }

  /** For the client: `claim` lives by this session. */
  keep(claim: HeldLease): HeldLease {
    const heldUntilMs = () => this.keeper?.heldUntilMs ?? 0;
    claim.keptBy({
      get heldUntilMs() {
        return heldUntilMs();
      },
      ending: () => this.keeper?.ending() ?? null,
      release: () => this.#claims.delete(claim),
    });
    this.#claims.add(claim);
    const { lost } = this;
    if (lost !== null) claim.end({ reason: lost.reason, error: null });
    return claim;
  }

  /** Claims a lease in the session's name. Throws as the client's `claim`, and at once when the session is lost. */
  async claim(name: string | LeaseName, options: SessionClaimOptions = {}): Promise<HeldLease> {
    this.assertHeld();
    return await this.#options.claim(this, name, options);
  }
}
