// The rules of claiming: claim, extend, release and pin, each decided by who holds the lease when the entry is applied.
import type { Claim } from './claim.ts';
import type { Claims } from './claims.ts';
import type { ClaimCommand, Command, LeaseKey } from './commands.ts';
import type { Lease } from './granted-lease.ts';
import { claimIdOf } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import { LEASE_KEYS_MAX, LEASE_PINS_MAX, PINNED_LEASES_MAX } from './limits.ts';
import type { HolderFact, Outcome } from './outcomes.ts';
import type { Standing } from './standing.ts';
import type { Waiters } from './waiters.ts';

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** What a command that has nothing to show ends with. */
export const done: Outcome = { kind: 'done' };

/** Who holds a lease now, nulls where nobody does. */
export function holderFact(claim: Claim | undefined): HolderFact {
  return { holder: claim?.holder ?? null, fence: claim?.fence ?? null };
}

/** A lease id that names no granted lease. */
export function leaseNotFound(id: string): Outcome {
  return { kind: 'refused', refusal: { code: 'lease-not-found', id } };
}

/** A lease by which as many keys and claims live as may. */
export function leaseFull(id: string): Outcome {
  return tooMany(`${LEASE_KEYS_MAX} keys and claims live by lease ${id} already`);
}

/** There are as many of something as there may be. */
export function tooMany(detail: string): Outcome {
  return { kind: 'refused', refusal: { code: 'overloaded', detail } };
}

/** A duration was given for a claim that lasts as long as a session. */
export function attachedToSession({ id }: Lease): Outcome {
  return { kind: 'refused', refusal: { code: 'conflict', detail: `the claim is attached to lease ${id}: renew that lease` } };
}

/** What a claim is told while somebody else holds the lease. */
export function deniedOutcome(claim: Claim, claims: Claims, standing: Standing): Outcome {
  const remainingMs = claims.remainingMs(claim, standing.timeMs);
  return { kind: 'refused', refusal: { code: 'claim-denied', holder: claim.holder, fence: claim.fence, remainingMs } };
}

/** Carries out the commands that speak of a claim. */
export class Claiming {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #lessor: Lessor;
  readonly #waiters: Waiters;

  constructor(standing: Standing, claims: Claims, lessor: Lessor, waiters: Waiters) {
    this.#standing = standing;
    this.#claims = claims;
    this.#lessor = lessor;
    this.#waiters = waiters;
  }

  /** A claim that does not wait, whatever it says of that. */
  carryOut(command: ClaimCommand): Outcome {
    return command.kind === 'claim' ? this.claim(command) : this.claimBySession(command);
  }

  /** Free: a new tenure. The same holder: extended. A repeat of one's own claim is never denied. */
  claim(command: CommandOf<'claim'>): Outcome {
    const id = claimIdOf(command.key);
    const claim = this.#claims.get(id);
    if (claim === undefined) return this.#held(command.key, this.#claims.begin(id, command.holder, command.durationMs), true);
    if (claim.holder !== command.holder) return deniedOutcome(claim, this.#claims, this.#standing);
    return this.#extend(command.key, claim, command.durationMs);
  }

  /** The same by a session, to which a claim that its holder has already moves with its fence. */
  claimBySession(command: CommandOf<'claim-session'>): Outcome {
    const id = claimIdOf(command.key);
    const claim = this.#claims.get(id);
    if (claim !== undefined && claim.holder !== command.holder) return deniedOutcome(claim, this.#claims, this.#standing);
    const session = this.#lessor.get(command.session);
    if (session === undefined) return leaseNotFound(command.session);
    if (claim?.session !== session && !session.hasRoomFor(1)) return leaseFull(session.id);
    if (claim === undefined) return this.#held(command.key, this.#claims.beginBySession(id, command.holder, session), true);
    this.#waiters.touched(id);
    this.#claims.moveToSession(claim, session);
    return this.#held(command.key, claim, false);
  }

  extend(command: CommandOf<'extend'>): Outcome {
    const claim = this.#claims.get(claimIdOf(command.key));
    if (claim === undefined || !isTenure(claim, command)) return notHeld(claim);
    return this.#extend(command.key, claim, command.durationMs);
  }

  /** Releasing what nobody holds is done already. */
  release(command: CommandOf<'release'>): Outcome {
    const claim = this.#claims.get(claimIdOf(command.key));
    if (claim === undefined) return done;
    if (!isTenure(claim, command)) return notHeld(claim);
    this.#claims.end(claim, 'released');
    return done;
  }

  /** Needs no holder and is kept for the next one. */
  pin(command: CommandOf<'pin' | 'unpin'>): Outcome {
    const id = claimIdOf(command.key);
    if (command.kind === 'unpin') this.#claims.unpin(id, command.entity);
    else if (!this.#claims.mayPin(id, command.entity)) {
      return tooMany(`the lease has ${LEASE_PINS_MAX} pins, or ${PINNED_LEASES_MAX} leases have some already`);
    } else this.#claims.pin(id, command.entity);
    return done;
  }

  #extend(key: LeaseKey, claim: Claim, durationMs: number): Outcome {
    if (claim.session !== null) return attachedToSession(claim.session);
    this.#waiters.touched(claim.id);
    this.#claims.extend(claim, durationMs);
    return this.#held(key, claim, false);
  }

  #held(key: LeaseKey, claim: Claim, created: boolean): Outcome {
    return { kind: 'claim', claim: this.#claims.view(claim, this.#standing.timeMs, key), created };
  }
}

function isTenure(claim: Claim, asked: { readonly holder: string; readonly fence: number | null }): boolean {
  return claim.holder === asked.holder && (asked.fence === null || claim.fence === asked.fence);
}

/** Who holds the lease instead. */
export function notHeld(claim: Claim | undefined): Outcome {
  return { kind: 'refused', refusal: { code: 'not-held', ...holderFact(claim) } };
}
