// The fields of commands as they stand in the log, and reading them back in disbelief.
import { unreachable } from '../assert.ts';
import type { Assertion, Compare, ExpireItem, LeaseId, LeaseKey, Precondition, TxnOp } from './commands.ts';
import { leaseIdProblem, nameProblem, requestKeyProblem, storeKeyProblem, storePrefixProblem, valueProblem } from './names.ts';

/** The three parts of a lease's name. */
export function names(key: LeaseKey): string[] {
  return [key.namespace, key.model, key.lease];
}

/** Left out where there is none, as in entries from before claims could wait. */
export function patience(waitMs: number | undefined): number[] {
  return waitMs === undefined ? [] : [waitMs];
}

/** The array for an assertion. */
export function assertionTuple(assertion: Assertion): unknown[] {
  return [...names(assertion), assertion.holder ?? null, assertion.fence ?? null, assertion.minIndex ?? null];
}

/** The array for a precondition. */
export function preconditionTuple(precondition: Precondition | null): unknown[] | null {
  if (precondition === null) return null;
  return precondition.kind === 'absent' ? ['absent'] : ['mod-revision', precondition.revision];
}

/** The array for an operation of a transaction. */
export function opTuple(op: TxnOp): unknown[] {
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

/** The name in the places after the kind. */
export function readLeaseKey(t: readonly unknown[]): LeaseKey | null {
  const [, namespace, model, lease] = t;
  return isName(namespace) && isName(model) && isName(lease) ? { namespace, model, lease } : null;
}

/** Null for what is none. */
export function readAssertion(value: unknown): Assertion | null {
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
export function readPrecondition(value: unknown): Precondition | null | undefined {
  if (value === null) return null;
  if (!Array.isArray(value)) return undefined;
  const [kind, revision]: readonly unknown[] = value;
  if (kind === 'absent' && value.length === 1) return { kind };
  if (kind === 'mod-revision' && value.length === 2 && isNumber(revision)) return { kind, revision };
  return undefined;
}

/** Null for what is none. */
export function readCompare(value: unknown): Compare | null {
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

/** Null for what is none. */
export function readOp(value: unknown): TxnOp | null {
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

/** Null for what is none. */
export function readExpireItem(value: unknown): ExpireItem | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [id, deadlineMs]: readonly unknown[] = value;
  // An id of any form, since claims are among them, but text that every node reads alike.
  return typeof id === 'string' && valueProblem(id) === null && isNumber(deadlineMs) ? { id, deadlineMs } : null;
}

/** All items, null if one of them is none. */
export function readList<Item>(value: unknown, read: (item: unknown) => Item | null): Item[] | null {
  if (!Array.isArray(value)) return null;
  const items: Item[] = [];
  for (const each of value as readonly unknown[]) {
    const item = read(each);
    if (item === null) return null;
    items.push(item);
  }
  return items;
}

/** A name by the rule for all. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && nameProblem(value) === null;
}

/** A caller's key. */
export function isRequestKey(value: unknown): value is string {
  return typeof value === 'string' && requestKeyProblem(value) === null;
}

/** A key of the store. */
export function isStoreKey(value: unknown): value is string {
  return typeof value === 'string' && storeKeyProblem(value) === null;
}

/** A value of the store. */
export function isValue(value: unknown): value is string {
  return typeof value === 'string' && valueProblem(value) === null;
}

/** "0" is read too: it names no lease, and whoever asks for it is told just that. */
export function isLeaseId(value: unknown): value is LeaseId {
  return typeof value === 'string' && (value === '0' || leaseIdProblem(value) === null);
}

/** A lease id or none. */
export function isLeaseIdOrNull(value: unknown): value is LeaseId | null {
  return value === null || isLeaseId(value);
}

/** An index, a term or a time: a whole number from 0 to 2^53 - 1. */
export function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** The same or none. */
export function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

/** Milliseconds from 1 on. */
export function isDuration(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
