// The answer to a repeat under an idempotency key: what is true of the first outcome now.
import { unreachable } from '../assert.ts';
import { attachedToSession, deniedOutcome, done, holderFact, leaseNotFound, notHeld } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { BareCommand, TxnOp } from './commands.ts';
import { type KeySpace, keyView } from './key-space.ts';
import { claimIdOf } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import type { Outcome, Refusal, TxnResult } from './outcomes.ts';
import type { Pins } from './pins.ts';
import type { FirstOutcome } from './remembered-note.ts';
import type { Standing } from './standing.ts';
import { excessOf } from './txn-work.ts';

/**
 * A first outcome is a statement about the present or about the past.
 *
 * - About the present: who holds a lease, that a granted lease exists, that a pin or an attachment is there or is gone. It is replayed as it is
 *   now, and only while it is true. A tenure that has ended is `not-held`, with the present holder; a granted lease that has ended is
 *   `lease-not-found`; anything else that is no longer true is a conflict.
 * - About the past: what a write to the store did, or why it did nothing, at the index of the first. It stays true.
 */
export class Replays {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #lessor: Lessor;
  readonly #keys: KeySpace;
  readonly #pins: Pins;

  constructor(standing: Standing, claims: Claims, lessor: Lessor, keys: KeySpace, pins: Pins) {
    this.#standing = standing;
    this.#claims = claims;
    this.#lessor = lessor;
    this.#keys = keys;
    this.#pins = pins;
  }

