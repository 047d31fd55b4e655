// Commands as positional arrays, the form in which they stand in the log; reading one back believes nothing.
import { unreachable } from '../assert.ts';
import type { Assertion, Command, Compare, ExpireItem, LeaseId, LeaseKey, Precondition, TxnOp } from './commands.ts';
import { leaseIdProblem, nameProblem, storeKeyProblem, storePrefixProblem, valueProblem } from './names.ts';

/** The array that stands in the log for a command: its kind, then its fields in a fixed order, null for what was left out. */
export function toTuple(command: Command): unknown[] {
  switch (command.kind) {
    case 'claim':
      return [command.kind, ...names(command.key), command.holder, command.durationMs, ...patience(command.waitMs)];
    case 'claim-session':
      return [command.kind, ...names(command.key), command.holder, command.session, ...patience(command.waitMs)];
    case 'leave':
      return [command.kind, command.ticket, command.giveBack ? 1 : 0];
    case 'drop-waiters':
      return [command.kind, command.node, command.incarnation];
    case 'extend':
      return [command.kind, ...names(command.key), command.holder, command.durationMs, command.fence];
    case 'release':
      return [command.kind, ...names(command.key), command.holder, command.fence];
    case 'pin':
    case 'unpin':
      return [command.kind, ...names(command.key), command.entity];
    case 'grant':
      return [command.kind, command.id, command.ttlMs];
    case 'revoke':
    case 'renew':
      return [command.kind, command.id];
    case 'attach':
    case 'detach':
      return [command.kind, command.id, command.key];
    case 'put':
      return [
        command.kind,
        command.key,
        command.value,
        command.lease,
        command.assert.map(assertionTuple),
        preconditionTuple(command.precondition),
      ];
    case 'delete':
      return [command.kind, command.key, command.assert.map(assertionTuple), preconditionTuple(command.precondition)];
    case 'txn':
      return [
        command.kind,
        command.assert.map(assertionTuple),
        command.compare.map((compare) => [compare.key, compare.target, compare.op, compare.value]),
        command.success.map(opTuple),
        command.failure.map(opTuple),
      ];
    case 'expire':
      return [command.kind, command.term, command.items.map((item) => [item.id, item.deadlineMs])];
    default:
      return unreachable(command);
  }
}

/** The command that the array stands for; null for whatever `toTuple` does not make of a valid command. Never throws. */
export function fromTuple(tuple: unknown): Command | null {
  if (!Array.isArray(tuple)) return null;
  const t: readonly unknown[] = tuple;
  switch (t[0]) {
    case 'claim': {
      const [kind, , , , holder, durationMs, waitMs] = t;
      const key = readLeaseKey(t);
      if (t.length < 6 || t.length > 7 || !key || !isName(holder) || !isDuration(durationMs)) return null;
      if (t.length === 6) return { kind, key, holder, durationMs };
      return isDuration(waitMs) ? { kind, key, holder, durationMs, waitMs } : null;
    }
    case 'claim-session': {
      const [kind, , , , holder, session, waitMs] = t;
      const key = readLeaseKey(t);
      if (t.length < 6 || t.length > 7 || !key || !isName(holder) || !isLeaseId(session)) return null;
      if (t.length === 6) return { kind, key, holder, session };
      return isDuration(waitMs) ? { kind, key, holder, session, waitMs } : null;
    }
    case 'leave': {
      const [kind, ticket, giveBack] = t;
      if (t.length !== 3 || !isNumber(ticket) || !(giveBack === 0 || giveBack === 1)) return null;
      return { kind, ticket, giveBack: giveBack === 1 };
    }
    case 'drop-waiters': {
      const [kind, node, incarnation] = t;
      return t.length === 3 && isNumber(node) && isNumber(incarnation) ? { kind, node, incarnation } : null;
    }
    case 'extend': {
      const [kind, , , , holder, durationMs, fence] = t;
      const key = readLeaseKey(t);
      if (t.length !== 7 || !key || !isName(holder) || !isDuration(durationMs) || !isNumberOrNull(fence)) return null;
      return { kind, key, holder, durationMs, fence };
    }
    case 'release': {
      const [kind, , , , holder, fence] = t;
      const key = readLeaseKey(t);
      return t.length === 6 && key && isName(holder) && isNumberOrNull(fence) ? { kind, key, holder, fence } : null;
    }
    case 'pin':
    case 'unpin': {
      const [kind, , , , entity] = t;
      const key = readLeaseKey(t);
      return t.length === 5 && key && isName(entity) ? { kind, key, entity } : null;
    }
    case 'grant': {
      const [kind, id, ttlMs] = t;
      return t.length === 3 && isLeaseIdOrNull(id) && isDuration(ttlMs) ? { kind, id, ttlMs } : null;
    }
    case 'revoke':
    case 'renew': {
      const [kind, id] = t;
      return t.length === 2 && isLeaseId(id) ? { kind, id } : null;
    }
    case 'attach':
    case 'detach': {
      const [kind, id, key] = t;
      return t.length === 3 && isLeaseId(id) && isStoreKey(key) ? { kind, id, key } : null;
    }
    case 'put': {
      const [kind, key, value, lease, asserts, precondition] = t;
      if (t.length !== 6 || !isStoreKey(key) || !isValue(value) || !isLeaseIdOrNull(lease)) return null;
      const assert = readList(asserts, readAssertion);
      const condition = readPrecondition(precondition);
      return assert && condition !== undefined ? { kind, key, value, lease, assert, precondition: condition } : null;
    }
    case 'delete': {
      const [kind, key, asserts, precondition] = t;
      if (t.length !== 4 || !isStoreKey(key)) return null;
      const assert = readList(asserts, readAssertion);
      const condition = readPrecondition(precondition);
      return assert && condition !== undefined ? { kind, key, assert, precondition: condition } : null;
    }
    case 'txn': {
      if (t.length !== 5) return null;
      const assert = readList(t[1], readAssertion);
      const compare = readList(t[2], readCompare);
      const success = readList(t[3], readOp);
      const failure = readList(t[4], readOp);
      return assert && compare && success && failure ? { kind: t[0], assert, compare, success, failure } : null;
    }
    case 'expire': {
      const [kind, term, list] = t;
      const items = readList(list, readExpireItem);
      return t.length === 3 && isNumber(term) && items ? { kind, term, items } : null;
    }
    default:
      return null;
  }
}

