// Denies claims by a read: that another holder has the lease is proved at a shared read barrier, without a log entry.
import type { ClaimCommand, Command } from '../lease/commands.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Service, Settled } from './service.ts';

export class Denials {
  readonly #replica: Pick<Service, 'read' | 'submit'> & { readonly state: StateMachine };
  #waiting = 0;

  constructor(replica: Pick<Service, 'read' | 'submit'> & { readonly state: StateMachine }) {
    this.#replica = replica;
  }

  /** Number of claims that wait for a barrier. */
  get count(): number {
    return this.#waiting;
  }

  /**
   * Takes a claim of a lease that another holder has, as far as this node has applied; false for any other command. Behind the barrier
   * it is denied, or brought into the log if the lease has become free: so a claim of a free lease never waits for a barrier. Not for a claim
   * that waits, which takes its place in the log, and not under an idempotency key, whose outcome must be remembered.
   */
  take(command: Command, settle: (settled: Settled) => void): boolean {
    if ((command.kind !== 'claim' && command.kind !== 'claim-session') || command.waitMs !== undefined) return false;
    if (deniedIn(this.#replica.state, command, 0) === null) return false;
    this.#waiting += 1;
    this.#replica.read('linearizable', (result) => {
      this.#waiting -= 1;
      if (result.kind === 'failed') {
        settle(result);
        return;
      }
      const { state, index, nowMs } = result.view;
      const outcome = deniedIn(state, command, nowMs);
      if (outcome === null) this.#replica.submit(command, settle, true);
      else settle({ kind: 'applied', index, outcome });
    });
    return true;
  }
}

/** The denial of the claim by this state; `null` if no other holder has the lease. */
function deniedIn(state: StateMachine, { key, holder }: ClaimCommand, nowMs: number): Outcome | null {
  const claim = state.claim(key, nowMs);
  if (claim === null || claim.holder === holder) return null;
  const { fence, remainingMs } = claim;
  return { kind: 'refused', refusal: { code: 'claim-denied', holder: claim.holder, fence, remainingMs } };
}
