// Decides when a leader with a gray failure gives up leadership: a disk that hangs or is slow, or a starved event loop.
import type { NodeId } from '../raft/types.ts';

/** How well a node works, as it measures itself. Milliseconds. */
export interface Vitals {
  /** Age of the oldest unfinished sync. */
  readonly syncPendingMs: number;
  /** 99th percentile over 30 s. */
  readonly syncP99Ms: number;
  /** 99th percentile over 10 s. */
  readonly loopP99Ms: number;
}

/** The leader's own vitals. The percentiles count only once their whole window has been measured. */
export interface OwnVitals extends Vitals {
  readonly isSyncMeasured: boolean;
  readonly isLoopMeasured: boolean;
}

/** Another voter, as the leader knows it. */
export interface VoterVitals extends Vitals {
  readonly node: NodeId;
  /** Since its last message; infinite if there is no link. */
  readonly silentMs: number;
  /** Whether it has every entry that is committed. */
  readonly hasCommitted: boolean;
  /** Whether it has the last entry of the leader's log. */
  readonly hasLast: boolean;
}

export type HandoverReason = 'disk-stall' | 'disk-slow' | 'loop-starved';

export type LeaderDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'transfer'; readonly to: NodeId; readonly reason: HandoverReason }
  /** A transfer from a hanging disk did not complete. */
  | { readonly kind: 'step-down' };

const NONE: LeaderDecision = { kind: 'none' };

const HANG_MIN_MS = 1_000;
const FIT_SYNC_PENDING_MS = 250;
const SLOW_SYNC_MS = 250;
/** A voter counts as faster if its syncs take at most this share of the leader's. */
const FASTER_SHARE = 1 / 4;
const HANG_INTERVAL_MS = 30_000;
const SLOW_INTERVAL_MS = 300_000;

/** Age of a sync from which on the disk counts as hanging, in milliseconds. */
export function hangLimitMs(electionTimeoutMs: number): number {
  return Math.max(HANG_MIN_MS, 2 * electionTimeoutMs);
}

/** Whether `voter` may be handed leadership. A voter whose own disk or event loop is in doubt may not. */
export function isFit(voter: VoterVitals, electionTimeoutMs: number): boolean {
  const { silentMs, syncPendingMs, loopP99Ms } = voter;
  return silentMs <= electionTimeoutMs && syncPendingMs < FIT_SYNC_PENDING_MS && loopP99Ms < electionTimeoutMs / 4;
}

/** One for each node: the intervals between two transfers for one reason outlast a leadership. */
export class LeaderHealth {
  readonly #electionTimeoutMs: number;
  readonly #lastMs = new Map<HandoverReason, number>();
  /** Start of the transfer from a hanging disk that is under way. */
  #transferMs: number | null = null;

  constructor(electionTimeoutMs: number) {
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /** This node does not lead: a transfer that was under way is over. */
  follows(): void {
    this.#transferMs = null;
  }

  /** To be called at a fixed interval on the leader. A returned action counts as carried out. */
  decide(nowMs: number, own: OwnVitals, voters: readonly VoterVitals[]): LeaderDecision {
    const electionMs = this.#electionTimeoutMs;
    const isHanging = own.syncPendingMs >= hangLimitMs(electionMs);
    if (this.#transferMs !== null) {
      if (nowMs - this.#transferMs < electionMs) return NONE;
      this.#transferMs = null;
      if (isHanging) return { kind: 'step-down' };
    }
    const fit = voters.filter((voter) => isFit(voter, electionMs));
    if (isHanging) {
      // The last entry was appended after the disk began to hang: whoever has it has a disk that works.
      const decision = this.#transfer(
        nowMs,
        'disk-stall',
        HANG_INTERVAL_MS,
        fit.filter(({ hasLast }) => hasLast),
      );
      if (decision.kind === 'transfer') this.#transferMs = nowMs;
      return decision;
    }
    const upToDate = fit.filter(({ hasCommitted }) => hasCommitted);
    if (own.isSyncMeasured && own.syncP99Ms >= SLOW_SYNC_MS) {
      const faster = upToDate.filter(({ syncP99Ms }) => syncP99Ms <= own.syncP99Ms * FASTER_SHARE);
      const decision = this.#transfer(nowMs, 'disk-slow', SLOW_INTERVAL_MS, faster);
      if (decision.kind !== 'none') return decision;
    }
    if (own.isLoopMeasured && own.loopP99Ms >= electionMs / 2) return this.#transfer(nowMs, 'loop-starved', SLOW_INTERVAL_MS, upToDate);
    return NONE;
  }

  /** Hands over to the fastest of `targets`, unless that was done for the same reason less than `intervalMs` ago. */
  #transfer(nowMs: number, reason: HandoverReason, intervalMs: number, targets: readonly VoterVitals[]): LeaderDecision {
    const [first, ...rest] = targets;
    if (first === undefined || nowMs - (this.#lastMs.get(reason) ?? Number.NEGATIVE_INFINITY) < intervalMs) return NONE;
    this.#lastMs.set(reason, nowMs);
    const to = rest.reduce((best, voter) => (voter.syncP99Ms < best.syncP99Ms ? voter : best), first).node;
    return { kind: 'transfer', to, reason };
  }
}
