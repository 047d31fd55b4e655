// The small shapes that requests and replies are made of.
import Type, { type TObject, type TProperties } from 'typebox';
import { DURATION_MAX_MS, DURATION_MIN_MS, WAIT_MAX_MS } from './limits.ts';

/** An object that has these fields and no others. */
export function Strict<Fields extends TProperties>(fields: Fields): TObject<Fields> {
  return Type.Object(fields, { additionalProperties: false });
}

/** A namespace, model, lease, holder or entity by the general rule. */
export const Name = Type.String({ format: 'name' });

/** A node's id. */
export const MemberId = Type.String({ format: 'member-id' });

/** Where a node listens, `host:port`. */
export const PeerAddress = Type.String({ format: 'address' });

/** A key of the store. */
export const StoreKey = Type.String({ format: 'store-key' });

/** The beginning of keys; empty for all. */
export const StorePrefix = Type.String({ format: 'store-prefix' });

/** A value of the store. Its size is checked apart, because too large a value is another error than a wrong one. */
export const StoreValue = Type.String({ format: 'unicode-text' });

/** A granted lease's id. */
export const LeaseId = Type.String({ format: 'lease-id' });

/** A granted lease's id, or "0" for none. */
export const LeaseIdOrNone = Type.String({ format: 'lease-id-or-none' });

/** How long something is to last, in milliseconds. */
export const DurationMs = Type.Integer({ minimum: DURATION_MIN_MS, maximum: DURATION_MAX_MS });

/** How long a request is ready to wait, in milliseconds. */
export const WaitMs = Type.Integer({ minimum: 0, maximum: WAIT_MAX_MS });

/** A log index as callers send it. 0 comes before every entry. */
export const LogIndex = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** An integer in an answer: an index, a revision, a count or milliseconds. */
export const Count = Type.Integer();

// Written as one type list, not as a union, because serialisers and validators take that in one step.
/** An integer or null in an answer. */
export const CountOrNull = Type.Unsafe<number | null>({ type: ['integer', 'null'] });

/** A string or null in an answer. */
export const TextOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });

/** The path of a namespace and model. */
export const ScopePath = Strict({ namespace: Name, model: Name });

/** "This holder has this lease, in this tenure"; at least one of `holder` and `fence` must be there. */
export const AssertionShape = Strict({
  namespace: Name,
  model: Name,
  lease: Name,
  holder: Type.Optional(Name),
  fence: Type.Optional(LogIndex),
  minIndex: Type.Optional(LogIndex),
});

/** A body of a request that needs none. */
export const NoBody = Strict({});
