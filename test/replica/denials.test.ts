// A denied claim is a read: another holder has the lease behind a barrier, and the log does not grow.
import { beforeEach, expect, test } from 'vitest';
import type { Command } from '../../src/lease/commands.ts';
import { Denials } from '../../src/replica/denials.ts';
import { NO_LEADER } from '../../src/replica/failures.ts';
import type { ReadAnswer } from '../../src/replica/reads.ts';
import type { Settled } from '../../src/replica/service.ts';
import { alice, bob, Log, redis } from '../lease/log.ts';

let log: Log;
let barriers: ReadAnswer[];
let proposed: Command[];
let settled: Settled[];
let denials: Denials;

beforeEach(() => {
  log = new Log();
  barriers = [];
  proposed = [];
  settled = [];
  denials = new Denials({
    get state() {
      return log.state;
    },
    read: (consistency, answer) => {
      expect(consistency).toBe('linearizable');
      barriers.push(answer);
    },
    submit: (command, settle, inOrder) => {
      expect(inOrder).toBe(true);
      proposed.push(command);
      settle({ kind: 'applied', index: log.index + 1, outcome: log.apply(command) });
    },
  });
});

const claim = (holder: string, more: object = {}): Command => ({ kind: 'claim', key: redis, holder, durationMs: 100, ...more });
const take = (command: Command): boolean => denials.take(command, (each) => settled.push(each));
const confirm = (): void => {
  for (const answer of barriers.splice(0)) answer({ kind: 'view', view: { state: log.state, index: log.index, nowMs: log.timeMs } });
};

test('a thousand claims of a held lease are denied behind a barrier at its index, and none is proposed', () => {
  log.claim(redis, alice, 100);
  for (let at = 0; at < 1_000; at += 1) expect(take(claim(bob))).toBe(true);
  expect([settled.length, denials.count]).toEqual([0, 1_000]);
  log.put('k', 'v');
  log.timeMs += 30;
  confirm();
  const refusal = { code: 'claim-denied', holder: alice, fence: 1, remainingMs: 70 };
  expect(settled).toEqual(settled.map(() => ({ kind: 'applied', index: 2, outcome: { kind: 'refused', refusal } })));
  expect([settled.length, denials.count, proposed.length, log.index]).toEqual([1_000, 0, 0, 2]);
});

test('a claim of a lease that became free before the barrier is proposed, and granted', () => {
  log.claim(redis, alice, 100);
  take(claim(bob));
  log.release(redis, alice);
  confirm();
  expect(proposed).toEqual([claim(bob)]);
  expect(settled).toMatchObject([{ index: 3, outcome: { kind: 'claim', created: true } }]);
});

test('a claim of a lease that the claimer got before the barrier is never denied', () => {
  log.claim(redis, alice, 100);
  take(claim(bob));
  log.release(redis, alice);
  log.claim(redis, bob, 100);
  confirm();
  expect(settled).toMatchObject([{ outcome: { kind: 'claim', created: false } }]);
});

test('a claim whose barrier fails was definitely not accepted', () => {
  log.claim(redis, alice, 100);
  take(claim(bob));
  for (const answer of barriers.splice(0)) answer({ kind: 'failed', failure: NO_LEADER });
  expect(settled).toEqual([{ kind: 'failed', failure: NO_LEADER }]);
  expect([proposed.length, denials.count]).toEqual([0, 0]);
});

test('a claim of a free lease, an own one, one that waits, one under a key, and what is no claim go to the log at once', () => {
  expect(take(claim(bob))).toBe(false);
  log.claim(redis, alice, 100);
  const once: Command = { kind: 'once', key: 'a', command: { kind: 'claim', key: redis, holder: bob, durationMs: 1 }, since: null };
  const others: Command[] = [claim(alice), claim(bob, { waitMs: 5 }), once, { kind: 'release', key: redis, holder: bob, fence: null }];
  expect(others.map(take)).toEqual([false, false, false, false]);
  expect(take({ kind: 'claim-session', key: redis, holder: bob, session: '7' })).toBe(true);
  expect(barriers.length).toBe(1);
});
