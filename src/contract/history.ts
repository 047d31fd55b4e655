// The history of a lease: `GET L/history`.
import Type, { type Static } from 'typebox';
import { Count } from './shapes.ts';

/**
 * One thing that happened to a lease, or that a leader changed meanwhile. `type` is one of claimed, extended, pinned, unpinned,
 * session-joined, session-ended, fence-used, fence-refused, released, expired, revoked and leader-changed; a field that does not apply
 * to it is not there. Times are lease time in milliseconds.
 */
export const HistoryItem = Type.Object({
  type: Type.String(),
  /** Log index; of the last one where `count` tells that several are told together. */
  index: Count,
  timeMs: Type.Optional(Count),
  /** Whose tenure it was. */
  holder: Type.Optional(Type.String()),
  fence: Type.Optional(Count),
  count: Type.Optional(Count),
  /** How long after the deadline; for extensions the most, at `lateIndex`. */
  lateMs: Type.Optional(Count),
  lateIndex: Type.Optional(Count),
  durationMs: Type.Optional(Count),
  session: Type.Optional(Type.String()),
  /** The entity that pins. */
  by: Type.Optional(Type.String()),
  /** Why a tenure ended: holder, deadline, session-expired or session-revoked. */
  cause: Type.Optional(Type.String()),
  term: Type.Optional(Count),
  /** Who led before, where known, and who leads since. */
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
  /** How long the new leader had known none, by its own clock. */
  leaderlessMs: Type.Optional(Count),
});
/** Static side of {@link HistoryItem}. */
export type HistoryItem = Static<typeof HistoryItem>;

/** Answer of `GET L/history`, in the order of the log. `truncated`: more may have happened before or between. */
export const HistoryReply = Type.Object({ history: Type.Array(HistoryItem), truncated: Type.Boolean(), index: Count });
/** Static side of {@link HistoryReply}. */
export type HistoryReply = Static<typeof HistoryReply>;
