// Ours: while a lease is pinned no expiry ends it, and it outlives its session.
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Releasing and revoking ignore pins; only expiry is stopped by them. */
export class Pins implements Property {
  readonly name = 'pins';

  observe(fact: Fact): void {
    if (fact.kind !== 'applied' || fact.application.command?.kind !== 'expire') return;
    for (const { name, before, after } of fact.application.changes) {
      if (before?.pinned === true && after?.fence !== before.fence)
        throw new Violation(this.name, `${name} expired at ${fact.application.index} while it was pinned`);
    }
  }
}
