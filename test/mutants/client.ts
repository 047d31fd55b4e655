// Faults of the client: until when it says that something is held, and who is told when it is not.
import { type Fault, listed } from './mutant.ts';

const RENEWAL = 'client/renewal.test.ts';
const CLIENT = 'client/client.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'a promise counts from the answer to a renewal, not from the moment before it was sent',
    file: 'client/renewal.ts',
    find: 'Math.max(this.#heldUntilMs, this.#promise(sentAtMs))',
    replace: 'Math.max(this.#heldUntilMs, this.#promise(clock.now()))',
    suites: [RENEWAL],
  },
  {
    title: 'nothing is taken off a promise for clocks and work that must still be stopped',
    file: 'client/renewal.ts',
    find: ' - this.#options.marginMs',
    replace: '',
    suites: [RENEWAL],
  },
  {
    title: 'an answer that comes too late brings back what was lost',
    file: 'client/renewal.ts',
    find: 'if (this.ending() !== null) return;\n      this.#lastError',
    replace: 'this.#ending = null;\n      this.#lastError',
    suites: [RENEWAL],
  },
  {
    title: 'a refused renewal is tried again instead of ending what is held',
    file: 'client/renewal.ts',
    find: "error.failure === 'refused' &&",
    replace: "error.failure !== 'refused' &&",
    suites: [RENEWAL],
  },
  {
    title: 'the check before work passes when the lease is lost',
    file: 'client/holding.ts',
    find: 'if (lost !== null) throw lost;',
    replace: '',
    suites: [CLIENT],
  },
  {
    title: 'the check trusts the timer and does not look at the clock',
    file: 'client/holding.ts',
    find: 'if (ending != null) this.end(ending);',
    replace: 'void ending;',
    suites: [CLIENT],
  },
  {
    title: 'a claim of a session that was given back still counts as held',
    file: 'client/holding.ts',
    find: "this.end({ reason: 'released', error: null });",
    replace: '',
    suites: [CLIENT],
  },
  {
    title: 'the claims of a session are not told that it has ended',
    file: 'client/session.ts',
    find: 'for (const claim of this.#claims) claim.end(ending);',
    replace: '',
    suites: [CLIENT],
  },
  {
    title: 'a request under a lease goes on when the lease is lost',
    file: 'client/held-lease.ts',
    find: 'given ?? undefined, this.signal)',
    replace: 'given ?? undefined)',
    suites: [CLIENT],
  },
];

export const CLIENT_FAULTS = listed('client', 'ours', FAULTS);
