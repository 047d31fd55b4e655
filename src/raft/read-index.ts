// Linearizable reads without a log entry (thesis 6.4): an index is good for a read once a quorum confirms the leader after the read began.
import { jointCommittedIndex } from './quorum.ts';
import type { State } from './state.ts';
import { type Index, NONE, type NodeId } from './types.ts';

interface PendingRead {
  readonly from: NodeId;
  readonly context: number;
  /** The commit index when the read was asked for. */
  readonly index: Index;
  /** Heartbeats of this round or a later one were sent after the read was asked for. */
  readonly round: number;
}

/**
 * Reads that wait, oldest first. Each gets a round of its own from a counter of this leader, never from the caller: an answer to
 * an older heartbeat can therefore not confirm a newer read, even one with the same context (etcd issue 20418).
 */
export class ReadQueue {
  #round = 0;
  #pending: PendingRead[] = [];
  /** Reads asked for before this leader committed an entry of its own term: until then it does not know what is committed. */
  #postponed: { readonly from: NodeId; readonly context: number }[] = [];
  readonly #confirmed = new Map<NodeId, number>();

  /** The round that a heartbeat carries now; 0 while nobody waits. */
  get round(): number {
    return this.#pending.length === 0 ? 0 : this.#round;
  }

  postpone(from: NodeId, context: number): void {
    this.#postponed.push({ from, context });
  }

  takePostponed(): readonly { readonly from: NodeId; readonly context: number }[] {
    const postponed = this.#postponed;
    this.#postponed = [];
    return postponed;
  }

  add(from: NodeId, context: number, index: Index): void {
    this.#pending.push({ from, context, index, round: ++this.#round });
  }

  /** Notes that `from` still followed in `round`; returns the reads that a quorum has confirmed by that. */
  confirm(state: State, from: NodeId, round: number): readonly PendingRead[] {
    if (round > (this.#confirmed.get(from) ?? 0)) this.#confirmed.set(from, round);
    const { voters, votersOutgoing } = state.membership.configuration;
    const reached = jointCommittedIndex(voters, votersOutgoing, (id) => (id === state.id ? this.#round : this.#confirmed.get(id)));
    const waiting = this.#pending.findIndex((read) => read.round > reached);
    return this.#pending.splice(0, waiting < 0 ? this.#pending.length : waiting);
  }
}

/** A read asked for here (`from` is this node or NONE) or by a follower. The caller never uses a context twice. */
export function requestRead(state: State, from: NodeId, context: number): void {
  const { reads } = state.leadership();
  // Also alone: after a restart even a single voter may have committed more than it remembers.
  if (!hasCommittedInTerm(state)) {
    reads.postpone(from, context);
    return;
  }
  if (isSingleton(state) || state.config.readOnly === 'lease-based') {
    answerRead(state, from, context, state.log.committed);
    return;
  }
  reads.add(from, context, state.log.committed);
  sendHeartbeats(state);
}

export function releasePostponedReads(state: State): void {
  if (!hasCommittedInTerm(state)) return;
  for (const { from, context } of state.leadership().reads.takePostponed()) requestRead(state, from, context);
}

export function answerRead(state: State, from: NodeId, context: number, index: Index): void {
  if (from === NONE || from === state.id) state.readStates.push({ index, context });
  else state.send({ kind: 'read-index-response', to: from, index, context });
}

/** To every peer, paused ones and learners too, with no more commit than it is known to have. */
export function sendHeartbeats(state: State): void {
  const context = state.leadership().reads.round;
  for (const to of state.peers) {
    const progress = state.progressOf(to);
    if (progress === undefined) continue;
    const commit = Math.min(progress.match, state.log.committed);
    state.send({ kind: 'heartbeat', to, commit, context });
    progress.sentCommit = commit;
  }
}

function hasCommittedInTerm(state: State): boolean {
  return state.log.term(state.log.committed) === state.term;
}

function isSingleton(state: State): boolean {
  const { voters, votersOutgoing } = state.membership.configuration;
  return voters.size === 1 && votersOutgoing.size === 0 && voters.has(state.id);
}
