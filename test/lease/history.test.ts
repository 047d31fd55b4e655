// The history of a lease: what it remembers, for how long, and that it is the same on every node.
import { describe, expect, test } from 'vitest';
import type { Command, LeaseKey } from '../../src/lease/commands.ts';
import type { HistoryItem } from '../../src/lease/history-view.ts';
import { alice, bob, dumped, Log, leaseKey, redis, restored } from './log.ts';

const mysql = leaseKey('mysql');

/** `3 extended redis/0 1 count=2 lateMs=5`: index, type, holder and fence, then what else is there. */
function line({ index, type, holder, fence, timeMs: _, ...more }: HistoryItem): string {
  const rest = Object.entries(more).map(([name, value]) => ` ${name}=${value}`);
  return `${index} ${type}${holder === undefined ? '' : ` ${holder} ${fence}`}${rest.join('')}`;
}

function lines(log: Log, key: LeaseKey = redis): string[] | null {
  return log.state.history(key)?.items.map(line) ?? null;
}

const lead = (node: string, leaderlessMs: number | null = null, term = 1): Command => ({ kind: 'lead', term, node, leaderlessMs });

describe('of one tenure', () => {
  test('nothing is known of a lease that nobody had', () => {
    expect(new Log().state.history(redis)).toBeNull();
  });

  test('extensions are told together, with the latest of them', () => {
    const log = new Log();
    log.pass(5).claim(redis, alice, 100);
    for (const ms of [50, 130, 103, 60]) log.pass(ms).extend(redis, alice, 100);
    expect(lines(log)).toEqual(['1 claimed redis/0 1 durationMs=100', '5 extended redis/0 1 count=4 lateMs=30 lateIndex=3']);
    expect(log.state.history(redis)?.items[0]).toMatchObject({ timeMs: 5 });
    expect(log.state.history(redis)?.truncated).toBe(false);
  });

  test('an extension that moved nothing is not told', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.extend(redis, alice, 10);
    expect(lines(log)).toEqual(['1 claimed redis/0 1 durationMs=100']);
  });

  test('U-6 why it was lost: when, how late, in which term, and who has it since', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.pass(50).extend(redis, alice, 100);
    log.term = 3;
    log.expireAfter(101 + 7);
    log.claim(redis, bob, 40);
    expect(lines(log)).toEqual([
      '1 claimed redis/0 1 durationMs=100',
      '2 extended redis/0 1 count=1 lateMs=0',
      '3 expired redis/0 1 durationMs=100 lateMs=8 cause=deadline term=3',
      '4 claimed redis/1 4 durationMs=40',
    ]);
    log.release(redis, bob);
    expect(lines(log)?.at(-1)).toBe('5 released redis/1 4 durationMs=40 cause=holder term=3');
  });

  test('a write that asserted it is told, and so is one that came too late, whoever holds it by then', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.put('k', '1', null, { assert: [{ ...redis, holder: alice, fence: 1 }] });
    log.put('k', '2', null, { assert: [{ ...redis, holder: alice }] });
    log.put('k', '2', '99', { assert: [{ ...redis, holder: alice }] });
    log.expireAfter(101);
    log.put('k', '3', null, { assert: [{ ...redis, holder: alice, fence: 1 }] });
    log.claim(redis, bob, 100);
    log.put('k', '4', null, { assert: [{ ...redis, holder: alice, fence: 1 }] });
    log.put('k', '5', null, { assert: [{ ...redis, fence: 7, holder: alice }] });
    log.put('k', '6', null, { assert: [{ ...redis, fence: 1 }] });
    log.put('k', '7', null, { assert: [{ ...redis, holder: alice }] });
    expect(lines(log)).toEqual([
      '1 claimed redis/0 1 durationMs=100',
      '3 fence-used redis/0 1 count=2',
      '5 expired redis/0 1 durationMs=100 lateMs=1 cause=deadline term=1',
      '7 claimed redis/1 7 durationMs=100',
      '9 fence-refused redis/1 7 count=1',
      '11 fence-refused redis/0 1 count=4',
    ]);
    const txn: Command = { kind: 'txn', assert: [{ ...redis, holder: bob }], compare: [], success: [], failure: [] };
    log.apply(txn);
    log.delete('k', { assert: [{ ...redis, holder: bob }] });
    log.delete('k', { assert: [{ ...redis, holder: bob }] });
    expect(lines(log)).toContain('13 fence-used redis/1 7 count=2');
  });

  test('pins and sessions are told one by one, the last so many of them', () => {
    const log = new Log();
    log.grant('7', 100);
    log.claim(redis, alice, 50);
    log.claimBySession(redis, alice, '7');
    log.pin(redis, 'e');
    log.expireAfter(101);
    log.unpin(redis, 'e');
    log.expireDue();
    expect(lines(log)).toEqual([
      '2 claimed redis/0 2 durationMs=100',
      '3 session-joined redis/0 2 session=7',
      '4 pinned redis/0 2 by=e',
      '5 session-ended redis/0 2 session=7',
      '6 unpinned redis/0 2 by=e',
      '7 expired redis/0 2 durationMs=100 lateMs=1 cause=deadline term=1',
    ]);
    log.claim(mysql, bob, 1_000);
    for (let n = 0; n < 20; n++) log.pin(mysql, `e${n}`);
    expect(lines(log, mysql)).toHaveLength(17);
    expect(lines(log, mysql)?.at(-1)).toBe('28 pinned redis/1 8 by=e19');
    expect(log.state.history(mysql)?.truncated).toBe(true);
  });

  test('the end of a session is told of all that lived by it', () => {
    const log = new Log();
    log.grant('7', 100);
    log.claimBySession(redis, alice, '7');
    log.expireAfter(103);
    log.grant('8', 100);
    log.claimBySession(redis, alice, '8');
    log.revoke('8');
    expect(lines(log)).toEqual([
      '2 claimed redis/0 2 durationMs=100 session=7',
      '3 expired redis/0 2 durationMs=100 session=7 lateMs=3 cause=session-expired term=1',
      '5 claimed redis/0 5 durationMs=100 session=8',
      '6 revoked redis/0 5 durationMs=100 session=8 cause=session-revoked term=1',
    ]);
    expect(log.state.history(redis)?.items[0]).not.toHaveProperty('timeMs');
  });
});

