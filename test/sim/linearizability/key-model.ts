// A key of the store as one object: what puts, deletes, transactions and reads may have found and left there.
import type { BareCommand, Compare, Precondition, TxnOp } from '../../../src/lease/commands.ts';
import type { KeyView, Outcome, TxnResult } from '../../../src/lease/outcomes.ts';
import type { Endings } from './endings.ts';
import type { Model } from './search.ts';

type CommandOf<Kind extends BareCommand['kind']> = Extract<BareCommand, { readonly kind: Kind }>;
export type KeyCommand = CommandOf<'put' | 'delete' | 'txn' | 'attach' | 'detach'>;

/** Null: the key is not there. */
export type KeyState = {
  readonly value: string;
  /** Null until an answer tells it: the write that made it was never answered. */
  readonly createRevision: number | null;
  readonly modRevision: number | null;
  readonly version: number;
  readonly lease: string | null;
} | null;

export type KeyStep = (state: KeyState) => readonly KeyState[];

export function keyModel(endings: Endings): Model<KeyState> {
  return {
    initial: null,
    key: (state) =>
      state === null ? '-' : JSON.stringify([state.value, state.createRevision, state.modRevision, state.version, state.lease]),
    drift: (state, beforeMs) =>
      state === null || state.lease === null || !endings.mayHaveEnded(state.lease, beforeMs) ? [state] : [state, null],
  };
}

/** What the command did to `key` when it was answered with `outcome`; null when the answer says nothing about that key. */
export function answered(key: string, command: KeyCommand, outcome: Outcome): KeyStep | null {
  if (outcome.kind === 'refused') return refused(command, outcome);
  switch (command.kind) {
    case 'put': {
      if (outcome.kind !== 'key') return () => [];
      const put = putOf(outcome.key, command.value, command.lease);
      return (state) => (holds(state, command.precondition) ? put(state) : []);
    }
    case 'delete':
      return (state) => (state !== null && holds(state, command.precondition) ? [null] : []);
    case 'attach':
      return (state) => (state === null ? [] : [{ ...state, lease: command.id }]);
    case 'detach':
      return (state) => (state === null ? [] : [detached(state, command.id)]);
    case 'txn': {
      if (outcome.kind !== 'txn') return () => [];
      const steps = txnSteps(key, outcome.succeeded ? command.success : command.failure, outcome.results);
      return (state) => (branches(key, command.compare, state, outcome.succeeded) ? inTurn(steps, state) : []);
    }
  }
}

/** What the command may have done to `key` when nobody was told. */
export function unanswered(key: string, command: KeyCommand): KeyStep {
  switch (command.kind) {
    case 'put':
      return (state) => (holds(state, command.precondition) ? [written(state, command.value, command.lease)] : []);
    case 'delete':
      return (state) => (state !== null && holds(state, command.precondition) ? [null] : []);
    case 'attach':
      return (state) => (state === null ? [] : [{ ...state, lease: command.id }]);
    case 'detach':
      return (state) => (state === null ? [] : [detached(state, command.id)]);
    case 'txn':
      return (state) => [unansweredOps(key, command.success, state), unansweredOps(key, command.failure, state)];
  }
}

/** A read of the key. */
export function shows(shown: KeyView | null): KeyStep {
  return (state) => {
    if (shown === null) return state === null ? [null] : [];
    const known = match(state, shown);
    return known === null ? [] : [known];
  };
}

/** Whether the command speaks of `key`. */
export function concerns(key: string, command: KeyCommand): boolean {
  if (command.kind !== 'txn') return command.key === key;
  return command.compare.some((compare) => compare.key === key) || [...command.success, ...command.failure].some((op) => touches(key, op));
}

