// Requests and replies about the cluster itself, under /v1/cluster.
import Type, { type Static } from 'typebox';
import { Count, CountOrNull, MemberId, Name, PeerAddress, Strict, TextOrNull } from './shapes.ts';

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

/** Conditions of a node that an operator must know about. Each clears by itself. */
type AlarmName = 'disk-stall' | 'disk-low' | 'no-room' | 'memory' | 'fds' | 'divergence';
const alarmNames = { items: { type: 'string', enum: ['disk-stall', 'disk-low', 'no-room', 'memory', 'fds', 'divergence'] } };

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
  alarms: Type.Unsafe<readonly AlarmName[] | null>({ type: ['array', 'null'], ...alarmNames }),
});

/** Answer of `GET /v1/cluster`, by the node asked. */
export const ClusterReply = Type.Object({
  node: Type.String(),
  leader: TextOrNull,
  term: Count,
  commitIndex: Count,
  members: Type.Array(MemberShape),
  alarms: Type.Unsafe<readonly AlarmName[]>({ type: 'array', ...alarmNames }),
  index: Count,
});
/** Static side of {@link ClusterReply}. */
export type ClusterReply = Static<typeof ClusterReply>;

/** The path of the members. */
export const MEMBER_PATH = '/v1/cluster/members';

/** Body of `POST /v1/cluster/members`: the new member begins as a learner. */
export const AddMemberBody = Strict({
  id: MemberId,
  /** Where it listens for its peers, `host:port`. */
  peer: PeerAddress,
  /** Where it answers clients, `host:port`. */
  http: Type.Optional(PeerAddress),
  /** The member that leaves in the step in which this one becomes a voter. */
  replaces: Type.Optional(MemberId),
  /** Whether it becomes a voter by itself once it has caught up; true unless said otherwise. */
  promote: Type.Optional(Type.Boolean()),
  /** The name of its data directory: sent by the node itself when it joins. */
  disk: Type.Optional(Type.String({ minLength: 1, maxLength: 64, pattern: '^[0-9a-f]+$' })),
});
/** Static side of {@link AddMemberBody}. */
export type AddMemberBody = Static<typeof AddMemberBody>;

/** The path of one member. */
export const MemberPath = Strict({ id: MemberId });

/** A founder in an answer. */
const FounderShape = Type.Object({ number: Count, id: Type.String(), peer: Type.String() });

/** Answer of `POST /v1/cluster/members` and of a promotion. `founders` is where the cluster's log begins, for a node that joins. */
export const MemberReply = Type.Object({
  id: Type.String(),
  number: Count,
  peer: Type.String(),
  http: Type.String(),
  voter: Type.Boolean(),
  founders: Type.Array(FounderShape),
  index: Count,
});
/** Static side of {@link MemberReply}. */
export type MemberReply = Static<typeof MemberReply>;

/** Answer of `/livez`. */
export const HealthReply = Type.Object({ status: Type.Literal('ok') });

/** One check of `/readyz?verbose`; `ok` is null if the answer did not wait for it. */
const CheckShape = Type.Object({ name: Type.String(), ok: Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] }) });

/** Answer of `/readyz` by a node that is ready. `checks` are there with `?verbose`. */
export const ReadyReply = Type.Object({ status: Type.Literal('ok'), checks: Type.Optional(Type.Array(CheckShape)) });
/** Static side of {@link ReadyReply}. */
export type ReadyReply = Static<typeof ReadyReply>;

/** Answer of `/readyz` by a node that is not ready: a problem that names the checks that failed. */
export const NotReadyReply = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Count,
  detail: Type.String(),
  code: Type.String(),
  failed: Type.Array(Type.String()),
  checks: Type.Optional(Type.Array(CheckShape)),
});
/** Static side of {@link NotReadyReply}. */
export type NotReadyReply = Static<typeof NotReadyReply>;
