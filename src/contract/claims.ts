// Requests and replies on claims, under /v1/leases.
import Type, { type Static } from 'typebox';
import { AssertionShape, Count, CountOrNull, DurationMs, LeaseId, LogIndex, Name, Strict, TextOrNull, WaitMs } from './shapes.ts';

/** The path of a claim. */
export const ClaimPath = Strict({ namespace: Name, model: Name, lease: Name });

/** The path of a pin. */
export const PinPath = Strict({ namespace: Name, model: Name, lease: Name, entity: Name });

/** What a claim says of itself: exactly one of `durationMs` and `session`. */
export const CLAIM_TERMS = { holder: Name, durationMs: Type.Optional(DurationMs), session: Type.Optional(LeaseId) };

/** Body of `PUT L`. */
export const ClaimBody = Strict({ ...CLAIM_TERMS, waitMs: Type.Optional(WaitMs) });
/** Static side of {@link ClaimBody}. */
export type ClaimBody = Static<typeof ClaimBody>;

/** Body of `POST L/extend`. */
export const ExtendBody = Strict({ holder: Name, durationMs: DurationMs, fence: Type.Optional(LogIndex) });
/** Static side of {@link ExtendBody}. */
export type ExtendBody = Static<typeof ExtendBody>;

/** Body of `POST L/check`. With `attempt` from 1 on the assertion tells the index of the barrier. */
export const CheckBody = Strict({
  holder: Name,
  attempt: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});
/** Static side of {@link CheckBody}. */
export type CheckBody = Static<typeof CheckBody>;

/** A claim in an answer. */
export const ClaimShape = Type.Object({
  namespace: Type.String(),
  model: Type.String(),
  lease: Type.String(),
  holder: Type.String(),
  fence: Count,
  durationMs: Count,
  remainingMs: CountOrNull,
  session: TextOrNull,
  pinnedBy: Type.Array(Type.String()),
  index: Count,
});
/** Static side of {@link ClaimShape}. */
export type ClaimShape = Static<typeof ClaimShape>;

/** Answer of the lists of claims. */
export const ClaimList = Type.Object({ leases: Type.Array(ClaimShape), next: Type.Optional(Type.String()), index: Count });
/** Static side of {@link ClaimList}. */
export type ClaimList = Static<typeof ClaimList>;

/** Answer of `POST L/check` when the holder holds it. */
export const CheckReply = Type.Object({ held: Type.Literal(true), fence: Count, assertion: AssertionShape, index: Count });
/** Static side of {@link CheckReply}. */
export type CheckReply = Static<typeof CheckReply>;

/** Answer of `GET L/expired` once nobody holds the lease. */
export const ExpiredReply = Type.Object({ expired: Type.Literal(true), index: Count });
/** Static side of {@link ExpiredReply}. */
export type ExpiredReply = Static<typeof ExpiredReply>;

/** Answer of the lists of pins. */
export const PinList = Type.Object({
  pins: Type.Array(
    Type.Object({ namespace: Type.String(), model: Type.String(), lease: Type.String(), entities: Type.Array(Type.String()) }),
  ),
  next: Type.Optional(Type.String()),
  index: Count,
});
/** Static side of {@link PinList}. */
export type PinList = Static<typeof PinList>;
