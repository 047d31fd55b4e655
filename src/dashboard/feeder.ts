// Asks the cluster: one node for the feed a few times a second (the leader where one is known, for it sees all members, else whoever answers), and
// every node once a second for what it says of itself.
import type { DashboardFeed, NodeReport } from '../contract/dashboard.ts';

const PERIOD_MS = 250;
const REPORT_PERIOD_MS = 1_000;
/** While nobody looks at the page. */
const HIDDEN_PERIOD_MS = 3_000;
/** A node that takes longer is passed over: it is paused, or cut off. */
const ANSWER_MS = 800;

/** Whom to ask. This page's policy names the members of the moment at which it was loaded, and no other host can be asked. */
export class Places {
  readonly #allowed: ReadonlySet<string>;
  readonly #members = new Map<string, string>();
  /** The member that served this page, once it has said who it is: it is asked where the page came from, whatever its own word for that place is. */
  #own: string | null = null;

  constructor(allowed: Iterable<string>) {
    this.#allowed = new Set([location.origin, ...allowed]);
  }

  /** Takes note of the members in a feed; gives one that this page may not ask, if there is any. */
  note(origin: string, { cluster }: DashboardFeed): string | null {
    if (origin === location.origin) this.#own = cluster.node;
    let unknown: string | null = null;
    this.#members.clear();
    for (const { id, http } of cluster.members) {
      const place = id === this.#own ? location.origin : `http://${http}`;
      if (this.#allowed.has(place)) this.#members.set(id, place);
      else if (http !== '') unknown = place;
    }
    return unknown;
  }

  of(member: string | null): string | null {
    return member === null ? null : (this.#members.get(member) ?? null);
  }

  get members(): Iterable<readonly [id: string, origin: string]> {
    return this.#members;
  }

  /** `first`, then all that may be asked: also those who are no members any more may know who is. */
  from(first: string): Iterable<string> {
    return new Set([first, location.origin, ...this.#members.values(), ...this.#allowed]);
  }
}

/** Asks for ever. `take` gets each feed with its origin, and `lost` is called when no node answers. */
export async function feed(places: Places, take: (feed: DashboardFeed, origin: string) => void, lost: () => void): Promise<never> {
  let asked = location.origin;
  for (;;) {
    const answer = await askFrom(places.from(asked));
    if (answer === null) {
      lost();
    } else {
      take(answer.feed, answer.origin);
      asked = places.of(answer.feed.cluster.leader) ?? answer.origin;
    }
    await pause(PERIOD_MS);
  }
}

/** Asks every member for ever. `coveredOf` says up to which second the traffic of a node is known. */
export async function reports(
  places: Places,
  coveredOf: (node: string) => number | null,
  take: (report: NodeReport) => void,
): Promise<never> {
  for (;;) {
    await Promise.all(
      [...places.members].map(async ([id, origin]) => {
        const covered = coveredOf(id);
        const report = await ask<NodeReport>(`${origin}/dashboard/node${covered === null || covered < 0 ? '' : `?after=${covered}`}`);
        if (report !== null) take(report);
      }),
    );
    await pause(REPORT_PERIOD_MS);
  }
}

/** The first answer; null when there is none. */
async function askFrom(origins: Iterable<string>): Promise<{ readonly origin: string; readonly feed: DashboardFeed } | null> {
  for (const origin of origins) {
    const feed = await ask<DashboardFeed>(`${origin}/dashboard/feed`);
    if (feed !== null) return { origin, feed };
  }
  return null;
}

async function ask<Answer>(url: string): Promise<Answer | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.ok ? ((await answer.json()) as Answer) : null;
  } catch {
    return null;
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((wake) => setTimeout(wake, document.hidden ? HIDDEN_PERIOD_MS : ms));
}
