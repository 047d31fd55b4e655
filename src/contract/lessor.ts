// Requests and replies of the lessor, under /v1/lessor/leases.
import Type, { type Static } from 'typebox';
import { Count, DurationMs, LeaseIdOrNone, StoreKey, Strict } from './shapes.ts';

/** The path of a granted lease. "0" is well formed and never found. */
export const GrantPath = Strict({ id: LeaseIdOrNone });

/** The path of a key on a granted lease. */
export const GrantKeyPath = Strict({ id: LeaseIdOrNone, key: StoreKey });

/** Body of `POST /v1/lessor/leases`; without an id, or with "0", one is chosen. */
export const GrantBody = Strict({ ttlMs: DurationMs, id: Type.Optional(LeaseIdOrNone) });

const GRANT_FIELDS = {
  id: Type.String(),
  ttlMs: Count,
  remainingMs: Count,
  keyCount: Count,
  claimCount: Count,
  attachedIndex: Count,
  index: Count,
};

/** A granted lease in an answer. */
export const GrantShape = Type.Object(GRANT_FIELDS);
/** Static side of {@link GrantShape}. */
export type GrantShape = Static<typeof GrantShape>;

/** The answer of `GET` of one granted lease: the lease and one page of what is attached to it. */
export const GrantPage = Type.Object({
  ...GRANT_FIELDS,
  keys: Type.Array(Type.String()),
  claims: Type.Array(Type.Object({ namespace: Type.String(), model: Type.String(), lease: Type.String() })),
  next: Type.Optional(Type.String()),
});
/** Static side of {@link GrantPage}. */
export type GrantPage = Static<typeof GrantPage>;

/** Answer of the list of granted leases, in order of remaining time. */
export const GrantList = Type.Object({ leases: Type.Array(GrantShape), next: Type.Optional(Type.String()), index: Count });
/** Static side of {@link GrantList}. */
export type GrantList = Static<typeof GrantList>;
