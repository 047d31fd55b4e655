// The state of a node as its dashboard shows it, gathered in one go and in bounded time.
import { type DashboardFeed, FEED_EVENTS_MAX, FEED_LEASES_MAX, type FeedEvent } from '../contract/dashboard.ts';
import { leaseKeyOf } from '../lease/lease-key.ts';
import type { EventLog } from '../replica/event-log.ts';
import type { ReadView, Service } from '../replica/service.ts';

/** Events that are looked at: under many extensions and writes the older ones are not searched for. */
const EVENTS_SEARCHED_MAX = 1_000;

/** What the page is told; `control` is where buttons send their orders, null for none. */
export function dashboardFeed(service: Service, { state, nowMs }: ReadView, control: string | null): DashboardFeed {
  const { appliedIndex, ...status } = service.status();
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
    nowMs,
    waiting: state.waiting,
    leases,
    moreLeases: next !== null,
    events: lastEvents(service.events),
    reigns: state.reigns,
  };
}

function lastEvents(log: EventLog): FeedEvent[] {
  const found: FeedEvent[] = [];
  const oldest = Math.max(log.start, log.end - EVENTS_SEARCHED_MAX);
  for (let at = log.end - 1; at >= oldest && found.length < FEED_EVENTS_MAX; at--) {
    const event = log.at(at);
    if (event === undefined || 'key' in event || event.type === 'extended') continue;
    const { type, index, position, timeMs, holder, lateMs, entity } = event;
    found.push({ type, index, position, timeMs, ...leaseKeyOf(event.claimId), holder, lateMs, entity });
  }
  return found;
}
