// What the dashboard is told: the cluster as one node sees it (`GET /dashboard/feed`), and what each node says of itself (`GET /dashboard/node`).
// For the page at `/` and for `leasehold status --watch` of the same version, no contract with anybody else.
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

/** Something that happened to a lease, except that it was extended. */
export interface FeedEvent {
  readonly type: string;
  readonly index: number;
  readonly position: number;
  readonly agoMs: number;
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
  readonly agoMs: number;
  readonly node: string;
  /** How long the new leader had known none, by its own clock; null if it had never known one. */
  readonly leaderlessMs: number | null;
}

export interface DashboardFeed {
  /** Where the process that started this node and its peers takes orders; null for a node that stands alone. */
  readonly control: string | null;
  readonly cluster: ClusterReply;
  /** For how long this node has known no leader, as well as it can tell; null while it knows one. */
  readonly leaderlessMs: number | null;
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

/** The calls that a node answered in one second. Those that wait on purpose, and those about the cluster itself, are left out. */
export interface TrafficSecond {
  /** Number of the second, by the node's own clock, which begins anew with its process. */
  readonly second: number;
  /** Done or refused, by how long they took: at each place those of at most `boundsMs` there, and of more than at the place before. Zeros at the end are left out. */
  readonly counts: readonly number[];
  /** Not accepted, or of unknown outcome. */
  readonly failed: number;
}

/** Answer of `GET /dashboard/node?after=SECOND`. */
export interface NodeReport {
  readonly node: string;
  readonly role: 'leader' | 'candidate' | 'follower' | 'learner';
  readonly leader: string | null;
  readonly term: number;
  readonly appliedIndex: number;
  /** The node's clock, in seconds with their fraction. */
  readonly clockS: number;
  /** Upper bounds in ascending order; what took longer than the last one is counted behind it. */
  readonly boundsMs: readonly number[];
  /** Those that are over and came after the one named, in order, as far back as they are kept; one without a call is left out. */
  readonly seconds: readonly TrafficSecond[];
}

/** Leases and events in one answer. */
export const FEED_LEASES_MAX = 100;
export const FEED_EVENTS_MAX = 30;

/** Seconds of its traffic that a node keeps. */
export const TRAFFIC_KEPT_S = 180;
