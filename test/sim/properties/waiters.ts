// Ours: a wait returns only after a vacancy that is in the log, later than all that was acknowledged before the wait began.
import type { Fact } from '../facts.ts';
import { describeTenure } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Never by a timer's belief or a change of the leader. */
export class Waiters implements Property {
  readonly name = 'waiters';
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind !== 'wait-ended') return;
    const { wait, index, appliedIndex } = fact;
    if (appliedIndex < wait.floor)
      throw new Violation(
        this.name,
        `wait ${wait.id} is told of ${appliedIndex}, before ${wait.floor} which was acknowledged when it began`,
      );
    // A node that is given a state instead of the log learns late of a vacancy in between.
    for (let at = wait.floor; at <= appliedIndex; at += 1) {
      const tenure = this.#world.ledger.tenureAt(wait.key, at);
      // A tenure that began after what was acknowledged when the wait began: before it there was a vacancy, were it only within its entry.
      if (tenure === null || tenure.fence > wait.floor) return;
    }
    const tenure = this.#world.ledger.tenureAt(wait.key, appliedIndex);
    throw new Violation(
      this.name,
      `wait ${wait.id} is told at ${index} of a vacancy between ${wait.floor} and ${appliedIndex}, but it is held by ${describeTenure(tenure)}`,
    );
  }
}
