// A leader without a quorum leaves no expiry in its log, so a holder can renew when the quorum is back (DESIGN 2.5, 2.7).
import { describe, expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { PrimaryLessor } from '../../src/replica/primary-lessor.ts';
import type { Settled } from '../../src/replica/service.ts';
import { Scheduler } from '../sim/scheduler.ts';
import { Calm } from './calm.ts';

const EXTEND_MS = 400;
const TTL_MS = 100;

/** A primary lessor in term 1 with lease 7, whose barriers the test answers. Invariant: `taken` has every expiry that could be appended. */
function lessorWithLease(): {
  lessor: PrimaryLessor;
  pass: (ms: number) => void;
  barriers: ((isConfirmed: boolean) => void)[];
  taken: string[];
  nowMs: () => number;
} {
  const scheduler = new Scheduler();
  const state = new StateMachine({ vacated: () => {} });
  state.apply({ index: 1, term: 1, timeMs: 0 }, toTuple({ kind: 'grant', id: '7', ttlMs: TTL_MS }));
  const clock = {
    now: () => scheduler.nowMs,
    after: (ms: number, run: () => void) => scheduler.after(ms, run),
    soon: (run: () => void) => void scheduler.after(0, run),
  };
  const barriers: ((isConfirmed: boolean) => void)[] = [];
  const taken: string[] = [];
  const take = (): void => {
    const expiry = lessor.takeExpiry(false);
    if (expiry?.command.kind === 'expire') taken.push(expiry.command.items.map(({ id }) => id).join(' '));
  };
  const lessor: PrimaryLessor = new PrimaryLessor(
    clock,
    { state: () => state, confirm: (done) => barriers.push(done), ready: take },
    EXTEND_MS,
    10,
  );
  const pass = (ms: number): void => {
    for (const untilMs = scheduler.nowMs + ms; scheduler.nowMs < untilMs; ) {
      scheduler.runUntil(Math.min(untilMs, scheduler.nowMs + 50), () => false);
      lessor.tick();
      lessor.watch();
      if (lessor.hasExpiry) take();
    }
  };
  lessor.elected(0);
  lessor.promote(1);
  return { lessor, pass, barriers, taken, nowMs: () => scheduler.nowMs };
}

describe('a primary lessor', () => {
  test('proposes no expiry before a quorum confirmed it after the deadline', () => {
    const { pass, barriers, taken } = lessorWithLease();
    pass(EXTEND_MS + TTL_MS);
    expect([barriers.length, taken]).toEqual([0, []]);
    pass(60);
    expect([barriers.length, taken]).toEqual([1, []]);
    barriers[0]?.(true);
    expect(taken).toEqual(['7']);
  });

  test('asks again when a barrier found no leader', () => {
    const { pass, barriers, taken } = lessorWithLease();
    pass(EXTEND_MS + TTL_MS + 60);
    barriers[0]?.(false);
    pass(50);
    expect([barriers.length, taken]).toEqual([2, []]);
    barriers[1]?.(true);
    expect(taken).toEqual(['7']);
  });

  test('gives holders the extension after a barrier that took long, and then asks again', () => {
    const { pass, barriers, taken } = lessorWithLease();
    pass(2 * EXTEND_MS + TTL_MS + 60);
    pass(EXTEND_MS / 2);
    barriers[0]?.(true);
    pass(EXTEND_MS - 50);
    expect([barriers.length, taken]).toEqual([1, []]);
    pass(100);
    expect([barriers.length, taken]).toEqual([2, []]);
    // A cluster that is always slow still expires what is due.
    pass(EXTEND_MS / 2);
    barriers[1]?.(true);
    expect(taken).toEqual(['7']);
  });

  test('asks again if the log was busy for long after the confirmation, and no longer waits after two extensions', () => {
    const { lessor, pass, barriers, taken } = lessorWithLease();
    const { takeExpiry } = lessor;
    lessor.takeExpiry = () => takeExpiry.call(lessor, true);
    pass(EXTEND_MS + TTL_MS + 60);
    barriers[0]?.(true);
    expect(lessor.hasExpiry).toBe(true);
    pass(EXTEND_MS / 4 + 50);
    expect([lessor.hasExpiry, barriers.length]).toEqual([false, 2]);
    barriers[1]?.(true);
    expect(lessor.hasExpiry).toBe(true);
    const answered = 2;
    expect(taken).toEqual([]);
    for (let ms = 0, next = answered; ms < 2 * EXTEND_MS; ms += 50) {
      pass(50);
      for (; next < barriers.length; next++) barriers[next]?.(true);
    }
    expect(barriers.length).toBeGreaterThan(answered);
    expect(taken).toEqual(['7']);
  });

  test('proposes nothing by a barrier of an earlier term, and gives a lease that has lapsed already the extension of the new term', () => {
    const { lessor, pass, barriers, taken } = lessorWithLease();
    pass(EXTEND_MS + TTL_MS + 60);
    lessor.demote();
    lessor.elected(10_000);
    lessor.promote(2);
    barriers[0]?.(true);
    pass(EXTEND_MS - 50);
    expect([barriers.length, taken]).toEqual([1, []]);
    pass(100);
    expect(barriers.length).toBe(2);
    barriers[1]?.(true);
    expect(taken).toEqual(['7']);
  });
});

const KEY = { namespace: 'ns', model: 'm', lease: 'l' };

/** Freezes both followers from 50 ms before the deadline for `frozenMs`. Returns what the holder and its rivals were told after that. */
function freeze(frozenMs: number, isBusy: boolean): { extended: string; rivals: string[] } {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  const others = calm.cluster.ids.filter((id) => id !== leader);
  const call = (id: number, command: Command, settle: (settled: Settled) => void = () => {}): void =>
    calm.in(id, (replica) => replica.submit(command, settle));
  const word = (settled: Settled): string => (settled.kind === 'failed' ? settled.failure.code : settled.outcome.kind);
  let granted = '';
  call(leader, { kind: 'claim', key: KEY, holder: 'holder', durationMs: 2_000 }, (settled) => {
    granted = word(settled);
  });
  calm.pass(1_950);
  expect(granted).toBe('claim');
  const write: Command = { kind: 'put', key: 'k', value: 'v', lease: null, assert: [], precondition: null };
  for (const id of others) calm.cluster.pause(id);
  for (let ms = 0; ms < frozenMs; ms += 10) {
    // Entries that are stamped after the deadline wait for the quorum.
    if (isBusy) call(leader, write);
    calm.pass(10);
  }
  for (const id of others) calm.cluster.resume(id);
  let isServing = false;
  const rivals: string[] = [];
  const probe = (): void => {
    const now = calm.cluster.leader;
    if (now === null) return;
    call(now, write, (settled) => {
      isServing ||= settled.kind !== 'failed';
    });
    call(now, { kind: 'claim', key: KEY, holder: 'rival', durationMs: 1_000 }, (settled) => rivals.push(word(settled)));
  };
  for (let ms = 0; ms < 20_000 && !isServing; ms += 10) {
    probe();
    calm.pass(10);
  }
  expect(isServing).toBe(true);
  for (let ms = 0; ms < 240; ms += 10) {
    probe();
    calm.pass(10);
  }
  let extended = 'unanswered';
  call(calm.cluster.leader ?? leader, { kind: 'extend', key: KEY, holder: 'holder', durationMs: 5_000, fence: null }, (settled) => {
    extended = word(settled);
  });
  calm.pass(2_000);
  return { extended, rivals: rivals.filter((told) => told === 'claim') };
}

describe('a holder whose lease lapses while both followers are frozen', () => {
  const lengths = [20, 60, 100, 150, 300, 450, 600, 800, 1_000, 1_500, 2_000, 4_000];
  test.each(lengths.flatMap((frozenMs) => [true, false].map((isBusy) => [frozenMs, isBusy] as const)))(
    'can renew within 250 ms after service returns and before any rival: frozen for %i ms, with writes: %s',
    (frozenMs, isBusy) => {
      // A short freeze ends before the deadline, or is no interruption of service.
      if (frozenMs > 150) expect(freeze(frozenMs, isBusy)).toEqual({ extended: 'claim', rivals: [] });
      else expect(['claim', 'refused']).toContain(freeze(frozenMs, isBusy).extended);
    },
  );
});