function refused(command: KeyCommand, { refusal }: Outcome & { readonly kind: 'refused' }): KeyStep | null {
  if (refusal.code === 'key-not-found') return (state) => (state === null ? [null] : []);
  if (refusal.code !== 'precondition-failed' || !('precondition' in command)) return null;
  return (state) => {
    const sameRevision = (state?.modRevision ?? refusal.modRevision) === refusal.modRevision;
    if ((state === null) !== (refusal.modRevision === null) || !sameRevision) return [];
    const known = state === null ? null : { ...state, modRevision: refusal.modRevision };
    return holds(known, command.precondition) ? [] : [known];
  };
}

/** Revisions that nobody told fit everything. */
function holds(state: KeyState, precondition: Precondition | null): boolean {
  if (precondition === null) return true;
  if (precondition.kind === 'absent') return state === null;
  return state !== null && (state.modRevision ?? precondition.revision) === precondition.revision;
}

function putOf(shown: KeyView, value: string, lease: string | null): KeyStep {
  return (state) => {
    if (shown.value !== value || shown.lease !== lease || shown.version !== (state?.version ?? 0) + 1) return [];
    if (state === null && shown.createRevision !== shown.modRevision) return [];
    if (state !== null && (state.createRevision ?? shown.createRevision) !== shown.createRevision) return [];
    return (state?.modRevision ?? 0) < shown.modRevision ? [shown] : [];
  };
}

function written(state: KeyState, value: string, lease: string | null): KeyState {
  return { value, createRevision: state?.createRevision ?? null, modRevision: null, version: (state?.version ?? 0) + 1, lease };
}

function detached(state: KeyState & object, lease: string): KeyState {
  return state.lease === lease ? { ...state, lease: null } : state;
}

/** `state`, if `shown` can be it, with what that tells. */
function match(state: KeyState, shown: KeyView): KeyState {
  if (state === null || state.value !== shown.value || state.version !== shown.version || state.lease !== shown.lease) return null;
  const { createRevision, modRevision } = shown;
  const fits = (state.createRevision ?? createRevision) === createRevision && (state.modRevision ?? modRevision) === modRevision;
  return fits ? { ...state, createRevision, modRevision } : null;
}

function touches(key: string, op: TxnOp): boolean {
  return 'prefix' in op ? key.startsWith(op.prefix) : op.key === key;
}

/** Whether the comparisons on this key allow that branch; those on other keys are not looked at. */
function branches(key: string, compares: readonly Compare[], state: KeyState, succeeded: boolean): boolean {
  const own = compares.filter((compare) => compare.key === key);
  if (succeeded) return own.every((compare) => compareHolds(compare, state) !== false);
  // Another key's comparison may be the one that failed.
  return own.length < compares.length || own.some((compare) => compareHolds(compare, state) !== true);
}

/** Null: it hangs on what nobody was told. The workload compares versions; other targets are left undecided. */
function compareHolds({ target, op, value }: Compare, state: KeyState): boolean | null {
  if (target !== 'version') return null;
  const difference = (state?.version ?? 0) - Number(value);
  if (op === '=' || op === '!=') return (difference === 0) === (op === '=');
  return op === '<' ? difference < 0 : difference > 0;
}

function txnSteps(key: string, ops: readonly TxnOp[], results: readonly TxnResult[]): KeyStep[] {
  return ops.flatMap((op, place): KeyStep[] => {
    const result = results[place];
    if (result === undefined) return [() => []];
    if (!touches(key, op)) return [];
    if (op.kind === 'put') return 'key' in result && result.key !== null ? [putOf(result.key, op.value, op.lease)] : [() => []];
    if ('keys' in result) return [shows(result.keys.find((view) => view.key === key) ?? null)];
    return [() => [null]];
  });
}

function inTurn(steps: readonly KeyStep[], state: KeyState): readonly KeyState[] {
  return steps.reduce<readonly KeyState[]>((states, step) => states.flatMap((before) => step(before)), [state]);
}

function unansweredOps(key: string, ops: readonly TxnOp[], state: KeyState): KeyState {
  return ops.reduce((before, op): KeyState => {
    if (!touches(key, op) || op.kind === 'get' || op.kind === 'get-prefix') return before;
    return op.kind === 'put' ? written(before, op.value, op.lease) : null;
  }, state);
}
