// Claims that live by a granted lease: one renewal keeps them all, one end ends them all.
import { describe, expect, test } from 'vitest';
import { alice, bob, claimIn, dumped, Log, leaseKey, redis, refusalIn, takeAll } from './log.ts';

function withSession(ttlMs = 1000): Log {
  const log = new Log();
  log.grant('5', ttlMs);
  return log;
}

describe('claiming by a session', () => {
  test('a claim by a session shows its id, its duration and its remaining time', () => {
    const log = withSession().pass(200);
    const outcome = log.apply({ kind: 'claim-session', key: redis, holder: alice, session: '5' });
    expect(outcome).toEqual({
      kind: 'claim',
      created: true,
      claim: { ...redis, holder: alice, fence: 2, durationMs: 1000, remainingMs: 800, session: '5', pinnedBy: [] },
    });
    expect(log.attached('5')?.claims).toEqual([redis]);
    expect(log.state.revision).toBe(2);
  });

  test('one renewal keeps all claims of a session and touches no record but the lease', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    log.claimBySession(leaseKey('mysql'), alice, '5');
    log.state.takeChanges();
    log.pass(900).renew('5');
    expect(log.shown(redis)?.remainingMs).toBe(1000);
    expect(log.shown(leaseKey('mysql'))?.remainingMs).toBe(1000);
    expect(takeAll(log.state).map((record) => record.name)).toEqual(['l5', 'm']);
  });

  test('a claim by a session that does not exist is refused, but another holder is told first', () => {
    const log = new Log();
    const missing = { kind: 'claim-session', key: redis, holder: alice, session: '9' } as const;
    expect(refusalIn(log.apply(missing))).toEqual({ code: 'lease-not-found', id: '9' });
    expect(log.shown(redis)).toBeNull();
    log.claim(redis, bob, 500);
    expect(refusalIn(log.apply(missing))).toEqual({ code: 'claim-denied', holder: bob, fence: 2, remainingMs: 500 });
  });

  test('a session claim of another is denied with what remains of the session', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    const refusal = refusalIn(log.pass(300).apply({ kind: 'claim', key: redis, holder: bob, durationMs: 10 }));
    expect(refusal).toEqual({ code: 'claim-denied', holder: alice, fence: 2, remainingMs: 700 });
  });

  test('its holder moves a claim from one session to another and keeps the fence', () => {
    const log = withSession();
    log.grant('6', 5000);
    log.claimBySession(redis, alice, '5');
    const moved = log.apply({ kind: 'claim-session', key: redis, holder: alice, session: '6' });
    expect(moved).toMatchObject({ created: false, claim: { fence: 3, session: '6', remainingMs: 5000 } });
    expect(log.attached('5')?.claims).toEqual([]);
    log.revoke('5');
    expect(log.shown(redis)?.session).toBe('6');
    expect(log.state.revision).toBe(3);
  });

  test('its holder moves a plain claim to a session, and its own deadline counts no more', () => {
    const log = withSession(1000);
    log.claim(redis, alice, 10);
    const moved = log.apply({ kind: 'claim-session', key: redis, holder: alice, session: '5' });
    expect(moved).toMatchObject({ created: false, claim: { fence: 2, session: '5' } });
    log.expireAfter(500);
    expect(log.shown(redis)?.holder).toBe(alice);
    log.expireAfter(501);
    expect(log.shown(redis)).toBeNull();
  });

  test('claiming by the session one has already changes nothing', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    const before = dumped(log.state);
    log.state.takeChanges();
    expect(claimIn(log.apply({ kind: 'claim-session', key: redis, holder: alice, session: '5' })).fence).toBe(2);
    expect(log.state.changedCount).toBe(0);
    expect(dumped(log.state)).toBe(before);
  });

  test('a duration for a claim that lives by a session is a conflict for its holder, after all that another holder or tenure is told', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    expect(refusalIn(log.apply({ kind: 'claim', key: redis, holder: alice, durationMs: 9 })).code).toBe('conflict');
    expect(refusalIn(log.extend(redis, alice, 9)).code).toBe('conflict');
    expect(refusalIn(log.extend(redis, alice, 9, 2)).code).toBe('conflict');
    expect(refusalIn(log.extend(redis, alice, 9, 1)).code).toBe('not-held');
    expect(refusalIn(log.extend(redis, bob, 9)).code).toBe('not-held');
    expect(refusalIn(log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 9 })).code).toBe('claim-denied');
  });

  test('releasing a session claim takes it off its session', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    log.release(redis, alice);
    expect(log.attached('5')?.claims).toEqual([]);
    expect(log.vacancies).toEqual([{ ...redis, index: 3 }]);
  });
});

