// The body of every error: a problem of RFC 9457 with a stable code and the facts that decided.
import Type, { type Static } from 'typebox';
import { AssertionShape, Count, CountOrNull, TextOrNull } from './shapes.ts';

/** Which facts are there depends on the code; see the contract. */
export const ProblemShape = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Count,
  detail: Type.String(),
  code: Type.String(),
  /** Log index that decided. */
  index: Type.Optional(Count),
  /** Who holds the lease; null for nobody. */
  holder: Type.Optional(TextOrNull),
  fence: Type.Optional(CountOrNull),
  /** Of the claim that stands in the way, in milliseconds; null while pinned. */
  remainingMs: Type.Optional(CountOrNull),
  /** The assertion that does not hold, as it was given. */
  failed: Type.Optional(AssertionShape),
  key: Type.Optional(Type.String()),
  /** Of the key that a condition spoke of; null when there is no such key. */
  modRevision: Type.Optional(CountOrNull),
  id: Type.Optional(Type.String()),
  /** What there is no room for, how much of it is in use, and the quota. */
  resource: Type.Optional(Type.String()),
  used: Type.Optional(Count),
  limit: Type.Optional(Count),
  /** Outcomes up to this log index might be forgotten, the one under the idempotency key among them. */
  forgottenIndex: Type.Optional(Count),
});

/** An error as a client reads it. */
export type Problem = Static<typeof ProblemShape>;
