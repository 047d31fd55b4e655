// Who the members were after which entry, by the account of all nodes together: filled by the property `same-members`.
import type { ConfState, Index, NodeId } from '../../src/raft/types.ts';

export interface Membership {
  /** The entry that brought it; 0 for the founders. */
  readonly index: Index;
  readonly conf: ConfState;
  /** When it was first applied anywhere, in true milliseconds. */
  readonly atMs: number;
}

/** Grows as changes are applied for the first time. */
export class MemberHistory {
  readonly #chain: Membership[];

  constructor(founders: readonly NodeId[]) {
    const conf: ConfState = { voters: founders, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    this.#chain = [{ index: 0, conf, atMs: 0 }];
  }

  get newest(): Membership {
    return this.#chain.at(-1) as Membership;
  }

  /** How often the members have changed. */
  get changes(): number {
    return this.#chain.length - 1;
  }

  record(index: Index, conf: ConfState, atMs: number): void {
    this.#chain.push({ index, conf, atMs });
  }

  /** The members after the entry at `index`. */
  at(index: Index): Membership {
    return this.#chain.findLast((membership) => membership.index <= index) as Membership;
  }

  /**
   * By which members an entry may have been committed in the time from `atMs` to now. A leader may apply a change after its followers do,
   * but never lags by two: none is proposed before the one before it is applied.
   */
  since(atMs: number): readonly Membership[] {
    const then = this.#chain.findLastIndex((membership) => membership.atMs <= atMs);
    return this.#chain.slice(Math.max(0, then - 1));
  }
}

/** All who vote or learn, in order of their numbers. */
export function membersOf({ voters, votersOutgoing, learners, learnersNext }: ConfState): NodeId[] {
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort((one, other) => one - other);
}

/** Whether these nodes are a majority: while the members are changing, of both halves. */
export function isQuorum(conf: ConfState, nodes: readonly NodeId[]): boolean {
  return [conf.voters, conf.votersOutgoing].every(
    (half) => half.length === 0 || half.filter((node) => nodes.includes(node)).length * 2 > half.length,
  );
}

/** The same for equal configurations. */
export function confText({ voters, votersOutgoing, learners, learnersNext }: ConfState): string {
  return [voters, votersOutgoing, learners, learnersNext].map((list) => [...list].sort((one, other) => one - other).join(',')).join(' | ');
}
