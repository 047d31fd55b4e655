// Requests and replies of the store: keys, gated writes and transactions.
import Type, { type Static } from 'typebox';
import { ASSERTIONS_MAX, COMPARISONS_MAX, TXN_OPS_MAX } from './limits.ts';
import { AssertionShape, Count, LeaseId, StoreKey, StorePrefix, StoreValue, Strict, TextOrNull } from './shapes.ts';

/** The path of a key. */
export const KeyPath = Strict({ key: StoreKey });

const Assertions = Type.Array(AssertionShape, { maxItems: ASSERTIONS_MAX });

/** Body of `PUT /v1/kv/{key}`. */
export const PutBody = Strict({ value: StoreValue, lease: Type.Optional(LeaseId), assert: Type.Optional(Assertions) });

/** Body of `DELETE /v1/kv/{key}`; it may be left out. */
export const DeleteBody = Strict({ assert: Type.Optional(Assertions) });

/** One comparison of a transaction. Which type `value` must have depends on `target`. */
export const CompareShape = Strict({
  key: StoreKey,
  target: Type.Unsafe<'create' | 'mod' | 'version' | 'value' | 'lease'>({ enum: ['create', 'mod', 'version', 'value', 'lease'] }),
  op: Type.Unsafe<'=' | '!=' | '<' | '>'>({ enum: ['=', '!=', '<', '>'] }),
  value: Type.Unsafe<number | string>({ type: ['number', 'string'] }),
});
/** Static side of {@link CompareShape}. */
export type CompareShape = Static<typeof CompareShape>;

const KeyOrPrefix = Type.Object(
  { key: Type.Optional(StoreKey), prefix: Type.Optional(StorePrefix) },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);

/** One operation of a transaction: exactly one of the three. */
export const TxnOpShape = Type.Object(
  {
    put: Type.Optional(Strict({ key: StoreKey, value: StoreValue, lease: Type.Optional(LeaseId) })),
    delete: Type.Optional(KeyOrPrefix),
    get: Type.Optional(KeyOrPrefix),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);
/** Static side of {@link TxnOpShape}. */
export type TxnOpShape = Static<typeof TxnOpShape>;

/** Body of `POST /v1/txn`. */
export const TxnBody = Strict({
  assert: Type.Optional(Assertions),
  compare: Type.Optional(Type.Array(CompareShape, { maxItems: COMPARISONS_MAX })),
  success: Type.Optional(Type.Array(TxnOpShape, { maxItems: TXN_OPS_MAX })),
  failure: Type.Optional(Type.Array(TxnOpShape, { maxItems: TXN_OPS_MAX })),
});
/** Static side of {@link TxnBody}. */
export type TxnBody = Static<typeof TxnBody>;

const KEY_FIELDS = {
  key: Type.String(),
  value: Type.String(),
  createRevision: Count,
  modRevision: Count,
  version: Count,
  lease: TextOrNull,
};

/** A key in a list. */
export const KeyShape = Type.Object(KEY_FIELDS);
/** Static side of {@link KeyShape}. */
export type KeyShape = Static<typeof KeyShape>;

/** A key as an answer of its own. */
export const KeyReply = Type.Object({ ...KEY_FIELDS, index: Count });
/** Static side of {@link KeyReply}. */
export type KeyReply = Static<typeof KeyReply>;

/** Answer of `GET /v1/kv`; `revision` is the store's. */
export const KeyList = Type.Object({ keys: Type.Array(KeyShape), next: Type.Optional(Type.String()), revision: Count, index: Count });
/** Static side of {@link KeyList}. */
export type KeyList = Static<typeof KeyList>;

/** Result of one operation of a transaction: the key for a put, how many for a delete, the keys found for a get. */
export type TxnResultShape = KeyShape | { readonly deleted: number } | { readonly keys: readonly KeyShape[] };

/** Answer of `POST /v1/txn`, results in the order of the operations that were carried out. */
export interface TxnReply {
  readonly succeeded: boolean;
  readonly results: readonly TxnResultShape[];
  readonly index: number;
}
