// A lessor that does nothing, for tests of what is built on one (etcd FakeLessor).
import { ExpiredLeases } from './expired-leases.ts';
import { type LeaseID, NoLease } from './lease-id.ts';
import type { Lease, Lessor } from './lessor.ts';

/** What `renew` answers, in milliseconds. */
const RENEWED_MS = 10_000;

/** Knows the ids that were granted, and nothing else: no time passes, nothing expires, no error comes. */
export class FakeLessor implements Pick<Lessor, keyof Lessor> {
  readonly #granted = new Map<LeaseID, Lease>();
  readonly #expired = new ExpiredLeases<Lease>();

  /** Never true. */
  readonly isPrimary = false;

  setRangeDeleter(): void {}

  /** Remembers the id. */
  grant(id: LeaseID, ttlMs: number): Lease {
    const lease: Lease = { id, ttlMs, remainingMs: ttlMs, keys: [] };
    this.#granted.set(id, lease);
    return lease;
  }

  revoke(): void {}

  attach(): void {}

  detach(): void {}

  promote(): void {}

  demote(): void {}

  /** Always 10 000. */
  async renew(): Promise<number> {
    return RENEWED_MS;
  }

  checkpoint(): void {}

  /** What was granted, even if it was revoked. */
  lookup(id: LeaseID): Lease | null {
    return this.#granted.get(id) ?? null;
  }

  /** Always {@link NoLease}. */
  leaseOf(): LeaseID {
    return NoLease;
  }

  leases(): readonly Lease[] {
    return [...this.#granted.values()];
  }

  /** Gives nothing until `stop`. */
  expiredLeases(): AsyncIterableIterator<readonly Lease[]> {
    return this.#expired.read();
  }

  recover(): void {}

  stop(): void {
    this.#expired.end();
  }
}
