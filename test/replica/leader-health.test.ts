// When a leader gives leadership up: thresholds, fit voters, and how often.
import { beforeEach, describe, expect, test } from 'vitest';
import { isFit, LeaderHealth, type OwnVitals, type VoterVitals } from '../../src/replica/leader-health.ts';

const E = 500;
const WELL: OwnVitals = { syncPendingMs: 2, syncP99Ms: 4, loopP99Ms: 3, isSyncMeasured: true, isLoopMeasured: true };
const VOTER: VoterVitals = {
  ...{ node: 2, syncPendingMs: 0, syncP99Ms: 4, loopP99Ms: 3 },
  silentMs: 50,
  hasCommitted: true,
  hasLast: true,
};
const NONE = { kind: 'none' };

let health: LeaderHealth;

beforeEach(() => {
  health = new LeaderHealth(E);
});

describe('a fit voter', () => {
  test.each<[string, Partial<VoterVitals>]>([
    ['was heard within an election timeout', { silentMs: E + 1 }],
    ['has no link', { silentMs: Number.POSITIVE_INFINITY }],
    ['has no sync of 250 ms', { syncPendingMs: 250 }],
    ['has an event loop that runs', { loopP99Ms: E / 4 }],
  ])('%s', (_what, fault) => {
    expect(isFit({ ...VOTER, ...fault }, E)).toBe(false);
    expect(health.decide(0, { ...WELL, syncPendingMs: 1_000 }, [{ ...VOTER, ...fault }])).toEqual(NONE);
  });

  test('is at the limits of all of that', () => {
    expect(isFit({ ...VOTER, silentMs: E, syncPendingMs: 249, loopP99Ms: E / 4 - 1 }, E)).toBe(true);
  });
});

describe('a disk that hangs', () => {
  const hung = { ...WELL, syncPendingMs: 1_000 };

  test('hands over from max(1 s, 2E) on', () => {
    expect(health.decide(0, { ...WELL, syncPendingMs: 999 }, [VOTER])).toEqual(NONE);
    expect(health.decide(0, hung, [VOTER])).toEqual({ kind: 'transfer', to: 2, reason: 'disk-stall' });
    const slow = new LeaderHealth(2_000);
    expect(slow.decide(0, { ...WELL, syncPendingMs: 3_999 }, [VOTER])).toEqual(NONE);
    expect(slow.decide(0, { ...WELL, syncPendingMs: 4_000 }, [VOTER])).toMatchObject({ kind: 'transfer' });
  });

  test('hands over only to a voter that has the last entry, and to the one with the fastest disk', () => {
    expect(health.decide(0, hung, [{ ...VOTER, hasLast: false }])).toEqual(NONE);
    const voters = [
      { ...VOTER, syncP99Ms: 9 },
      { ...VOTER, node: 3, syncP99Ms: 5 },
      { ...VOTER, node: 4, syncP99Ms: 1, hasLast: false },
    ];
    expect(health.decide(0, hung, voters)).toMatchObject({ to: 3 });
  });

  test('keeps leadership while no voter is fit, and hands over as soon as one is', () => {
    for (let nowMs = 0; nowMs < 60_000; nowMs += 50) expect(health.decide(nowMs, hung, [{ ...VOTER, syncPendingMs: 400 }])).toEqual(NONE);
    expect(health.decide(60_000, hung, [VOTER])).toMatchObject({ kind: 'transfer' });
  });

  test('steps down when the transfer takes an election timeout, unless the disk works again', () => {
    health.decide(0, hung, [VOTER]);
    expect(health.decide(E - 1, hung, [VOTER])).toEqual(NONE);
    expect(health.decide(E, hung, [VOTER])).toEqual({ kind: 'step-down' });
    const other = new LeaderHealth(E);
    other.decide(0, hung, [VOTER]);
    expect(other.decide(E, WELL, [VOTER])).toEqual(NONE);
    const third = new LeaderHealth(E);
    third.decide(0, hung, [VOTER]);
    third.follows();
    expect(third.decide(E, hung, [VOTER])).toEqual(NONE);
  });

  test('is a reason at most once in 30 s, also in a later leadership', () => {
    health.decide(0, hung, [VOTER]);
    health.follows();
    expect(health.decide(29_999, hung, [VOTER])).toEqual(NONE);
    expect(health.decide(30_000, hung, [VOTER])).toMatchObject({ kind: 'transfer' });
  });
});

describe('a disk that is slow', () => {
  const slow = { ...WELL, syncP99Ms: 260 };

  test('hands over from 250 ms on, to a voter with at most a quarter of that, once in 5 min', () => {
    expect(health.decide(0, { ...WELL, syncP99Ms: 249 }, [VOTER])).toEqual(NONE);
    expect(health.decide(0, slow, [{ ...VOTER, syncP99Ms: 66 }])).toEqual(NONE);
    expect(health.decide(0, { ...slow, isSyncMeasured: false }, [VOTER])).toEqual(NONE);
    expect(health.decide(0, slow, [{ ...VOTER, hasCommitted: false }])).toEqual(NONE);
    expect(health.decide(0, slow, [{ ...VOTER, syncP99Ms: 65, hasLast: false }])).toEqual({ kind: 'transfer', to: 2, reason: 'disk-slow' });
    expect(health.decide(299_999, slow, [VOTER])).toEqual(NONE);
    expect(health.decide(300_000, slow, [VOTER])).toMatchObject({ kind: 'transfer' });
  });

  test('does not step down: it works', () => {
    health.decide(0, slow, [VOTER]);
    expect(health.decide(E, slow, [VOTER])).toEqual(NONE);
  });
});

test('a starved event loop hands over from E/2 on, once in 5 min', () => {
  const starved = { ...WELL, loopP99Ms: E / 2 };
  expect(health.decide(0, { ...WELL, loopP99Ms: E / 2 - 1 }, [VOTER])).toEqual(NONE);
  expect(health.decide(0, { ...starved, isLoopMeasured: false }, [VOTER])).toEqual(NONE);
  expect(health.decide(0, starved, [{ ...VOTER, loopP99Ms: E / 4 }])).toEqual(NONE);
  expect(health.decide(0, starved, [VOTER])).toEqual({ kind: 'transfer', to: 2, reason: 'loop-starved' });
  expect(health.decide(299_999, starved, [VOTER])).toEqual(NONE);
  expect(health.decide(300_000, starved, [VOTER])).toMatchObject({ kind: 'transfer' });
});
