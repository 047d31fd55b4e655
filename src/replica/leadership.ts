// What changes on this node when leadership moves: one place that notices it, and tells everybody whom it concerns.
import type { Env } from '../env.ts';
import { NONE, type NodeId, type Role, type Term } from '../raft/types.ts';
import type { Barriers } from './barriers.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ReplicaConfig } from './config.ts';
import { lastStamp } from './envelope.ts';
import { Handover } from './handover.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
import type { PrimaryLessor } from './primary-lessor.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import type { Transfers } from './transfers.ts';

interface Concerned {
  readonly lessor: PrimaryLessor;
  readonly proposals: Proposals;
  readonly barriers: Barriers;
  readonly reads: Reads;
  readonly transfers: Transfers;
  /** Puts on record that this node leads. `leaderlessMs`: how long it had known no leader, whole; null if it had known none. */
  readonly announce: (term: Term, leaderlessMs: number | null) => void;
  readonly membership: Membership;
}

export class Leadership {
  readonly #loop: Loop;
  readonly #view: ClusterView;
  readonly #config: ReplicaConfig;
  readonly #concerned: Concerned;
  /** Before this node's present leadership. */
  #leaderlessMs: number | null = null;
  readonly #handover: Handover;
  /** Elections in which this node stood, and leaders that it has seen, itself included, since it started. */
  elections = 0;
  leaderChanges = 0;
  /** The last term in which it stood. */
  #stoodIn: Term = -1;
  /** Role, leader and term as they were last acted on. */
  #noticed: { readonly role: Role; readonly leader: NodeId; readonly term: Term } = { role: 'follower', leader: NONE, term: -1 };

  constructor(env: Env, loop: Loop, view: ClusterView, config: ReplicaConfig, concerned: Concerned) {
    this.#loop = loop;
    this.#view = view;
    this.#config = config;
    this.#concerned = concerned;
    this.#handover = new Handover(env.clock, env.random, loop.raft, () => loop.wake());
  }

  get electionTimeoutMs(): number {
    return this.#config.electionTimeoutMs;
  }

  /** This node stands for nothing any more. */
  stop(): void {
    this.#handover.stop();
    this.#concerned.lessor.demote();
  }

  /** To be called before anything is taken for the leader's role: what an earlier leadership had collected is void in a new one. */
  notice(): void {
    const { role, leader, term } = this.#loop.raft;
    const noticed = this.#noticed;
    if (role === noticed.role && leader === noticed.leader && term === noticed.term) return;
    this.#noticed = { role, leader, term };
    // An election that is won within one turn is only seen as won.
    if ((role === 'candidate' || role === 'leader') && term !== this.#stoodIn) {
      this.#stoodIn = term;
      this.elections += 1;
    }
    if (leader !== NONE && (leader !== noticed.leader || term !== noticed.term)) this.leaderChanges += 1;
    const leaderlessMs = this.#view.leaderIs(leader);
    const { lessor, proposals, barriers, reads, transfers, membership } = this.#concerned;
    proposals.forgetPassed();
    barriers.forget();
    reads.restart();
    membership.leadershipMoved();
    if (leader !== NONE) this.#handover.stop();
    if (role === 'leader') {
      this.#leaderlessMs = leaderlessMs === null ? null : Math.round(leaderlessMs);
      lessor.elected(lastStamp(this.#loop.raft.unapplied()) ?? this.#loop.applier.state.timeMs);
    } else {
      lessor.demote();
    }
    this.#loop.leadershipMoved();
    transfers.leaderIs(leader);
    this.#config.onEvent?.({
      kind: 'role',
      role: role === 'pre-candidate' ? 'candidate' : role,
      term,
      leader: this.#view.nameOf(leader),
      leaderlessMs,
    });
  }

  /** Promotion: everything of earlier terms is applied, so every deadline is known. */
  termApplied(term: Term): void {
    const { role, term: ownTerm } = this.#loop.raft;
    if (role !== 'leader' || term !== ownTerm) return;
    this.#concerned.lessor.promote(term);
    this.#concerned.announce(term, this.#leaderlessMs);
  }

  /** A leader whose connection closed is given up at once. */
  peerLost(peer: NodeId): void {
    const { raft } = this.#loop;
    this.#concerned.transfers.peerLost(peer);
    if (raft.leader !== peer) return;
    raft.forgetLeader();
    this.notice();
    const rank = raft.conf.voters.filter((node) => node !== peer && node < this.#config.node).length;
    this.#handover.leaderLost(rank);
  }
}
