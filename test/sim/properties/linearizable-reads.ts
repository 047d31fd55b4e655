// Ours: a linearizable read sees at least everything that anybody was told before it began.
import type { Settled } from '../../../src/replica/service.ts';
import type { Call, Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Also a refusal: it is as good as a read. What a read shows at its index is checked by `never-resurrected`. */
export class LinearizableReads implements Property {
  readonly name = 'linearizable-reads';

  observe(fact: Fact): void {
    if (fact.kind === 'read-ended' && fact.read.consistency === 'linearizable' && fact.index < fact.read.floor) {
      throw new Violation(
        this.name,
        `read ${fact.read.id} on n${fact.read.node} answers at ${fact.index}, but ${fact.read.floor} was known before it began`,
      );
    }
    if (
      fact.kind === 'call-ended' &&
      fact.settled.kind === 'applied' &&
      !isRepeat(fact.call) &&
      !isDenied(fact.settled) &&
      fact.settled.index <= fact.call.floor
    ) {
      throw new Violation(
        this.name,
        `call ${fact.call.id} takes place at ${fact.settled.index}, but ${fact.call.floor} was known before it began`,
      );
    }
  }
}

/** A repeat is told what came of the first attempt. */
/** By a read, perhaps: it may show the very index that was known. */
function isDenied({ outcome }: Settled & { readonly kind: 'applied' }): boolean {
  return outcome.kind === 'refused' && outcome.refusal.code === 'claim-denied';
}

function isRepeat(call: Call): boolean {
  return call.firstBeganMs < call.beganMs;
}