describe('changes of leader', () => {
  test('are told as far as they concern the lease; one announced in another term counts for nothing', () => {
    const log = new Log();
    log.apply(lead('n1'));
    log.claim(redis, alice, 100);
    log.term = 2;
    log.apply(lead('n3', 800, 2));
    log.apply(lead('n2', 0, 1));
    log.pass(7).release(redis, alice);
    log.term = 3;
    log.apply(lead('n2', 30, 3));
    expect(lines(log)).toEqual([
      '2 claimed redis/0 2 durationMs=100',
      '3 leader-changed term=2 from=n1 to=n3 leaderlessMs=800',
      '5 released redis/0 2 durationMs=100 cause=holder term=2',
    ]);
    log.claim(mysql, bob, 10);
    expect(lines(log, mysql)).toEqual(['7 claimed redis/1 7 durationMs=10']);
  });

  test('of too many the oldest are forgotten, and that is said', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    for (let n = 0; n < 70; n++) log.apply(lead(`n${n}`));
    const view = log.state.history(redis);
    expect([view?.items.length, view?.items[1]?.to, view?.truncated]).toEqual([65, 'n6', true]);
    log.claim(mysql, bob, 10);
    expect(log.state.history(mysql)?.truncated).toBe(false);
  });
});

describe('bounds', () => {
  test('tenures that were lost are kept apart from those given back, and are not pushed out by them', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.expireAfter(11);
    for (let n = 0; n < 5_000; n++) {
      log.claim(mysql, bob, 10);
      log.release(mysql, bob);
    }
    expect(lines(log)).toHaveLength(2);
    const view = log.state.history(mysql);
    expect([view?.items.length, view?.truncated]).toEqual([64, true]);
    expect(view?.items.at(-1)).toMatchObject({ type: 'released', index: log.index });
    expect([...log.state.dump()].filter(([name]) => name.startsWith('h'))).toHaveLength(65);
  });

  test('what falls out is forgotten as if it had never been, whole pieces at a time', () => {
    const log = new Log();
    for (let n = 0; n < 64 * 32; n++) {
      log.claim(leaseKey(`l${n}`), bob, 10);
      log.release(leaseKey(`l${n}`), bob);
    }
    expect(lines(log, leaseKey('l0'))).toHaveLength(2);
    expect(log.state.history(leaseKey('l0'))?.truncated).toBe(false);
    log.claim(redis, bob, 10);
    log.release(redis, bob);
    expect(lines(log, leaseKey('l31'))).toBeNull();
    expect(lines(log, leaseKey('l32'))).toHaveLength(2);
    expect(log.state.history(leaseKey('l32'))?.truncated).toBe(true);
  });

  test('a tenure that is claimed and released changes no more records than its piece', () => {
    const log = new Log();
    for (let n = 0; n < 320; n++) {
      log.claim(leaseKey(`l${n}`), bob, 10);
      log.release(leaseKey(`l${n}`), bob);
    }
    const saved = log.state
      .takeChanges()
      .next(10_000)
      .filter(({ content }) => content !== null);
    expect(saved.map(({ name }) => name.charAt(0))).toEqual(['m', ...Array<string>(10).fill('h')]);
  });
});

test('a node that begins with an image remembers the same, and goes on the same', () => {
  const log = new Log();
  for (let n = 0; n < 3_000; n++) {
    const key = leaseKey(`l${n % 700}`);
    log.pass(1).apply({ kind: 'claim', key, holder: n % 3 === 0 ? alice : bob, durationMs: 5 });
    if (n % 5 === 0) log.release(key, bob);
    if (n % 7 === 0) log.put('k', 'v', null, { assert: [{ ...key, fence: Math.max(1, log.index - n) }] });
    log.expireDue();
    if (n % 500 === 0) log.apply(lead(`n${n % 3}`, n));
  }
  const copy = new Log();
  copy.state = restored(log.state, (names) => names.reverse());
  [copy.index, copy.timeMs] = [log.index, log.timeMs];
  for (const each of [log, copy]) {
    for (let n = 0; n < 2_000; n++) {
      each.pass(1).claim(leaseKey(`m${n}`), alice, 5);
      each.expireDue();
      each.put('k', 'v', null, { assert: [{ ...leaseKey(`l${n % 700}`), holder: bob }] });
    }
  }
  expect(dumped(copy.state)).toBe(dumped(log.state));
  for (let n = 0; n < 700; n++) expect(copy.state.history(leaseKey(`l${n}`))).toEqual(log.state.history(leaseKey(`l${n}`)));
  expect(copy.state.history(leaseKey('m1999'))).toEqual(log.state.history(leaseKey('m1999')));
});
