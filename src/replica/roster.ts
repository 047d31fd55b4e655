// The members registry: which number is whose, where each member is, and on which disk. Moved by the log alone, the same on every node.
import type { Codec, MemberAddress } from '../env.ts';
import type { ConfState, NodeId } from '../raft/types.ts';
import { list, type Member, memberOf, memberTuple, whole } from './member-codec.ts';

const FORMAT = 2;
/** Without the members that are leaving. */
const OLD_FORMAT = 1;

/** Who the members were when a cluster was first started: where every log begins. */
export type Founder = Omit<MemberAddress, 'disk'>;

/**
 * Beside Raft's configuration, which knows numbers only. Never altered: a change makes a new one. A number that was given once is
 * never given again, so a node that was removed, or has lost its disk, can only come back as somebody else.
 *
 * Whoever is removed by one change **leaves** until the next one. A change is proposed by a leader that has applied the one before, and
 * committed by the members which that one left: a majority of them then has it on their disks that the removal is committed. Before, the
 * vote of the member that goes may still be needed: by a node that has forgotten in a crash what was committed, and counts it as a voter.
 */
export class Roster {
  readonly #members: ReadonlyMap<NodeId, Member>;
  /** The greatest number that any member ever had. */
  readonly greatest: NodeId;
  /** Removed by the last change: not to be let go before another one is applied. */
  readonly leaving: readonly Member[];

  private constructor(members: ReadonlyMap<NodeId, Member>, greatest: NodeId, leaving: readonly Member[]) {
    this.#members = members;
    this.greatest = greatest;
    this.leaving = leaving;
  }

  static founded(founders: readonly Founder[]): Roster {
    const members = founders.map(({ node, name, peer }): Member => {
      return { node, name, peer, http: '', disk: null, promote: false, replaces: 0 };
    });
    return Roster.#of(members, 0, []);
  }

  /** Throws on bytes that {@link Roster.encode} did not make. Empty bytes stand for the founders. */
  static decode(bytes: Uint8Array, founders: readonly Founder[], codec: Codec): Roster {
    if (bytes.length === 0) return Roster.founded(founders);
    const [format, greatest, members, leaving] = list(codec.decode(bytes));
    if (format !== FORMAT && format !== OLD_FORMAT)
      throw new Error(`the list of members has a format (${String(format)}) that this version does not read`);
    return Roster.#of(list(members).map(memberOf), whole(greatest), format === OLD_FORMAT ? [] : list(leaving).map(memberOf));
  }

  encode(codec: Codec): Uint8Array {
    return codec.encode([FORMAT, this.greatest, this.members.map(memberTuple), this.leaving.map(memberTuple)]);
  }

  /** In order of their numbers. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Whether the node with this number was a member and may go. */
  isGone(node: NodeId): boolean {
    return node <= this.greatest && !this.#members.has(node) && !this.leaving.some((member) => member.node === node);
  }

  get(node: NodeId): Member | undefined {
    return this.#members.get(node);
  }

  named(name: string): Member | undefined {
    return this.members.find((member) => member.name === name);
  }

  /** After a change: `puts` replace or add members; then whoever is no part of `conf`, which is Raft's after the change, leaves. */
  after(puts: readonly Member[], conf: ConfState): Roster {
    const present = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext]);
    const members = new Map(this.#members);
    for (const member of puts) members.set(member.node, member);
    const all = [...members.values()];
    return Roster.#of(
      all.filter((member) => present.has(member.node)),
      Math.max(this.greatest, ...puts.map((member) => member.node)),
      all.filter((member) => !present.has(member.node)),
    );
  }

  static #of(members: readonly Member[], greatest: NodeId, leaving: readonly Member[]): Roster {
    const ordered = [...members].sort((left, right) => left.node - right.node);
    const byNode = new Map(ordered.map((member) => [member.node, member]));
    return new Roster(byNode, Math.max(greatest, 0, ...members.map(({ node }) => node)), leaving);
  }
}
