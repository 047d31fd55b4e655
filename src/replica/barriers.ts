// Read barriers between nodes: asked of the leader, confirmed there by a quorum, answered with an index and the lease time.
import type { PeerFrame, Transport } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import { type Index, NONE, type NodeId } from '../raft/types.ts';
import type { PrimaryLessor } from './primary-lessor.ts';
import type { Reads } from './reads.ts';

/** A barrier asked for by a follower, under way here. */
interface RemoteBarrier {
  readonly from: NodeId;
  readonly id: number;
}

export class Barriers {
  readonly #raft: RawNode;
  readonly #transport: Transport;
  readonly #lessor: PrimaryLessor;
  #nextContext = 1;
  /** What each context given to Raft stands for: a follower's barrier, or the id of this node's own. Void when leadership moves. */
  readonly #asked = new Map<number, RemoteBarrier | number>();

  constructor(raft: RawNode, transport: Transport, lessor: PrimaryLessor) {
    this.#raft = raft;
    this.#transport = transport;
    this.#lessor = lessor;
  }

  /** Asks for a barrier of this node. False when there is nobody to ask. */
  ask(id: number): boolean {
    const { leader, role, term } = this.#raft;
    if (role === 'leader') {
      this.#readIndex(id);
      return true;
    }
    return leader !== NONE && this.#transport.send(leader, { kind: 'barrier', term, id });
  }

  /** A follower asks. A stale asker finds out by itself that there is another leader. */
  asked(from: NodeId, frame: PeerFrame & { readonly kind: 'barrier' }): void {
    if (this.#raft.role === 'leader' && frame.term === this.#raft.term) this.#readIndex({ from, id: frame.id });
  }

  /** A quorum has confirmed this leader after it was asked. */
  confirmed(context: number, index: Index, reads: Reads): void {
    const barrier = this.#asked.get(context);
    this.#asked.delete(context);
    if (typeof barrier === 'number') reads.confirmed(barrier, index, null);
    else if (barrier !== undefined)
      this.#transport.send(barrier.from, { kind: 'barrier-reply', id: barrier.id, index, timeMs: this.#lessor.now() });
  }

  /** Leadership moved: nothing that was asked here will be confirmed. */
  forget(): void {
    this.#asked.clear();
  }

  #readIndex(barrier: RemoteBarrier | number): void {
    const context = this.#nextContext++;
    this.#asked.set(context, barrier);
    this.#raft.readIndex(context);
  }
}
