// What clients saw, cut into one history for each object: leases, keys of the store, granted leases. Nothing else is known here.
import type { Assertion } from '../../../src/lease/commands.ts';
import type { Outcome } from '../../../src/lease/outcomes.ts';
import type { Settled } from '../../../src/replica/service.ts';
import { type Call, type Fact, keyName } from '../facts.ts';
import { Endings } from './endings.ts';
import { type GrantState, type GrantStep, granted, grantModel, revoked, seenAlive, seenMissing } from './grant-model.ts';
import * as keys from './key-model.ts';
import * as leases from './lease-model.ts';
import { linearize, type Operation, type Verdict } from './search.ts';

/** A call from its beginning to its answer; both in true milliseconds. */
type Span = Omit<Operation<unknown>, 'step'>;

/** An object whose history has no order. */
export interface Disorder {
  readonly object: string;
  readonly verdict:
    | Exclude<Verdict, { readonly kind: 'linearizable' }>
    /** Attempts at the same request were told different things. */
    | { readonly kind: 'unequal'; readonly answers: readonly string[] };
}

interface Request {
  /** The first attempt. */
  readonly call: Call;
  answer: string | null;
  /** Of the tenure in that answer; `null` for none. */
  fence: number | null;
  /** Whether any attempt may have been carried out without an answer. */
  mayHaveHappened: boolean;
}

/**
 * The history of a run as its clients tell it. A call on several objects is taken apart: each object sees its own part, at a moment of its
 * own within the call. So nothing found here is a false alarm, and that all parts happen at one moment is for other properties.
 */
export class History {
  readonly #endings: Endings;
  readonly #storeKeys: readonly string[];
  readonly #leases = new Map<string, Operation<leases.LeaseState>[]>();
  readonly #keys = new Map<string, Operation<keys.KeyState>[]>();
  readonly #grants = new Map<string, Operation<GrantState>[]>();
  /** Calls without an answer. */
  readonly #open = new Map<number, Call>();
  /** What is asked for under a key, in however many attempts, is one call: from the first attempt's beginning to the first answer. */
  readonly #requests = new Map<string, Request>();
  readonly #disorders: Disorder[] = [];

  /** `fastestRate` as in {@link Endings}; `storeKeys`: all that clients speak of, since a transaction on a prefix names none. */
  constructor(fastestRate: number, storeKeys: readonly string[]) {
    this.#endings = new Endings(fastestRate);
    this.#storeKeys = storeKeys;
  }

  /** Takes what clients can see of a fact, at `nowMs`. */
  observe(fact: Fact, nowMs: number): void {
    switch (fact.kind) {
      case 'call-began':
        this.#open.set(fact.call.id, fact.call);
        return;
      case 'call-ended':
        this.#open.delete(fact.call.id);
        if (fact.call.requestKey === null) this.#ended(fact.call, fact.settled, nowMs);
        else this.#attempted(fact.call.requestKey, fact.call, fact.settled, nowMs);
        return;
      case 'read-ended': {
        const { read, index, tenure, shown } = fact;
        if (read.consistency === 'stale') return;
        const span: Span = { name: '', calledMs: read.beganMs, returnedMs: nowMs, hint: index + 0.5 };
        const who = `read ${read.id} by ${read.client}: `;
        const holder = tenure === null ? 'nobody' : `${tenure.holder} with fence ${tenure.fence}`;
        this.#lease(keyName(read.key), { ...span, name: `${who}${holder}` }, leases.shows(tenure));
        const value = shown === null ? 'no key' : `${shown.value}, version ${shown.version}`;
        this.#key(read.storeKey, { ...span, name: `${who}${value}` }, keys.shows(shown));
        return;
      }
      case 'wait-ended': {
        const { wait, index } = fact;
        const name = `wait ${wait.id} by ${wait.client}: vacant`;
        this.#lease(keyName(wait.key), { name, calledMs: wait.beganMs, returnedMs: nowMs, hint: index + 0.5 }, leases.shows(null));
        return;
      }
      default:
    }
  }

  /** Looks for an order of each object's history. Calls that are still without an answer may or may not have happened. */
  check(): Disorder[] {
    for (const call of this.#open.values()) {
      if (call.requestKey === null) this.#unanswered(call);
      else this.#attempted(call.requestKey, call, null, Number.POSITIVE_INFINITY);
    }
    this.#open.clear();
    for (const { call, answer, mayHaveHappened } of this.#requests.values()) if (answer === null && mayHaveHappened) this.#unanswered(call);
    return [
      ...this.#disorders,
      ...this.#search(this.#leases, (name) => [`lease ${name}`, leases.leaseModel(name, this.#endings)] as const),
      ...this.#search(this.#keys, (key) => [`key ${key}`, keys.keyModel(this.#endings)] as const),
      ...this.#search(this.#grants, (id) => [`granted lease ${id}`, grantModel(id, this.#endings)] as const),
    ];
  }

  *#search<State>(
    histories: ReadonlyMap<string, readonly Operation<State>[]>,
    model: (name: string) => readonly [string, Parameters<typeof linearize<State>>[0]],
  ): Iterable<Disorder> {
    for (const [name, operations] of histories) {
      const [object, rules] = model(name);
      const verdict = linearize(rules, operations);
      if (verdict.kind !== 'linearizable') yield { object, verdict };
    }
  }

