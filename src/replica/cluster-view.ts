// What this node knows of the members: who can be reached, who was heard when, who leads, and for how long nobody did.
import type { Clock, PeerInfo } from '../env.ts';
import type { RaftStatus } from '../raft/ready.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import type { Alarm } from './alarms.ts';
import type { Member } from './member-codec.ts';
import type { ClusterStatus, MemberStatus, SnapshotProgress } from './service.ts';

export class ClusterView {
  readonly #self: NodeId;
  readonly #clock: Clock;
  #members: readonly Member[] = [];
  /** What every node said of itself when it was met last, this one included. */
  readonly #met = new Map<NodeId, PeerInfo>();
  readonly #reachable = new Set<NodeId>();
  readonly #heardMs = new Map<NodeId, number>();
  #leader: NodeId = NONE;
  #leaderlessSinceMs: number | null;

  constructor(self: PeerInfo, clock: Clock) {
    this.#self = self.node;
    this.#met.set(self.node, self);
    this.#clock = clock;
    this.#leaderlessSinceMs = clock.now();
  }

  /** Who the members are from now on. */
  setMembers(members: readonly Member[]): void {
    this.#members = members;
  }

  /** Also of a leader that this node has met, but not yet found in its log. */
  nameOf(node: NodeId): string {
    return this.#members.find((member) => member.node === node)?.name ?? this.#met.get(node)?.name ?? '';
  }

  nodeOf(name: string): NodeId | undefined {
    return this.#members.find((member) => member.name === name)?.node;
  }

  /** What a node said of itself when it was met last in this life; undefined when it was not. */
  met(node: NodeId): PeerInfo | undefined {
    return this.#met.get(node);
  }

  isReachable(node: NodeId): boolean {
    return this.#reachable.has(node);
  }

  /** Whether the node is connected and was heard at most so long ago: one that is stopped keeps its connections. */
  isHeard(node: NodeId, withinMs: number): boolean {
    return this.#reachable.has(node) && this.#clock.now() - (this.#heardMs.get(node) ?? Number.NEGATIVE_INFINITY) <= withinMs;
  }

  up(peer: PeerInfo): void {
    this.#reachable.add(peer.node);
    this.#met.set(peer.node, peer);
    this.heard(peer.node);
  }

  down(node: NodeId): void {
    this.#reachable.delete(node);
    if (this.#members.some((member) => member.node === node)) return;
    // Any process can introduce itself under any number: nothing of it is kept.
    this.#met.delete(node);
    this.#heardMs.delete(node);
  }

  heard(node: NodeId): void {
    this.#heardMs.set(node, this.#clock.now());
  }

  /** In local time; null for never, or while there is no connection to it. */
  heardMs(node: NodeId): number | null {
    return this.isReachable(node) ? (this.#heardMs.get(node) ?? null) : null;
  }

  /** Since when no leader is known; null while one is. */
  get leaderlessSinceMs(): number | null {
    return this.#leaderlessSinceMs;
  }

  /** Notes who leads now; returns how long nobody did when a leader has just been found. */
  leaderIs(leader: NodeId): number | null {
    if (leader === this.#leader) return null;
    const previous = this.#leader;
    this.#leader = leader;
    const nowMs = this.#clock.now();
    if (leader === NONE) {
      // A leader that fell silent was lost when it was last heard, not when that was noticed.
      this.#leaderlessSinceMs = this.isReachable(previous) ? (this.#heardMs.get(previous) ?? nowMs) : nowMs;
      return null;
    }
    const since = this.#leaderlessSinceMs;
    this.#leaderlessSinceMs = null;
    return since === null ? 0 : nowMs - since;
  }

  status(
    raft: RaftStatus,
    snapshotOf: (node: NodeId) => SnapshotProgress | null,
    alarmsOf: (node: NodeId) => readonly Alarm[] | null,
  ): ClusterStatus {
    const members: MemberStatus[] = [];
    for (const member of this.#members) {
      members.push({
        ...this.#memberStatus(member, raft),
        snapshot: snapshotOf(member.node),
        alarms: alarmsOf(member.node),
      });
    }
    return {
      node: this.nameOf(this.#self),
      leader: raft.leader === NONE ? null : this.nameOf(raft.leader),
      term: raft.term,
      commitIndex: raft.commit,
      appliedIndex: raft.applied,
      members,
      alarms: alarmsOf(this.#self) ?? [],
    };
  }

  #memberStatus({ node, name, peer, http }: Member, raft: RaftStatus): Omit<MemberStatus, 'snapshot' | 'alarms'> {
    const isSelf = node === this.#self;
    const isLearner = raft.conf.learners.includes(node);
    const isCandidate = isSelf && (raft.role === 'candidate' || raft.role === 'pre-candidate');
    const heardMs = this.#heardMs.get(node);
    return {
      id: name,
      // Empty in a hello if it has none that it can tell.
      http: this.#met.get(node)?.http || http,
      peer,
      role: raft.leader === node ? 'leader' : isCandidate ? 'candidate' : isLearner ? 'learner' : 'follower',
      voter: raft.conf.voters.includes(node) || raft.conf.votersOutgoing.includes(node),
      matchIndex: raft.progress?.get(node)?.match ?? null,
      appliedIndex: isSelf ? raft.applied : null,
      lastContactMs: isSelf ? 0 : heardMs === undefined ? null : Math.max(0, Math.floor(this.#clock.now() - heardMs)),
      reachable: isSelf || this.#reachable.has(node),
    };
  }
}