describe('the end of a session', () => {
  test('an expired session deletes its claims and keys at one revision, claims first, each in order', () => {
    const log = withSession(100);
    log.put('k2', '', '5');
    log.put('k1', '', '5');
    for (const name of ['c', 'a', 'b']) log.claimBySession(leaseKey(name), alice, '5');
    log.expireAfter(101);
    expect(log.vacancies).toEqual(['a', 'b', 'c'].map((name) => ({ ...leaseKey(name), index: 7 })));
    expect(log.state.keys('', null, 10).items).toEqual([]);
    expect(log.state.revision).toBe(7);
    expect(log.state.grant('5', 0)).toBeNull();
  });

  test('a pinned claim outlives its session as a plain one with the session’s deadline, and keeps its fence', () => {
    const log = withSession(100);
    log.claimBySession(redis, alice, '5');
    log.claimBySession(leaseKey('mysql'), alice, '5');
    log.pin(redis, 'upgrade');
    log.expireAfter(101);
    expect(log.shown(leaseKey('mysql'))).toBeNull();
    expect(log.shown(redis)).toEqual({
      ...redis,
      holder: alice,
      fence: 2,
      durationMs: 100,
      remainingMs: null,
      session: null,
      pinnedBy: ['upgrade'],
    });
    expect(log.state.nextDeadlineMs()).toBeNull();
    log.unpin(redis, 'upgrade');
    expect(log.state.due(101, 10)).toEqual([{ id: log.idOf(redis), deadlineMs: 100 }]);
  });

  test('such a claim is due right after the last unpin, unless it was renewed', () => {
    for (const renewed of [false, true]) {
      const log = withSession(100);
      log.claimBySession(redis, alice, '5');
      log.pin(redis, 'upgrade');
      log.expireAfter(101);
      if (renewed) expect(claimIn(log.extend(redis, alice, 1000)).durationMs).toBe(1000);
      log.unpin(redis, 'upgrade');
      log.expireDue();
      expect(log.shown(redis)?.remainingMs).toBe(renewed ? 1000 : undefined);
    }
  });

  test('such a claim can be moved to a new session', () => {
    const log = withSession(100);
    log.claimBySession(redis, alice, '5');
    log.pin(redis, 'upgrade');
    log.expireAfter(101);
    log.grant('6', 100);
    expect(log.claimBySession(redis, alice, '6')).toMatchObject({ fence: 2, session: '6', remainingMs: null });
    log.unpin(redis, 'upgrade');
    expect(log.expireDue()).toBe(false);
  });

  test('a session all of whose claims are pinned ends without a change of any key', () => {
    const log = withSession(100);
    log.claimBySession(redis, alice, '5');
    log.pin(redis, 'upgrade');
    log.expireAfter(101);
    expect(log.state.revision).toBe(2);
    expect(log.vacancies).toEqual([]);
  });

  test('revoking a session ignores pins', () => {
    const log = withSession();
    log.claimBySession(redis, alice, '5');
    log.pin(redis, 'upgrade');
    expect(log.revoke('5')).toEqual({ kind: 'done' });
    expect(log.vacancies).toEqual([{ ...redis, index: 4 }]);
    expect(log.state.pins(null)).toEqual([{ ...redis, entities: ['upgrade'] }]);
  });

  test('a pinned session claim does not keep its session from ending', () => {
    const log = withSession(100);
    log.claimBySession(redis, alice, '5');
    log.pin(redis, 'upgrade');
    expect(log.state.nextDeadlineMs()).toBe(100);
  });
});
