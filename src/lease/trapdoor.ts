// The trapdoor: "I hold this lease" as an assertion about the log, decided where the gated write is applied. Nothing is left to race.

import { holderFact } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { Assertion } from './commands.ts';
import type { History } from './history.ts';
import { claimIdOf } from './lease-key.ts';
import type { Outcome } from './outcomes.ts';

/**
 * The refusal for the first assertion that does not hold now, null if all hold. One holds if the claim exists, and the holder and
 * the fence are those given. `minIndex` needs no look: whatever is applied now comes after the entry that it names.
 */
export function refuteAssertions(asserted: readonly Assertion[], claims: Claims, history: History): Outcome | null {
  for (const assertion of asserted) {
    const claim = claims.get(claimIdOf(assertion));
    if (
      claim === undefined ||
      (assertion.holder !== undefined && assertion.holder !== claim.holder) ||
      (assertion.fence !== undefined && assertion.fence !== claim.fence)
    ) {
      // Whoever looks for the reason will ask about the tenure that was believed in.
      if (claim !== undefined && assertion.fence === claim.fence) claims.gated(claim, false);
      else history.refusedAfterEnd(assertion);
      return { kind: 'refused', refusal: { code: 'assertion-failed', failed: assertion, ...holderFact(claim) } };
    }
  }
  return null;
}

/** Notes on each claim that a write which asserted it was let through. */
export function noteUses(held: readonly Assertion[], claims: Claims): void {
  for (const assertion of held) {
    const claim = claims.get(claimIdOf(assertion));
    if (claim !== undefined) claims.gated(claim, true);
  }
}
