// Requests and replies of POST /v1/batch: each operation has the fields of its path and body, and its own outcome.
import Type, { type Static } from 'typebox';
import { CheckBody, CLAIM_TERMS, ClaimPath, ExtendBody } from './claims.ts';
import { GrantPath } from './lessor.ts';
import { LogIndex, Name, Strict } from './shapes.ts';
import { DeleteBody, KeyPath, PutBody } from './store.ts';

/** The fields of each kind of operation. Its kind is the name of the one field that an operation has. */
export const BATCH_OPS = {
  claim: Strict({ ...ClaimPath.properties, ...CLAIM_TERMS }),
  extend: Strict({ ...ClaimPath.properties, ...ExtendBody.properties }),
  release: Strict({ ...ClaimPath.properties, holder: Name, fence: Type.Optional(LogIndex) }),
  check: Strict({ ...ClaimPath.properties, ...CheckBody.properties }),
  renew: GrantPath,
  put: Strict({ ...KeyPath.properties, ...PutBody.properties }),
  delete: Strict({ ...KeyPath.properties, ...DeleteBody.properties }),
} as const;

/** What an operation does. */
export type BatchKind = keyof typeof BATCH_OPS;

/** Static side of an operation's fields. */
export type BatchFields<Kind extends BatchKind> = Static<(typeof BATCH_OPS)[Kind]>;

const AnyFields = Type.Optional(Type.Unknown());

/**
 * Body of `POST /v1/batch`. Only that each operation is of a known kind is asked of the whole: what is wrong with its fields is its own
 * outcome. How many there may be is another error than a wrong one, so it is checked apart.
 */
export const BatchBody = Strict({
  ops: Type.Array(
    Type.Object(
      { claim: AnyFields, extend: AnyFields, release: AnyFields, check: AnyFields, renew: AnyFields, put: AnyFields, delete: AnyFields },
      { additionalProperties: false, minProperties: 1, maxProperties: 1 },
    ),
  ),
});

/** What one operation ended in: the status and body that it would have had alone, null for a status that has none. */
export interface BatchResult {
  readonly status: number;
  readonly body: unknown;
  /** For a repeat under an idempotency key, the log index at which the first was decided. */
  readonly replayed?: number;
}

/** Answer of `POST /v1/batch`, results in the order of the operations. */
export interface BatchReply {
  readonly results: readonly BatchResult[];
  readonly index: number;
}