  /** Log index of the grant of the lease in an outcome of the present entry; 0 if it has none. */
  grantedIndex(outcome: Outcome): number {
    return outcome.kind === 'grant' ? (this.#lessor.get(outcome.grant.id)?.grantedIndex ?? 0) : 0;
  }

  /** The answer to a repeat of `command`, which was answered `first` by the entry at `firstIndex`. */
  replay(first: FirstOutcome, firstIndex: number, command: BareCommand): Outcome {
    if (first.kind === 'key') return { kind: 'repeated', firstIndex, index: firstIndex, outcome: first };
    if (first.kind === 'txn') {
      const readsAgain = first.results.includes(null);
      const ops = command.kind !== 'txn' ? [] : first.succeeded ? command.success : command.failure;
      if (
        excessOf(
          ops.filter((_, at) => first.results[at] === null),
          this.#keys,
        ) !== null
      )
        return { kind: 'repeated', firstIndex, index: this.#standing.index, outcome: notReadAgain(firstIndex) };
      const results = first.results.map((result, at) => result ?? this.#readAgain(ops[at]));
      const index = readsAgain ? this.#standing.index : firstIndex;
      return { kind: 'repeated', firstIndex, index, outcome: { kind: 'txn', succeeded: first.succeeded, results } };
    }
    if (first.kind === 'refused' && isAboutThePast(first.refusal))
      return { kind: 'repeated', firstIndex, index: firstIndex, outcome: first };
    if (first.kind === 'done' && command.kind === 'delete') return { kind: 'repeated', firstIndex, index: firstIndex, outcome: first };
    const outcome = this.#now(first, command) ?? noLongerTrue(firstIndex);
    return { kind: 'repeated', firstIndex, index: this.#standing.index, outcome };
  }

  /** The outcome as it is now. `null` if it is no longer true, and nothing closer says so. */
  #now(first: Exclude<FirstOutcome, { readonly kind: 'key' | 'txn' }>, command: BareCommand): Outcome | null {
    switch (first.kind) {
      case 'claim':
        return this.#tenure(first, command);
      case 'grant': {
        const lease = this.#lessor.get(first.id);
        if (lease === undefined || lease.grantedIndex !== first.grantedIndex) return leaseNotFound(first.id);
        return { kind: 'grant', grant: this.#lessor.view(lease, this.#standing.timeMs) };
      }
      case 'done':
        return this.#isStillDone(command) ? done : null;
      case 'refused':
        return this.#refused(first.refusal, command);
      default:
        return unreachable(first);
    }
  }

  #tenure({ fence, created }: Extract<FirstOutcome, { readonly kind: 'claim' }>, command: BareCommand): Outcome | null {
    if (command.kind !== 'claim' && command.kind !== 'claim-session' && command.kind !== 'extend') return null;
    const claim = this.#claims.get(claimIdOf(command.key));
    if (claim?.fence !== fence || claim.holder !== command.holder) return notHeld(claim);
    return { kind: 'claim', claim: this.#claims.view(claim, this.#standing.timeMs, command.key), created };
  }

  #isStillDone(command: BareCommand): boolean {
    switch (command.kind) {
      case 'release': {
        // With a fence, one tenure was released, and a later one of the same holder is another.
        const claim = this.#claims.get(claimIdOf(command.key));
        return claim?.holder !== command.holder || (command.fence !== null && claim.fence !== command.fence);
      }
      case 'pin':
      case 'unpin':
        return this.#pins.entities(claimIdOf(command.key)).includes(command.entity) === (command.kind === 'pin');
      case 'attach':
      case 'detach':
        return (this.#keys.get(command.key)?.lease?.id === command.id) === (command.kind === 'attach');
      case 'revoke':
        return this.#lessor.get(command.id) === undefined;
      default:
        return false;
    }
  }

  #refused(refusal: Refusal, command: BareCommand): Outcome | null {
    const same: Outcome = { kind: 'refused', refusal };
    switch (refusal.code) {
      case 'claim-denied': {
        const claim = 'holder' in command ? this.#claims.get(claimIdOf(command.key)) : undefined;
        if (claim?.holder !== refusal.holder || claim.fence !== refusal.fence) return notHeld(claim);
        return deniedOutcome(claim, this.#claims, this.#standing);
      }
      case 'not-held':
        return notHeld('holder' in command ? this.#claims.get(claimIdOf(command.key)) : undefined);
      case 'assertion-failed':
        return { kind: 'refused', refusal: { ...refusal, ...holderFact(this.#claims.get(claimIdOf(refusal.failed))) } };
      case 'conflict': {
        const claim = 'holder' in command ? this.#claims.get(claimIdOf(command.key)) : undefined;
        if (claim === undefined || !('holder' in command) || claim.holder !== command.holder) return notHeld(claim);
        return claim.session === null ? null : attachedToSession(claim.session);
      }
      case 'lease-exists':
        return this.#lessor.get(refusal.id) === undefined ? null : same;
      case 'lease-not-found':
        return this.#lessor.get(refusal.id) === undefined ? same : null;
      case 'key-not-found':
        return this.#keys.get(refusal.key) === undefined ? same : null;
      default:
        return same;
    }
  }

  /** What the operation reads now. */
  #readAgain(op: TxnOp | undefined): TxnResult {
    if (op?.kind === 'get-prefix') return { keys: Array.from(this.#keys.range(op.prefix), keyView) };
    const record = op?.kind === 'get' ? this.#keys.get(op.key) : undefined;
    return { keys: record === undefined ? [] : [keyView(record)] };
  }
}

/** Why a write to the store did nothing, apart from what names a holder or a granted lease. */
function isAboutThePast({ code }: Refusal): boolean {
  return code === 'precondition-failed' || code === 'too-large' || code === 'invalid-argument';
}

function noLongerTrue(firstIndex: number): Outcome {
  const detail = `the first request under this idempotency key was answered at log index ${firstIndex}, and that is no longer true`;
  return { kind: 'refused', refusal: { code: 'conflict', detail } };
}

/** What the first request read is not kept, and there is too much of it now for one entry. */
function notReadAgain(firstIndex: number): Outcome {
  const detail =
    `the transaction under this idempotency key was applied at log index ${firstIndex}. What it read was not kept, ` +
    'and is too much now to be read again in one step. Read it in pages';
  return { kind: 'refused', refusal: { code: 'conflict', detail } };
}
