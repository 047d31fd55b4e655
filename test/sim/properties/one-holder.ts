// Ours: at every index a lease has at most one holder, and it changes hands only through a vacancy that its cause allows.
import type { Application, Fact, TenureChange } from '../facts.ts';
import { describeTenure, keyName } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Every change of a lease must be one that its command may bring. */
export class OneHolder implements Property {
  readonly name = 'one-holder';

  observe(fact: Fact): void {
    if (fact.kind !== 'applied') return;
    for (const change of fact.application.changes) {
      const reason = objection(fact.application, change);
      if (reason !== null) {
        throw new Violation(
          this.name,
          `entry ${fact.application.index} (${JSON.stringify(fact.application.command)}) moves ${change.name} from ${describeTenure(change.before)} to ${describeTenure(change.after)}: ${reason}`,
        );
      }
    }
  }
}

function objection({ command, index, term, endedGrants }: Application, { name, before, after }: TenureChange): string | null {
  if (command === null) return 'an entry without a command';
  const isAbout = 'key' in command && typeof command.key !== 'string' && keyName(command.key) === name;
  if (before === null && after !== null) {
    if (command.kind !== 'claim' && command.kind !== 'claim-session') return 'only a claim begins a tenure';
    if (!isAbout || command.holder !== after.holder) return 'another claim';
    return after.fence === index ? null : 'the fence is not the index';
  }
  if (before !== null && after === null) {
    switch (command.kind) {
      case 'release':
        if (!isAbout || command.holder !== before.holder) return 'released by another';
        return command.fence === null || command.fence === before.fence ? null : 'released with another fence';
      case 'revoke':
        return before.session === command.id ? null : 'its session was not revoked';
      case 'expire':
        if (command.term !== term) return `expired by term ${command.term} in an entry of term ${term}`;
        return before.session === null || endedGrants.includes(before.session) ? null : 'its session lives on';
      default:
        return 'nothing that ends a tenure';
    }
  }
  if (before !== null && after !== null && (before.fence !== after.fence || before.holder !== after.holder))
    return 'no vacancy between them';
  return null;
}
