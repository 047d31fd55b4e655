// The age of the write under way.
import { beforeEach, expect, test } from 'vitest';
import { DiskWatch } from '../../src/replica/disk-watch.ts';

let nowMs: number;
let watch: DiskWatch;

beforeEach(() => {
  nowMs = 1_000;
  watch = new DiskWatch({ now: () => nowMs });
});

function pass(ms: number, stepMs = 50): void {
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    nowMs += stepMs;
    watch.tick(250);
  }
}

test('a write ages until it ends, and the next one starts anew', () => {
  expect(watch.pendingMs).toBe(0);
  watch.began();
  pass(1_200);
  expect(watch.pendingMs).toBe(1_200);
  expect(watch.idleMs).toBe(0);
  watch.ended();
  expect(watch.pendingMs).toBe(0);
  pass(700);
  expect(watch.idleMs).toBe(700);
  watch.began();
  pass(50);
  expect(watch.pendingMs).toBe(50);
});

test('a process that was stopped for long finds no old write', () => {
  watch.began();
  pass(10_000, 10_000);
  expect(watch.pendingMs).toBe(250);
});

test('the durations of the last 30 s have a percentile', () => {
  for (let n = 0; n < 5; n += 1) {
    watch.began();
    pass(300);
    watch.ended();
  }
  expect(watch.p99Ms).toBeGreaterThan(290);
  expect(watch.p99Ms).toBeLessThan(310);
  expect(watch.isMeasured).toBe(false);
  pass(30_000);
  expect(watch.isMeasured).toBe(true);
  expect(watch.p99Ms).toBe(0);
});
