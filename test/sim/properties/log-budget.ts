// Ours: no log on a disk outgrows its budget by more than one batch and what was on its way to that node (DESIGN 3: every queue has a limit).
import { entriesBytes } from '../../../src/raft/sizes.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Far above what one command of the workload takes. */
const COMMAND_BYTES = 2_000;

export class LogBudget implements Property {
  readonly name = 'log-budget';
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind !== 'appending' || fact.write.entries.length === 0) return;
    const { maxLogBytes, maxBatchBytes, maxInflightBytes } = this.#world.limits;
    const limit = maxLogBytes + maxBatchBytes + maxInflightBytes + COMMAND_BYTES;
    const bytes = this.#world.disk(fact.node).logBytes + entriesBytes(fact.write.entries);
    if (bytes > limit) throw new Violation(this.name, `n${fact.node} has ${bytes} bytes in its log, the limit is ${maxLogBytes}`);
  }
}
