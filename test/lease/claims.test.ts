// Claims: granted, extended, denied and released as Juju's scenarios (JL) and our contract say.
import { describe, expect, test } from 'vitest';
import { alice, bob, claimIn, dumped, Log, leaseKey, redis, refusalIn, takeAll } from './log.ts';

describe('claim', () => {
  test('JL-01 a claim on a free lease is granted for its duration from the time of its entry', () => {
    const log = new Log().pass(700);
    const outcome = log.apply({ kind: 'claim', key: redis, holder: alice, durationMs: 1000 });
    expect(outcome).toEqual({
      kind: 'claim',
      created: true,
      claim: { ...redis, holder: alice, fence: 1, durationMs: 1000, remainingMs: 1000, session: null, pinnedBy: [] },
    });
    expect(log.shown(redis)).toEqual(claimIn(outcome));
    expect(log.state.nextDeadlineMs()).toBe(1700);
  });

  test('JL-02 a repeated claim by its holder is an extension with the same fence', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    const again = log.pass(300).apply({ kind: 'claim', key: redis, holder: alice, durationMs: 2000 });
    expect(again).toMatchObject({ kind: 'claim', created: false, claim: { fence: 1, durationMs: 2000, remainingMs: 2000 } });
    expect(log.vacancies).toEqual([]);
  });

  test('JL-03 a claim by another is denied with who holds it, its fence and what remains, and changes nothing', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.state.takeChanges();
    const refusal = refusalIn(log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 9000 }));
    expect(refusal).toEqual({ code: 'claim-denied', holder: alice, fence: 1, remainingMs: 1000 });
    expect(log.state.changedCount).toBe(0);
  });

  test('JL-05 of twenty claims in a row by different holders exactly the first is granted', () => {
    const log = new Log();
    const outcomes = Array.from({ length: 20 }, (_, n) => log.apply({ kind: 'claim', key: redis, holder: `redis/${n}`, durationMs: 50 }));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['claim', ...Array(19).fill('refused')]);
    expect(log.shown(redis)?.holder).toBe('redis/0');
  });

  test('JL-09 a claim after the expiry is a new tenure with a higher fence', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.expireAfter(1001);
    const fresh = log.apply({ kind: 'claim', key: redis, holder: alice, durationMs: 1000 });
    expect(fresh).toMatchObject({ kind: 'claim', created: true, claim: { fence: 3 } });
  });

  test('JL-11 a claim repeated after its answer was lost is granted, never denied', () => {
    const log = new Log();
    const lost = log.claim(redis, alice, 1000);
    expect(log.claim(redis, alice, 1000)).toEqual(lost);
  });

  test('JL-18 an odd duration keeps its precision, and the longest one never overflows', () => {
    const log = new Log().pass(2 ** 43 + 5);
    expect(log.claim(redis, alice, 1235).remainingMs).toBe(1235);
    expect(log.claim(leaseKey('long'), alice, Number.MAX_SAFE_INTEGER).remainingMs).toBe(Number.MAX_SAFE_INTEGER - 2 ** 43 - 5);
    log.pass(2 ** 50);
    expect(log.expireDue()).toBe(true);
    expect(log.shown(leaseKey('long'))?.holder).toBe(alice);
  });

  test('JL-37 a lapsed claim is held until its expiry is applied: others are denied, its holder may revive it', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.pass(5000);
    expect(refusalIn(log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 1 }))).toMatchObject({
      holder: alice,
      remainingMs: 0,
    });
    expect(claimIn(log.extend(redis, alice, 100))).toMatchObject({ fence: 1, remainingMs: 100 });
    expect(log.expireDue()).toBe(false);
  });

  test('JL-66 the same name in another namespace or model is another lease', () => {
    const log = new Log();
    const others = [redis, leaseKey('redis', 'other'), leaseKey('redis', 'ns', 'other')];
    const fences = others.map((key, n) => log.claim(key, `holder-${n}`, 1000).fence);
    expect(fences).toEqual([1, 2, 3]);
    log.release(redis, 'holder-0');
    expect(others.map((key) => log.shown(key)?.holder)).toEqual([undefined, 'holder-1', 'holder-2']);
  });

  test('names that share separators of each other never meet', () => {
    const log = new Log();
    log.claim(leaseKey('c', 'a/b', 'm'), alice, 10);
    expect(log.shown(leaseKey('b/c', 'a', 'm'))).toBeNull();
    expect(log.shown(leaseKey('c', 'a', 'b/m'))).toBeNull();
  });
});

