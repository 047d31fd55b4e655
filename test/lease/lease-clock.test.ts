// Lease time on the leader: as slow as real time or slower, still when in doubt.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeaseClock } from '../../src/lease/lease-clock.ts';
import { holdsForAll } from './random.ts';

function promoted(lastEntryTimeMs: number, nowMs: number, extendMs = 0, maxStepMs = 1000): LeaseClock {
  const clock = new LeaseClock(maxStepMs);
  clock.start(lastEntryTimeMs, nowMs);
  clock.promote(nowMs, extendMs);
  return clock;
}

describe('the lease clock', () => {
  test('starts at the time of the last log entry, whatever the node’s own clock says', () => {
    expect(promoted(5000, 77.25).read(78)).toBe(5000);
    expect(promoted(5000, 77.25).read(79)).toBe(5001);
    expect(promoted(5000, 1e9).read(1e9 + 10)).toBe(5010);
  });

  test('stands still from the election until the promotion, and for the extension after it', () => {
    const clock = new LeaseClock(1000);
    clock.start(5000, 0);
    expect(clock.read(400)).toBe(5000);
    clock.promote(600, 300);
    expect([601, 900, 901, 950].map((nowMs) => clock.read(nowMs))).toEqual([5000, 5000, 5001, 5050]);
  });

  test('gives every lease the whole extension even if it is read late', () => {
    const clock = promoted(0, 0, 300, 200);
    expect([1000, 2000, 3000].map((nowMs) => clock.read(nowMs))).toEqual([0, 100, 300]);
  });

  test('one step is capped: a process that was stopped does not wake up and expire everybody', () => {
    const clock = promoted(0, 0, 0, 500);
    expect(clock.read(100)).toBe(100);
    expect(clock.read(10_100)).toBe(600);
    expect(clock.read(10_101)).toBe(601);
  });

  test('never goes back, even if the clock below it does', () => {
    const clock = promoted(0, 100);
    expect([150, 120, 150, 151].map((nowMs) => clock.read(nowMs))).toEqual([50, 50, 50, 51]);
  });

  test('stands still after the demotion, and starts anew from the log of the next leadership', () => {
    const clock = promoted(0, 0);
    expect(clock.read(100)).toBe(100);
    clock.demote();
    expect(clock.read(900)).toBe(100);
    clock.start(5000, 1000);
    clock.promote(1000, 0);
    expect(clock.read(1010)).toBe(5010);
  });

  test('counts fractions of milliseconds without ever running ahead', () => {
    const clock = promoted(0, 0.9);
    expect([1, 1.9, 2.1, 2.9, 3].map((nowMs) => clock.read(nowMs))).toEqual([0, 0, 1, 1, 2]);
  });

  test('cannot be promoted before it was started', () => {
    expect(() => new LeaseClock(10).promote(0, 0)).toThrow('promoted before it was started');
    expect(() => new LeaseClock(0)).toThrow('maxStepMs is 0');
  });

  test('is whole, never goes back and never runs faster than real time, at any readings', () => {
    const gaps = fc.array(fc.double({ min: 0, max: 3000, noNaN: true }), { maxLength: 50 });
    holdsForAll(
      fc.property(gaps, fc.nat(500), fc.double({ min: 0, max: 1e6, noNaN: true }), (steps, extendMs, startMs) => {
        const clock = promoted(1000, startMs, extendMs, 700);
        let realMs = startMs;
        let before = 1000;
        for (const gapMs of steps) {
          realMs += gapMs;
          const read = clock.read(realMs);
          expect(Number.isInteger(read)).toBe(true);
          expect(read).toBeGreaterThanOrEqual(before);
          expect(read - before).toBeLessThanOrEqual(700);
          expect(read - 1000).toBeLessThanOrEqual(Math.max(0, realMs - startMs - extendMs));
          before = read;
        }
      }),
    );
  });
});
