// What this node knows of the members: who can be reached, who was heard when, who leads, and for how long nobody did.
import type { Clock, PeerInfo } from '../env.ts';
import type { RaftStatus } from '../raft/ready.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import type { ReplicaMember } from './config.ts';
import type { ClusterStatus, MemberStatus, SnapshotProgress } from './service.ts';

export class ClusterView {
  readonly #self: NodeId;
  readonly #clock: Clock;
  readonly #members = new Map<NodeId, ReplicaMember>();
  readonly #http = new Map<NodeId, string>();
  readonly #reachable = new Set<NodeId>();
  readonly #heardMs = new Map<NodeId, number>();
  #leader: NodeId = NONE;
  #leaderlessSinceMs: number | null;

  constructor(self: PeerInfo, members: readonly ReplicaMember[], clock: Clock) {
    this.#self = self.node;
    this.#http.set(self.node, self.http);
    this.#clock = clock;
    this.#leaderlessSinceMs = clock.now();
    for (const member of members) this.#members.set(member.node, member);
  }

  nameOf(node: NodeId): string {
    return this.#members.get(node)?.name ?? '';
  }

  nodeOf(name: string): NodeId | undefined {
    for (const member of this.#members.values()) if (member.name === name) return member.node;
    return undefined;
  }

  isReachable(node: NodeId): boolean {
    return this.#reachable.has(node);
  }

  up(peer: PeerInfo): void {
    this.#reachable.add(peer.node);
    this.#http.set(peer.node, peer.http);
    this.heard(peer.node);
  }

  down(node: NodeId): void {
    this.#reachable.delete(node);
  }

  heard(node: NodeId): void {
    this.#heardMs.set(node, this.#clock.now());
  }

  /** In local time; null for never, or while there is no connection to it. */
  heardMs(node: NodeId): number | null {
    return this.isReachable(node) ? (this.#heardMs.get(node) ?? null) : null;
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

  status(raft: RaftStatus, snapshotOf: (node: NodeId) => SnapshotProgress | null): ClusterStatus {
    const members: MemberStatus[] = [];
    for (const member of this.#members.values()) members.push({ ...this.#memberStatus(member, raft), snapshot: snapshotOf(member.node) });
    return {
      node: this.nameOf(this.#self),
      leader: raft.leader === NONE ? null : this.nameOf(raft.leader),
      term: raft.term,
      commitIndex: raft.commit,
      appliedIndex: raft.applied,
      members,
    };
  }

  #memberStatus({ node, name, peer }: ReplicaMember, raft: RaftStatus): Omit<MemberStatus, 'snapshot'> {
    const isSelf = node === this.#self;
    const isLearner = raft.conf.learners.includes(node);
    const isCandidate = isSelf && (raft.role === 'candidate' || raft.role === 'pre-candidate');
    const heardMs = this.#heardMs.get(node);
    return {
      id: name,
      http: this.#http.get(node) ?? '',
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
