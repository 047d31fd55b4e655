// What comes from the peers, each kind to the part that it concerns.
import { unreachable } from '../assert.ts';
import type { Env, NodeHealth, PeerFrame, PeerInfo } from '../env.ts';
import { NONE, type NodeId, type Term } from '../raft/types.ts';
import type { Barriers } from './barriers.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Leadership } from './leadership.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
import { PeerHealth } from './peer-health.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';
import { UnknownPeers, type UnknownPeersHost } from './unknown-peers.ts';

interface Parts {
  readonly proposals: Proposals;
  readonly barriers: Barriers;
  readonly reads: Reads;
  readonly membership: Membership;
}

export class PeerInputs {
  readonly #loop: Loop;
  readonly #view: ClusterView;
  readonly #leadership: Leadership;
  readonly #requests: Requests;
  readonly #parts: Parts;
  readonly #env: Env;
  readonly #unknown: UnknownPeers;
  readonly health: PeerHealth;

  constructor(
    env: Env,
    loop: Loop,
    view: ClusterView,
    leadership: Leadership,
    requests: Requests,
    parts: Parts,
    localHealth: () => NodeHealth,
  ) {
    this.#env = env;
    this.health = new PeerHealth(env.clock, env.transport, localHealth, () => loop.raft.leader);
    this.#unknown = new UnknownPeers(
      env.clock,
      unknownPeersHost(loop, view, this.health, parts.membership),
      2 * leadership.electionTimeoutMs,
    );
    parts.proposals.room.watchPeers(this.health);
    this.#loop = loop;
    this.#view = view;
    this.#leadership = leadership;
    this.#requests = requests;
    this.#parts = parts;
  }

  /** Starts the transport. Inputs are ignored while `isAlive` returns false, but for a refusal by a peer. */
  start(isAlive: () => boolean): void {
    this.health.start();
    this.#env.transport.start({
      frame: (from, frame) => isAlive() && this.#frame(from, frame),
      up: (peer) => isAlive() && this.#up(peer),
      down: (peer) => isAlive() && this.#down(peer),
      refused: (peer, reason) => this.#parts.membership.refused(peer, reason),
    });
  }

  stop(): void {
    this.health.stop();
  }

  #frame(from: NodeId, frame: PeerFrame): void {
    if (!this.#unknown.accepts(from, frame)) {
      // The leader of a newer configuration tries again later instead of waiting for an answer.
      if (frame.kind === 'image') this.#rejectImage(from, frame.id);
      return;
    }
    const { raft } = this.#loop;
    // A leader that is not a member must not keep members from an election.
    if (isVoteRequest(frame) && raft.followed !== raft.leader) raft.forgetLeader();
    // A health frame proves that the process and the link work, not that the node takes part.
    if (frame.kind !== 'health') this.#view.heard(from);
    switch (frame.kind) {
      case 'raft':
        // A snapshot arrives as an image, and only then as this message, which the receiver makes.
        if (frame.message.kind !== 'snapshot') this.#loop.take(from, frame);
        return;
      case 'image':
        if (this.#isFromLeader(from, frame.term)) this.#loop.take(from, frame);
        else this.#rejectImage(from, frame.id);
        return;
      case 'image-ack':
        this.#loop.take(from, frame);
        return;
      case 'forward':
        this.#leadership.notice();
        this.#parts.proposals.takePassed(from, frame.term, frame.commands);
        return;
      case 'refuse':
        this.#requests.refused(frame.sequences, frame.noRoom);
        return;
      case 'barrier':
        this.#leadership.notice();
        this.#parts.barriers.asked(from, frame);
        this.#loop.wake();
        return;
      case 'barrier-reply':
        // A barrier that any other node confirms proves nothing.
        if (from === this.#loop.raft.leader) this.#parts.reads.confirmed(frame.id, frame.index, frame.timeMs);
        return;
      case 'member-change':
        this.#leadership.notice();
        this.#parts.membership.asked(from, frame);
        return;
      case 'member-reply':
        this.#parts.membership.replied(frame);
        return;
      case 'health':
        this.health.received(from, frame.health, frame.leader);
        return;
      default:
        unreachable(frame);
    }
  }

  #rejectImage(from: NodeId, id: number): void {
    this.#env.transport.send(from, { kind: 'image-ack', id, position: -1 });
  }

  /** Also while the leader of the present term is out of sight: a transfer outlives that. */
  #isFromLeader(from: NodeId, term: Term): boolean {
    const { raft } = this.#loop;
    return term === raft.term && (raft.followed === from || raft.followed === NONE);
  }

  #up(peer: PeerInfo): void {
    this.#view.up(peer);
    this.health.up(peer.node);
    if (peer.node === this.#loop.raft.leader) {
      this.#parts.proposals.passAgain();
      this.#parts.reads.restart();
      this.#parts.membership.peerMet(peer.node);
    }
    this.#loop.wake();
  }

  #down(peer: NodeId): void {
    this.#view.down(peer);
    this.health.down(peer);
    if (isKnown(this.#loop, peer)) this.#unknown.linkClosed();
    this.#loop.peerLost(peer);
    this.#leadership.peerLost(peer);
  }
}

function unknownPeersHost(loop: Loop, view: ClusterView, health: PeerHealth, membership: Membership): UnknownPeersHost {
  return {
    get term() {
      return loop.raft.term;
    },
    get lastIndex() {
      return loop.raft.lastIndex;
    },
    get isOnlyVoter() {
      const { voters, votersOutgoing } = loop.raft.conf;
      return voters.length === 1 && votersOutgoing.length === 0 && voters[0] === loop.raft.status().id;
    },
    isKnown: (node) => membership.isChecked(node) && isKnown(loop, node),
    linkedMembers: () => {
      const { voters, votersOutgoing, learners, learnersNext } = loop.raft.conf;
      return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].filter((node) => view.isReachable(node));
    },
    reportedLeader: (peer) => health.of(peer),
    leaderlessSinceMs: () => view.leaderlessSinceMs,
    isReceiving: () => loop.snapshotProgress(loop.raft.status().id) !== null,
  };
}

/** Whether the node is a member of the applied configuration, or was removed from it by the last change. */
function isKnown(loop: Loop, node: NodeId): boolean {
  return loop.raft.hasMember(node) || loop.applier.roster.leaving.some((member) => member.node === node);
}

function isVoteRequest(frame: PeerFrame): boolean {
  return frame.kind === 'raft' && (frame.message.kind === 'vote' || frame.message.kind === 'pre-vote');
}
