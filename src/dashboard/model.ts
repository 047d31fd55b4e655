// What the dashboard says of a feed, in words and numbers: no page and no clock in it.
import type { DashboardFeed, FeedEvent, FeedReign } from '../contract/dashboard.ts';

/** A change of leader that is over. */
export interface Handover {
  readonly term: number;
  /** Who led before; null if that is forgotten. */
  readonly from: string | null;
  readonly to: string;
  /** As the new leader measured it; null if it had never known a leader. */
  readonly gapMs: number | null;
  readonly agoMs: number;
}

/** One line of the timeline. */
export interface Line {
  readonly key: string;
  readonly agoMs: number;
  readonly kind: string;
  readonly text: string;
}

/** A handover stands out for so long, in milliseconds. */
export const FRESH_MS = 15_000;
const LINES_MAX = 40;

/** The last change of leader; null while there has been none. */
export function lastHandover({ reigns }: DashboardFeed): Handover | null {
  return reigns.length === 0 ? null : handover(reigns, reigns.length - 1);
}

function handover(reigns: readonly FeedReign[], at: number): Handover | null {
  const reign = reigns[at];
  if (reign === undefined) return null;
  return { term: reign.term, from: reigns[at - 1]?.node ?? null, to: reign.node, gapMs: reign.leaderlessMs, agoMs: reign.agoMs };
}

/** "without a leader: n2 took over from n1 in term 5", to stand beside the gap. */
export function handoverText({ term, from, to, gapMs }: Handover): string {
  const how = from === null || from === to ? `${to} leads` : `${to} took over from ${from}`;
  return `${gapMs === null ? '' : 'without a leader: '}${how} in term ${term}`;
}

/** Leaders and leases in one line of time, newest first. */
export function timeline(feed: DashboardFeed): Line[] {
  const reigns = feed.reigns.flatMap((reign, at) => {
    const change = handover(feed.reigns, at);
    const gap = reign.leaderlessMs === null ? '' : ` after ${durationText(reign.leaderlessMs)} without a leader`;
    const text = change === null ? '' : `${reign.node} leads term ${reign.term}${gap}`;
    return { key: `${reign.index}.lead`, agoMs: reign.agoMs, kind: 'leads', text, index: reign.index, position: 0 };
  });
  const events = feed.events.map((event) => ({
    ...event,
    key: `${event.index}.${event.position}`,
    kind: event.type,
    text: eventText(event),
  }));
  return [...reigns, ...events].sort((a, b) => b.index - a.index || b.position - a.position).slice(0, LINES_MAX);
}

function eventText({ type, namespace, model, lease, holder, lateMs, entity }: FeedEvent): string {
  const name = `${namespace}/${model}/${lease}`;
  switch (type) {
    case 'claimed':
      return `${holder} claimed ${name}`;
    case 'released':
      return `${holder} released ${name}`;
    case 'expired':
      return `${name} expired, ${holder} had it${lateMs > 0 ? ` (${durationText(lateMs)} past its deadline)` : ''}`;
    case 'revoked':
      return `${name} ended with its session, ${holder} had it`;
    default:
      return `${name} ${type} by ${entity}`;
  }
}

/** `84 ms`, `9.4 s`, `2 min 05 s`, `3 h 12 min`, `4 d 3 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

/** Whole units, for what lies in the past: `now`, `12 s`, `5 min`, `3 h`, `4 d`. */
export function agoText(ms: number): string {
  if (ms < 1_000) return 'now';
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
