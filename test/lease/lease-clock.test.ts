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

  test('a follower keeps time from the last stamped entry while it hears the leader, and leads on from there', () => {
    const clock = new LeaseClock(500);
    clock.follow(5000, 100);
    for (let nowMs = 150; nowMs <= 3100; nowMs += 50) clock.follow(null, nowMs);
    clock.start(5000, 3400);
    expect(clock.read(3400)).toBe(8000);
    clock.promote(3400, 0);
    expect(clock.read(3410)).toBe(8010);
  });

  test('an entry sets a follower’s time, even back: its promise counts from its stamp', () => {
    const clock = new LeaseClock(500);
    clock.follow(5000, 0);
    clock.follow(null, 400);
    clock.follow(5100, 401);
    clock.follow(null, 411);
    clock.start(5100, 420);
    expect(clock.read(420)).toBe(5110);
  });

  test('a follower that hears nobody stands still: a leaderless time is given to every lease', () => {
    const clock = new LeaseClock(500);
    clock.follow(5000, 0);
    clock.follow(null, 60_000);
    clock.start(5000, 120_000);
    expect(clock.read(120_000)).toBe(5500);
  });

  test('a promise is kept through any course of leaders: nothing is due before its duration has passed since its stamp', () => {
    const step = fc.record({
      // Not shorter than what is heard lies behind the reading: real time never goes back.
      pause: fc.oneof(fc.constant(2), fc.double({ min: 0.5, max: 900, noNaN: true })),
      what: fc.constantFrom('stamp', 'hear', 'elect'),
    });
    holdsForAll(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        // Two nodes: one leads, one follows and hears every stamp a little later; now and then they change places.
        let [leader, follower] = [new LeaseClock(500), new LeaseClock(500)];
        let nowMs = 0;
        leader.start(0, 0);
        leader.promote(0, 0);
        let lastStamp = 0;
        const promises: { stampMs: number; realMs: number }[] = [];
        for (const { pause, what } of steps) {
          nowMs += pause;
          const timeMs = leader.read(nowMs);
          for (const promise of promises) expect(timeMs - promise.stampMs).toBeLessThan(nowMs - promise.realMs + 1);
          if (what === 'stamp') {
            promises.push({ stampMs: timeMs, realMs: nowMs });
            lastStamp = timeMs;
            follower.follow(timeMs, nowMs + 0.5);
          } else if (what === 'hear') {
            follower.follow(null, nowMs + 0.5);
          } else if (what === 'elect') {
            [leader, follower] = [follower, leader];
            follower.demote();
            leader.start(lastStamp, nowMs + 0.5);
            leader.promote(nowMs + 0.5, 100);
          }
        }
      }),
    );
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
