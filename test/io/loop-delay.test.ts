// What holds up the event loop is seen, told once, and told apart from waiting for a processor.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopDelay } from '../../src/io/loop-delay.ts';

const BUSY_MS = 200;

test('a loop that is kept busy shows as a delay, of which no more was work than the process had of a processor', async () => {
  const delay = new LoopDelay();
  delay.take();
  await sleep(50);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  while (performance.now() - startMs < BUSY_MS);
  const { user, system } = process.cpuUsage(cpu);
  await sleep(50);
  const { maxMs, maxWorkMs, sinceMs } = delay.take();
  delay.stop();
  expect(maxMs).toBeGreaterThan(BUSY_MS - 20);
  expect(maxWorkMs).toBeGreaterThan(Math.min(BUSY_MS, (user + system) / 1000) - 20);
  expect(maxWorkMs).toBeLessThanOrEqual(maxMs + 1);
  expect(sinceMs).toBeGreaterThan(BUSY_MS);
});

test('until it is asked for the first time, all of a delay counts as work', async () => {
  const delay = new LoopDelay();
  await sleep(20);
  const startMs = performance.now();
  while (performance.now() - startMs < BUSY_MS);
  await sleep(20);
  const { maxMs, maxWorkMs } = delay.take();
  delay.stop();
  expect(maxWorkMs).toBe(maxMs);
  expect(maxMs).toBeGreaterThan(BUSY_MS / 2);
});

test('what was told once is not told again', async () => {
  const delay = new LoopDelay();
  await sleep(20);
  const startMs = performance.now();
  while (performance.now() - startMs < BUSY_MS);
  await sleep(20);
  expect(delay.take().maxMs).toBeGreaterThan(BUSY_MS / 2);
  const { maxMs, p50Ms, p99Ms, maxWorkMs, sinceMs } = delay.take();
  delay.stop();
  expect([maxMs, p50Ms, p99Ms, maxWorkMs]).toEqual([0, 0, 0, 0]);
  expect(sinceMs).toBeLessThan(BUSY_MS);
});
