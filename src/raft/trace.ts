// The decisions of a Raft node as typed facts, for tests, the simulator and operators. The core itself writes no text.
import type { Message } from './messages.ts';
import type { Progress } from './progress.ts';
import type { ConfChange, ConfState, EntryId, Index, NodeId, Role, Term } from './types.ts';

/**
 * `node` is the node that speaks, in every event. `progress` is the live object as it is at this moment:
 * read from it what is to be kept, and never change it.
 */
export type TraceEvent = { readonly node: NodeId } & (
  | { readonly kind: 'became'; readonly role: Role; readonly term: Term }
  | { readonly kind: 'election-started'; readonly term: Term }
  | { readonly kind: 'forced-election-started'; readonly term: Term; readonly from: NodeId }
  | { readonly kind: 'vote-request-sent'; readonly preVote: boolean; readonly to: NodeId; readonly last: EntryId; readonly term: Term }
  | {
      readonly kind: 'vote-cast' | 'vote-rejected';
      readonly preVote: boolean;
      readonly candidate: NodeId;
      readonly theirs: EntryId;
      readonly own: EntryId;
      readonly vote: NodeId;
      readonly term: Term;
    }
  | {
      readonly kind: 'vote-ignored';
      readonly preVote: boolean;
      readonly candidate: NodeId;
      readonly theirs: EntryId;
      readonly own: EntryId;
      readonly vote: NodeId;
      readonly term: Term;
      /** Ticks until the leader that this node follows would be given up. */
      readonly remainingTicks: number;
    }
  | { readonly kind: 'vote-received'; readonly preVote: boolean; readonly from: NodeId; readonly rejected: boolean; readonly term: Term }
  | { readonly kind: 'votes-counted'; readonly preVote: boolean; readonly granted: number; readonly rejected: number }
  | {
      readonly kind: 'campaign-ignored';
      readonly reason: 'already-leader' | 'unpromotable' | 'pending-conf-change' | 'abstaining';
      readonly term: Term;
    }
  | {
      readonly kind: 'higher-term-received';
      readonly term: Term;
      readonly message: Message['kind'];
      readonly from: NodeId;
      readonly theirTerm: Term;
    }
  | {
      readonly kind: 'lower-term-ignored' | 'implausible-term-ignored';
      readonly term: Term;
      readonly message: Message['kind'];
      readonly from: NodeId;
      readonly theirTerm: Term;
    }
  | { readonly kind: 'stale-storage-response-ignored'; readonly term: Term; readonly theirTerm: Term }
  | { readonly kind: 'quorum-lost' }
  | { readonly kind: 'stepped-down'; readonly term: Term }
  | { readonly kind: 'leader-forgotten'; readonly leader: NodeId; readonly term: Term }
  | { readonly kind: 'forget-leader-refused' }
  | { readonly kind: 'no-leader'; readonly term: Term; readonly dropped: Message['kind'] }
  | { readonly kind: 'read-not-passed-on'; readonly from: NodeId; readonly leader: NodeId; readonly term: Term }
  | { readonly kind: 'proposal-not-forwarded'; readonly leader: NodeId; readonly term: Term }
  | { readonly kind: 'proposal-dropped-in-transfer'; readonly transferee: NodeId; readonly term: Term }
  | {
      readonly kind:
        | 'transfer-started'
        | 'transfer-already-under-way'
        | 'transfer-replaced'
        | 'transfer-to-self'
        | 'transfer-to-learner'
        | 'transfer-target-up-to-date'
        | 'transfer-reported-caught-up';
      readonly term: Term;
      readonly transferee: NodeId;
      /** `transfer-replaced`: the target before. */
      readonly previous: NodeId;
    }
  | { readonly kind: 'timeout-now-ignored'; readonly term: Term; readonly from: NodeId }
  | { readonly kind: 'configuration-switched'; readonly conf: ConfState }
  | { readonly kind: 'auto-leave-started'; readonly conf: ConfState }
  | {
      readonly kind: 'conf-change-ignored';
      readonly change: ConfChange;
      readonly conf: ConfState;
      /** `does-not-fit`: it would for instance leave no voter. */
      readonly reason: 'unapplied-change' | 'must-leave-joint' | 'not-joint' | 'does-not-fit';
      /** For `unapplied-change`. */
      readonly pendingIndex: Index;
      readonly applied: Index;
    }
  | { readonly kind: 'conflict-found'; readonly index: Index; readonly existingTerm: Term; readonly newTerm: Term }
  | {
      readonly kind: 'append-rejected';
      readonly term: Term;
      readonly index: Index;
      readonly logTerm: Term;
      readonly from: NodeId;
      /** Term of the own log at `index`, 0 if it has none. */
      readonly existingTerm: Term;
    }
  | {
      readonly kind: 'append-rejection-received';
      readonly from: NodeId;
      readonly index: Index;
      readonly hint: EntryId;
    }
  | { readonly kind: 'progress-decreased'; readonly peer: NodeId; readonly progress: Progress }
  | { readonly kind: 'peer-recovered-from-snapshot'; readonly peer: NodeId; readonly progress: Progress }
  | { readonly kind: 'peer-unreachable'; readonly peer: NodeId; readonly progress: Progress }
  | {
      readonly kind: 'snapshot-sent';
      readonly to: NodeId;
      readonly snapshot: EntryId;
      readonly first: Index;
      readonly commit: Index;
      readonly progress: Progress;
    }
  | { readonly kind: 'peer-paused-for-snapshot'; readonly peer: NodeId; readonly progress: Progress }
  | { readonly kind: 'snapshot-reported'; readonly peer: NodeId; readonly ok: boolean; readonly progress: Progress }
  | { readonly kind: 'snapshot-ignored'; readonly commit: Index; readonly snapshot: EntryId }
  | { readonly kind: 'snapshot-fast-forwarded'; readonly commit: Index; readonly last: EntryId; readonly snapshot: EntryId }
  | { readonly kind: 'snapshot-restored'; readonly commit: Index; readonly last: EntryId; readonly snapshot: EntryId }
);
