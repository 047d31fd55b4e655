// Expiry: an entry of the log, proposed for what was due and skipped for whatever changed since.
import { describe, expect, test } from 'vitest';
import { alice, bob, dumped, Log, leaseKey, redis, restored } from './log.ts';

describe('what is due', () => {
  test('JL-31 JL-32 at exactly its deadline a lease is held; one millisecond later it is due', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    expect(log.state.due(1000, 10)).toEqual([]);
    expect(log.state.due(1001, 10)).toEqual([{ id: log.idOf(redis), deadlineMs: 1000 }]);
  });

  test('the shortest lease, of one millisecond, is held for it', () => {
    const log = new Log();
    log.claim(redis, alice, 1);
    expect(log.expireAfter(1).shown(redis)?.holder).toBe(alice);
    expect(log.expireAfter(1).shown(redis)).toBeNull();
  });

  test('a private lease has an id that no granted lease can have', () => {
    const log = new Log();
    log.claim(leaseKey('1', '1', '1'), alice, 1);
    expect(log.state.due(2, 1)[0]?.id).not.toMatch(/^[0-9]+$/);
    expect(log.state.grants(null, 10, 0).items).toEqual([]);
  });

  test('a great pile is worked off in batches of the limit', () => {
    const log = new Log();
    for (let n = 0; n < 95; n += 1) log.claim(leaseKey(`l${n}`), alice, 10 + n);
    log.pass(1000);
    const sizes: number[] = [];
    for (let due = log.state.due(1000, 40); due.length > 0; due = log.state.due(1000, 40)) {
      sizes.push(due.length);
      log.apply({ kind: 'expire', term: 1, items: due });
    }
    expect(sizes).toEqual([40, 40, 15]);
    expect(log.vacancies).toHaveLength(95);
  });

  test('a lease that is renewed or extended makes way for those that fall due before it', () => {
    const log = new Log();
    log.grant('5', 100);
    log.grant('6', 120);
    log.pass(50).renew('5');
    expect(log.state.nextDeadlineMs()).toBe(120);
    expect(log.state.due(121, 10)).toEqual([{ id: '6', deadlineMs: 120 }]);
    log.claim(redis, alice, 10);
    log.extend(redis, alice, 90);
    expect(log.state.due(121, 10)).toEqual([{ id: '6', deadlineMs: 120 }]);
  });

  test('asking what is due changes nothing', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    expect(log.state.due(11, 10)).toEqual(log.state.due(11, 10));
    expect(log.shown(redis)?.holder).toBe(alice);
  });
});

describe('an expire entry', () => {
  test('JL-30 ends the tenure: unlisted, vacated once at its index, and the next claim has a higher fence', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.expireAfter(1001);
    expect(log.state.claims(null, null, 10, 0).items).toEqual([]);
    expect(log.vacancies).toEqual([{ ...redis, index: 2 }]);
    expect(log.state.revision).toBe(2);
    expect(log.claim(redis, bob, 1).fence).toBe(3);
  });

  test('is done, and void when proposed in another term than it was appended in', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.term = 2;
    expect(log.apply({ kind: 'expire', term: 1, items })).toEqual({ kind: 'done' });
    expect(log.apply({ kind: 'expire', term: 3, items })).toEqual({ kind: 'done' });
    expect(log.shown(redis)?.holder).toBe(alice);
    log.apply({ kind: 'expire', term: 2, items });
    expect(log.shown(redis)).toBeNull();
  });

  test('JL-40 spares a claim whose extension is ahead of it in the log', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.extend(redis, alice, 10);
    log.apply({ kind: 'expire', term: 1, items });
    expect(log.shown(redis)?.remainingMs).toBe(10);
  });

  test('spares a session whose renewal is ahead of it in the log', () => {
    const log = new Log();
    log.grant('5', 10);
    log.put('key', 'value', '5');
    log.pass(11);
    const items = log.state.due(11, 10);
    log.renew('5');
    log.apply({ kind: 'expire', term: 1, items });
    expect(log.state.grant('5', 11)).toMatchObject({ remainingMs: 10, keyCount: 1 });
  });

  test('spares a claim that was pinned ahead of it in the log', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.pin(redis, 'e1');
    log.apply({ kind: 'expire', term: 1, items });
    expect(log.shown(redis)?.holder).toBe(alice);
  });

  test('spares the new tenure of a lease that was released and claimed ahead of it in the log', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.release(redis, alice);
    log.claim(redis, bob, 10);
    log.apply({ kind: 'expire', term: 1, items });
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('spares a claim that moved to a session ahead of it in the log', () => {
    const log = new Log();
    log.grant('5', 1000);
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.claimBySession(redis, alice, '5');
    log.apply({ kind: 'expire', term: 1, items });
    expect(log.shown(redis)?.session).toBe('5');
  });

  test('JL-34 ends nothing that is not due at its own time, whoever proposed it', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.grant('5', 10);
    const items = [
      { id: log.idOf(redis), deadlineMs: 10 },
      { id: '5', deadlineMs: 10 },
    ];
    log.pass(10).apply({ kind: 'expire', term: 1, items });
    expect(log.shown(redis)?.holder).toBe(alice);
    expect(log.state.grant('5', 10)?.remainingMs).toBe(0);
  });

  test('ignores what it does not know and what it names twice, and changes nothing by it', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    log.pass(11);
    const items = log.state.due(11, 10);
    log.apply({ kind: 'expire', term: 1, items: [...items, ...items] });
    expect(log.vacancies).toHaveLength(1);
    const before = dumped(log.state);
    log.apply({ kind: 'expire', term: 1, items: [...items, { id: 'nonsense', deadlineMs: 0 }, { id: '\0a\0b\0c', deadlineMs: 0 }] });
    expect(dumped(log.state)).toBe(before);
  });
});

test('JL-35 a deadline that passed before a restart is due after it, without any call', () => {
  const log = new Log();
  log.claim(redis, alice, 10);
  log.pass(50).put('key', 'value');
  expect(restored(log.state).due(log.timeMs, 10)).toEqual([{ id: log.idOf(redis), deadlineMs: 10 }]);
});
