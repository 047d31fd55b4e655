// Figure 3: a leader never overwrites or deletes entries in its log; it only appends new entries (section 5.3).
import type { NodeId, Term } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Looks at what a leader hands to its disk: where something stands already, it must be the same. */
export class LeaderAppendOnly implements Property {
  readonly name = 'leader-append-only';
  readonly #world: World;
  /** The last term that each node was seen to lead. */
  readonly #led = new Map<NodeId, Term>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'leads') this.#led.set(fact.node, fact.term);
    if (fact.kind === 'crashed') this.#led.delete(fact.node);
    if (fact.kind !== 'appending') return;
    const disk = this.#world.disk(fact.node);
    const term = fact.write.hardState?.term ?? disk.hardState.term;
    if (this.#led.get(fact.node) !== term) return;
    const first = fact.write.entries[0];
    if (first === undefined) return;
    for (const entry of fact.write.entries) {
      const there = disk.termAt(entry.index);
      if (there !== undefined && there !== entry.term) {
        throw new Violation(
          this.name,
          `n${fact.node} leads term ${term} and replaces entry ${entry.index} of term ${there} by one of ${entry.term}`,
        );
      }
    }
    const last = fact.write.entries.at(-1)?.index ?? 0;
    if (last < disk.lastIndex)
      throw new Violation(this.name, `n${fact.node} leads term ${term} and cuts its log from ${disk.lastIndex} to ${last}`);
  }
}
