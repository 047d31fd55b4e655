// A process that is no member: it reaches every peer port, introduces itself under a number that may be a newer member's, and sends
// whatever it likes.
import type { PeerFrame, PeerInfo } from '../../src/env.ts';
import type { PeerMessage } from '../../src/raft/messages.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Endpoint, Network } from './network.ts';

/** A Raft message without its ends. */
export interface HostileMessage {
  readonly kind: PeerMessage['kind'];
  readonly [field: string]: unknown;
}

export class Stranger implements Endpoint {
  readonly info: PeerInfo;
  /** What the nodes have sent to it. */
  readonly received: { readonly from: NodeId; readonly frame: PeerFrame }[] = [];
  readonly #network: Network;
  readonly #links = new Map<NodeId, number>();
  /** A member was started under its number. */
  isDisplaced = false;

  constructor(info: PeerInfo, network: Network) {
    this.info = info;
    this.#network = network;
    network.join(this);
  }

  /** Nodes to which it is linked. */
  get linked(): NodeId[] {
    return [...this.#links.keys()];
  }

  say(to: NodeId, frame: PeerFrame): void {
    const epoch = this.#links.get(to);
    if (epoch !== undefined) this.#network.send(this.info.node, to, epoch, frame);
  }

  /** The frame arrives now. It is told to no observer: nobody but this stranger has sent it. */
  thrust(to: NodeId, frame: PeerFrame): void {
    const epoch = this.#links.get(to);
    if (epoch !== undefined) this.#network.deliver(this.info.node, to, epoch, frame);
  }

  raft(to: NodeId, message: HostileMessage): void {
    this.say(to, { kind: 'raft', message: { from: this.info.node, to, ...message } as unknown as PeerMessage });
  }

  leave(): void {
    this.#network.leave(this, false);
  }

  displaced(): void {
    this.isDisplaced = true;
  }

  dials(): boolean {
    return true;
  }

  objection(): null {
    return null;
  }

  refused(): void {}

  up(peer: PeerInfo, epoch: number): void {
    this.#links.set(peer.node, epoch);
  }

  down(peer: NodeId, epoch: number): void {
    if (this.#links.get(peer) === epoch) this.#links.delete(peer);
  }

  frame(from: NodeId, _epoch: number | null, frame: PeerFrame): void {
    if (this.received.length < 10_000) this.received.push({ from, frame });
  }
}

/** One of each kind of hostile Raft message, in the name of a leader or candidate of `term`. */
export function hostileMessages(term: number, lastIndex: number): readonly HostileMessage[] {
  const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const entry = { kind: 'normal', term, index: lastIndex + 1, data: new Uint8Array(40) } as const;
  return [
    { kind: 'heartbeat', term, commit: 0, context: 0 },
    { kind: 'heartbeat', term, commit: lastIndex + 1_000, context: 0 },
    { kind: 'append', term, logTerm: term, index: lastIndex, commit: lastIndex, entries: [entry] },
    { kind: 'append', term, logTerm: 0, index: 0, commit: 1, entries: [{ ...entry, index: 1 }] },
    { kind: 'append', term, logTerm: 0, index: lastIndex + 5, commit: lastIndex + 9, entries: [] },
    { kind: 'snapshot', term, snapshot: { index: lastIndex + 100, term, conf } },
    { kind: 'vote', term, logTerm: term, index: lastIndex + 100, transfer: true },
    { kind: 'vote', term, logTerm: term, index: lastIndex + 100, transfer: false },
    { kind: 'pre-vote', term, logTerm: term, index: lastIndex + 100, transfer: true },
    { kind: 'timeout-now', term },
    { kind: 'transfer-leader', term, transferee: 2 },
    { kind: 'append-response', term, index: lastIndex + 50, rejected: false, rejectHint: 0, logTerm: 0 },
    { kind: 'heartbeat-response', term, context: 0 },
    { kind: 'vote-response', term, rejected: true },
    { kind: 'pre-vote-response', term, rejected: true },
    { kind: 'read-index', term, context: 1 },
    { kind: 'read-index-response', term, index: 1, context: 1 },
  ];
}