  /** `settled` null: no answer. Every answer about the past must be the first one, and every other one true. */
  #attempted(key: string, call: Call, settled: Settled | null, nowMs: number): void {
    const request = this.#requests.get(key) ?? { call, answer: null, fence: null, mayHaveHappened: false };
    this.#requests.set(key, request);
    if (settled?.kind !== 'applied') {
      if (call.waitMs !== null) {
        // Given up, it may have had its turn and given it back: then nothing came of it, and the next attempt is made anew.
        this.#unanswered({ ...call, firstBeganMs: call.beganMs });
      } else request.mayHaveHappened ||= settled === null || mayHaveHappened(call, settled);
      return;
    }
    if (settled.replayed !== undefined && (settled.index !== settled.replayed || !WRITES.has(call.wanted.kind))) {
      this.#replayed(request, call, settled, nowMs);
      return;
    }
    const answer = describeAnswer(settled, call.waitMs !== null);
    if (request.answer === null) this.#ended(call, settled, nowMs);
    else if (request.answer !== answer)
      this.#disorders.push({ object: `request ${key}`, verdict: { kind: 'unequal', answers: [request.answer, answer] } });
    if (request.answer === null && settled.outcome.kind === 'claim') request.fence = settled.outcome.claim.fence;
    request.answer ??= answer;
  }

  /** A repeat is told of the present: that is a look at it, at any moment of this attempt. */
  #replayed(request: Request, call: Call, settled: Extract<Settled, { kind: 'applied' }>, nowMs: number): void {
    // If no answer to the first has come, what it did may have happened at any time since.
    request.mayHaveHappened ||= request.answer === null;
    const { outcome, index } = settled;
    const { wanted: command, beganMs } = call;
    if (request.answer !== null && outcome.kind === 'claim' && outcome.claim.fence !== request.fence)
      this.#disorders.push({ object: nameOf(call), verdict: { kind: 'unequal', answers: [request.answer, JSON.stringify(outcome)] } });
    const told = outcome.kind === 'refused' ? outcome.refusal.code : outcome.kind;
    const span: Span = { name: `${nameOf(call)}: replayed ${told} at ${index}`, calledMs: beganMs, returnedMs: nowMs, hint: index };
    switch (command.kind) {
      case 'claim':
      case 'claim-session':
      case 'extend':
      case 'release':
      case 'pin':
      case 'unpin': {
        const step = leases.replayed(command, outcome);
        if (step !== null) this.#lease(keyName(command.key), span, step);
        break;
      }
      default:
    }
    if (outcome.kind === 'claim' && outcome.claim.session === null && outcome.claim.remainingMs !== null)
      this.#endings.promise(leases.tenureName(keyName(outcome.claim), outcome.claim.fence), beganMs, outcome.claim.remainingMs);
    if (outcome.kind === 'grant') {
      if (command.kind === 'grant' && request.answer === null) {
        // Only this answer names the lease that an earlier attempt was granted.
        this.#grant(outcome.grant.id, { ...span, calledMs: request.call.firstBeganMs }, granted);
        request.answer = describeAnswer(settled, false);
      } else this.#grant(outcome.grant.id, span, seenAlive);
      this.#endings.promise(outcome.grant.id, beganMs, outcome.grant.remainingMs);
    }
    if (outcome.kind !== 'refused') return;
    const { refusal } = outcome;
    if (refusal.code === 'lease-not-found') this.#grant(refusal.id, span, seenMissing);
    if (refusal.code === 'lease-exists') this.#grant(refusal.id, span, seenAlive);
    if (refusal.code === 'key-not-found') this.#key(refusal.key, span, keys.shows(null));
    if (refusal.code === 'assertion-failed') this.#lease(keyName(refusal.failed), span, leases.heldBy(refusal.holder, refusal.fence));
  }

  #ended(call: Call, settled: Settled, nowMs: number): void {
    if (settled.kind === 'failed') {
      // What surely failed never happened: it is no part of the history.
      if (mayHaveHappened(call, settled)) this.#unanswered(call);
      return;
    }
    const { outcome, index } = settled;
    const answer = outcome.kind === 'refused' ? outcome.refusal.code : outcome.kind;
    const span: Span = { name: `${nameOf(call)}: ${answer} at ${index}`, calledMs: call.firstBeganMs, returnedMs: nowMs, hint: index };
    this.#promised(call, outcome);
    const { wanted: command, waitMs } = call;
    switch (command.kind) {
      case 'claim':
      case 'claim-session':
      case 'extend':
      case 'release':
      case 'pin':
      case 'unpin':
        this.#lease(keyName(command.key), span, leases.answered(command, outcome, waitMs !== null));
        if (command.kind === 'claim-session' && outcome.kind === 'claim') this.#grant(command.session, span, seenAlive);
        break;
      case 'put':
      case 'delete':
      case 'txn':
      case 'attach':
      case 'detach':
        for (const key of this.#storeKeys) {
          const step = keys.concerns(key, command) ? keys.answered(key, command, outcome) : null;
          if (step !== null) this.#key(key, span, step);
        }
        if ('assert' in command) this.#gates(command.assert, span, outcome);
        break;
      case 'grant':
        if (outcome.kind === 'grant') this.#grant(outcome.grant.id, span, granted);
        else if (command.id !== null) this.#grant(command.id, span, seenAlive);
        break;
      case 'renew':
        if (outcome.kind === 'grant') this.#grant(command.id, span, seenAlive);
        break;
      case 'revoke':
        if (outcome.kind === 'done') this.#grant(command.id, span, revoked);
        break;
      default:
    }
    if (outcome.kind === 'refused' && outcome.refusal.code === 'lease-not-found') this.#grant(outcome.refusal.id, span, seenMissing);
  }

  /** All assertions held, or all before the one that failed. */
  #gates(assertions: readonly Assertion[], span: Span, outcome: Outcome): void {
    const refusal = outcome.kind === 'refused' && outcome.refusal.code === 'assertion-failed' ? outcome.refusal : null;
    for (const assertion of assertions) {
      if (refusal !== null && sameAssertion(assertion, refusal.failed)) {
        this.#lease(keyName(assertion), span, leases.refutes(assertion, refusal.holder, refusal.fence));
        return;
      }
      this.#lease(keyName(assertion), span, leases.asserts(assertion));
    }
  }

  #unanswered(call: Call): void {
    const { wanted: command, waitMs } = call;
    const span: Span = {
      name: `${nameOf(call)}: no answer`,
      calledMs: call.firstBeganMs,
      returnedMs: Number.POSITIVE_INFINITY,
      hint: Number.POSITIVE_INFINITY,
    };
    switch (command.kind) {
      case 'claim':
      case 'claim-session':
      case 'extend':
      case 'release':
      case 'pin':
      case 'unpin': {
        const step = leases.unanswered(command, waitMs !== null);
        if (step !== null) this.#lease(keyName(command.key), span, step);
        return;
      }
      case 'put':
      case 'delete':
      case 'txn':
      case 'attach':
      case 'detach':
        for (const key of this.#storeKeys) if (keys.concerns(key, command)) this.#key(key, span, keys.unanswered(key, command));
        return;
      case 'grant':
        if (command.id !== null) this.#grant(command.id, span, granted);
        return;
      case 'revoke':
        this.#endings.revoke(command.id, call.firstBeganMs);
        this.#grant(command.id, span, revoked);
        return;
      default:
    }
  }

  /** What a client may rely on from this answer on. */
  #promised({ wanted: command, firstBeganMs: beganMs }: Call, outcome: Outcome): void {
    if (outcome.kind === 'grant') this.#endings.promise(outcome.grant.id, beganMs, outcome.grant.ttlMs);
    if (outcome.kind === 'claim' && outcome.claim.session === null && 'durationMs' in command)
      this.#endings.promise(leases.tenureName(keyName(outcome.claim), outcome.claim.fence), beganMs, command.durationMs);
    if (outcome.kind === 'done' && command.kind === 'revoke') this.#endings.revoke(command.id, beganMs);
  }

  #lease(name: string, span: Span, step: leases.LeaseStep): void {
    add(this.#leases, name, { ...span, step });
  }

  #key(name: string, span: Span, step: keys.KeyStep): void {
    add(this.#keys, name, { ...span, step });
  }

  #grant(id: string, span: Span, step: GrantStep): void {
    add(this.#grants, id, { ...span, step });
  }
}

