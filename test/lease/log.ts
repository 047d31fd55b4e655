// A log of one: applies commands to a state machine the way a replica does, with an index, a term and a lease time for each entry.
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Assertion, Command, LeaseKey, Precondition } from '../../src/lease/commands.ts';
import type { StateEvent } from '../../src/lease/events.ts';
import { claimIdOf } from '../../src/lease/lease-key.ts';
import type { AttachmentPage, ClaimView, GrantView, KeyView, Outcome, Refusal, TxnResult } from '../../src/lease/outcomes.ts';
import type { ChangedRecord } from '../../src/lease/sections.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';

/** A lease of that name in the namespace and model that most tests use. */
export function leaseKey(lease: string, namespace = 'ns', model = 'model'): LeaseKey {
  return { namespace, model, lease };
}

export const redis = leaseKey('redis');
export const alice = 'redis/0';
export const bob = 'redis/1';

/** What was vacated, and at which index. */
export interface Vacancy extends LeaseKey {
  readonly index: number;
}

export class Log {
  state: StateMachine;
  readonly vacancies: Vacancy[] = [];
  readonly events: StateEvent[] = [];
  /** Of the last entry. */
  index = 0;
  /** Stamped on the next entries. */
  timeMs = 0;
  term = 1;

  constructor() {
    this.state = new StateMachine({
      vacated: (key, index) => this.vacancies.push({ ...key, index }),
      event: (event) => this.events.push(event),
    });
  }

  /** Lease time passes. */
  pass(ms: number): this {
    this.timeMs += ms;
    return this;
  }

  apply(command: Command): Outcome {
    return this.applyRaw(toTuple(command));
  }

  applyRaw(tuple: unknown): Outcome {
    this.index += 1;
    return this.state.apply({ index: this.index, term: this.term, timeMs: this.timeMs }, tuple);
  }

  claim(key: LeaseKey, holder: string, durationMs: number): ClaimView {
    return claimIn(this.apply({ kind: 'claim', key, holder, durationMs }));
  }

  claimBySession(key: LeaseKey, holder: string, session: string): ClaimView {
    return claimIn(this.apply({ kind: 'claim-session', key, holder, session }));
  }

  extend(key: LeaseKey, holder: string, durationMs: number, fence: number | null = null): Outcome {
    return this.apply({ kind: 'extend', key, holder, durationMs, fence });
  }

  release(key: LeaseKey, holder: string, fence: number | null = null): Outcome {
    return this.apply({ kind: 'release', key, holder, fence });
  }

  pin(key: LeaseKey, entity: string): Outcome {
    return this.apply({ kind: 'pin', key, entity });
  }

  unpin(key: LeaseKey, entity: string): Outcome {
    return this.apply({ kind: 'unpin', key, entity });
  }

  grant(id: string | null, ttlMs: number): GrantView {
    return grantIn(this.apply({ kind: 'grant', id, ttlMs }));
  }

  renew(id: string): Outcome {
    return this.apply({ kind: 'renew', id });
  }

  revoke(id: string): Outcome {
    return this.apply({ kind: 'revoke', id });
  }

  put(key: string, value: string, lease: string | null = null, gates: Gates = {}): Outcome {
    return this.apply({ kind: 'put', key, value, lease, assert: gates.assert ?? [], precondition: gates.precondition ?? null });
  }

  delete(key: string, gates: Gates = {}): Outcome {
    return this.apply({ kind: 'delete', key, assert: gates.assert ?? [], precondition: gates.precondition ?? null });
  }

  /** What the primary lessor does: proposes an end for all that is due. False if nothing was. */
  expireDue(limit = 1000): boolean {
    const items = this.state.due(this.timeMs, limit);
    if (items.length > 0) this.apply({ kind: 'expire', term: this.term, items });
    return items.length > 0;
  }

  /** Time passes, then everything due is expired. */
  expireAfter(ms: number): this {
    this.pass(ms).expireDue();
    return this;
  }

  shown(key: LeaseKey): ClaimView | null {
    return this.state.claim(key, this.timeMs);
  }

  /** All that is attached to a granted lease; null where there is none. */
  attached(id: string): AttachmentPage | null {
    return this.state.attachments(id, null, Number.POSITIVE_INFINITY);
  }

  /** The id under which a plain claim stands in the expiry queue. */
  idOf(key: LeaseKey): string {
    return claimIdOf(key);
  }
}

interface Gates {
  readonly assert?: readonly Assertion[];
  readonly precondition?: Precondition;
}

/** The claim that an outcome shows; throws if it is another outcome. */
export function claimIn(outcome: Outcome): ClaimView {
  if (outcome.kind !== 'claim') throw new Error(`not a claim: ${JSON.stringify(outcome)}`);
  return outcome.claim;
}

export function grantIn(outcome: Outcome): GrantView {
  if (outcome.kind !== 'grant') throw new Error(`not a grant: ${JSON.stringify(outcome)}`);
  return outcome.grant;
}

export function keyIn(outcome: Outcome): KeyView {
  if (outcome.kind !== 'key') throw new Error(`not a key: ${JSON.stringify(outcome)}`);
  return outcome.key;
}

export function resultsIn(outcome: Outcome): readonly TxnResult[] {
  if (outcome.kind !== 'txn') throw new Error(`not a transaction: ${JSON.stringify(outcome)}`);
  return outcome.results;
}

export function refusalIn(outcome: Outcome): Refusal {
  if (outcome.kind !== 'refused') throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return outcome.refusal;
}

/** All of a state as one string: equal states give equal ones. */
export function dumped(state: StateMachine): string {
  return JSON.stringify([...state.dump()]);
}

/** What has changed since this was asked last, all at once. */
export function takeAll(state: StateMachine): readonly ChangedRecord[] {
  return state.takeChanges().next(Number.POSITIVE_INFINITY);
}

/** A new state machine made of the other's image, records in the order of `order`. */
export function restored(
  state: StateMachine,
  order: (names: string[]) => string[] = (names) => names,
  told: (event: StateEvent) => void = () => undefined,
  entryWorkMax?: number,
): StateMachine {
  const records = new Map(state.dump());
  const copy = new StateMachine({ vacated: () => undefined, event: told }, entryWorkMax);
  for (const name of order([...records.keys()])) copy.restore(name, structuredClone(records.get(name)), 7);
  copy.finishRestore(state.appliedIndex);
  return copy;
}
