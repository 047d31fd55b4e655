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
  #last: { index: Index; term: Term } = { index: 0, term: 0 };

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
        const { index, term } = fact.application;
        if (term === 0) return;
        this.#last = { index, term };
        for (const [node, led] of this.#leaders) this.#check(node, led);
        return;
      }
      default:
    }
  }

  #check(node: NodeId, led: Term): void {
    const { index, term } = this.#last;
    // A leader of an earlier term that has not noticed yet need not have what came after it.
    if (index === 0 || term >= led || this.#world.holds(node, index, term)) return;
    throw new Violation(this.name, `n${node} leads term ${led} without entry ${index} of term ${term}, which is committed`);
  }
}
