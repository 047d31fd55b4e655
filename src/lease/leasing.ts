// The rules of granted leases: grant, renew, revoke; and how any lease ends, by time or by word, with all that lived by it.
import { done, leaseNotFound } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { Command, ExpireItem, LeaseId } from './commands.ts';
import type { Endings } from './endings.ts';
import type { Lease } from './granted-lease.ts';
import { isClaimId } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import type { Outcome } from './outcomes.ts';
import type { Queueing } from './queueing.ts';
import type { Standing } from './standing.ts';
import { ticketOf } from './waiters.ts';

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** Carries out the commands that speak of leases by id. */
export class Leasing {
  readonly #standing: Standing;
  readonly #lessor: Lessor;
  readonly #claims: Claims;
  readonly #queueing: Queueing;
  readonly #endings: Endings;

  constructor(standing: Standing, lessor: Lessor, claims: Claims, queueing: Queueing, endings: Endings) {
    this.#standing = standing;
    this.#lessor = lessor;
    this.#claims = claims;
    this.#queueing = queueing;
    this.#endings = endings;
  }

  /** "0" names no lease, so none can be granted under it. */
  grant(command: CommandOf<'grant'>): Outcome {
    if (command.id === '0') return leaseNotFound('0');
    if (command.id !== null && this.#lessor.get(command.id) !== undefined) {
      return { kind: 'refused', refusal: { code: 'lease-exists', id: command.id } };
    }
    return this.#shown(this.#lessor.grant(command.id ?? this.#lessor.freeId(), command.ttlMs));
  }

  renew(id: LeaseId): Outcome {
    const lease = this.#lessor.get(id);
    if (lease === undefined) return leaseNotFound(id);
    this.#lessor.renew(lease);
    return this.#shown(lease);
  }

  /** Ends a lease with everything that lives by it, whether pinned or not. */
  revoke(id: LeaseId): Outcome {
    const lease = this.#lessor.get(id);
    if (lease === undefined) return leaseNotFound(id);
    this.#end(lease, 'revoked');
    this.#endings.sweep([lease]);
    return done;
  }

  /**
   * Ends the leases that the primary lessor saw due. Void if proposed in another term than it was appended in; an item is skipped if
   * its lease is gone, has another deadline by now, is pinned, or is not due even at the time of this entry. Waiters whose time is
   * over are among the items. Without items the entry only continues what earlier ends have left.
   */
  expire(command: CommandOf<'expire'>, term: number): Outcome {
    if (command.term !== term) return done;
    const ended: Lease[] = [];
    for (const item of command.items) {
      const lease = this.#expire(item);
      if (lease !== null) ended.push(lease);
    }
    this.#endings.sweep(ended);
    return done;
  }

  /** Returns the granted lease that the item ended, null if it ended none. */
  #expire(item: ExpireItem): Lease | null {
    if (item.deadlineMs >= this.#standing.timeMs) return null;
    if (isClaimId(item.id)) {
      const claim = this.#claims.get(item.id);
      // Only plain claims that nobody pins stand in the queue.
      if (claim !== undefined && claim.queuePosition !== -1 && claim.deadlineMs === item.deadlineMs) this.#claims.end(claim, 'expired');
      return null;
    }
    const ticket = ticketOf(item.id);
    if (ticket !== null) {
      this.#queueing.expire(ticket, item.deadlineMs);
      return null;
    }
    const lease = this.#lessor.get(item.id);
    if (lease !== undefined && lease.deadlineMs === item.deadlineMs) {
      this.#end(lease, 'expired');
      return lease;
    }
    return null;
  }

  /** By time it ends without its pinned claims. Its keys and claims are gone from here on, their records when they are swept. */
  #end(lease: Lease, cause: 'expired' | 'revoked'): void {
    if (this.#lessor.end(lease, cause)) this.#standing.keyChanged();
  }

  #shown(lease: Lease): Outcome {
    return { kind: 'grant', grant: this.#lessor.view(lease, this.#standing.timeMs) };
  }
}
