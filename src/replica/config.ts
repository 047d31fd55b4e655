// How a replica is set up, and every limit that it keeps.
import type { NoRoom } from '../env.ts';
import { ENTRY_WORK_MAX } from '../lease/entry-budget.ts';
import type { TraceEvent } from '../raft/trace.ts';
import type { NodeId } from '../raft/types.ts';
import type { Alarm } from './alarms.ts';
import type { HandoverReason, Vitals } from './leader-health.ts';
import type { RoomLimits } from './room.ts';
import type { Founder } from './roster.ts';

export interface ReplicaLimits {
  /** Requests of this node under way; more are refused as overloaded. Claims and writes are refused at 7/8 of it, so that renewals are not. */
  readonly maxPendingRequests: number;
  /** Encoded bytes of the requests of this node under way, with the same shares. One request may exceed it. */
  readonly maxPendingBytes: number;
  /** Requests waiting on the leader to be proposed, and their encoded bytes; more from followers are refused, renewals last. */
  readonly maxInboxRequests: number;
  readonly maxInboxBytes: number;
  /** Most requests, and about the most bytes, in one group commit. */
  readonly maxBatchRequests: number;
  readonly maxBatchBytes: number;
  /** Changes of members that wait on this node; more are refused. */
  readonly maxPendingMemberChanges: number;
  /** A request that found no leader for so long is not accepted. */
  readonly leaderWaitMs: number;
  /** A request in the log for so long without an answer has an unknown outcome. Checked every fourth heartbeat: the answer comes within 5 s. */
  readonly requestTimeoutMs: number;
  /** What one entry processes of the keys, claims and waiters that end together. Decides what an entry does: the same on every node. */
  readonly entryWorkMax: number;
  /** Leases in one expiry entry. */
  readonly maxExpiryBatch: number;
  /** Committed bytes applied in one turn of the loop. */
  readonly maxApplyBytes: number;
  /** Time for which one turn of the loop begins to apply entries or to serve reads, in milliseconds. What is left continues in the next turn. */
  readonly turnWorkMs: number;
  /** State is saved after so many changed records, so many entries, or so many bytes of entries. */
  readonly saveAfterRecords: number;
  readonly saveAfterEntries: number;
  readonly saveAfterBytes: number;
  /** Entries kept behind the saved state for followers that lag, and their bytes; one that lags further gets the state instead. */
  readonly keepEntries: number;
  readonly keepBytes: number;
  /**
   * Bytes of all entries in the log, in memory and on the disk alike. A leader proposes nothing beyond it, a follower accepts nothing,
   * until a save lets the log be compacted. One batch and the window of a follower may exceed it.
   */
  readonly maxLogBytes: number;
  /** Bytes of entries that a leader has not committed yet. */
  readonly maxUncommittedBytes: number;
  /** Bytes of entries on their way to one follower. */
  readonly maxInflightBytes: number;
  /** Events that this node keeps for watchers that come back, and about how many bytes of them. */
  readonly keepEvents: number;
  readonly keepEventBytes: number;
  /** Entries kept at most, for a follower that is being sent the state and will want those behind it. */
  readonly mostKeptEntries: number;
  readonly mostKeptBytes: number;
  /** Bytes of records in one piece of a state image. */
  readonly imagePieceBytes: number;
  /** Pieces of a state image on their way to one follower. */
  readonly imageWindowPieces: number;
  /** A state image of which nothing arrived for so long is dropped. */
  readonly imageSilenceMs: number;
}

export const DEFAULT_LIMITS: ReplicaLimits = {
  maxPendingRequests: 16_384,
  maxPendingBytes: 64 << 20,
  maxInboxRequests: 65_536,
  maxInboxBytes: 64 << 20,
  maxBatchRequests: 4_096,
  maxBatchBytes: 1 << 20,
  maxPendingMemberChanges: 64,
  leaderWaitMs: 1_000,
  requestTimeoutMs: 4_750,
  entryWorkMax: ENTRY_WORK_MAX,
  maxExpiryBatch: 128,
  maxApplyBytes: 1 << 16,
  turnWorkMs: 10,
  saveAfterRecords: 1_024,
  saveAfterEntries: 20_000,
  saveAfterBytes: 16 << 20,
  keepEntries: 20_000,
  keepBytes: 32 << 20,
  maxLogBytes: 160 << 20,
  maxUncommittedBytes: 16 << 20,
  maxInflightBytes: 16 << 20,
  keepEvents: 65_536,
  keepEventBytes: 32 << 20,
  mostKeptEntries: 200_000,
  mostKeptBytes: 96 << 20,
  imagePieceBytes: 128 * 1_024,
  imageWindowPieces: 8,
  imageSilenceMs: 15_000,
};

/** A change that an operator wants to see. */
export type ReplicaEvent =
  | {
      readonly kind: 'role';
      readonly role: 'follower' | 'candidate' | 'leader';
      readonly term: number;
      readonly leader: string;
      readonly leaderlessMs: number | null;
    }
  /** This leader gives leadership up; `to` null: it steps down, since a transfer did not complete. */
  | ({ readonly kind: 'handover'; readonly to: string | null; readonly reason: HandoverReason } & Vitals)
  | { readonly kind: 'alarm'; readonly alarm: Alarm; readonly isActive: boolean }
  /** 80% of a resource of this node are in use. */
  | ({ readonly kind: 'room' } & NoRoom)
  | { readonly kind: 'image-received'; readonly index: number; readonly records: number };

export interface ReplicaConfig {
  readonly node: NodeId;
  readonly name: string;
  /** Where it answers clients; told to the peers. */
  readonly http: string;
  /** The random name of its data directory; told to the peers. */
  readonly disk: string;
  /** Who the members were when the cluster was first started, the same on every node for ever: the log begins with them. */
  readonly founders: readonly Founder[];
  /** Where the operator says that members are to be found now, in place of what the log says. */
  readonly peerAddresses?: ReadonlyMap<NodeId, string>;
  readonly heartbeatMs: number;
  /** Least election timeout; each wait is drawn from [this, twice this). */
  readonly electionTimeoutMs: number;
  readonly limits?: Partial<ReplicaLimits>;
  /** Quotas, in place of the usual ones. */
  readonly room?: Partial<RoomLimits>;
  readonly trace?: (event: TraceEvent) => void;
  readonly onEvent?: (event: ReplicaEvent) => void;
  /** The node cannot go on (a failed disk, a refusal by the cluster). Called once; nothing is promised after it. */
  readonly onFatal: (error: Error) => void;
}
