// Requests and replies about the cluster itself, under /v1/cluster.
import Type, { type Static } from 'typebox';
import { Count, CountOrNull, Name, Strict, TextOrNull } from './shapes.ts';

/** Body of `POST /v1/cluster/transfer`; without `to` the best follower is chosen. */
export const TransferBody = Strict({ to: Type.Optional(Name) });

/** Answer of `POST /v1/cluster/transfer` once the other node leads. */
export const TransferReply = Type.Object({ leader: Type.String(), term: Count });
/** Static side of {@link TransferReply}. */
export type TransferReply = Static<typeof TransferReply>;

/**
 * How far the image of the state is that a member is being sent because the log no longer reaches back to where it is. Told by the leader of
 * the others, and by the receiver of itself; it learns only with the last piece how many there are, until then `records` and `percent` are null.
 */
export const SnapshotProgress = Type.Object({ sentRecords: Count, records: CountOrNull, percent: CountOrNull });

/** A member in an answer. What the node asked does not know of it is null. */
export const MemberShape = Type.Object({
  id: Type.String(),
  http: Type.String(),
  peer: Type.String(),
  role: Type.Unsafe<'leader' | 'candidate' | 'follower' | 'learner'>({
    type: 'string',
    enum: ['leader', 'candidate', 'follower', 'learner'],
  }),
  voter: Type.Boolean(),
  matchIndex: CountOrNull,
  appliedIndex: CountOrNull,
  lastContactMs: CountOrNull,
  reachable: Type.Boolean(),
  snapshot: Type.Union([SnapshotProgress, Type.Null()]),
});

/** Answer of `GET /v1/cluster`, by the node asked. */
export const ClusterReply = Type.Object({
  node: Type.String(),
  leader: TextOrNull,
  term: Count,
  commitIndex: Count,
  members: Type.Array(MemberShape),
  index: Count,
});
/** Static side of {@link ClusterReply}. */
export type ClusterReply = Static<typeof ClusterReply>;

/** Answer of `/livez` and `/readyz`. */
export const HealthReply = Type.Object({ status: Type.Literal('ok') });
