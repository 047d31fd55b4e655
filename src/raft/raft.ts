// One Raft node as a state machine: the rules on terms that come before every message, time, and the one place where roles change.
import { hasPlausibleTerm } from './admission.ts';
import { considerCampaign, requestVotes, stepCandidate } from './candidate.ts';
import type { RaftConfig } from './config.ts';
import { stepFollower } from './follower.ts';
import { appendEntries, checkQuorum, stepLeader } from './leader.ts';
import { adoptMembership, applyConfChange } from './membership.ts';
import type { Message, Payload, StorageAppendResponse } from './messages.ts';
import { ReadQueue, releasePostponedReads, sendHeartbeats } from './read-index.ts';
import { broadcastAppend } from './replication.ts';
import { entriesBytes, payloadBytes } from './sizes.ts';
import { type LeaderRole, State, type Step, type Transition } from './state.ts';
import { type ConfChange, type ConfState, type Entry, NONE, type NodeId, type Role } from './types.ts';
import { answerVoteRequest, ignoresVoteRequest, refuseVote } from './vote.ts';

export class Raft {
  readonly state: State;

  constructor(config: RaftConfig) {
    const state = new State(config);
    this.state = state;
    adoptMembership(state, state.membership);
    state.drawElectionTimeout();
    this.#become('follower');
  }

  // ---------------------------------------------------------------- messages

  step(message: Message): 'ok' | 'proposal-dropped' {
    const { state } = this;
    // Term 0: local, or a request that any term may carry.
    if (message.term > state.term && !this.#adoptTerm(message)) return 'ok';
    if (message.term !== 0 && message.term < state.term) {
      this.#answerLowerTerm(message);
      return 'ok';
    }
    switch (message.kind) {
      case 'vote':
      case 'pre-vote':
        answerVoteRequest(state, message);
        return 'ok';
      case 'storage-append-response':
        if (message.index !== 0) state.log.unstable.stableTo({ term: message.logTerm, index: message.index });
        this.#snapshotInstalled(message);
        return 'ok';
      case 'storage-apply-response':
        this.#appliedEntries(message.entries);
        return 'ok';
      case 'storage-append':
      case 'storage-apply':
        return 'ok';
      default:
        return this.#settle(this.#stepRole(message));
    }
  }

  /** "All servers: if a message has a higher term, convert to follower" (Figure 2). False when the message is to be ignored instead. */
  #adoptTerm(message: Message): boolean {
    const { state } = this;
    if (!hasPlausibleTerm(message, state.term)) {
      state.trace({
        kind: 'implausible-term-ignored',
        term: state.term,
        message: message.kind,
        from: message.from,
        theirTerm: message.term,
      });
      return false;
    }
    const isVoteRequest = message.kind === 'vote' || message.kind === 'pre-vote';
    if (isVoteRequest && ignoresVoteRequest(state, message)) return false;
    // A dry run changes nobody's term; a grant of it carries the term that would be stood for.
    if (message.kind === 'pre-vote' || (message.kind === 'pre-vote-response' && !message.rejected)) return true;
    state.trace({ kind: 'higher-term-received', term: state.term, message: message.kind, from: message.from, theirTerm: message.term });
    const fromLeader = message.kind === 'append' || message.kind === 'heartbeat' || message.kind === 'snapshot';
    this.#perform({ to: 'follower', term: message.term, leader: fromLeader ? message.from : NONE });
    return true;
  }

