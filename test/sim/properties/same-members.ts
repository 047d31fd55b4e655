// Ours: after each entry all nodes count the same members, and no two changes of them overlap (section 4.3 of the thesis).
import type { ConfState, Index, NodeId } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { confText } from '../member-history.ts';
import { type Property, Violation, type World } from './property.ts';

export class SameMembers implements Property {
  readonly name = 'same-members';
  readonly #world: World;
  readonly #confs = new Map<NodeId, ConfState>();
  /** The entry that each node applied last in its present life. */
  readonly #applied = new Map<NodeId, Index>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    switch (fact.kind) {
      case 'crashed':
        this.#confs.delete(fact.node);
        this.#applied.delete(fact.node);
        return;
      case 'applied':
        this.#check(fact.application.node, fact.application.index);
        return;
      case 'applied-again':
        this.#check(fact.node, fact.index);
        return;
      case 'members-switched':
        this.#switched(fact.node, fact.conf);
        return;
      default:
    }
  }

  /** Before the entry at `index` does anything. */
  #check(node: NodeId, index: Index): void {
    this.#applied.set(node, index);
    const conf = this.#confs.get(node);
    if (conf === undefined) return;
    const known = this.#world.members.at(index - 1);
    if (confText(conf) !== confText(known.conf))
      throw new Violation(
        this.name,
        `n${node} goes by ${confText(conf)} when it applies entry ${index}; by entry ${known.index} it is ${confText(known.conf)}`,
      );
  }

  #switched(node: NodeId, conf: ConfState): void {
    this.#confs.set(node, conf);
    const { members, ledger, nowMs } = this.#world;
    const index = this.#applied.get(node) ?? 0;
    // The first to apply the change; else it does what is known, or takes over a state, which is compared at its next entry.
    if (index !== ledger.lastApplied || index <= members.newest.index) return;
    const before = members.newest.conf;
    if (confText(before) === confText(conf)) return;
    if (before.votersOutgoing.length > 0 && conf.votersOutgoing.length > 0)
      throw new Violation(this.name, `entry ${index} begins a change of members in the midst of another`);
    members.record(index, conf, nowMs);
  }
}
