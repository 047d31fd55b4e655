// Every message that a Raft node sends or takes, one shape for each kind.
import type { ConfChange, Entry, HardState, Index, NodeId, SnapshotMeta, Term } from './types.ts';

/** The two local "threads" of asynchronous storage writes; they are addressed like peers but never leave the node. */
export const APPEND_THREAD: NodeId = -1;
export const APPLY_THREAD: NodeId = -2;

interface Addressed {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; 0 only for messages that carry none (proposals, read requests, local ones). */
  readonly term: Term;
}

/** AppendEntries (Figure 2). `logTerm`/`index` name the entry before `entries`. */
export interface Append extends Addressed {
  readonly kind: 'append';
  readonly logTerm: Term;
  readonly index: Index;
  readonly entries: readonly Entry[];
  readonly commit: Index;
}

/** `index` is the last index known to match, or the refused one; a refusal carries where to look next. */
export interface AppendResponse extends Addressed {
  readonly kind: 'append-response';
  readonly index: Index;
  readonly rejected: boolean;
  /** Only for a refusal: the largest index that may match, and its term here. */
  readonly rejectHint: Index;
  readonly logTerm: Term;
}

/** An empty AppendEntries apart from the log; `context` is the read that asked for it, 0 for none. */
export interface Heartbeat extends Addressed {
  readonly kind: 'heartbeat';
  readonly commit: Index;
  readonly context: number;
}

export interface HeartbeatResponse extends Addressed {
  readonly kind: 'heartbeat-response';
  readonly context: number;
}

/** RequestVote (Figure 2), or its dry run (thesis 9.6) with the term that would be stood for. */
export interface VoteRequest extends Addressed {
  readonly kind: 'vote' | 'pre-vote';
  readonly logTerm: Term;
  readonly index: Index;
  /** The leader asked for this election, so a vote may be given though that leader is alive (thesis 4.2.3). */
  readonly transfer: boolean;
}

export interface VoteResponse extends Addressed {
  readonly kind: 'vote-response' | 'pre-vote-response';
  readonly rejected: boolean;
}

/** InstallSnapshot (section 7), without the state, which travels apart and has arrived when this is stepped. */
export interface Snapshot extends Addressed {
  readonly kind: 'snapshot';
  readonly snapshot: SnapshotMeta;
}

/** Stand for election at once (thesis 3.10). */
export interface TimeoutNow extends Addressed {
  readonly kind: 'timeout-now';
}

/** Asks the leader to hand over to `transferee`. */
export interface TransferLeader extends Addressed {
  readonly kind: 'transfer-leader';
  readonly transferee: NodeId;
}

/** Asks the leader for an index at which a linearizable read may be served (thesis 6.4). `context` is never used twice. */
export interface ReadIndex extends Addressed {
  readonly kind: 'read-index';
  readonly context: number;
}

export interface ReadIndexResponse extends Addressed {
  readonly kind: 'read-index-response';
  readonly index: Index;
  readonly context: number;
}

/** New entries, without term and index. Leasehold never sends one to another node; etcd's data files do. */
export interface Propose extends Addressed {
  readonly kind: 'propose';
  readonly payloads: readonly Payload[];
}

export type Payload =
  | { readonly kind: 'normal'; readonly data: Uint8Array }
  | { readonly kind: 'conf-change'; readonly change: ConfChange };

/** To {@link APPEND_THREAD}: make these durable, in order, then deliver `responses`. */
export interface StorageAppend extends Addressed {
  readonly kind: 'storage-append';
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMeta | null;
  readonly responses: readonly Message[];
}

/** From {@link APPEND_THREAD}: the log is durable up to (`logTerm`, `index`), the snapshot installed. */
export interface StorageAppendResponse extends Addressed {
  readonly kind: 'storage-append-response';
  readonly logTerm: Term;
  readonly index: Index;
  readonly snapshot: SnapshotMeta | null;
}

/** To {@link APPLY_THREAD}: apply these in order, then deliver `responses`. */
export interface StorageApply extends Addressed {
  readonly kind: 'storage-apply';
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}

export interface StorageApplyResponse extends Addressed {
  readonly kind: 'storage-apply-response';
  readonly entries: readonly Entry[];
}

/** What may cross the network. Everything else is local and refused there. */
export type PeerMessage =
  | Append
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | Snapshot
  | TimeoutNow
  | TransferLeader
  | ReadIndex
  | ReadIndexResponse
  | Propose;

export type Message = PeerMessage | StorageAppend | StorageAppendResponse | StorageApply | StorageApplyResponse;

/** A node's own write, addressed to its storage. */
export function storageAppend(
  from: NodeId,
  hardState: HardState | null,
  entries: readonly Entry[],
  snapshot: SnapshotMeta | null,
  responses: readonly Message[],
): StorageAppend {
  return { kind: 'storage-append', from, to: APPEND_THREAD, term: hardState?.term ?? 0, hardState, entries, snapshot, responses };
}
