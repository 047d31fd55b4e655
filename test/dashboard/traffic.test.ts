// The plots' numbers: seconds of several nodes in one line, quantiles, scales, and gaps where nothing is known.
import { expect, test } from 'vitest';
import { RecentTraffic, TRAFFIC_BOUNDS_MS } from '../../src/api/recent-traffic.ts';
import type { NodeReport } from '../../src/contract/dashboard.ts';
import { latencyScale, pathThrough, plainScale } from '../../src/dashboard/scale.ts';
import { quantile, Traffic, WINDOW_S } from '../../src/dashboard/traffic.ts';

const BOUNDS_MS = [1, 2, 4];

function report(node: string, clockS: number, seconds: NodeReport['seconds']): NodeReport {
  return { node, role: 'follower', leader: null, term: 1, appliedIndex: 1, clockS, boundsMs: BOUNDS_MS, seconds };
}

const calls = (second: number, count: number, failed = 0) => ({ second, counts: [0, count], failed });

/** What is known of the window, without the seconds of which nothing is. */
function known(traffic: Traffic, nowMs: number): (readonly [answered: number, failed: number])[] {
  return traffic.window(nowMs).moments.flatMap((moment) => (moment === null ? [] : [[moment.answered, moment.failed] as const]));
}

test('the calls of all nodes are one line, whatever their clocks say', () => {
  const traffic = new Traffic();
  traffic.add(report('n1', 4.2, [calls(2, 10), calls(3, 20)]), 100_000);
  traffic.add(report('n2', 904.3, [calls(902, 5), calls(903, 7, 2)]), 100_050);
  expect(known(traffic, 100_100).slice(-2)).toEqual([
    [15, 0],
    [27, 2],
  ]);
});

test('a second without a call is none of which nothing is known', () => {
  const traffic = new Traffic();
  traffic.add(report('n1', 3.5, [calls(0, 1)]), 50_000);
  const { moments } = traffic.window(50_000);
  expect(moments.slice(0, -3).every((moment) => moment === null)).toBe(true);
  expect(moments.slice(-3).map((moment) => moment?.answered)).toEqual([1, 0, 0]);
  expect(moments.at(-1)).toMatchObject({ medianMs: null, p99Ms: null });
});

test('the plots go back as many whole minutes as something is known of, three at most', () => {
  const traffic = new Traffic();
  for (const [clockS, minutes] of [
    [5, 1],
    [60.5, 1],
    [61.5, 2],
    [150, 3],
    [500, 3],
  ] as const) {
    traffic.add(report('n1', clockS, []), 1_000_000 + clockS * 1_000);
    expect(traffic.window(1_000_000 + clockS * 1_000).moments, String(clockS)).toHaveLength(60 * minutes);
  }
});

test('what is told twice counts once, and answers that come late move no second', () => {
  const traffic = new Traffic();
  traffic.add(report('n1', 10.1, [calls(8, 1), calls(9, 2)]), 60_000);
  traffic.add(report('n1', 11.1, [calls(9, 2), calls(10, 3)]), 61_700);
  traffic.add(report('n1', 12.1, [calls(11, 4)]), 62_000);
  expect(known(traffic, 62_000).slice(-4)).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
  ]);
  expect(traffic.coveredOf('n1')).toBe(11);
});

test('a node that was started again goes on with a clock of its own', () => {
  const traffic = new Traffic();
  traffic.add(report('n1', 500.1, [calls(499, 9)]), 70_000);
  traffic.add(report('n1', 2.1, [calls(0, 1), calls(1, 2)]), 80_000);
  expect(traffic.coveredOf('n1')).toBe(1);
  const line = known(traffic, 80_000).map(([answered]) => answered);
  expect(line.filter((answered) => answered > 0)).toEqual([9, 1, 2]);
});

test('a node that has died is not waited for', () => {
  const traffic = new Traffic();
  traffic.add(report('n1', 10, [calls(9, 1)]), 60_000);
  traffic.add(report('n2', 10, [calls(9, 1)]), 60_000);
  traffic.add(report('n2', 15, [calls(14, 5)]), 65_000);
  expect(traffic.window(65_000).moments.at(-1)?.answered).toBe(5);
});

test('a quantile lies between the bounds of its place, and beyond the last it is that', () => {
  expect(quantile([], BOUNDS_MS, 0.5)).toBeNull();
  expect(quantile([0, 10], BOUNDS_MS, 0.5)).toBe(1.5);
  expect(quantile([99, 0, 1], BOUNDS_MS, 0.99)).toBe(1);
  expect(quantile([98, 0, 2], BOUNDS_MS, 0.99)).toBe(3);
  expect(quantile([0, 0, 0, 4], BOUNDS_MS, 0.5)).toBe(4);
});

test('a node keeps its last seconds, tells those that are over, and forgets older ones', () => {
  let nowMs = 5_500;
  const traffic = new RecentTraffic(() => nowMs);
  traffic.answered(0.1);
  traffic.answered(3);
  traffic.failed();
  expect(traffic.after(-1)).toEqual([]);
  nowMs = 6_000;
  traffic.answered(1e9);
  nowMs = 7_000;
  const [first, second] = traffic.after(-1);
  expect(first).toMatchObject({ second: 5, failed: 1 });
  expect(first?.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  expect(second?.counts).toHaveLength(TRAFFIC_BOUNDS_MS.length + 1);
  expect(traffic.after(5).map((each) => each.second)).toEqual([6]);
  nowMs += WINDOW_S * 1_000;
  expect(traffic.after(-1).map((each) => each.second)).toEqual([]);
});

test('a duration is counted at the first bound that it does not exceed', () => {
  const nowMs = { value: 0 };
  for (const [place, boundMs] of TRAFFIC_BOUNDS_MS.entries()) {
    for (const [durationMs, expected] of [
      [boundMs, place],
      [boundMs * 1.0001, place + 1],
    ] as const) {
      const traffic = new RecentTraffic(() => nowMs.value);
      nowMs.value = 0;
      traffic.answered(durationMs);
      nowMs.value = 1_000;
      expect(traffic.after(-1)[0]?.counts.lastIndexOf(1), String(durationMs)).toBe(expected);
    }
  }
});

test('scales end above what they show, and a path has gaps where nothing is known', () => {
  expect(plainScale(0).rules).toEqual([1]);
  expect(plainScale(37).rules).toEqual([25, 50]);
  expect(plainScale(37).heightOf(25)).toBe(0.5);
  expect(latencyScale(30).rules).toEqual([1, 10, 100]);
  expect(latencyScale(300).rules).toEqual([1, 10, 100, 1_000]);
  expect([0.1, 1, 10, 100].map((ms) => Math.round(latencyScale(30).heightOf(ms) * 90))).toEqual([0, 30, 60, 90]);
  expect(pathThrough([1, 2, null, 3], (value) => value / 4)).toBe('M0.5,75.0h0L1.5,50.0M3.5,25.0h0');
});
