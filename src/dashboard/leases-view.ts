// The leases that are held, each with its countdown, which runs on between two feeds.
import type { DashboardFeed, FeedLease } from '../contract/dashboard.ts';
import { byId, element, keepInStep, say } from './dom.ts';
import { durationText } from './model.ts';

const COLUMNS = ['Lease', 'Holder', 'Fence', 'Time left', 'Pinned by', 'Waiting'];

/** `sinceMs`: how old the feed is, and 0 while nobody leads, for then no lease runs. */
export function showLeases({ leases, moreLeases, waiting }: DashboardFeed, sinceMs: number): void {
  const queue = waiting === 0 ? '' : `, ${waiting} waiting`;
  say(byId('leases-count'), moreLeases ? `the first ${leases.length}${queue}` : `${leases.length}${queue}`);
  byId('leases-none').hidden = leases.length > 0;
  const keyOf = ({ namespace, model, lease }: FeedLease) => JSON.stringify([namespace, model, lease]);
  keepInStep(byId('leases'), leases, keyOf, row, (child, lease) => update(child, lease, sinceMs));
}

function row({ namespace, model, lease }: FeedLease): HTMLTableRowElement {
  const made = element('tr');
  for (const label of COLUMNS) {
    const cell = element('td');
    cell.dataset.label = label;
    made.append(cell);
  }
  made.cells[0]?.append(`${namespace}/${model}/${lease}`);
  const bar = element('progress');
  bar.setAttribute('aria-label', `Time left of ${lease}`);
  made.cells[3]?.append(element('span', '', 'left'), bar);
  return made;
}

function update(
  { cells }: HTMLTableRowElement,
  { holder, fence, durationMs, remainingMs, pinnedBy, waiting }: FeedLease,
  sinceMs: number,
): void {
  const texts = [holder, String(fence), null, pinnedBy.length === 0 ? '–' : pinnedBy.join(', '), waiting === 0 ? '–' : String(waiting)];
  texts.forEach((text, at) => {
    const cell = cells[at + 1];
    if (cell !== undefined && text !== null) say(cell, text);
  });
  const leftMs = remainingMs === null ? null : Math.max(0, remainingMs - sinceMs);
  const [left, bar] = [cells[3]?.querySelector('.left'), cells[3]?.querySelector('progress')];
  if (!left || !bar) return;
  say(left, leftMs === null ? 'held by its pin' : leftMs === 0 ? 'about to end' : durationText(leftMs));
  bar.hidden = leftMs === null;
  bar.max = durationMs;
  bar.value = leftMs ?? 0;
}
