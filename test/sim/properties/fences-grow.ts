// Ours: the fences of one lease strictly grow, and one that is gone never comes back.
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Over crashes, restarts, images and changes of the leader. */
export class FencesGrow implements Property {
  readonly name = 'fences-grow';
  /** Greatest fence of each lease, and whether its tenure is over. */
  readonly #last = new Map<string, { fence: number; isOver: boolean }>();

  observe(fact: Fact): void {
    if (fact.kind !== 'applied') return;
    for (const { name, after } of fact.application.changes) {
      const last = this.#last.get(name) ?? { fence: 0, isOver: true };
      if (after === null) {
        last.isOver = true;
      } else if (after.fence !== last.fence || last.isOver) {
        if (after.fence <= last.fence) throw new Violation(this.name, `${name} has fence ${after.fence} after fence ${last.fence}`);
        last.fence = after.fence;
        last.isOver = false;
      }
      this.#last.set(name, last);
    }
  }
}
