// The two plots: calls per second and how long they took, with the changes of leader marked in both.
import { byId, element, say } from './dom.ts';
import { durationText } from './model.ts';
import { latencyScale, pathThrough, plainScale, type Scale } from './scale.ts';
import type { Moment, Traffic } from './traffic.ts';

/** A time without a leader, by the page's clock; `untilMs` null while it goes on. */
export interface Gap {
  readonly fromMs: number;
  readonly untilMs: number | null;
  readonly text: string;
}

interface Curve {
  readonly className: string;
  readonly values: readonly (number | null)[];
}

/** A gap is marked at least so wide, in widths of the plot. */
const MARK_MIN_SHARE = 0.005;

/** Draws both. */
export function showPlots(traffic: Traffic, gaps: readonly Gap[], nowMs: number): void {
  const { endS, moments } = traffic.window(nowMs);
  const beginMs = (endS - moments.length + 1) * 1_000;
  const minutes = moments.length / 60;
  for (const since of document.querySelectorAll('.since')) say(since, `${minutes} min ago`);
  const of = (value: (moment: Moment) => number | null) => moments.map((moment) => (moment === null ? null : value(moment)));
  const [answered, failed, median, p99] = [of((m) => m.answered), of((m) => m.failed), of((m) => m.medianMs), of((m) => m.p99Ms)];
  const mostCalls = greatest([...answered, ...failed]);
  draw('calls', plainScale(mostCalls), String, [curve('answered', answered), curve('failed', whereAny(failed))], gaps, beginMs);
  draw('latency', latencyScale(greatest(p99)), decadeText, [curve('median', median), curve('p99', p99)], gaps, beginMs);

  const [nowAnswered, nowFailed, nowMedian, nowP99] = [answered, failed, median, p99].map((values) => values.at(-1) ?? null);
  say(byId('calls-answered'), count(nowAnswered));
  say(byId('calls-failed'), count(nowFailed));
  say(byId('latency-median'), time(nowMedian));
  say(byId('latency-p99'), time(nowP99));
  const period = minutes === 1 ? 'minute' : `${minutes} minutes`;
  const failures = failed.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  describe('calls', `Calls per second over the last ${period}: ${count(nowAnswered)} now, at most ${mostCalls}; ${failures} failed`);
  describe(
    'latency',
    `Latency over the last ${period}: median ${time(nowMedian)} and 99th percentile ${time(nowP99)} now, at most ${time(p99.some((value) => value !== null) ? greatest(p99) : null)}`,
  );
}

function curve(className: string, values: Curve['values']): Curve {
  return { className, values };
}

/** Nothing is drawn where nothing failed, except for the slopes. */
function whereAny(values: Curve['values']): Curve['values'] {
  return values.map((value, at) => (value === 0 && !((values[at - 1] ?? 0) > 0) && !((values[at + 1] ?? 0) > 0) ? null : value));
}

function decadeText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function greatest(values: readonly (number | null)[]): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}

function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : String(value);
}

function time(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '–' : ms < 10 ? `${ms.toFixed(1)} ms` : durationText(ms);
}

function describe(id: string, text: string): void {
  byId(id).querySelector('svg')?.setAttribute('aria-label', text);
}

function draw(
  id: string,
  { heightOf, rules }: Scale,
  label: (value: number) => string,
  curves: readonly Curve[],
  gaps: readonly Gap[],
  beginMs: number,
): void {
  const svg = byId(id).querySelector('svg');
  const labels = byId(id).querySelector('.rules');
  if (svg === null || labels === null) return;
  const width = curves[0]?.values.length ?? 0;
  svg.setAttribute('viewBox', `0 0 ${width} 100`);
  const marks = gaps.flatMap(({ fromMs, untilMs, text }) => {
    const from = Math.max(0, (fromMs - beginMs) / 1_000);
    const until = untilMs === null ? width : (untilMs - beginMs) / 1_000;
    if (until < 0 || from > width) return [];
    const mark = shape('rect', { class: 'gap', x: from, y: 0, width: Math.max(width * MARK_MIN_SHARE, until - from), height: 100 });
    mark.append(shape('title', {}));
    mark.firstElementChild?.append(text);
    return [mark];
  });
  const ruled = rules.map((value) => {
    const y = 100 - 100 * heightOf(value);
    return shape('line', { class: 'rule', x1: 0, x2: width, y1: y, y2: y });
  });
  const drawn = curves.map(({ className, values }) => shape('path', { class: className, d: pathThrough(values, heightOf) }));
  svg.replaceChildren(...ruled, ...marks, ...drawn);
  labels.replaceChildren(
    ...rules.map((value) => {
      const made = element('span', label(value));
      made.style.bottom = `${100 * heightOf(value)}%`;
      return made;
    }),
  );
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}
