// The members registry: which number is whose, where each member is, and on which disk. Moved by the log alone, the same on every node.
import type { Codec, MemberAddress } from '../env.ts';
import type { ConfState, NodeId } from '../raft/types.ts';
import { list, type Member, memberOf, memberTuple, whole } from './member-codec.ts';

const FORMAT = 1;

/** Who the members were when a cluster was first started: where every log begins. */
export type Founder = Omit<MemberAddress, 'disk'>;

/**
 * Beside Raft's configuration, which knows numbers only. Never altered: a change makes a new one. A number that was given once is
 * never given again, so a node that was removed, or has lost its disk, can only come back as somebody else.
 */
export class Roster {
  readonly #members: ReadonlyMap<NodeId, Member>;
  /** The greatest number that any member ever had. */
  readonly greatest: NodeId;

  private constructor(members: ReadonlyMap<NodeId, Member>, greatest: NodeId) {
    this.#members = members;
    this.greatest = greatest;
  }

  static founded(founders: readonly Founder[]): Roster {
    const members = founders.map(({ node, name, peer }): Member => {
      return { node, name, peer, http: '', disk: null, promote: false, replaces: 0 };
    });
    return Roster.#of(members, 0);
  }

  /** Throws on bytes that {@link Roster.encode} did not make. Empty bytes stand for the founders. */
  static decode(bytes: Uint8Array, founders: readonly Founder[], codec: Codec): Roster {
    if (bytes.length === 0) return Roster.founded(founders);
    const [format, greatest, members] = list(codec.decode(bytes));
    if (format !== FORMAT) throw new Error(`the list of members has a format (${String(format)}) that this version does not read`);
    return Roster.#of(list(members).map(memberOf), whole(greatest));
  }

  encode(codec: Codec): Uint8Array {
    return codec.encode([FORMAT, this.greatest, this.members.map(memberTuple)]);
  }

  /** In order of their numbers. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get(node: NodeId): Member | undefined {
    return this.#members.get(node);
  }

  named(name: string): Member | undefined {
    return this.members.find((member) => member.name === name);
  }

  /** After a change: `puts` replace or add members; then whoever is no part of `conf`, which is Raft's after the change, is gone. */
  after(puts: readonly Member[], conf: ConfState): Roster {
    const present = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext]);
    const members = new Map(this.#members);
    for (const member of puts) members.set(member.node, member);
    return Roster.#of(
      [...members.values()].filter((member) => present.has(member.node)),
      Math.max(this.greatest, ...puts.map((member) => member.node)),
    );
  }

  static #of(members: readonly Member[], greatest: NodeId): Roster {
    const ordered = [...members].sort((left, right) => left.node - right.node);
    return new Roster(new Map(ordered.map((member) => [member.node, member])), Math.max(greatest, 0, ...members.map(({ node }) => node)));
  }
}
