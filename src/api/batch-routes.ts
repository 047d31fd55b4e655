// Batches: many operations in one request, each with the outcome that it would have had alone.
import { BATCH_OPS, BatchBody, type BatchFields, type BatchKind, type BatchReply, type BatchResult } from '../contract/batch.ts';
import { BATCH_BODY_MAX_BYTES, BATCH_OPS_MAX } from '../contract/limits.ts';
import { checkLeaseName } from '../contract/secretaries.ts';
import type { LeaseKey } from '../lease/commands.ts';
import { type Answer, problemAnswer } from './answer.ts';
import type { Api, ApiServer } from './api.ts';
import { type BatchOp, runBatch } from './batch.ts';
import { checkAssertions } from './conditions.ts';
import { ApiError, invalidArgument, type ValidationFault, validationDetail } from './errors.ts';
import { deleteChange, putChange } from './kv-routes.ts';
import { acceptClaim, claimCheck, claimCommand, extendChange, keyOf, releaseChange } from './lease-routes.ts';
import { renewChange } from './lessor-routes.ts';
import { type Change, sendBody } from './reply.ts';
import { REPLAYED_HEADER, readRequestKey } from './request-key.ts';

/** A compiled schema. */
interface Validator {
  (input: unknown): unknown;
  errors?: readonly ValidationFault[] | null;
}

/** A batch from this many operations on has its answer written in an event-loop turn of its own. */
const LARGE_BATCH_OPS = 100;

type Readers = { readonly [Kind in BatchKind]: (api: Api, fields: BatchFields<Kind>) => BatchOp };

/** From the fields of each kind, which are as the schema wants them, to what is to be done: by the rules of the single calls. */
const READERS: Readers = {
  claim: (_api, fields) => toChange({ command: claimCommand(leaseKey(fields), fields), accept: acceptClaim }),
  extend: (_api, fields) => toChange(extendChange(leaseKey(fields), fields)),
  release: (_api, fields) => toChange(releaseChange(leaseKey(fields), fields.holder, fields.fence ?? null)),
  check: (_api, fields) => ({ kind: 'check', answer: claimCheck(leaseKey(fields), fields) }),
  renew: (api, { id }) => toChange(renewChange(api.service, id)),
  put: (_api, fields) => toChange(putChange(fields.key, fields, checkAssertions(fields.assert), null)),
  delete: (_api, fields) => toChange(deleteChange(fields.key, checkAssertions(fields.assert), null)),
};

/** Registers the route of batches. */
export function batchRoutes(server: ApiServer, api: Api): void {
  const { service } = api;
  server.post('/v1/batch', { schema: { body: BatchBody }, bodyLimit: BATCH_BODY_MAX_BYTES }, (request, reply) => {
    const { ops } = request.body;
    if (ops.length > BATCH_OPS_MAX) throw new ApiError('too-large', `a batch takes at most ${BATCH_OPS_MAX} operations`);
    const validatorOf = (kind: BatchKind): Validator => request.compileValidationSchema(BATCH_OPS[kind]) as Validator;
    runBatch(
      service,
      readRequestKey(request.raw.headers),
      ops.map((op) => readOp(api, op, validatorOf)),
      (answers) => {
        const send = (): void => {
          const results = answers.map(resultOf);
          sendBody(service, reply, 200, { results, index: service.appliedIndex } satisfies BatchReply);
        };
        // Batches that share a group commit end in one turn, which should not have to write the answers of all of them.
        if (ops.length < LARGE_BATCH_OPS) send();
        else api.largeWork.add(0, send);
      },
    );
  });
}

function resultOf({ status, body, headers }: Answer): BatchResult {
  const replayed = headers?.[REPLAYED_HEADER];
  return replayed === undefined ? { status, body } : { status, body, replayed: Number(replayed) };
}

function readOp(api: Api, op: { readonly [Kind in BatchKind]?: unknown }, validatorOf: (kind: BatchKind) => Validator): BatchOp {
  // The schema of the body has seen to it that there is exactly one, of a known kind.
  const [kind] = Object.keys(op) as [BatchKind];
  const fields = op[kind];
  const validate = validatorOf(kind);
  try {
    if (!validate(fields)) throw invalidArgument(validationDetail(validate.errors?.[0], kind));
    return readFields(api, kind, fields);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { kind: 'refused', answer: problemAnswer(error.code, error.message, error.facts) };
  }
}

function readFields<Kind extends BatchKind>(api: Api, kind: Kind, fields: unknown): BatchOp {
  return READERS[kind](api, fields as BatchFields<Kind>);
}

function leaseKey(fields: LeaseKey): LeaseKey {
  const fault = checkLeaseName(fields.namespace, fields.model, fields.lease);
  if (fault !== null) throw invalidArgument(fault);
  return keyOf(fields);
}

function toChange(change: Change): BatchOp {
  return { kind: 'change', change };
}
