// Brings each command to the rules that decide it.
import { unreachable } from '../assert.ts';
import { type Claiming, done } from './claiming.ts';
import type { Command } from './commands.ts';
import { type EntryContext, NOWHERE } from './entry-context.ts';
import type { History } from './history.ts';
import { claimIdOf } from './lease-key.ts';
import type { Leasing } from './leasing.ts';
import type { Outcome } from './outcomes.ts';
import type { Queueing } from './queueing.ts';
import type { Repeats } from './repeats.ts';
import type { Transactions } from './transactions.ts';

/** Carries out the command of an entry. */
export class Executor {
  readonly #claiming: Claiming;
  readonly #queueing: Queueing;
  readonly #leasing: Leasing;
  readonly #transactions: Transactions;
  readonly #repeats: Repeats;
  readonly #history: History;

  constructor(claiming: Claiming, queueing: Queueing, leasing: Leasing, transactions: Transactions, repeats: Repeats, history: History) {
    this.#claiming = claiming;
    this.#queueing = queueing;
    this.#leasing = leasing;
    this.#transactions = transactions;
    this.#repeats = repeats;
    this.#history = history;
  }

  /** `requestKey`: the idempotency key under which the command came; null for none. */
  carryOut(command: Command, entry: EntryContext, requestKey: string | null): Outcome {
    switch (command.kind) {
      case 'claim':
      case 'claim-session':
        this.#queueing.admit(claimIdOf(command.key));
        if (command.waitMs !== undefined) return this.#queueing.claim(command, command.waitMs, entry.origin ?? NOWHERE, requestKey);
        return this.#claiming.carryOut(command);
      case 'once':
        return this.#once(command, entry);
      case 'leave':
        return this.#queueing.leave(command);
      case 'drop-waiters':
        return this.#queueing.drop(command);
      case 'extend':
        return this.#claiming.extend(command);
      case 'release':
        return this.#claiming.release(command);
      case 'pin':
      case 'unpin':
        return this.#claiming.pin(command);
      case 'grant':
        return this.#leasing.grant(command);
      case 'renew':
        return this.#leasing.renew(command.id);
      case 'revoke':
        return this.#leasing.revoke(command.id);
      case 'lead':
        if (command.term === entry.term) this.#history.leads(command.node, command.leaderlessMs);
        return done;
      case 'expire':
        return this.#leasing.expire(command, entry.term);
      case 'attach':
      case 'detach':
        return this.#transactions.attach(command);
      case 'put':
        return this.#transactions.put(command);
      case 'delete':
        return this.#transactions.delete(command);
      case 'txn':
        return this.#transactions.txn(command);
      default:
        return unreachable(command);
    }
  }

  #once({ key, command, since }: Command & { readonly kind: 'once' }, entry: EntryContext): Outcome {
    const known = this.#repeats.find(key, command, since);
    if (known !== null) {
      if (known.kind === 'repeated') this.#queueing.toldAgain(known.outcome);
      return known;
    }
    const outcome = this.carryOut(command, entry, key);
    this.#repeats.note(key, command, outcome);
    return outcome;
  }
}
