// Ours: whatever the quotas and the disks, nobody is kept from keeping or giving back what he has (OPERATIONS P16).
import type { LeaseKey } from '../../../src/lease/commands.ts';
import type { Term } from '../../../src/raft/types.ts';
import type { Call, Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Only these can add anything. */
const GROWING: ReadonlySet<string> = new Set(['claim', 'claim-session', 'grant', 'put', 'txn']);

export class NeverRefusedForRoom implements Property {
  readonly name = 'never-refused-for-room';
  readonly #world: World;
  /** Claims under way, and the term of the only leader that there was when they began. */
  readonly #ledBy = new Map<number, Term>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'call-began' && isClaim(fact.call)) {
      const [term, ...others] = this.#world.led();
      if (term !== undefined && others.length === 0) this.#ledBy.set(fact.call.id, term);
    }
    if (fact.kind !== 'call-ended') return;
    const { call, settled } = fact;
    const term = this.#ledBy.get(call.id);
    this.#ledBy.delete(call.id);
    if (settled.kind !== 'failed' || settled.failure.code !== 'no-room') return;
    const told = `call ${call.id} (${call.wanted.kind}) is refused for ${settled.failure.noRoom.resource}`;
    if (!GROWING.has(call.wanted.kind)) throw new Violation(this.name, `${told}, and can add nothing`);
    if (!isClaim(call) || term === undefined) return;
    const { key, holder } = call.wanted;
    // Granted in the term of the only leader: no other one can have refused it that did not know of the grant.
    if (this.#world.ledger.heldSince(key, holder, call.beganMs) === term)
      throw new Violation(this.name, `${told}, and ${holder} held the lease all the time`);
  }
}

function isClaim(call: Call): call is Call & { readonly wanted: { readonly key: LeaseKey; readonly holder: string } } {
  return call.wanted.kind === 'claim' || call.wanted.kind === 'claim-session';
}
