// The state of a node as its dashboard shows it, gathered in one go and in bounded time.
import { type DashboardFeed, FEED_EVENTS_MAX, FEED_LEASES_MAX, type FeedEvent } from '../contract/dashboard.ts';
import { leaseKeyOf } from '../lease/lease-key.ts';
import type { EventLog } from '../replica/event-log.ts';
import type { ClusterStatus, ReadView, Service } from '../replica/service.ts';

/** Events that are looked at for one feed: where there were more extensions and writes since the last one, the oldest are passed over. */
const EVENTS_SEARCHED_MAX = 10_000;

/** What the page is told; `control` is where buttons send their orders, null for none. */
export function dashboardFeed(service: Service, { state, nowMs }: ReadView, lastEvents: LastEvents, control: string | null): DashboardFeed {
  const { appliedIndex, ...status } = service.status();
  const { reigns } = state;
  const leaderlessMs = leaderlessFor(status, reigns);
  // Lease time stands still while nobody leads, and people's does not.
  const agoOf = (timeMs: number): number =>
    reigns.reduce(
      (sum, reign) => sum + (reign.timeMs > timeMs ? (reign.leaderlessMs ?? 0) : 0),
      Math.max(0, nowMs - timeMs) + (leaderlessMs ?? 0),
    );
  const { items, next } = state.claims(null, null, FEED_LEASES_MAX, nowMs);
  const leases = items.map((claim) => ({
    ...{ namespace: claim.namespace, model: claim.model, lease: claim.lease },
    ...{ holder: claim.holder, fence: claim.fence, durationMs: claim.durationMs, remainingMs: claim.remainingMs },
    pinnedBy: claim.pinnedBy,
    waiting: state.waitingFor(claim),
  }));
  return {
    control,
    cluster: { ...status, members: [...status.members], index: appliedIndex },
    leaderlessMs,
    waiting: state.waiting,
    leases,
    moreLeases: next !== null,
    events: lastEvents.upToNow().map(({ timeMs, ...event }) => ({ ...event, agoMs: agoOf(timeMs) })),
    reigns: reigns.map(({ timeMs, ...reign }) => ({ ...reign, agoMs: agoOf(timeMs) })),
  };
}

/** Since the last leader was heard; for a node that was that itself, since any other voter was. */
function leaderlessFor(
  { leader, node, members }: Omit<ClusterStatus, 'appliedIndex'>,
  reigns: readonly { readonly node: string }[],
): number | null {
  if (leader !== null) return null;
  const last = reigns.at(-1)?.node;
  const heard = members.filter(({ id, voter }) => id !== node && voter && (last === node || id === last));
  return (
    heard.reduce<number | null>(
      (least, { lastContactMs }) => (lastContactMs === null ? least : Math.min(least ?? lastContactMs, lastContactMs)),
      null,
    ) ?? 0
  );
}

/** An event with its lease time. */
type TimedEvent = Omit<FeedEvent, 'agoMs'> & { readonly timeMs: number };

/** What the timeline shows, found among the extensions and writes that it does not; each event is looked at once. */
export class LastEvents {
  readonly #log: EventLog;
  /** Newest first. */
  #found: readonly TimedEvent[] = [];
  /** Sequence number of the first event that was not looked at yet. */
  #next = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  upToNow(): readonly TimedEvent[] {
    const log = this.#log;
    const found: TimedEvent[] = [];
    const oldest = Math.max(log.start, this.#next, log.end - EVENTS_SEARCHED_MAX);
    for (let at = log.end - 1; at >= oldest && found.length < FEED_EVENTS_MAX; at--) {
      const event = log.at(at);
      if (event === undefined || 'key' in event || event.type === 'extended') continue;
      const { type, index, position, timeMs, holder, lateMs, entity } = event;
      found.push({ type, index, position, timeMs, ...leaseKeyOf(event.claimId), holder, lateMs, entity });
    }
    this.#next = log.end;
    this.#found = [...found, ...this.#found].slice(0, FEED_EVENTS_MAX);
    return this.#found;
  }
}
