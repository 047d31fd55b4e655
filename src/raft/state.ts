// The state of one Raft node (Figure 2, "State"), and the two queues of messages that it wants sent.
import { assert } from '../assert.ts';
import { type Membership, restore, toConfState } from './confchange.ts';
import type { RaftConfig } from './config.ts';
import { RaftLog } from './log.ts';
import type { AppendResponse, Message, VoteResponse } from './messages.ts';
import { Progress } from './progress.ts';
import type { ReadQueue } from './read-index.ts';
import type { TraceEvent } from './trace.ts';
import { type ConfState, type HardState, type Index, NONE, type NodeId, type Term } from './types.ts';

export interface FollowerRole {
  readonly kind: 'follower';
}

export interface CandidateRole {
  readonly kind: 'pre-candidate' | 'candidate';
  /** The first answer of each voter; a repeat changes nothing. */
  readonly votes: Map<NodeId, boolean>;
}

export interface LeaderRole {
  readonly kind: 'leader';
  /** Whom leadership is being handed to, or NONE. No proposals are taken meanwhile. */
  transferee: NodeId;
  /** Ticks since that began. */
  transferElapsed: number;
  /** The last configuration change may be at this index or before; another is refused until it is applied. */
  pendingConfIndex: Index;
  /** Bytes of payload proposed in this term and not yet applied. */
  uncommittedBytes: number;
  readonly reads: ReadQueue;
}

export type RoleState = FollowerRole | CandidateRole | LeaderRole;

/** What a role wants to become; `raft.ts` is the one place that does it. `followUp` is stepped afterwards. */
export type Transition =
  | { readonly to: 'follower'; readonly term: Term; readonly leader: NodeId; readonly followUp?: Message }
  | { readonly to: 'pre-candidate' }
  | { readonly to: 'candidate'; readonly transfer: boolean }
  | { readonly to: 'leader' };

/** What a role makes of a message: a transition that it wants, a refusal, or nothing. */
export type Step = Transition | 'proposal-dropped' | null;

/** A message without what every message of this node carries. */
type Outgoing<M> = M extends Message ? Omit<M, 'from' | 'term'> : never;

type DistributeEvent<E> = E extends TraceEvent ? Omit<E, 'node'> : never;

export class State {
  readonly config: RaftConfig;
  readonly id: NodeId;

  // Persistent (Figure 2)
  term: Term;
  vote: NodeId;
  readonly log: RaftLog;

  // Volatile
  role: RoleState = { kind: 'follower' };
  leader: NodeId = NONE;
  membership: Membership;
  /** All peers, ascending, learners too, without this node. */
  peers: readonly NodeId[] = [];
  /** Last index acknowledged to the leader of this term; 0 for none yet. */
  acknowledged: Index = 0;
  /** Ticks since the last sign of a leader, or on a leader since the last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  /** Set by the owner while this node must not become leader. It votes and follows as ever. */
  abstains = false;

  /** Leave at once. */
  immediate: Message[] = [];
  /** Promises (votes, acknowledgements), also those to this node itself: leave when what they promise is durable. */
  afterAppend: Message[] = [];
  /** Confirmed reads that were asked for here. */
  readStates: { readonly index: Index; readonly context: number }[] = [];

  constructor(config: RaftConfig) {
    assert(config.id > 0, `raft: ${config.id} is not an id`);
    assert(
      config.electionTicks > config.heartbeatTicks && config.heartbeatTicks > 0,
      'raft: the election timeout must be longer than a heartbeat',
    );
    assert(config.checkQuorum || config.readOnly === 'safe', 'raft: lease-based reads need the quorum check');
    const { hardState, conf } = config.storage.initialState();
    this.config = config;
    this.id = config.id;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.log = new RaftLog(config.storage, config.maxApplyingBytes);
    this.membership = restore(conf, this.log.lastIndex(), config.inflights);
    // The durable commit index may lag: behind the snapshot, and behind what was applied. It is never ahead of the log.
    this.log.commitTo(Math.max(hardState.commit, config.applied));
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  get conf(): ConfState {
    return toConfState(this.membership.configuration);
  }

  get isLearner(): boolean {
    return this.progressOf(this.id)?.isLearner === true;
  }

  /** Whether this node may stand for election: a voter of the configuration that it knows, and not in the middle of a snapshot. */
  get isPromotable(): boolean {
    const own = this.progressOf(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === null;
  }

  progressOf(id: NodeId): Progress | undefined {
    return this.membership.progress.get(id);
  }

  leadership(): LeaderRole {
    assert(this.role.kind === 'leader', `raft: ${this.id} is no leader but ${this.role.kind}`);
    return this.role;
  }

  /** Queues a message in this node's name and term. Promises wait for the disk, the rest may leave at once. */
  send(message: Outgoing<Message>): void {
    this.queue({ ...message, from: this.id, term: this.term } as Message);
  }

  queue(message: Message): void {
    switch (message.kind) {
      case 'append-response':
      case 'vote-response':
      case 'pre-vote-response':
        this.afterAppend.push(message);
        return;
      default:
        assert(message.to !== this.id, `raft: ${this.id} sends ${message.kind} to itself`);
        this.immediate.push(message);
    }
  }

  sendAppendResponse(to: NodeId, index: Index): void {
    this.afterAppend.push({
      kind: 'append-response',
      from: this.id,
      to,
      term: this.term,
      index,
      rejected: false,
      rejectHint: 0,
      logTerm: 0,
    } satisfies AppendResponse);
  }

  /** `term` is the request's for a pre-vote that is granted: it answers for a term that does not exist yet. */
  sendVoteResponse(kind: VoteResponse['kind'], to: NodeId, term: Term, rejected: boolean): void {
    this.afterAppend.push({ kind, from: this.id, to, term, rejected });
  }

  trace(event: DistributeEvent<TraceEvent>): void {
    this.config.trace?.({ node: this.id, ...event } as TraceEvent);
  }

  /** What every change of role does first. A new term forgets the vote; the same term never does. */
  reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.leader = NONE;
    this.acknowledged = 0;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    const next = this.log.lastIndex() + 1;
    const progress = new Map<NodeId, Progress>();
    for (const [id, old] of this.membership.progress) {
      progress.set(id, new Progress(id === this.id ? next - 1 : 0, next, old.isLearner, this.config.inflights));
    }
    this.membership = { configuration: this.membership.configuration, progress };
  }

  /** Drawn anew for each wait, so that two nodes do not collide for ever (section 5.2). */
  drawElectionTimeout(): void {
    this.randomizedElectionTimeout = this.config.electionTicks + this.config.random(this.config.electionTicks);
  }
}
