// What comes out of the core: a Ready, the result of a step, and the status of the node.
import type { Message } from './messages.ts';
import type { Progress } from './progress.ts';
import type { ConfState, Entry, HardState, Index, NodeId, Role, SnapshotMeta, Term } from './types.ts';

/** Leader and role: never stored, told when they change. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

export interface ReadState {
  readonly index: Index;
  readonly context: number;
}

/** All that the core wants done, in the order in which it must be done. */
export interface Ready {
  readonly softState: SoftState | null;
  readonly hardState: HardState | null;
  readonly readStates: readonly ReadState[];
  /** To be made durable. */
  readonly entries: readonly Entry[];
  /** Replaces the durable log and the state: always to be synced, whatever `mustSync` says. */
  readonly snapshot: SnapshotMeta | null;
  /** To be applied. In asynchronous mode they are in a `storage-apply` message as well: apply them once. */
  readonly committedEntries: readonly Entry[];
  /** In synchronous mode to be sent only after everything above is durable; in asynchronous mode at once. */
  readonly messages: readonly Message[];
  /** Whether entries, term or vote must reach the disk before the promises leave; a later commit index alone need not. */
  readonly mustSync: boolean;
}

/**
 * What became of a step. A refusal changes nothing.
 * `peer-not-found`: an answer from somebody who is no member. `local-message`: no peer may send this, or not in this form.
 */
export type StepResult = 'ok' | 'proposal-dropped' | 'peer-not-found' | 'local-message';

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: Index;
  readonly applied: Index;
  readonly transferee: NodeId;
  readonly conf: ConfState;
  /** Only on a leader. */
  readonly progress: ReadonlyMap<NodeId, Progress> | null;
}
