// Ours: what was durable is there at the next opening, or the node takes no part (CTRL, FAST'18; DESIGN 8).
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** A shortened log must never vote: a torn end that nobody was told of is cut, anything else stops the node. */
export class Durable implements Property {
  readonly name = 'durable';

  observe(fact: Fact): void {
    if (fact.kind === 'opened' && fact.shortfall !== null)
      throw new Violation(this.name, `n${fact.node} takes part with ${fact.shortfall}`);
  }
}
