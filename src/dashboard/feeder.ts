// Asks the cluster for its feed a few times a second: the leader where one is known, for it sees all members, else whoever answers.
import type { DashboardFeed } from '../contract/dashboard.ts';

const PERIOD_MS = 250;
/** While nobody looks at the page. */
const HIDDEN_PERIOD_MS = 3_000;
/** A node that takes longer is passed over: it is paused, or cut off. */
const ANSWER_MS = 800;

/** Asks for ever. `take` gets each feed, and `lost` is called when no node answers. */
export async function feed(take: (feed: DashboardFeed) => void, lost: () => void): Promise<never> {
  const known = new Set<string>([location.origin]);
  let asked = location.origin;
  for (;;) {
    const answer = await askFrom(asked, known);
    if (answer === null) {
      lost();
    } else {
      const { leader, members } = answer.feed.cluster;
      for (const { http } of members) if (http !== '') known.add(`http://${http}`);
      const leaderHttp = members.find(({ id }) => id === leader)?.http ?? '';
      asked = leaderHttp === '' ? answer.origin : `http://${leaderHttp}`;
      take(answer.feed);
    }
    await new Promise((wake) => setTimeout(wake, document.hidden ? HIDDEN_PERIOD_MS : PERIOD_MS));
  }
}

/** The first answer, from `first` and then from the others in turn; null when there is none. */
async function askFrom(first: string, known: ReadonlySet<string>): Promise<{ origin: string; feed: DashboardFeed } | null> {
  for (const origin of new Set([first, ...known])) {
    try {
      const answer = await fetch(`${origin}/dashboard/feed`, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok) return { origin, feed: (await answer.json()) as DashboardFeed };
    } catch {
      // The next one is asked.
    }
  }
  return null;
}