describe('extend', () => {
  test('JL-25 extending a free lease is refused as not held by anybody, and it stays free', () => {
    const log = new Log();
    expect(refusalIn(log.extend(redis, alice, 1000))).toEqual({ code: 'not-held', holder: null, fence: null });
    expect(log.shown(redis)).toBeNull();
  });

  test('JL-26 extending what another holds is refused with who holds it', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    expect(refusalIn(log.extend(redis, bob, 5000))).toEqual({ code: 'not-held', holder: alice, fence: 1 });
    expect(log.shown(redis)?.remainingMs).toBe(1000);
  });

  test('JL-27 an extension lasts its duration from the time of its entry', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    expect(claimIn(log.pass(400).extend(redis, alice, 2000))).toMatchObject({ durationMs: 2000, remainingMs: 2000 });
  });

  test('JL-29 an extension keeps the fence, moves no revision and vacates nothing', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.extend(redis, alice, 2000);
    expect(log.shown(redis)?.fence).toBe(1);
    expect(log.state.revision).toBe(1);
    expect(log.vacancies).toEqual([]);
  });

  test('an extension never shortens: a shorter one leaves deadline and duration as they were', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.state.takeChanges();
    expect(claimIn(log.extend(redis, alice, 1000))).toMatchObject({ durationMs: 1000, remainingMs: 1000 });
    expect(claimIn(log.extend(redis, alice, 10))).toMatchObject({ durationMs: 1000, remainingMs: 1000 });
    // Nothing but the id of the last event.
    expect(takeAll(log.state).map(({ name }) => name)).toEqual(['m']);
    expect(claimIn(log.pass(500).extend(redis, alice, 501))).toMatchObject({ durationMs: 501, remainingMs: 501 });
  });

  test('an extension for another tenure is refused with the present one, even for its holder', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    log.release(redis, alice);
    log.claim(redis, alice, 1000);
    expect(refusalIn(log.extend(redis, alice, 5000, 1))).toEqual({ code: 'not-held', holder: alice, fence: 3 });
    expect(claimIn(log.extend(redis, alice, 5000, 3)).remainingMs).toBe(5000);
  });
});

describe('release', () => {
  test('JR-1 a release by the holder frees the lease at once and tells whoever waits', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    expect(log.release(redis, alice)).toEqual({ kind: 'done' });
    expect(log.vacancies).toEqual([{ ...redis, index: 2 }]);
    expect(log.state.revision).toBe(2);
    expect(log.state.nextDeadlineMs()).toBeNull();
    expect(log.claim(redis, bob, 10).fence).toBe(3);
  });

  test('JR-2 a release by another, or for another tenure, is refused with who holds it', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    const held = { code: 'not-held', holder: alice, fence: 1 };
    expect(refusalIn(log.release(redis, bob))).toEqual(held);
    expect(refusalIn(log.release(redis, alice, 7))).toEqual(held);
    expect(log.release(redis, alice, 1)).toEqual({ kind: 'done' });
  });

  test('JR-3 releasing a free lease is done, vacates nothing and moves no revision', () => {
    const log = new Log();
    expect(log.release(redis, alice, 5)).toEqual({ kind: 'done' });
    expect(log.vacancies).toEqual([]);
    expect(log.state.revision).toBe(0);
  });
});

describe('lease time', () => {
  test('an entry stamped earlier than one before it does not turn lease time back', () => {
    const log = new Log().pass(500);
    log.claim(redis, alice, 1000);
    log.timeMs = 100;
    expect(log.claim(leaseKey('late'), bob, 1000).remainingMs).toBe(1000);
    expect(log.state.timeMs).toBe(500);
    expect(log.state.due(1500, 10)).toEqual([]);
    expect(log.state.due(1501, 10)).toHaveLength(2);
  });

  test('a read tells what remains by the time it is given, never less than nothing, and changes nothing', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    const before = dumped(log.state);
    expect([0, 400, 1000, 99_999].map((nowMs) => log.state.claim(redis, nowMs)?.remainingMs)).toEqual([1000, 600, 0, 0]);
    expect(dumped(log.state)).toBe(before);
  });

  test('an entry without a command moves the applied index alone', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    const before = dumped(log.state);
    log.state.skip(9);
    expect(log.state.appliedIndex).toBe(9);
    expect(dumped(log.state)).toBe(before);
  });

  test('an entry is never applied twice: the process ends instead', () => {
    const log = new Log();
    log.claim(redis, alice, 1000);
    expect(() => log.state.skip(1)).toThrow('entry 1 applied after entry 1');
  });
});
