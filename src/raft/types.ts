// The nouns of Raft that everything else is made of: ids, entries, hard state, configuration, snapshot.

/** A member's number in the configuration, 1 and up. {@link NONE} stands for nobody. */
export type NodeId = number;
/** A term, 0 at birth (paper section 5.1). */
export type Term = number;
/** A log index, 1 and up; 0 is the position before the first entry. */
export type Index = number;

/** Nobody: no vote, no leader. */
export const NONE: NodeId = 0;

/** One change of membership. Adding or removing twice is the same as once; `update` changes nothing that Raft knows. */
export interface ConfChangeItem {
  readonly type: 'add-voter' | 'add-learner' | 'remove' | 'update';
  readonly node: NodeId;
}

/**
 * A configuration change (paper section 6).
 * `auto` uses joint consensus only when more than one voter changes, and leaves it by itself;
 * `implicit` always uses it and leaves it by itself; `explicit` always uses it and stays until told.
 * An empty list of changes leaves a joint configuration.
 */
export interface ConfChange {
  /** The single-server form of etcd's first protocol: exactly one item, never joint. */
  readonly v1: boolean;
  readonly transition: 'auto' | 'implicit' | 'explicit';
  readonly changes: readonly ConfChangeItem[];
  /** What the owner wants to know when it applies the change; Raft carries it and never reads it. */
  readonly context?: Uint8Array;
}

/** A log entry. Invariant: (index, term) determines the entry, and all entries before it (log matching, 5.3). */
export type Entry = NormalEntry | ConfChangeEntry;

export interface NormalEntry {
  readonly kind: 'normal';
  readonly term: Term;
  readonly index: Index;
  /** Opaque to Raft; empty for the entry with which a leader opens its term. */
  readonly data: Uint8Array;
}

export interface ConfChangeEntry {
  readonly kind: 'conf-change';
  readonly term: Term;
  readonly index: Index;
  readonly change: ConfChange;
}

/** What must be durable before any promise built on it leaves the node (Figure 2, "persistent state"). `commit` may lag. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: NONE, commit: 0 };

/** A configuration as it is stored and sent; ids ascending. `votersOutgoing` is empty unless joint. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

export const EMPTY_CONF_STATE: ConfState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** What Raft knows of a snapshot: the last entry that it covers and the configuration there. The state itself travels apart. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly conf: ConfState;
}

/** (term, index) of a log position, compared for up-to-dateness by term first (paper section 5.4.1). */
export interface EntryId {
  readonly term: Term;
  readonly index: Index;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';
