// What comes from the peers, each kind to the part that it concerns.
import { unreachable } from '../assert.ts';
import type { Env, NodeHealth, PeerFrame, PeerInfo } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import type { Barriers } from './barriers.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Leadership } from './leadership.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
import { PeerHealth } from './peer-health.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';

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
    this.health = new PeerHealth(env.clock, env.transport, localHealth);
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
    // A health frame proves that the process and the link work, not that the node takes part.
    if (frame.kind !== 'health') this.#view.heard(from);
    switch (frame.kind) {
      case 'raft':
      case 'image':
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
        this.#parts.reads.confirmed(frame.id, frame.index, frame.timeMs);
        return;
      case 'member-change':
        this.#leadership.notice();
        this.#parts.membership.asked(from, frame);
        return;
      case 'member-reply':
        this.#parts.membership.replied(frame);
        return;
      case 'health':
        this.health.received(from, frame.health);
        return;
      default:
        unreachable(frame);
    }
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
    this.#loop.peerLost(peer);
    this.#leadership.peerLost(peer);
  }
}
