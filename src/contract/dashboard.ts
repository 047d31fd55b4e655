// What `GET /dashboard/feed` answers: the cluster, its leases and what happened last, as the node asked sees them. For the page at `/` alone, no contract with anybody else.
import type { ClusterReply } from './cluster.ts';

/** A lease that is held. */
export interface FeedLease {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
  readonly holder: string;
  readonly fence: number;
  readonly durationMs: number;
  /** Null while pinned. */
  readonly remainingMs: number | null;
  readonly pinnedBy: readonly string[];
  /** Claims that queue for it. */
  readonly waiting: number;
}

/** Something that happened to a lease, except that it was extended. Times are lease time in milliseconds. */
export interface FeedEvent {
  readonly type: string;
  readonly index: number;
  readonly position: number;
  readonly timeMs: number;
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
  readonly holder: string | null;
  /** How long after the deadline. */
  readonly lateMs: number;
  /** Who pins or pinned. */
  readonly entity: string | null;
}

/** Who led from when on. */
export interface FeedReign {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly node: string;
  /** How long the new leader had known none, by its own clock; null if it had never known one. */
  readonly leaderlessMs: number | null;
}

export interface DashboardFeed {
  /** Where the process that started this node and its peers takes orders; null for a node that stands alone. */
  readonly control: string | null;
  readonly cluster: ClusterReply;
  /** Lease time. */
  readonly nowMs: number;
  /** Claims that queue, for all leases together. */
  readonly waiting: number;
  /** In order of their names, at most {@link FEED_LEASES_MAX}. */
  readonly leases: readonly FeedLease[];
  /** Whether there are others. */
  readonly moreLeases: boolean;
  /** Newest first, as far as the node keeps them. */
  readonly events: readonly FeedEvent[];
  /** In order; the first has no known leader before it. */
  readonly reigns: readonly FeedReign[];
}

/** Leases and events in one answer. */
export const FEED_LEASES_MAX = 100;
export const FEED_EVENTS_MAX = 30;
