// The history of a lease as sentences, one for each thing that happened.
import type { HistoryItem } from '../contract/history.ts';
import { duration } from './format.ts';

/** Which part of a history is asked for. */
export interface Wanted {
  readonly holder?: string;
  readonly fence?: number;
}

/** The items of the wanted tenures, and those that explain them: the leaders, and who came right after. All when nothing is asked for. */
export function wantedItems(history: readonly HistoryItem[], { holder, fence }: Wanted): HistoryItem[] {
  if (holder === undefined && fence === undefined) return [...history];
  const isWanted = (item: HistoryItem): boolean =>
    item.fence !== undefined && (fence === undefined || item.fence === fence) && (holder === undefined || item.holder === holder);
  const wanted = history.filter(isWanted);
  const first = wanted[0]?.index;
  if (first === undefined) return [];
  const end = wanted.findLast(({ cause }) => cause !== undefined)?.index;
  // What one entry did stands in order, so a claim at the index of the end comes after it.
  const successor = end === undefined ? undefined : history.find((item) => item.type === 'claimed' && item.index >= end && !isWanted(item));
  const isMeanwhile = ({ type, index }: HistoryItem): boolean =>
    type === 'leader-changed' && index > first && index < (end ?? Number.POSITIVE_INFINITY);
  return history.filter((item) => isWanted(item) || item === successor || isMeanwhile(item));
}

/** One sentence for each item. */
export function storyLines(history: readonly HistoryItem[]): string[] {
  return history.map((item) => `${String(item.index).padStart(8)}  ${sentence(item)}.`);
}

function sentence(item: HistoryItem): string {
  const { type, holder = '?', fence = 0, count = 0, by = '?', session = '?', lateMs = 0 } = item;
  const who = `${holder} (fence ${fence})`;
  switch (type) {
    case 'claimed':
      return `${holder} claimed it, fence ${fence}, ${item.session === undefined ? `for ${duration(item.durationMs ?? 0)}` : `by session ${session}`}`;
    case 'extended':
      return `${who} had extended it ${times(count)} by then${lateMs === 0 ? ', always in time' : `, once ${duration(lateMs)} after its deadline, at index ${item.lateIndex}`}`;
    case 'fence-used':
      return `${who} had ${count === 1 ? 'a gated write' : `${count} gated writes`} let through by then`;
    case 'fence-refused':
      return `${count === 1 ? 'a write' : `${count} writes, this the last,`} that asserted the tenure of ${who} ${count === 1 ? 'was' : 'were'} refused`;
    case 'pinned':
      return `${by} pinned it, which keeps it from expiring`;
    case 'unpinned':
      return `${by} unpinned it`;
    case 'session-joined':
      return `from here on the claim of ${who} lived by session ${session}`;
    case 'session-ended':
      return `session ${session} ended; the claim of ${who} went on because it was pinned`;
    case 'released':
      return `${who} released it${decided(item)}`;
    case 'revoked':
      return `${who} lost it because session ${session} was revoked${decided(item)}`;
    case 'expired':
      return `${who} lost it by expiry: ${item.cause === 'session-expired' ? `session ${session} had not been renewed` : 'it had not been extended'}, and its deadline was ${duration(lateMs)} past${decided(item)}`;
    case 'leader-changed':
      return `${item.to} took over as leader of term ${item.term}${item.from === undefined ? '' : ` from ${item.from}`}${item.leaderlessMs === undefined ? '' : ` after ${duration(item.leaderlessMs)} without a leader`}`;
    default:
      return type;
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function decided({ term }: HistoryItem): string {
  return term === undefined ? '' : ` (decided in term ${term})`;
}
