// The dashboard: takes feeds, keeps the page in step with them, and gives the orders that its buttons stand for.
import type { DashboardFeed, NodeReport } from '../contract/dashboard.ts';
import { confirmed, prepareConfirmation } from './confirm.ts';
import { byId, element, keepInStep, say } from './dom.ts';
import { feed, Places, reports } from './feeder.ts';
import { showLeases } from './leases-view.ts';
import { orderWords, showMembers } from './members-view.ts';
import { agoText, durationText, FRESH_MS, handoverText, lastHandover, timeline } from './model.ts';
import { give, type Order, type ProcessState, processStates } from './orders.ts';
import { type Gap, showPlots } from './plots-view.ts';
import { renewFor, restoreFocus } from './renewal.ts';
import { riskOf } from './risk.ts';
import { Traffic } from './traffic.ts';

/** Between two steps of the countdowns, and of the plots, in milliseconds. */
const COUNT_MS = 100;
const PLOT_MS = 1_000;
/** What a node has said of itself counts for so long. */
const REPORT_VALID_MS = 3_000;

const places = new Places(document.querySelector<HTMLMetaElement>('meta[name="asks"]')?.content.split(' ') ?? []);
const traffic = new Traffic();
/** What each node has said of itself, and when. */
const said = new Map<string, { readonly report: NodeReport; readonly atMs: number }>();
/** The times without a leader, by the index of the reign that ended them. */
const gaps = new Map<number, Gap>();
let last: { readonly feed: DashboardFeed; readonly atMs: number } | null = null;
let states: ReadonlyMap<string, ProcessState> | null = null;
/** Since when no node leads or answers, by this page's clock. */
let leaderlessSinceMs: number | null = null;

async function take(next: DashboardFeed, origin: string): Promise<void> {
  const unknown = places.note(origin, next);
  const isFirst = last === null;
  last = { feed: next, atMs: performance.now() };
  noteLeader(next.leaderlessMs);
  noteGaps(next, last.atMs);
  states = next.control === null ? null : await processStates(next.control);
  show(next);
  if (isFirst) {
    restoreFocus();
    showAllPlots();
  }
  if (unknown !== null) await renewFor(unknown);
}

/** A reign is put where this page's clock was when it began. */
function noteGaps({ reigns }: DashboardFeed, atMs: number): void {
  for (const reign of reigns) {
    if (reign.leaderlessMs === null || gaps.has(reign.index)) continue;
    const untilMs = atMs - reign.agoMs;
    const text = `${reign.node} leads term ${reign.term} after ${durationText(reign.leaderlessMs)} without a leader`;
    gaps.set(reign.index, { fromMs: untilMs - reign.leaderlessMs, untilMs, text });
  }
  for (const index of gaps.keys()) if (!reigns.some((reign) => reign.index === index)) gaps.delete(index);
}

/** `forMs`: for how long nobody has led already, as far as is known; null while somebody does. */
function noteLeader(forMs: number | null): void {
  leaderlessSinceMs = forMs === null ? null : (leaderlessSinceMs ?? performance.now() - forMs);
}

function show(shown: DashboardFeed): void {
  const { leader, term, node } = shown.cluster;
  say(byId('standing'), leader === null ? 'nobody leads' : `${leader} leads term ${term}`);
  byId('standing').classList.toggle('bad', leader === null);
  say(byId('source'), `as ${node} sees it`);
  showMembers(shown, states, freshReports(), order);
  showTimeline(shown);
}

/** A number stays in one line with its unit. */
function unbroken(text: string): string {
  return text.replace(/(\d) (ms|s|min|h|d)\b/g, '$1\u00a0$2');
}

function freshReports(): ReadonlyMap<string, NodeReport> {
  const nowMs = performance.now();
  return new Map([...said].flatMap(([id, { report, atMs }]) => (nowMs - atMs < REPORT_VALID_MS ? [[id, report]] : [])));
}

function showTimeline(shown: DashboardFeed): void {
  const make = (line: { kind: string; text: string }) => {
    const item = element('li');
    item.append(element('time'), element('span', unbroken(line.text), line.kind));
    return item;
  };
  keepInStep(
    byId('timeline'),
    timeline(shown),
    ({ key }) => key,
    make,
    (child, { agoMs }) => {
      if (child.firstElementChild !== null) say(child.firstElementChild, agoText(agoMs));
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
  // While the figure runs, nobody wants it read out ten times a second.
  box.setAttribute('aria-busy', String(open));
  box.classList.toggle('open', open);
  box.classList.toggle('fresh', !open && change !== null && change.agoMs < FRESH_MS);
  if (leaderlessSinceMs !== null) {
    say(byId('handover-gap'), durationText(performance.now() - leaderlessSinceMs));
    say(byId('handover-text'), 'without a leader so far; until there is one, no lease runs out');
  } else if (change !== null) {
    say(byId('handover-gap'), change.gapMs === null ? 'first leader' : durationText(change.gapMs));
    say(byId('handover-text'), handoverText(change));
  }
}

function lost(): void {
  noteLeader(0);
  say(byId('standing'), 'no node answers');
  byId('standing').classList.add('bad');
  const control = last?.feed.control ?? null;
  if (last === null || control === null) return;
  // The buttons still work: the process behind them is none of the nodes.
  void processStates(control).then((found) => {
    states = found;
    if (last !== null) showMembers({ ...last.feed, cluster: { ...last.feed.cluster, leader: null } }, states, freshReports(), order);
  });
}

function showAllPlots(): void {
  const open: Gap[] = leaderlessSinceMs === null ? [] : [{ fromMs: leaderlessSinceMs, untilMs: null, text: 'without a leader so far' }];
  showPlots(traffic, [...gaps.values(), ...open], performance.now());
}

async function order(what: Order, node: string, button: HTMLButtonElement): Promise<void> {
  const control = last?.feed.control ?? null;
  if (last === null || control === null || button.getAttribute('aria-busy') === 'true') return;
  const risk = riskOf(what, node, last.feed.cluster, states);
  if (risk !== null && !(await confirmed(orderWords(what, node), risk))) return;
  button.setAttribute('aria-busy', 'true');
  const { ok, text } = await give(control, what, node);
  button.removeAttribute('aria-busy');
  say(byId('said'), text);
  byId('said').classList.toggle('bad', !ok);
}

prepareConfirmation();
setInterval(count, COUNT_MS);
setInterval(showAllPlots, PLOT_MS);
void feed(places, (next, origin) => void take(next, origin), lost);
void reports(
  places,
  (node) => traffic.coveredOf(node),
  (report) => {
    traffic.add(report, performance.now());
    said.set(report.node, { report, atMs: performance.now() });
  },
);
