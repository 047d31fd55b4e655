// Figure 3: an entry committed in a term is present in the logs of the leaders of all higher terms (section 5.4).
import type { Index, NodeId, Term } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** What any node has applied is committed. Checked when a leader shows up, and when an entry turns out committed. */
export class LeaderCompleteness implements Property {
  readonly name = 'leader-completeness';
  readonly #world: World;
  /** Who leads, as far as is known: the last term that each running node was seen to lead. */
  readonly #leaders = new Map<NodeId, Term>();
  /** The last entry known to be committed. `byTerm`: it was committed in that term or before. */
  #last: { index: Index; term: Term; byTerm: Term } = { index: 0, term: 0, byTerm: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    switch (fact.kind) {
      case 'leads':
        this.#leaders.set(fact.node, fact.term);
        this.#check(fact.node, fact.term);
        return;
      case 'crashed':
        this.#leaders.delete(fact.node);
        return;
      case 'applied': {
        const { node: applier, index, term } = fact.application;
        if (term === 0) return;
        this.#last = { index, term, byTerm: this.#world.term(applier) };
        for (const [node, led] of this.#leaders) this.#check(node, led);
        return;
      }
      default:
    }
  }

  #check(node: NodeId, led: Term): void {
    const { index, term, byTerm } = this.#last;
    // An entry may be committed long after its own term; leaders between need not have it (Figure 8).
    if (index === 0 || byTerm >= led || this.#world.holds(node, index, term)) return;
    throw new Violation(
      this.name,
      `n${node} leads term ${led} without entry ${index} of term ${term}, which was committed by term ${byTerm}`,
    );
  }
}
