// Everything on one node that follows from who the members are: whom it talks to, what it is asked to change, and its own removal.
import type { Env, PeerFrame } from '../env.ts';
import type { Index, NodeId, Term } from '../raft/types.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import type { Loop } from './loop.ts';
import { MemberChanges } from './member-changes.ts';
import { decodeChange, encodeReply, type MemberReply } from './member-codec.ts';
import { MemberRequests } from './member-requests.ts';
import type { Failure, MemberChange, MemberResult } from './service.ts';
import type { Transfers } from './transfers.ts';

/** Between the news that this node may go and its end: answers that are on their way still arrive. */
const GOODBYE_MS = 300;
const UNREADABLE = 'the leader cannot read this change of members: run the same release on all nodes';

export interface MembershipHost {
  /** This node is no member any more: it is to take nothing in. Its end follows. */
  removed(failure: Failure): void;
  fatal(error: Error): void;
}

export class Membership {
  readonly #env: Env;
  readonly #config: ReplicaConfig;
  readonly #loop: Loop;
  readonly #view: ClusterView;
  readonly #host: MembershipHost;
  readonly #requests: MemberRequests;
  readonly #changes: MemberChanges;
  /** The members have changed since the transport was told. */
  #isNews = true;
  #isRemoved = false;
  /** The members that the transport was told last. */
  #checked: ReadonlySet<NodeId> = new Set();

  constructor(
    env: Env,
    config: ReplicaConfig,
    limits: ReplicaLimits,
    loop: Loop,
    view: ClusterView,
    transfers: Transfers,
    host: MembershipHost,
  ) {
    this.#env = env;
    this.#config = config;
    this.#loop = loop;
    this.#view = view;
    this.#host = host;
    this.#changes = new MemberChanges(loop.raft, view, env.codec, transfers, config.electionTimeoutMs, {
      roster: () => loop.applier.roster,
      appliedTerm: () => loop.applier.term,
      wake: () => loop.wake(),
    });
    this.#requests = new MemberRequests(env, loop.raft, view, limits, {
      decide: (change, answer) => this.#changes.decide(change, answer),
    });
    view.setMembers(loop.applier.roster.members);
  }

  get hasOtherVoters(): boolean {
    return this.#loop.raft.conf.voters.some((node) => node !== this.#config.node);
  }

  /** Before the transport is started. */
  begin(): void {
    this.#tellTransport();
  }

  change(change: MemberChange, done: (result: MemberResult) => void): void {
    this.#requests.start(change, done);
    this.#loop.wake();
  }

  /** The members are others by the entry at `index`, which was just applied, or by a state that was received. */
  changed(index: Index, term: Term): void {
    this.#view.setMembers(this.#loop.applier.roster.members);
    this.#isNews = true;
    this.#changes.applied(index, term);
  }

  // ---------------------------------------------------------------- peers

  asked(from: NodeId, frame: PeerFrame & { readonly kind: 'member-change' }): void {
    const { raft } = this.#loop;
    if (raft.role !== 'leader' || raft.term !== frame.term) return;
    const answer = (reply: MemberReply): void => {
      this.#env.transport.send(from, { kind: 'member-reply', id: frame.id, reply: encodeReply(reply, this.#env.codec) });
    };
    const change = decodeChange(frame.change, this.#env.codec);
    if (change !== null) this.#changes.decide(change, answer);
    else answer({ kind: 'refused', code: 'conflict', detail: UNREADABLE });
  }

  replied({ id, reply }: PeerFrame & { readonly kind: 'member-reply' }): void {
    this.#requests.replied(id, reply);
  }

  /** A member will not talk to this node. Whoever was removed and may go is told so, too: nobody sends it the log any more. */
  refused(peer: NodeId, reason: string): void {
    const { node, name } = this.#config;
    const { roster } = this.#loop.applier;
    if (roster.get(node) === undefined && node <= roster.greatest) this.#leave(name);
    else this.#host.fatal(new Error(`${this.#view.nameOf(peer)} refuses this node: ${reason}`));
  }

  peerMet(peer: NodeId): void {
    this.#requests.askAgain(peer);
  }

  // ---------------------------------------------------------------- the loop's calls

  /** Everything that arrived has been stepped. */
  stepped(): void {
    this.#changes.seal();
    this.#requests.pass();
  }

  leadershipMoved(): void {
    this.#changes.forget();
  }

  /** A turn is over. Only here, because a connection that is let go changes what Raft is told. */
  turned(): void {
    if (!this.#isNews) return;
    const { roster } = this.#loop.applier;
    const { node, name } = this.#config;
    if (roster.isGone(node)) this.#leave(name);
    else this.#tellTransport();
  }

  expire(): void {
    this.#requests.expire();
    this.#changes.promoteNext();
    this.#loop.wake();
  }

  failAll(failure: Failure): void {
    this.#requests.failAll(failure);
  }

  /** Whether the transport has checked the link to this peer as that of a member: links of unknown peers may have its number until then. */
  isChecked(node: NodeId): boolean {
    return this.#checked.has(node);
  }

  #tellTransport(): void {
    this.#isNews = false;
    const { roster } = this.#loop.applier;
    const { peerAddresses } = this.#config;
    const known = [...roster.members, ...roster.leaving];
    const members = known.map(({ node, name, peer, disk }) => ({ node, name, disk, peer: peerAddresses?.get(node) ?? peer }));
    this.#checked = new Set(members.map(({ node }) => node));
    this.#env.transport.setMembers(members, roster.greatest);
  }

  #leave(name: string): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    const failure: Failure = { definite: true, code: 'stopping', detail: `${name} was removed from the cluster. Ask another node.` };
    this.#requests.selfRemoved(name, failure);
    this.#host.removed(failure);
    this.#env.clock.after(GOODBYE_MS, () => {
      this.#host.fatal(
        new Error(
          `${name} (number ${this.#config.node}) was removed from the cluster. Its data directory is of no use any more: ` +
            'to bring the node back, give it an empty one and let it join anew (leasehold node … --join URL)',
        ),
      );
    });
  }
}