function names(key: LeaseKey): string[] {
  return [key.namespace, key.model, key.lease];
}

/** Left out where there is none, as in entries from before claims could wait. */
function patience(waitMs: number | undefined): number[] {
  return waitMs === undefined ? [] : [waitMs];
}

function assertionTuple(assertion: Assertion): unknown[] {
  return [...names(assertion), assertion.holder ?? null, assertion.fence ?? null, assertion.minIndex ?? null];
}

function preconditionTuple(precondition: Precondition | null): unknown[] | null {
  if (precondition === null) return null;
  return precondition.kind === 'absent' ? ['absent'] : ['mod-revision', precondition.revision];
}

function opTuple(op: TxnOp): unknown[] {
  switch (op.kind) {
    case 'put':
      return [op.kind, op.key, op.value, op.lease];
    case 'delete':
    case 'get':
      return [op.kind, op.key];
    case 'delete-prefix':
    case 'get-prefix':
      return [op.kind, op.prefix];
    default:
      return unreachable(op);
  }
}

function readLeaseKey(t: readonly unknown[]): LeaseKey | null {
  const [, namespace, model, lease] = t;
  return isName(namespace) && isName(model) && isName(lease) ? { namespace, model, lease } : null;
}

function readAssertion(value: unknown): Assertion | null {
  if (!Array.isArray(value) || value.length !== 6) return null;
  const [namespace, model, lease, holder, fence, minIndex]: readonly unknown[] = value;
  if (!isName(namespace) || !isName(model) || !isName(lease)) return null;
  if (!(holder === null || isName(holder)) || !isNumberOrNull(fence) || !isNumberOrNull(minIndex)) return null;
  if (holder === null && fence === null) return null;
  return {
    namespace,
    model,
    lease,
    ...(holder === null ? {} : { holder }),
    ...(fence === null ? {} : { fence }),
    ...(minIndex === null ? {} : { minIndex }),
  };
}

/** Undefined for what is neither a precondition nor null. */
function readPrecondition(value: unknown): Precondition | null | undefined {
  if (value === null) return null;
  if (!Array.isArray(value)) return undefined;
  const [kind, revision]: readonly unknown[] = value;
  if (kind === 'absent' && value.length === 1) return { kind };
  if (kind === 'mod-revision' && value.length === 2 && isNumber(revision)) return { kind, revision };
  return undefined;
}

function readCompare(value: unknown): Compare | null {
  if (!Array.isArray(value) || value.length !== 4) return null;
  const [key, target, op, operand]: readonly unknown[] = value;
  if (!isStoreKey(key) || !(op === '=' || op === '!=' || op === '<' || op === '>')) return null;
  switch (target) {
    case 'create':
    case 'mod':
    case 'version':
      return Number.isSafeInteger(operand) ? { key, target, op, value: operand as number } : null;
    case 'value':
      return isValue(operand) ? { key, target, op, value: operand } : null;
    case 'lease':
      return isLeaseId(operand) ? { key, target, op, value: operand } : null;
    default:
      return null;
  }
}

function readOp(value: unknown): TxnOp | null {
  if (!Array.isArray(value)) return null;
  const [kind, key, content, lease]: readonly unknown[] = value;
  switch (kind) {
    case 'put':
      if (value.length !== 4 || !isStoreKey(key) || !isValue(content) || !isLeaseIdOrNull(lease)) return null;
      return { kind, key, value: content, lease };
    case 'delete':
    case 'get':
      return value.length === 2 && isStoreKey(key) ? { kind, key } : null;
    case 'delete-prefix':
    case 'get-prefix':
      return value.length === 2 && typeof key === 'string' && storePrefixProblem(key) === null ? { kind, prefix: key } : null;
    default:
      return null;
  }
}

function readExpireItem(value: unknown): ExpireItem | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [id, deadlineMs]: readonly unknown[] = value;
  // An id of any form, since claims are among them, but text that every node reads alike.
  return typeof id === 'string' && valueProblem(id) === null && isNumber(deadlineMs) ? { id, deadlineMs } : null;
}

function readList<Item>(value: unknown, read: (item: unknown) => Item | null): Item[] | null {
  if (!Array.isArray(value)) return null;
  const items: Item[] = [];
  for (const each of value as readonly unknown[]) {
    const item = read(each);
    if (item === null) return null;
    items.push(item);
  }
  return items;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && nameProblem(value) === null;
}

function isStoreKey(value: unknown): value is string {
  return typeof value === 'string' && storeKeyProblem(value) === null;
}

function isValue(value: unknown): value is string {
  return typeof value === 'string' && valueProblem(value) === null;
}

/** "0" is read too: it names no lease, and whoever asks for it is told just that. */
function isLeaseId(value: unknown): value is LeaseId {
  return typeof value === 'string' && (value === '0' || leaseIdProblem(value) === null);
}

function isLeaseIdOrNull(value: unknown): value is LeaseId | null {
  return value === null || isLeaseId(value);
}

/** An index, a term or a time: a whole number from 0 to 2^53 - 1. */
function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

function isDuration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