function add<State>(histories: Map<string, Operation<State>[]>, name: string, operation: Operation<State>): void {
  const history = histories.get(name);
  if (history === undefined) histories.set(name, [operation]);
  else history.push(operation);
}

function nameOf({ id, client, text }: Call): string {
  return `call ${id} by ${client} ${text}`;
}

function sameAssertion(one: Assertion, other: Assertion): boolean {
  return keyName(one) === keyName(other) && one.holder === other.holder && one.fence === other.fence;
}

/** What these did stays true, whatever comes after it. */
const WRITES: ReadonlySet<string> = new Set(['put', 'delete', 'txn']);

/** A claim that waited and was given up may have been granted in between, and given back. */
function mayHaveHappened(call: Call, settled: Settled): boolean {
  return settled.kind === 'failed' && (!settled.failure.definite || call.waitMs !== null);
}

/** What is the same for every attempt. What is left of a lease is told as of the answer. */
function describeAnswer(settled: Extract<Settled, { kind: 'applied' }>, hasWaited: boolean): string {
  const { outcome, index } = settled;
  if (outcome.kind === 'grant') return `${index}: lease ${outcome.grant.id} for ${outcome.grant.ttlMs} ms`;
  // A node may learn of the turn only from a state that it is sent, and then tells of it as of that one.
  if (hasWaited && outcome.kind === 'claim') return JSON.stringify({ ...outcome, claim: { ...outcome.claim, remainingMs: null } });
  return `${index}: ${JSON.stringify(outcome)}`;
}
