// What every property is: told all facts in order, it throws as soon as one of them cannot be.
import type { Index, NodeId, Term } from '../../../src/raft/types.ts';
import type { ReplicaLimits } from '../../../src/replica/config.ts';
import type { SimDisk } from '../disk.ts';
import type { Fact } from '../facts.ts';
import type { Ledger } from '../ledger.ts';
import type { MemberHistory } from '../member-history.ts';

/** What properties may look up besides the facts. */
export interface World {
  readonly nowMs: number;
  readonly members: MemberHistory;
  /** Of all nodes. */
  readonly limits: ReplicaLimits;
  readonly ledger: Ledger;
  /** The fastest clock of any node: milliseconds that it counts in one true one; at least 1. */
  readonly fastestRate: number;
  /** Terms of the nodes that count as leaders of their own now, also those that are stopped in their tracks. */
  led(): Term[];
  disk(node: NodeId): SimDisk;
  /** Whether the entry (index, term) is or was durable on a disk of the node: also on one that it has lost since. */
  hasHad(node: NodeId, index: Index, term: Term): boolean;
  /** The term that a running node is in; 0 when it is down. */
  term(node: NodeId): Term;
  /** Whether the running `node` has the entry (index, term) in its log or image, durable or handed over for writing; false when it is down. */
  holds(node: NodeId, index: Index, term: Term): boolean;
}

export interface Property {
  /** File name without its ending. */
  readonly name: string;
  observe(fact: Fact): void;
}

/** A property does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly property: string;

  constructor(property: string, message: string) {
    super(`${property}: ${message}`);
    this.property = property;
  }
}
