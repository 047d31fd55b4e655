// How one Raft node is set up: who it is, its limits, and the policies that etcd's data files exercise both ways.
import type { InflightsLimits } from './inflights.ts';
import type { Storage } from './storage.ts';
import type { TraceEvent } from './trace.ts';
import type { Index, NodeId } from './types.ts';

export interface RaftConfig {
  readonly id: NodeId;
  /** Ticks without a leader before a node stands for election; each wait is drawn from [n, 2n). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** What is durable. Read by the core, written by its owner. */
  readonly storage: Storage;
  /** An integer in [0, bound), from a seeded generator. */
  readonly random: (bound: number) => number;
  /** Index applied before the start; entries at or below it are not handed out again. */
  readonly applied: Index;
  /** `ready` hands storage work out as messages to the two local threads instead of waiting for `advance`. */
  readonly asyncStorageWrites: boolean;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Bytes of entries in one append; at least one entry is always sent. */
  readonly maxBytesPerMessage: number;
  /** Bytes of entries handed out for applying and not yet applied; at least one entry is always handed out. */
  readonly maxApplyingBytes: number;
  /** Bytes of entries that a leader holds uncommitted before it refuses proposals; 0 for no limit. */
  readonly maxUncommittedBytes: number;
  readonly inflights: InflightsLimits;
  /** Pass a proposal made on a follower on to the leader. Leasehold never does. */
  readonly forwardProposals: boolean;
  /** A leader that is no longer a voter steps down once that is applied. */
  readonly stepDownOnRemoval: boolean;
  /** Refuse a configuration change while another is under way (section 6). */
  readonly validateConfChanges: boolean;
  /**
   * Whether a follower answers an append that only tells a newer commit index, when it has acknowledged that place to this leader
   * already. etcd does; the answer tells the leader nothing, and costs as much as one that does.
   */
  readonly answerCommitNotices: boolean;
  /** `lease-based` trusts CheckQuorum instead of asking a quorum. It exists for the data files only. */
  readonly readOnly: 'safe' | 'lease-based';
  /** Told every decision as it is made; must not call back. */
  readonly trace?: (event: TraceEvent) => void;
}
