// Ours: what a node promises is on its disk before it is told, and is never contradicted, over restarts too (Figure 2, sections 5.1 and 5.2).
import type { PeerMessage } from '../../../src/raft/messages.ts';
import type { NodeId } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Votes, and acknowledgements of entries, as they leave a node. */
export class Promises implements Property {
  readonly name = 'promises';
  readonly #world: World;
  /** Whom each node has voted for, by `node/term`. */
  readonly #votes = new Map<string, NodeId>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'frame-sent' && fact.frame.kind === 'raft') this.#check(fact.node, fact.to, fact.frame.message);
  }

  #check(node: NodeId, to: NodeId, message: PeerMessage): void {
    const disk = this.#world.disk(node);
    const { term, vote } = disk.hardState;
    // A promise of a term that is over by what is on the disk may still leave: the disk has gone through it.
    const isOver = term > message.term;
    if (message.kind === 'vote-response' && !message.rejected) {
      if (!isOver && (term !== message.term || vote !== to)) {
        this.#fail(node, `votes for n${to} in term ${message.term} with term ${term} and vote ${vote} on its disk`);
      }
      const name = `${node}/${message.term}`;
      const earlier = this.#votes.get(name);
      if (earlier !== undefined && earlier !== to) this.#fail(node, `votes in term ${message.term} for n${to} after n${earlier}`);
      this.#votes.set(name, to);
    }
    if (message.kind === 'append-response' && !message.rejected && !isOver && Math.max(disk.lastIndex, disk.image.index) < message.index) {
      this.#fail(node, `acknowledges entry ${message.index} with ${disk.lastIndex} on its disk`);
    }
  }

  #fail(node: NodeId, what: string): never {
    throw new Violation(this.name, `n${node} ${what}`);
  }
}
