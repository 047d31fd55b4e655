// What this node accepts from a peer that is not a member of its applied configuration. Such a peer is either the leader of a newer
// configuration that this node has not received yet, or anything else that reached the peer port. See src/raft/README.md.
import type { Clock, PeerFrame } from '../env.ts';
import type { Index, NodeId, Term } from '../raft/types.ts';

/** A member's report about its leader is used for this long: four intervals of the health frame. */
const REPORT_MAX_AGE_MS = 2_000;

/**
 * The largest step of the term that this node takes at once for an unknown peer that no member vouches for. A few large steps would take it
 * so far ahead that the members ignored it for ever (`TERM_JUMP_MAX` in `raft/admission.ts`).
 */
const TERM_STEP_MAX = 2 ** 20;

export interface UnknownPeersHost {
  readonly term: Term;
  /** Index of the last entry of the log. */
  readonly lastIndex: Index;
  /** Whether the node is a member of the applied configuration, or was removed from it by the last change. */
  isKnown(node: NodeId): boolean;
  /** Whether this node is the only voter: it needs no other node to lead, so nobody can be ahead of it. */
  readonly isOnlyVoter: boolean;
  /** Members other than this node to which a link stands. */
  linkedMembers(): readonly NodeId[];
  /** The leader that a peer reported last, and when, in local time; null if it has reported none. */
  reportedLeader(peer: NodeId): { readonly leader: NodeId; readonly atMs: number } | null;
  /** Since when this node has known no leader among the members; null while it knows one. */
  leaderlessSinceMs(): number | null;
  /** Whether a state is being received. */
  isReceiving(): boolean;
}

/** Without a leader for this long, and between two windows; and the length of a window. In units of the patience. */
const LEADERLESS = 2;
const WINDOW = 2;

/**
 * The rules, in short:
 * - The messages by which a leader brings a node up to date (append, heartbeat, snapshot) are accepted from an unknown peer that a linked
 *   member follows as its leader. They are also accepted while no member has been linked for a while: all members that this node knows
 *   may have been replaced.
 * - Two nodes that both lag can be linked and wait for each other for ever. So a node that has had no leader for a long time accepts them,
 *   too, in windows: between these its election timer runs out, so an unknown peer that never stops cannot prevent an election. The first
 *   window begins a while after a member was linked: members that have just started elect a leader first.
 * - A vote is asked of this node by an unknown peer only in those other cases, and never as part of a transfer.
 * - In those cases a higher term is adopted at most once per `patienceMs`, and by at most `TERM_STEP_MAX`.
 * - The only voter of a cluster needs none of this, and accepts nothing.
 * - A heartbeat with a commit index above the last entry is never accepted from an unknown peer.
 * - Everything else (forwarded requests, barriers, member changes, answers of any kind, transfers) is ignored.
 */
export class UnknownPeers {
  /** Frames that were ignored since the start. */
  ignored = 0;
  readonly #clock: Clock;
  readonly #host: UnknownPeersHost;
  /** No member was linked for this long: then unknown peers may bring this node up to date. */
  readonly #patienceMs: number;
  /** When a member was known to be linked last. */
  #linkedMs: number;
  /** When this node was known to have no linked member last. */
  #unlinkedMs: number;
  #termAdoptedMs = Number.NEGATIVE_INFINITY;
  /** When the last window began. */
  #windowMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, host: UnknownPeersHost, patienceMs: number) {
    this.#clock = clock;
    this.#host = host;
    this.#patienceMs = patienceMs;
    this.#linkedMs = clock.now();
    this.#unlinkedMs = this.#linkedMs;
  }

  /** A link has closed: until now a member may have been linked. */
  linkClosed(): void {
    this.#linkedMs = this.#clock.now();
  }

  /** Whether the frame is taken in. Called for every frame, so members are decided first. */
  accepts(from: NodeId, frame: PeerFrame): boolean {
    if (frame.kind === 'health' || this.#host.isKnown(from) || this.#isNeeded(from, frame)) return true;
    this.ignored++;
    return false;
  }

  #isNeeded(from: NodeId, frame: PeerFrame): boolean {
    if (frame.kind === 'image') return this.#isReported(from) || this.#isLost();
    if (frame.kind !== 'raft') return false;
    const { message } = frame;
    switch (message.kind) {
      case 'heartbeat':
        // A leader sends no commit index above what this node acknowledged. Raft would take it for a lost log and end the node.
        if (message.commit > this.#host.lastIndex) return false;
        return this.#isReported(from) || (this.#isLost() && this.#mayAdopt(message.term));
      case 'append':
        return this.#isReported(from) || (this.#isLost() && this.#mayAdopt(message.term));
      case 'pre-vote':
        return !message.transfer && this.#isLost();
      case 'vote':
        return !message.transfer && this.#isLost() && this.#mayAdopt(message.term);
      default:
        return false;
    }
  }

  /** Whether a linked member follows `node` as its leader. */
  #isReported(node: NodeId): boolean {
    const nowMs = this.#clock.now();
    return this.#host.linkedMembers().some((member) => {
      const report = this.#host.reportedLeader(member);
      return report?.leader === node && nowMs - report.atMs <= REPORT_MAX_AGE_MS;
    });
  }

  #isLost(): boolean {
    return !this.#host.isOnlyVoter && (this.#isAlone() || this.#isInWindow());
  }

  #isInWindow(): boolean {
    const sinceMs = this.#host.leaderlessSinceMs();
    const nowMs = this.#clock.now();
    const longMs = LEADERLESS * this.#patienceMs;
    if (sinceMs === null || nowMs - sinceMs < longMs) return false;
    if (nowMs - this.#unlinkedMs < longMs) return this.#host.isReceiving();
    const passedMs = nowMs - this.#windowMs;
    if (passedMs >= (LEADERLESS + WINDOW) * this.#patienceMs) this.#windowMs = nowMs;
    else if (passedMs >= WINDOW * this.#patienceMs) return this.#host.isReceiving();
    return true;
  }

  #isAlone(): boolean {
    const nowMs = this.#clock.now();
    if (this.#host.linkedMembers().length > 0) this.#linkedMs = nowMs;
    else this.#unlinkedMs = nowMs;
    return nowMs - this.#linkedMs >= this.#patienceMs;
  }

  #mayAdopt(term: Term): boolean {
    const step = term - this.#host.term;
    if (step <= 0) return true;
    if (step > TERM_STEP_MAX) return false;
    const nowMs = this.#clock.now();
    if (nowMs - this.#termAdoptedMs < this.#patienceMs) return false;
    this.#termAdoptedMs = nowMs;
    return true;
  }
}
