// The story of a lease as it is shown: what happened to it, in the order of the log.
import type { Claim } from './claim.ts';
import type { EndedTenure } from './ended-tenures.ts';
import type { ClaimEnd } from './events.ts';
import { beganMs, endedWithSession, type History } from './history.ts';
import type { Mark, Story } from './story.ts';

/** Tenures that are shown, the last ones. */
const tenuresShownMax = 32;

/** One thing that happened. Times are lease time in milliseconds; what does not apply is left out. */
export interface HistoryItem {
  readonly type: 'claimed' | 'extended' | 'fence-used' | 'fence-refused' | 'leader-changed' | Mark['type'] | ClaimEnd;
  /** Of the entry; of the last one where several are told together. */
  readonly index: number;
  readonly timeMs?: number;
  /** Whose tenure it was; not there for a change of leader. */
  readonly holder?: string;
  readonly fence?: number;
  /** `extended`, `fence-used`, `fence-refused`: how many are told together. */
  readonly count?: number;
  /** `extended`: the most that one came after the deadline, 0 if none did. `expired`: how long after the deadline. */
  readonly lateMs?: number;
  /** `extended`: the index of the one that was so late. */
  readonly lateIndex?: number;
  /** `claimed` and ends: the duration that counted last. */
  readonly durationMs?: number;
  /** The session by which it lived, or which it joined or lost. */
  readonly session?: string;
  /** The entity that pins. */
  readonly by?: string;
  /** Ends: why. */
  readonly cause?: 'holder' | 'deadline' | 'session-expired' | 'session-revoked';
  /** Ends and changes of leader: the term in which it was decided. */
  readonly term?: number;
  /** `leader-changed`; `from` is left out where it is not known. */
  readonly from?: string;
  readonly to?: string;
  /** `leader-changed`: how long the new leader had known none, by its own clock. */
  readonly leaderlessMs?: number;
}

export interface HistoryView {
  readonly items: readonly HistoryItem[];
  /** More may have happened than is remembered. */
  readonly truncated: boolean;
}

/** Null when nothing is known of the lease. `record` is the claim's, also of one that has ended with its session; `isHeld`: it has not. */
export function historyView(history: History, claimId: string, record: Claim | undefined, isHeld: boolean): HistoryView | null {
  const { tenures, forgot } = history.tenures(claimId, tenuresShownMax);
  const claim = isHeld ? record : undefined;
  const sessionEnd = record?.session?.ended ?? null;
  const shown = record === undefined || isHeld || sessionEnd === null ? tenures : [...tenures, endedWithSession(record, sessionEnd)];
  const first = shown[0]?.fence ?? claim?.fence;
  if (first === undefined) return null;
  const items = shown.flatMap(itemsOfEnded);
  if (claim !== undefined) items.push(...itemsOfLiving(claim));
  if (claim?.session != null && sessionEnd !== null) {
    const { index, timeMs } = sessionEnd;
    items.push({ type: 'session-ended', index, timeMs, holder: claim.holder, fence: claim.fence, session: claim.session.id });
  }
  const last = claim === undefined ? (shown.at(-1)?.endIndex ?? 0) : Number.POSITIVE_INFINITY;
  items.push(...itemsOfReigns(history, first, last));
  const stories = [...shown.map(({ story }) => story), claim?.story ?? null];
  const forgotMarks = stories.some((story) => story?.rest?.forgot === true);
  const { list, count } = history.reigns;
  const forgotReigns = count > list.length && first < (list[0]?.index ?? 0);
  // Stable: what one entry did stays in order.
  items.sort((left, right) => left.index - right.index);
  return { items, truncated: forgot || forgotMarks || forgotReigns };
}

function itemsOfLiving(claim: Claim): HistoryItem[] {
  const { holder, fence, session, story } = claim;
  const began = beganMs(claim);
  return [
    {
      type: 'claimed',
      index: fence,
      ...(began === null ? {} : { timeMs: began }),
      holder,
      fence,
      durationMs: session?.ttlMs ?? claim.durationMs,
      ...(session === null ? {} : { session: session.id }),
    },
    ...itemsOfStory(story, holder, fence),
  ];
}

function itemsOfEnded(tenure: EndedTenure): HistoryItem[] {
  const { holder, fence, beganMs, durationMs, session, end, endIndex, endMs, endTerm, lateMs, story } = tenure;
  const lived = { durationMs, ...(session === null ? {} : { session }) };
  return [
    { type: 'claimed', index: fence, ...(beganMs === null ? {} : { timeMs: beganMs }), holder, fence, ...lived },
    ...itemsOfStory(story, holder, fence),
    {
      type: end,
      index: endIndex,
      timeMs: endMs,
      holder,
      fence,
      ...lived,
      ...(end === 'expired' ? { lateMs } : {}),
      cause: causeOf(tenure),
      term: endTerm,
    },
  ];
}

function causeOf({ end, session }: EndedTenure): NonNullable<HistoryItem['cause']> {
  if (end === 'released') return 'holder';
  if (end === 'revoked') return 'session-revoked';
  return session === null ? 'deadline' : 'session-expired';
}

function itemsOfStory(story: Story | null, holder: string, fence: number): HistoryItem[] {
  if (story === null) return [];
  const items: HistoryItem[] = [];
  const { extensions, lastExtension, greatestLateMs, latestExtension, rest } = story;
  const who = { holder, fence };
  if (extensions > 0) {
    const late = greatestLateMs > 0 ? { lateIndex: latestExtension } : {};
    items.push({ type: 'extended', index: lastExtension, ...who, count: extensions, lateMs: greatestLateMs, ...late });
  }
  if (rest === null) return items;
  if (rest.uses > 0) items.push({ type: 'fence-used', index: rest.lastUse, ...who, count: rest.uses });
  if (rest.refusals > 0) items.push({ type: 'fence-refused', index: rest.lastRefusal, ...who, count: rest.refusals });
  for (const { type, index, timeMs, by } of rest.marks) {
    const named = type === 'pinned' || type === 'unpinned' ? { by } : { session: by };
    items.push({ type, index, timeMs, ...who, ...named });
  }
  return items;
}

/** Those after the first index and up to the last. */
function itemsOfReigns({ reigns }: History, first: number, last: number): HistoryItem[] {
  return reigns.list.flatMap(({ index, term, timeMs, node, leaderlessMs }, at): HistoryItem[] => {
    if (index <= first || index > last) return [];
    const from = reigns.list[at - 1]?.node;
    return [
      {
        type: 'leader-changed',
        index,
        timeMs,
        term,
        ...(from === undefined ? {} : { from }),
        to: node,
        ...(leaderlessMs === null ? {} : { leaderlessMs }),
      },
    ];
  });
}
