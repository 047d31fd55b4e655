// The door of the core: inputs step in, one Ready at a time comes out.
import type { RaftConfig } from './config.ts';
import type { Message } from './messages.ts';
import type { Progress } from './progress.ts';
import type { ConfChange, ConfState, Entry, HardState, Index, NodeId, Role, SnapshotMeta, Term } from './types.ts';

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
  readonly snapshot: SnapshotMeta | null;
  /** To be applied. In asynchronous mode they are in a `storage-apply` message as well: apply them once. */
  readonly committedEntries: readonly Entry[];
  /** In synchronous mode to be sent only after everything above is durable; in asynchronous mode at once. */
  readonly messages: readonly Message[];
  /** Whether hard state, entries or snapshot must reach the disk before the messages leave. */
  readonly mustSync: boolean;
}

/** What became of a step. A refusal changes nothing. */
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

export declare class RawNode {
  constructor(config: RaftConfig);
  tick(): void;
  campaign(): void;
  propose(data: readonly Uint8Array[]): StepResult;
  proposeConfChange(change: ConfChange): StepResult;
  applyConfChange(change: ConfChange): ConfState;
  step(message: Message): StepResult;
  hasReady(): boolean;
  ready(): Ready;
  advance(): void;
  readIndex(context: number): StepResult;
  transferLeader(to: NodeId): void;
  forgetLeader(): void;
  reportUnreachable(peer: NodeId): void;
  reportSnapshot(peer: NodeId, ok: boolean): void;
  /** For tests: the current random election timeout in ticks, until the next role change. */
  setRandomizedElectionTimeout(ticks: number): void;
  status(): RaftStatus;
}
