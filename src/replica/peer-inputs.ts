// What comes from the peers, each kind to the part that it concerns.
import { unreachable } from '../assert.ts';
import type { PeerFrame, PeerInfo, Transport } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import type { Barriers } from './barriers.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Leadership } from './leadership.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
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

  constructor(loop: Loop, view: ClusterView, leadership: Leadership, requests: Requests, parts: Parts) {
    this.#loop = loop;
    this.#view = view;
    this.#leadership = leadership;
    this.#requests = requests;
    this.#parts = parts;
  }

  /** Starts the transport. Frames and connections count only while `isAlive`. */
  start(transport: Transport, isAlive: () => boolean): void {
    transport.start({
      frame: (from, frame) => isAlive() && this.frame(from, frame),
      up: (peer) => isAlive() && this.up(peer),
      down: (peer) => isAlive() && this.down(peer),
      refused: (peer, reason) => this.#parts.membership.refused(peer, reason),
    });
  }

  frame(from: NodeId, frame: PeerFrame): void {
    this.#view.heard(from);
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
        this.#requests.refused(frame.sequences);
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
      default:
        unreachable(frame);
    }
  }

  up(peer: PeerInfo): void {
    this.#view.up(peer);
    if (peer.node === this.#loop.raft.leader) {
      this.#parts.proposals.passAgain();
      this.#parts.reads.restart();
      this.#parts.membership.peerMet(peer.node);
    }
    this.#loop.wake();
  }

  down(peer: NodeId): void {
    this.#view.down(peer);
    this.#loop.peerLost(peer);
    this.#leadership.peerLost(peer);
  }
}
