// Ours: a tenure that is over is over: no answer at a later index speaks of it as held.
import type { Fact } from '../facts.ts';
import { describeTenure, sameTenure } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Compares what claims and reads answer with the history that all nodes share. */
export class NeverResurrected implements Property {
  readonly name = 'never-resurrected';
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    const { ledger } = this.#world;
    if (fact.kind === 'read-ended') {
      const wanted = ledger.tenureAt(fact.read.key, fact.stateIndex);
      if (!sameTenure(wanted, fact.tenure)) {
        throw new Violation(
          this.name,
          `a ${fact.read.consistency} read of the state at ${fact.stateIndex} shows ${describeTenure(fact.tenure)}, the log says ${describeTenure(wanted)}`,
        );
      }
    }
    if (fact.kind === 'call-ended' && fact.settled.kind === 'applied' && fact.settled.outcome.kind === 'claim') {
      const { claim } = fact.settled.outcome;
      const wanted = ledger.tenureAt(claim, fact.settled.index);
      if (wanted?.fence !== claim.fence || wanted.holder !== claim.holder) {
        throw new Violation(
          this.name,
          `call ${fact.call.id} was told of ${claim.holder} with fence ${claim.fence} at ${fact.settled.index}, the log says ${describeTenure(wanted)}`,
        );
      }
    }
  }
}
