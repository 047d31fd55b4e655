// Ours: a write that asserts a lease changes nothing unless every assertion holds at the very index where it is applied.
import type { Fact } from '../facts.ts';
import { describeTenure } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** And the other way round: one whose assertions hold is not refused for them. */
export class GatedWrites implements Property {
  readonly name = 'gated-writes';
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind !== 'applied') return;
    const { command, outcome, falseAssertion, index } = fact.application;
    if (command === null || outcome === null || !('assert' in command)) return;
    const refusedForIt = outcome.kind === 'refused' && outcome.refusal.code === 'assertion-failed';
    if (falseAssertion !== null && outcome.kind !== 'refused') {
      const tenure = this.#world.ledger.tenureAt(falseAssertion, index - 1);
      throw new Violation(
        this.name,
        `entry ${index} is applied though ${JSON.stringify(falseAssertion)} is false: ${describeTenure(tenure)}`,
      );
    }
    if (falseAssertion === null && refusedForIt) {
      throw new Violation(this.name, `entry ${index} is refused though all it asserts holds: ${JSON.stringify(command.assert)}`);
    }
  }
}
