// The rules of granted leases: grant, renew, revoke; and how any lease ends, by time or by word, with all that lived by it.
import { done, leaseNotFound } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { Command, ExpireItem, LeaseId } from './commands.ts';
import type { KeySpace } from './key-space.ts';
import { isClaimId } from './lease-key.ts';
import type { Lease, Lessor } from './lessor.ts';
import type { Outcome } from './outcomes.ts';
import type { Pins } from './pins.ts';
import type { Queueing } from './queueing.ts';
import type { Standing } from './standing.ts';
import { ticketOf } from './waiters.ts';

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** Carries out the commands that speak of leases by id. */
export class Leasing {
  readonly #standing: Standing;
  readonly #lessor: Lessor;
  readonly #claims: Claims;
  readonly #pins: Pins;
  readonly #keys: KeySpace;
  readonly #queueing: Queueing;

  constructor(standing: Standing, lessor: Lessor, claims: Claims, pins: Pins, keys: KeySpace, queueing: Queueing) {
    this.#standing = standing;
    this.#lessor = lessor;
    this.#claims = claims;
    this.#pins = pins;
    this.#keys = keys;
    this.#queueing = queueing;
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
    return done;
  }

  /**
   * Ends the leases that the primary lessor saw due. Void if proposed in another term than it was appended in; an item is skipped if
   * its lease is gone, has another deadline by now, is pinned, or is not due even at the time of this entry. Waiters whose time is
   * over are among the items.
   */
  expire(command: CommandOf<'expire'>, term: number): Outcome {
    if (command.term !== term) return done;
    for (const item of command.items) this.#expire(item);
    return done;
  }

  #expire(item: ExpireItem): void {
    if (item.deadlineMs >= this.#standing.timeMs) return;
    if (isClaimId(item.id)) {
      const claim = this.#claims.get(item.id);
      // Only plain claims that nobody pins stand in the queue.
      if (claim !== undefined && claim.queuePosition !== -1 && claim.deadlineMs === item.deadlineMs) this.#claims.end(claim, 'expired');
      return;
    }
    const ticket = ticketOf(item.id);
    if (ticket !== null) {
      this.#queueing.expire(ticket, item.deadlineMs);
      return;
    }
    const lease = this.#lessor.get(item.id);
    if (lease !== undefined && lease.deadlineMs === item.deadlineMs) this.#end(lease, 'expired');
  }

  /** By time it ends without its pinned claims. */
  #end(lease: Lease, cause: 'expired' | 'revoked'): void {
    for (const key of [...lease.attachedAfter(null)]) {
      const claim = isClaimId(key) ? this.#claims.get(key) : undefined;
      if (claim === undefined) this.#keys.delete(key, cause);
      else if (cause === 'expired' && this.#pins.has(key)) this.#claims.outliveSession(claim);
      else this.#claims.end(claim, cause);
    }
    this.#lessor.remove(lease);
    this.#queueing.sessionEnded(lease.id);
  }

  #shown(lease: Lease): Outcome {
    return { kind: 'grant', grant: this.#lessor.view(lease, this.#standing.timeMs) };
  }
}
