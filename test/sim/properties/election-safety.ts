// Figure 3: at most one leader can be elected in a given term (section 5.2).
import type { NodeId, Term } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Whoever sends what only a leader sends leads that term. */
export class ElectionSafety implements Property {
  readonly name = 'election-safety';
  readonly #leaders = new Map<Term, NodeId>();

  observe(fact: Fact): void {
    if (fact.kind !== 'leads') return;
    const other = this.#leaders.get(fact.term);
    if (other !== undefined && other !== fact.node)
      throw new Violation(this.name, `n${other} and n${fact.node} both lead term ${fact.term}`);
    this.#leaders.set(fact.term, fact.node);
  }
}
