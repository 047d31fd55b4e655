// High percentiles over a sliding window.
import { expect, test } from 'vitest';
import { PercentileWindow } from '../../src/replica/percentile-window.ts';

test('the 99th percentile is exact to about 2%, whatever the size of the values', () => {
  for (const scale of [2, 30, 400, 20_000]) {
    const window = new PercentileWindow(10_000);
    for (let n = 1; n <= 1_000; n += 1) window.observe(n, (n / 1_000) * scale);
    const expected = 0.99 * scale;
    expect(Math.abs(window.p99(1_000) - expected)).toBeLessThanOrEqual(Math.max(0.6, 0.03 * expected));
  }
});

test('the two greatest values never count: a process that was stopped once has no slow disk', () => {
  const window = new PercentileWindow(10_000);
  expect(window.p99(0)).toBe(0);
  window.observe(1, 10_000);
  window.observe(2, 10_000);
  window.observe(3, 0.2);
  expect(window.p99(3)).toBe(0);
  window.observe(4, 10_000);
  expect(window.p99(4)).toBeGreaterThan(9_500);
});

test('values leave the window, also when nothing comes after them', () => {
  const window = new PercentileWindow(10_000);
  for (let n = 0; n < 10; n += 1) window.observe(500, 300);
  expect(window.p99(9_999)).toBeGreaterThan(290);
  expect(window.p99(10_000)).toBe(0);
  // The same place in the ring, one round later.
  window.observe(10_500, 20);
  expect(window.p99(10_500)).toBe(0);
});

test('it is filled once a whole window has been measured', () => {
  const window = new PercentileWindow(10_000);
  expect(window.isFilled(1e9)).toBe(false);
  window.observe(5_000, 1);
  expect(window.isFilled(14_999)).toBe(false);
  expect(window.isFilled(15_000)).toBe(true);
});