  #answerLowerTerm(message: Message): void {
    const { state } = this;
    const { config, term } = state;
    if ((config.checkQuorum || config.preVote) && (message.kind === 'append' || message.kind === 'heartbeat')) {
      // Whoever ignores votes must free a leader or candidate of a lower term by telling it the term, else both wait for ever.
      state.sendAppendResponse(message.from, 0);
    } else if (message.kind === 'pre-vote') {
      refuseVote(state, message);
    } else if (message.kind === 'storage-append-response') {
      // Entries written under an earlier term may have been replaced since; the snapshot is installed all the same.
      if (message.index !== 0) state.trace({ kind: 'stale-storage-response-ignored', term, theirTerm: message.term });
      this.#snapshotInstalled(message);
    } else {
      state.trace({ kind: 'lower-term-ignored', term, message: message.kind, from: message.from, theirTerm: message.term });
    }
  }

  #stepRole(message: Message): Step {
    const { state } = this;
    const { role } = state;
    switch (role.kind) {
      case 'follower':
        return stepFollower(state, message);
      case 'leader':
        return stepLeader(state, message);
      default:
        return stepCandidate(state, role, message);
    }
  }

  // ---------------------------------------------------------------- time

  tick(): void {
    const { state } = this;
    state.electionElapsed++;
    if (state.role.kind === 'leader') {
      this.#tickLeader();
    } else if (state.isPromotable && state.electionElapsed >= state.randomizedElectionTimeout) {
      state.electionElapsed = 0;
      this.campaign();
    }
  }

  #tickLeader(): void {
    const { state } = this;
    state.heartbeatElapsed++;
    if (state.electionElapsed >= state.config.electionTicks) {
      state.electionElapsed = 0;
      if (state.config.checkQuorum) this.#perform(checkQuorum(state));
    }
    if (state.role.kind !== 'leader') return;
    this.#tickTransfer(state.role);
    if (state.heartbeatElapsed >= state.config.heartbeatTicks) {
      state.heartbeatElapsed = 0;
      sendHeartbeats(state);
    }
  }

  /** A transfer that takes an election timeout has failed; the leader takes proposals again, also those that it owes itself. */
  #tickTransfer(role: LeaderRole): void {
    if (role.transferee === NONE || ++role.transferElapsed < this.state.config.electionTicks) return;
    role.transferee = NONE;
    this.#leaveJointIfDue();
  }

  campaign(): void {
    this.#perform(considerCampaign(this.state, this.state.config.preVote ? { to: 'pre-candidate' } : { to: 'candidate', transfer: false }));
  }

  // ---------------------------------------------------------------- storage answers

  #snapshotInstalled({ snapshot }: StorageAppendResponse): void {
    if (snapshot === null) return;
    this.state.log.unstable.stableSnapshotTo(snapshot.index);
    this.#appliedTo(snapshot.index, 0);
  }

  #appliedEntries(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#appliedTo(last.index, entriesBytes(entries));
    const { role } = this.state;
    if (role.kind !== 'leader') return;
    let bytes = 0;
    for (const entry of entries) bytes += payloadBytes(entry);
    role.uncommittedBytes = Math.max(0, role.uncommittedBytes - bytes);
  }

  #appliedTo(index: number, bytes: number): void {
    const { state } = this;
    state.log.appliedTo(Math.max(index, state.log.applied), bytes);
    this.#leaveJointIfDue();
  }

  /** A leader leaves a joint configuration by itself where that was wanted, once all changes are applied. */
  #leaveJointIfDue(): void {
    const { state } = this;
    const { role } = state;
    if (role.kind !== 'leader' || !state.membership.configuration.autoLeave || state.log.applied < role.pendingConfIndex) return;
    const leave: ConfChange = { v1: false, transition: 'auto', changes: [] };
    if (this.propose([{ kind: 'conf-change', change: leave }]) === 'ok') state.trace({ kind: 'auto-leave-started', conf: state.conf });
  }

  // ---------------------------------------------------------------- other inputs

  propose(payloads: readonly Payload[]): 'ok' | 'proposal-dropped' {
    return this.step({ kind: 'propose', from: this.state.id, to: this.state.id, term: 0, payloads });
  }

  applyConfChange(change: ConfChange): ConfState {
    this.#perform(applyConfChange(this.state, change));
    return this.state.conf;
  }

  /** The leader is known to be gone: a new one may be voted for at once. The election timer runs on. */
  forgetLeader(): void {
    const { state } = this;
    if (state.role.kind !== 'follower' || state.leader === NONE) return;
    if (state.config.readOnly === 'lease-based') {
      state.trace({ kind: 'forget-leader-refused' });
      return;
    }
    state.trace({ kind: 'leader-forgotten', leader: state.leader, term: state.term });
    state.leader = NONE;
  }

  /** A leader gives leadership up, in its term: nothing of that has to be written. The others notice its silence. */
  stepDown(): void {
    const { state } = this;
    if (state.role.kind !== 'leader') return;
    state.trace({ kind: 'stepped-down', term: state.term });
    this.#perform({ to: 'follower', term: state.term, leader: NONE });
  }

  /** What was streamed to the peer may be lost. */
  reportUnreachable(peer: NodeId): void {
    const progress = this.state.progressOf(peer);
    if (this.state.role.kind !== 'leader' || progress === undefined) return;
    if (progress.state === 'replicate') progress.becomeProbe();
    this.state.trace({ kind: 'peer-unreachable', peer, progress });
  }

  /** How the sending of a snapshot ended. Probing goes on from it, or from where it stood, after the peer's next sign of life. */
  reportSnapshot(peer: NodeId, ok: boolean): void {
    const progress = this.state.progressOf(peer);
    if (this.state.role.kind !== 'leader' || progress?.state !== 'snapshot') return;
    if (!ok) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    this.state.trace({ kind: 'snapshot-reported', peer, ok, progress });
    progress.pause();
  }

  // ---------------------------------------------------------------- roles

  #settle(step: Step): 'ok' | 'proposal-dropped' {
    if (step === 'proposal-dropped') return step;
    this.#perform(step);
    return 'ok';
  }

  /** The one place where a role changes. */
  #perform(transition: Transition | null): void {
    const { state } = this;
    switch (transition?.to) {
      case 'follower':
        state.reset(transition.term);
        state.leader = transition.leader;
        state.role = { kind: 'follower' };
        this.#become('follower');
        if (transition.followUp !== undefined) this.#settle(this.#stepRole(transition.followUp));
        return;
      case 'pre-candidate':
        // Neither term nor vote changes: the term is spent only when a quorum says that the election can be won (thesis 9.6).
        state.leader = NONE;
        state.role = { kind: 'pre-candidate', votes: new Map() };
        this.#become('pre-candidate');
        requestVotes(state, false);
        return;
      case 'candidate':
        state.reset(state.term + 1);
        state.vote = state.id;
        state.role = { kind: 'candidate', votes: new Map() };
        this.#become('candidate');
        requestVotes(state, transition.transfer);
        return;
      case 'leader':
        this.#lead();
        return;
      default:
    }
  }

  #lead(): void {
    const { state } = this;
    state.reset(state.term);
    state.leader = state.id;
    const own = state.progressOf(state.id);
    own?.becomeReplicate();
    if (own !== undefined) own.recentActive = true;
    // A change of an earlier term may be anywhere in the log, so none is taken until all of it is applied (section 6).
    state.role = {
      kind: 'leader',
      transferee: NONE,
      transferElapsed: 0,
      pendingConfIndex: state.log.lastIndex(),
      uncommittedBytes: 0,
      reads: new ReadQueue(),
    };
    // Entries of earlier terms are committed only behind one of this term (section 5.4.2).
    appendEntries(state, [{ kind: 'normal', data: new Uint8Array(0) }]);
    this.#become('leader');
    broadcastAppend(state);
    releasePostponedReads(state);
  }

  #become(role: Role): void {
    this.state.trace({ kind: 'became', role, term: this.state.term });
  }
}
