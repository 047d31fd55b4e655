// The lessor's account of lease time on a node that leads, follows and leads again: never ahead of what others have promised meanwhile.
import { describe, expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { PrimaryLessor, type TakenExpiry } from '../../src/replica/primary-lessor.ts';
import { Scheduler } from '../sim/scheduler.ts';

const EXTEND_MS = 400;

/** A node that led alone for two seconds: its lease time is that far ahead of any that was ever committed. */
function aheadOfAll(): { lessor: PrimaryLessor; pass: (ms: number) => void; replaceState: (timeMs: number) => void } {
  const scheduler = new Scheduler();
  let state = new StateMachine({ vacated: () => {} });
  const clock = {
    now: () => scheduler.nowMs,
    after: (ms: number, run: () => void) => scheduler.after(ms, run),
    soon: (run: () => void) => void scheduler.after(0, run),
  };
  const lessor = new PrimaryLessor(clock, { state: () => state, confirm: () => {}, ready: () => {} }, EXTEND_MS, 10);
  const pass = (ms: number): void => {
    for (const untilMs = scheduler.nowMs + ms; scheduler.nowMs < untilMs; ) {
      scheduler.runUntil(Math.min(untilMs, scheduler.nowMs + 50), () => false);
      lessor.tick();
    }
  };
  const replaceState = (timeMs: number): void => {
    state = new StateMachine({ vacated: () => {} });
    state.apply({ index: 9, term: 2, timeMs }, toTuple({ kind: 'grant', id: '7', ttlMs: 100 }));
    lessor.stateReplaced();
  };
  lessor.elected(0);
  lessor.promote(1);
  pass(2_000 + EXTEND_MS);
  expect(lessor.now()).toBeGreaterThan(1_500);
  return { lessor, pass, replaceState };
}

test('a process that was stopped while many leases ended does not rest for as long again', () => {
  const scheduler = new Scheduler();
  const state = new StateMachine({ vacated: () => {} });
  for (const id of ['1', '2']) state.apply({ index: Number(id), term: 1, timeMs: 0 }, toTuple({ kind: 'grant', id, ttlMs: 100 }));
  const clock = {
    now: () => scheduler.nowMs,
    after: (ms: number, run: () => void) => scheduler.after(ms, run),
    soon: (run: () => void) => void scheduler.after(0, run),
  };
  const taken: TakenExpiry[] = [];
  const lessor: PrimaryLessor = new PrimaryLessor(
    clock,
    {
      state: () => state,
      confirm: (done) => clock.soon(() => done(true)),
      ready: () => {
        const expiry = lessor.takeExpiry(false);
        if (expiry !== null) taken.push(expiry);
      },
    },
    EXTEND_MS,
    1,
  );
  const pass = (ms: number): void => scheduler.runUntil(scheduler.nowMs + ms, () => false);
  lessor.elected(0);
  lessor.promote(1);
  for (let ms = 0; ms < 1_000; ms += 50) {
    pass(50);
    lessor.tick();
  }
  expect(taken).toHaveLength(1);
  pass(60_000);
  taken[0]?.done();
  expect(taken).toHaveLength(1);
  pass(EXTEND_MS + 1);
  expect(taken).toHaveLength(2);
});

describe('a leader that is deposed and leads again', () => {
  test('goes on from the stamp of its successor, also when that came in the same turn as the news of it', () => {
    const { lessor, pass } = aheadOfAll();
    lessor.heardLeader(700);
    pass(20);
    lessor.heardLeader(null);
    lessor.demote();
    lessor.elected(700);
    expect(lessor.now()).toBeLessThanOrEqual(720);
  });

  test('goes on from the time of a state that it received, when no entry came behind it', () => {
    const { lessor, pass, replaceState } = aheadOfAll();
    lessor.demote();
    lessor.heardLeader(null);
    replaceState(700);
    pass(20);
    lessor.heardLeader(null);
    lessor.elected(700);
    expect(lessor.now()).toBeLessThanOrEqual(720);
  });
});
