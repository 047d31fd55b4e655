// Ours: at every index a lease has at most one holder, and it changes hands only through a vacancy that its cause allows.
import type { Application, Fact, Tenure, TenureChange } from '../facts.ts';
import { describeTenure, keyName } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Every change of a lease must be one that its command may bring, and whoever gets it without asking now must have queued for it. */
export class OneHolder implements Property {
  readonly name = 'one-holder';
  /** Who queued for which lease, ever. */
  readonly #queued = new Set<string>();
  /** Leases whose claim ended with its session and that nobody was granted since. */
  readonly #endedWithSession = new Set<string>();

  observe(fact: Fact): void {
    if (fact.kind !== 'applied') return;
    const { command, outcome } = fact.application;
    if (outcome?.kind === 'queued' && command !== null && 'holder' in command)
      this.#queued.add(`${command.holder} ${keyName(command.key)}`);
    for (const change of fact.application.changes) {
      const reason = this.#objection(fact.application, change);
      if (reason !== null) {
        throw new Violation(
          this.name,
          `entry ${fact.application.index} (${JSON.stringify(command)}) moves ${change.name} from ${describeTenure(change.before)} to ${describeTenure(change.after)}: ${reason}`,
        );
      }
    }
  }

  #objection(application: Application, change: TenureChange): string | null {
    const { command, index } = application;
    const { name, before, after } = change;
    if (command === null) return 'an entry without a command';
    const isAbout = 'key' in command && typeof command.key !== 'string' && keyName(command.key) === name;
    if (before !== null && (after === null || after.fence !== before.fence)) {
      const reason = endObjection(application, before, isAbout);
      if (after === null && before.session !== null) this.#endedWithSession.add(name);
      if (reason !== null || after === null) return reason;
      if (!this.#queued.has(`${after.holder} ${name}`)) return 'its new holder did not queue';
      return after.fence === index ? null : 'the fence is not the index';
    }
    if (before === null && after !== null) {
      // The end of a session may leave it to a later entry to grant a claim to those who queued for it.
      if (this.#endedWithSession.delete(name) && this.#queued.has(`${after.holder} ${name}`))
        return after.fence === index ? null : 'the fence is not the index';
      if (command.kind !== 'claim' && command.kind !== 'claim-session') return 'only a claim begins a tenure';
      if (!isAbout || command.holder !== after.holder) return 'another claim';
      return after.fence === index ? null : 'the fence is not the index';
    }
    return before !== null && after !== null && before.holder !== after.holder ? 'no vacancy between them' : null;
  }
}

function endObjection({ command, term, endedGrants }: Application, before: Tenure, isAbout: boolean): string | null {
  switch (command?.kind) {
    case 'release':
      if (!isAbout || command.holder !== before.holder) return 'released by another';
      return command.fence === null || command.fence === before.fence ? null : 'released with another fence';
    case 'revoke':
      return before.session === command.id ? null : 'its session was not revoked';
    case 'expire':
      if (command.term !== term) return `expired by term ${command.term} in an entry of term ${term}`;
      return before.session === null || endedGrants.includes(before.session) ? null : 'its session lives on';
    case 'leave':
      return command.giveBack ? null : 'who stays away gives nothing back';
    default:
      return 'nothing that ends a tenure';
  }
}
