// Ours: lease time never goes back and never runs ahead of true time (DESIGN 2).
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Lease time is 0 at the start of the run. */
export class LeaseTime implements Property {
  readonly name = 'lease-time';
  readonly #world: World;
  #lastMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind !== 'applied' || fact.application.command === null) return;
    const { index, timeMs, atMs } = fact.application;
    if (timeMs < this.#lastMs) throw new Violation(this.name, `entry ${index} has time ${timeMs} after ${this.#lastMs}`);
    if (timeMs > atMs * this.#world.fastestRate + 1)
      throw new Violation(this.name, `entry ${index} has time ${timeMs}, but only ${atMs.toFixed(3)} have passed`);
    this.#lastMs = timeMs;
  }
}
