// Commands as positional arrays, the form in which they stand in the log; reading one back believes nothing.
import { unreachable } from '../assert.ts';
import type { BareCommand, Command } from './commands.ts';
import {
  assertionTuple,
  isDuration,
  isLeaseId,
  isLeaseIdOrNull,
  isName,
  isNumber,
  isNumberOrNull,
  isRequestKey,
  isStoreKey,
  isValue,
  names,
  opTuple,
  patience,
  preconditionTuple,
  readAssertion,
  readCompare,
  readExpireItem,
  readLeaseKey,
  readList,
  readOp,
  readPrecondition,
} from './field-codec.ts';

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
    case 'lead':
      return [command.kind, command.term, command.node, command.leaderlessMs];
    case 'once':
      return [command.kind, command.key, toTuple(command.command), ...(command.since === undefined ? [] : [command.since])];
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
    case 'once': {
      const [kind, key, inner, since] = t;
      if (t.length < 3 || t.length > 4 || !isRequestKey(key) || isNested(inner)) return null;
      const command = fromTuple(inner);
      if (command === null || !isCallersOwn(command)) return null;
      if (t.length === 3) return { kind, key, command };
      return isNumberOrNull(since) ? { kind, key, command, since } : null;
    }
    case 'lead': {
      const [kind, term, node, leaderlessMs] = t;
      return t.length === 4 && isNumber(term) && isName(node) && isNumberOrNull(leaderlessMs) ? { kind, term, node, leaderlessMs } : null;
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

/** Looked at before it is read, so that no depth of nesting is ever followed. */
function isNested(tuple: unknown): boolean {
  return Array.isArray(tuple) && tuple[0] === 'once';
}

/** What callers ask for, as against what nodes tell the log for themselves. */
function isCallersOwn(command: Command): command is BareCommand {
  switch (command.kind) {
    case 'once':
    case 'leave':
    case 'drop-waiters':
    case 'lead':
    case 'expire':
      return false;
    default:
      return true;
  }
}
