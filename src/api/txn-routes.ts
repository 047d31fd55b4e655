// Transactions on the store: assertions, comparisons and two branches, decided as one log entry.

import { assert } from '../assert.ts';
import { isLeaseIdOrNone, LEASE_ID_RULE, utf8Length } from '../contract/names.ts';
import { type CompareShape, type KeyShape, TxnBody, type TxnOpShape, type TxnReply, type TxnResultShape } from '../contract/store.ts';
import type { Compare, TxnOp } from '../lease/commands.ts';
import type { Outcome, TxnResult } from '../lease/outcomes.ts';
import type { Answer } from './answer.ts';
import type { Api, ApiServer } from './api.ts';
import { LEASE_CONDITIONS } from './condition-headers.ts';
import { readAssertions } from './conditions.ts';
import { invalidArgument } from './errors.ts';
import { checkValueSize } from './kv-routes.ts';
import { change, outcomeOf } from './reply.ts';

/** Registers the route of transactions. */
export function txnRoutes(server: ApiServer, api: Api): void {
  server.post('/v1/txn', { schema: { body: TxnBody }, config: { conditions: LEASE_CONDITIONS } }, (request, reply) => {
    const { body } = request;
    const compare = (body.compare ?? []).map(readCompare);
    const success = (body.success ?? []).map(readOp);
    const failure = (body.failure ?? []).map(readOp);
    const assertions = readAssertions(request.headers, body.assert);
    const command = { kind: 'txn', assert: assertions, compare, success, failure } as const;
    const accept = (outcome: Outcome, index: number): Answer => {
      const { succeeded, results } = outcomeOf(outcome, 'txn');
      const ops = succeeded ? success : failure;
      const answer: TxnReply = { succeeded, results: results.map((result, at) => resultBody(ops[at], result)), index };
      return { status: 200, body: answer, headers: null };
    };
    change(api, request, reply, { command, accept });
  });
}

function readCompare({ key, target, op, value }: CompareShape): Compare {
  switch (target) {
    case 'create':
    case 'mod':
    case 'version':
      if (!Number.isSafeInteger(value) || Number(value) < 0)
        throw invalidArgument(`the value compared with ${target} must be an integer from 0`);
      break;
    case 'value':
      if (typeof value !== 'string' || utf8Length(value) < 0) throw invalidArgument('the value compared with value must be a string');
      break;
    case 'lease':
      if (typeof value !== 'string' || !isLeaseIdOrNone(value))
        throw invalidArgument(`the value compared with lease must be ${LEASE_ID_RULE}, or "0"`);
  }
  return { key, target, op, value };
}

function readOp(shape: TxnOpShape): TxnOp {
  if (shape.put !== undefined) {
    const { key, value, lease } = shape.put;
    checkValueSize(value);
    return { kind: 'put', key, value, lease: lease ?? null };
  }
  if (shape.delete !== undefined) {
    const { key, prefix } = shape.delete;
    return key !== undefined ? { kind: 'delete', key } : { kind: 'delete-prefix', prefix: prefix ?? '' };
  }
  const { key, prefix } = shape.get ?? {};
  return key !== undefined ? { kind: 'get', key } : { kind: 'get-prefix', prefix: prefix ?? '' };
}

function resultBody(op: TxnOp | undefined, result: TxnResult): TxnResultShape {
  assert(op !== undefined, 'more results than operations');
  if ('deleted' in result) return { deleted: result.deleted };
  if ('keys' in result) return { keys: result.keys as KeyShape[] };
  if (op.kind === 'put' && result.key !== null) return result.key;
  return { keys: result.key === null ? [] : [result.key] };
}
