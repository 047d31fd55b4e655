// What comes from the peers, each kind to the part that it concerns.
import { unreachable } from '../assert.ts';
import type { PeerFrame, PeerInfo } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import type { Barriers } from './barriers.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Leadership } from './leadership.ts';
import type { Loop } from './loop.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';

export class PeerInputs {
  readonly #loop: Loop;
  readonly #view: ClusterView;
  readonly #leadership: Leadership;
  readonly #proposals: Proposals;
  readonly #barriers: Barriers;
  readonly #reads: Reads;
  readonly #requests: Requests;

  constructor(
    loop: Loop,
    view: ClusterView,
    leadership: Leadership,
    proposals: Proposals,
    barriers: Barriers,
    reads: Reads,
    requests: Requests,
  ) {
    this.#loop = loop;
    this.#view = view;
    this.#leadership = leadership;
    this.#proposals = proposals;
    this.#barriers = barriers;
    this.#reads = reads;
    this.#requests = requests;
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
        this.#proposals.takePassed(from, frame.term, frame.commands);
        return;
      case 'refuse':
        this.#requests.refused(frame.sequences);
        return;
      case 'barrier':
        this.#leadership.notice();
        this.#barriers.asked(from, frame);
        this.#loop.wake();
        return;
      case 'barrier-reply':
        this.#reads.confirmed(frame.id, frame.index, frame.timeMs);
        return;
      default:
        unreachable(frame);
    }
  }

  up(peer: PeerInfo): void {
    this.#view.up(peer);
    if (peer.node === this.#loop.raft.leader) {
      this.#proposals.passAgain();
      this.#reads.restart();
    }
    this.#loop.wake();
  }

  down(peer: NodeId): void {
    this.#view.down(peer);
    this.#loop.peerLost(peer);
    this.#leadership.peerLost(peer);
  }
}
