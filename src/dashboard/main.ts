// The dashboard: takes feeds, keeps the page in step with them, and gives the orders that its buttons stand for.
import type { DashboardFeed } from '../contract/dashboard.ts';
import { byId, element, keepInStep, say } from './dom.ts';
import { feed } from './feeder.ts';
import { showLeases } from './leases-view.ts';
import { showMembers } from './members-view.ts';
import { agoText, durationText, FRESH_MS, handoverText, lastHandover, sparkline, timeline } from './model.ts';
import { give, type Order, type ProcessState, processStates } from './orders.ts';

/** Between two steps of the countdowns, in milliseconds. */
const COUNT_MS = 100;
/** Feeds that the plot goes back. */
const PACE_SLOTS = 240;

let last: { readonly feed: DashboardFeed; readonly atMs: number } | null = null;
let states: ReadonlyMap<string, ProcessState> | null = null;
/** Since when no node leads or answers, by this page's clock. */
let leaderlessSinceMs: number | null = null;
const pace: number[] = [];

async function take(next: DashboardFeed): Promise<void> {
  notePace(next);
  last = { feed: next, atMs: performance.now() };
  noteLeader(next.cluster.leader !== null);
  states = next.control === null ? null : await processStates(next.control);
  show(next);
}

function notePace(next: DashboardFeed): void {
  if (last !== null) {
    const seconds = (performance.now() - last.atMs) / 1_000;
    pace.push(Math.max(0, next.cluster.commitIndex - last.feed.cluster.commitIndex) / seconds);
    if (pace.length > PACE_SLOTS) pace.shift();
  }
  byId('pace')
    .querySelector('polyline')
    ?.setAttribute('points', sparkline(pace, 240, 48, PACE_SLOTS));
  const newest = pace.slice(-8);
  if (newest.length > 0) say(byId('pace-now'), `${Math.round(newest.reduce((sum, value) => sum + value, 0) / newest.length)}`);
}

function noteLeader(leads: boolean): void {
  leaderlessSinceMs = leads ? null : (leaderlessSinceMs ?? performance.now());
}

function show(shown: DashboardFeed): void {
  const { leader, term, node } = shown.cluster;
  say(byId('standing'), leader === null ? 'nobody leads' : `${leader} leads term ${term}`);
  byId('standing').classList.toggle('bad', leader === null);
  say(byId('source'), `as ${node} sees it`);
  showMembers(shown, states, order);
  showTimeline(shown);
}

function showTimeline(shown: DashboardFeed): void {
  const make = (line: { kind: string; text: string }) => {
    const item = element('li');
    item.append(element('time'), element('span', line.text, line.kind));
    return item;
  };
  keepInStep(
    byId('timeline'),
    timeline(shown),
    ({ key }) => key,
    make,
    (child, { timeMs }) => {
      if (child.firstElementChild !== null) say(child.firstElementChild, agoText(shown.nowMs - timeMs));
    },
  );
}

/** What moves between two feeds. */
function count(): void {
  if (last === null) return;
  showLeases(last.feed, leaderlessSinceMs === null ? performance.now() - last.atMs : 0);
  showHandover(last.feed);
}

function showHandover(shown: DashboardFeed): void {
  const box = byId('handover');
  const change = lastHandover(shown);
  const open = leaderlessSinceMs !== null;
  box.hidden = change === null && !open;
  box.classList.toggle('open', open);
  box.classList.toggle('fresh', !open && change !== null && shown.nowMs - change.timeMs < FRESH_MS);
  if (leaderlessSinceMs !== null) {
    say(byId('handover-gap'), durationText(performance.now() - leaderlessSinceMs));
    say(byId('handover-text'), 'without a leader so far; until there is one, no lease runs out');
  } else if (change !== null) {
    say(byId('handover-gap'), change.gapMs === null ? 'first leader' : durationText(change.gapMs));
    say(byId('handover-text'), handoverText(change));
  }
}

function lost(): void {
  noteLeader(false);
  say(byId('standing'), 'no node answers');
  byId('standing').classList.add('bad');
  const control = last?.feed.control ?? null;
  if (last === null || control === null) return;
  // The buttons still work: the process behind them is none of the nodes.
  void processStates(control).then((found) => {
    states = found;
    if (last !== null) showMembers({ ...last.feed, cluster: { ...last.feed.cluster, leader: null } }, states, order);
  });
}

function order(what: Order, node: string, button: HTMLButtonElement): void {
  const control = last?.feed.control ?? null;
  if (control === null || button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  void give(control, what, node).then(({ ok, text }) => {
    button.removeAttribute('aria-busy');
    say(byId('said'), text);
    byId('said').classList.toggle('bad', !ok);
  });
}

setInterval(count, COUNT_MS);
void feed((next) => void take(next), lost);
