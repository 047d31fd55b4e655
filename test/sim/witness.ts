// Looks over the shoulder of every state machine in the process: what is applied where, and what it changed.
import { fromTuple, toTuple } from '../../src/lease/command-codec.ts';
import type { Assertion, Command, LeaseKey } from '../../src/lease/commands.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import { type EntryContext, StateMachine } from '../../src/lease/state-machine.ts';
import type { Index, NodeId } from '../../src/raft/types.ts';
import { type Application, type Fact, keyName, sameTenure, type Tenure, type TenureChange } from './facts.ts';
import type { Ledger } from './ledger.ts';

/** A planted fault: carries out an entry in another way than the state machine does. */
export type ApplyFault = (
  apply: (entry: EntryContext, command: unknown) => Outcome,
  entry: EntryContext,
  command: unknown,
  machine: StateMachine,
  /** Whose state machine it is; 0 outside of all nodes. */
  node: NodeId,
) => Outcome;

export interface WitnessHost {
  readonly nowMs: number;
  /** The node whose code is running; null outside of all. */
  readonly running: NodeId | null;
  readonly ledger: Ledger;
  /** All leases that the run speaks of. */
  readonly keys: readonly LeaseKey[];
  readonly fault: ApplyFault | null;
  tell(fact: Fact): void;
}

/** Stands between the caller and the two methods of every `StateMachine` until the returned function is called. Not to be nested. */
export function witnessStateMachines(host: WitnessHost): () => void {
  const original = {
    apply: StateMachine.prototype.apply,
    skip: StateMachine.prototype.skip,
    finishRestore: StateMachine.prototype.finishRestore,
  };
  StateMachine.prototype.apply = function apply(this: StateMachine, entry: EntryContext, command: unknown): Outcome {
    const carryOut = (at: EntryContext, given: unknown): Outcome => original.apply.call(this, at, given);
    const { fault } = host;
    return witness(host, this, entry, fromTuple(command), () =>
      fault === null ? carryOut(entry, command) : fault(carryOut, entry, command, this, host.running ?? 0),
    );
  };
  StateMachine.prototype.skip = function skip(this: StateMachine, index: Index): void {
    witness(host, this, { index, term: 0, timeMs: 0 }, null, () => {
      original.skip.call(this, index);
      return null;
    });
  };
  StateMachine.prototype.finishRestore = function finishRestore(this: StateMachine, index: Index): void {
    original.finishRestore.call(this, index);
    if (host.running !== null) host.tell({ kind: 'dumped', node: host.running, index, hash: hashState(this) });
  };
  return () => {
    Object.assign(StateMachine.prototype, original);
  };
}

function witness<Result extends Outcome | null>(
  host: WitnessHost,
  machine: StateMachine,
  entry: EntryContext,
  command: Command | null,
  carryOut: () => Result,
): Result {
  const { ledger, running } = host;
  if (running === null) return carryOut();
  const known = ledger.entries.get(entry.index);
  const isFirst = known === undefined;
  const wanted = command?.kind === 'once' ? command.command : command;
  const falseAssertion = isFirst ? firstFalse(machine, wanted) : null;
  const grants =
    isFirst && wanted?.kind === 'expire' ? wanted.items.map((item) => item.id).filter((id) => machine.grant(id, 0) !== null) : [];
  const result = carryOut();
  const text = command === null ? null : canonical(command);
  const outcome = result === null ? null : JSON.stringify(result);
  if (known === undefined) {
    const changes = changesOf(host, machine);
    const application: Application = {
      node: running,
      index: entry.index,
      term: entry.term,
      timeMs: entry.timeMs,
      command: result?.kind === 'repeated' ? null : wanted,
      outcome: result,
      changes,
      falseAssertion,
      endedGrants: grants.filter((id) => machine.grant(id, 0) === null),
      atMs: host.nowMs,
    };
    ledger.record({ index: entry.index, term: entry.term, timeMs: entry.timeMs, text, outcome, atMs: host.nowMs }, application);
    host.tell({ kind: 'applied', application });
  } else {
    let difference: string | null = null;
    if (known.term !== entry.term || known.timeMs !== entry.timeMs) {
      difference = `term ${known.term} at time ${known.timeMs} there, term ${entry.term} at time ${entry.timeMs} here`;
    } else if (known.text !== text) difference = `${known.text} there, ${text} here`;
    else if (known.outcome !== outcome) difference = `${text} came to ${known.outcome} there, ${outcome} here`;
    host.tell({ kind: 'applied-again', node: running, index: entry.index, difference });
  }
  if (entry.index % DUMP_EVERY === 0) host.tell({ kind: 'dumped', node: running, index: entry.index, hash: hashState(machine) });
  return result;
}

/** The command as a string that is equal for equal commands. */
export function canonical(command: Command): string {
  return JSON.stringify(toTuple(command));
}

/** Who holds the lease by this state machine's account. */
export function tenureIn(machine: StateMachine, key: LeaseKey): Tenure | null {
  const claim = machine.claim(key, 0);
  return claim === null ? null : { holder: claim.holder, fence: claim.fence, session: claim.session, pinned: claim.pinnedBy.length > 0 };
}

/** 52 bits over the whole state, as a string. */
export function hashState(machine: StateMachine): string {
  let low = 0x811c_9dc5;
  let high = 0x1000_0193;
  for (const record of machine.dump()) {
    const text = JSON.stringify(record);
    for (let place = 0; place < text.length; place += 1) {
      low = Math.imul(low ^ text.charCodeAt(place), 0x0100_0193);
      high = Math.imul(high ^ (text.charCodeAt(place) + low), 0x0100_01b3);
    }
  }
  return `${(high >>> 0).toString(16)}-${(low >>> 0).toString(16)}`;
}

function changesOf(host: WitnessHost, machine: StateMachine): TenureChange[] {
  const changes: TenureChange[] = [];
  for (const key of host.keys) {
    const name = keyName(key);
    const before = host.ledger.tenure(name);
    const after = tenureIn(machine, key);
    if (!sameTenure(before, after)) changes.push({ key, name, before, after });
  }
  return changes;
}

/** By the words of DESIGN 2 and of `Assertion`, not by the code that the state machine uses. */
function firstFalse(machine: StateMachine, command: Command | null): Assertion | null {
  if (command === null || !('assert' in command)) return null;
  for (const assertion of command.assert) {
    const tenure = tenureIn(machine, assertion);
    const holds =
      tenure !== null &&
      (assertion.holder === undefined || assertion.holder === tenure.holder) &&
      (assertion.fence === undefined || assertion.fence === tenure.fence);
    if (!holds) return assertion;
  }
  return null;
}

/** The whole state is compared after every so many entries. */
const DUMP_EVERY = 32;
