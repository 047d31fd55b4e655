// The state of a node as its dashboard shows it, gathered in one go and in bounded time.
import { type DashboardFeed, FEED_EVENTS_MAX, FEED_LEASES_MAX, type FeedEvent } from '../contract/dashboard.ts';
import { leaseKeyOf } from '../lease/lease-key.ts';
import type { EventLog } from '../replica/event-log.ts';
import type { ReadView, Service } from '../replica/service.ts';

/** Events that are looked at for one feed: where there were more extensions and writes since the last one, the oldest are passed over. */
const EVENTS_SEARCHED_MAX = 10_000;

/** What the page is told; `control` is where buttons send their orders, null for none. */
export function dashboardFeed(service: Service, { state, nowMs }: ReadView, lastEvents: LastEvents, control: string | null): DashboardFeed {
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
    events: lastEvents.upToNow(),
    reigns: state.reigns,
  };
}

/** What the timeline shows, found among the extensions and writes that it does not; each event is looked at once. */
export class LastEvents {
  readonly #log: EventLog;
  /** Newest first. */
  #found: readonly FeedEvent[] = [];
  /** Sequence number of the first event that was not looked at yet. */
  #next = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  upToNow(): readonly FeedEvent[] {
    const log = this.#log;
    const found: FeedEvent[] = [];
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
