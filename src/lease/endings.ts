// Ends one by one the keys, claims and waiters that ended leases leave behind, within the budget of each entry.
import type { Claims } from './claims.ts';
import type { EntryBudget } from './entry-budget.ts';
import type { Lease } from './granted-lease.ts';
import type { KeySpace } from './key-space.ts';
import { isClaimId } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import type { Queueing } from './queueing.ts';

/**
 * A lease ends at one index, whatever is attached to it: from then on no reader and no rule finds its keys and claims. This class removes
 * their records later, reports their ends, and grants the claims to those who wait for them. A rule that asks for a single key or claim
 * does that for this one at once.
 */
export class Endings {
  readonly #lessor: Lessor;
  readonly #claims: Claims;
  readonly #keys: KeySpace;
  readonly #queueing: Queueing;
  readonly #budget: EntryBudget;

  constructor(lessor: Lessor, claims: Claims, keys: KeySpace, queueing: Queueing, budget: EntryBudget) {
    this.#lessor = lessor;
    this.#claims = claims;
    this.#keys = keys;
    this.#queueing = queueing;
    this.#budget = budget;
  }

  /** Whether later entries have anything left to do. */
  get isUnfinished(): boolean {
    return this.#lessor.endedCount > 0 || this.#queueing.isServing;
  }

  /** Spends the budget of the present entry: first on the leases that it ended itself, in order, then on older ones. */
  sweep(justEnded: readonly Lease[]): void {
    for (const lease of justEnded) this.#sweep(lease);
    for (const lease of this.#lessor.ended) {
      if (this.#budget.isSpent) return;
      this.#sweep(lease);
    }
    this.#queueing.serveMore();
  }

  #sweep(lease: Lease): void {
    for (const key of first(lease.attachedAfter(null), this.#budget.left)) {
      this.#budget.spend();
      if (isClaimId(key)) this.#claims.get(key);
      else this.#keys.get(key);
    }
    if (lease.attachedCount === 0 && this.#queueing.sessionEnded(lease)) this.#lessor.forget(lease);
  }
}

function first(keys: Iterable<string>, count: number): string[] {
  const taken: string[] = [];
  if (count === 0) return taken;
  for (const key of keys) {
    taken.push(key);
    if (taken.length === count) break;
  }
  return taken;
}
