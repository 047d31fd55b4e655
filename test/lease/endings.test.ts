// The end of a session of many keys and claims: at one index for every reader and every rule, in small steps for the nodes.
import { describe, expect, test, vi } from 'vitest';
import { LEASE_KEYS_MAX, TXN_PASSED_KEYS_MAX } from '../../src/lease/limits.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { alice, bob, claimIn, dumped, Log, leaseKey, redis, refusalIn, restored } from './log.ts';

const KEYS = ['a', 'b', 'c', 'd'];
const LEASES = ['p', 'q', 'r', 's'].map((lease) => leaseKey(lease));

/** One unit of work per entry: what ends together takes one entry for each key or claim. */
class StepLog extends Log {
  constructor(work = 1) {
    super();
    this.state = new StateMachine(
      { vacated: (key, index) => this.vacancies.push({ ...key, index }), event: (event) => this.events.push(event) },
      work,
    );
  }

  sweep(): void {
    this.apply({ kind: 'expire', term: this.term, items: [] });
  }

  /** Sweeps until nothing is left; returns by how many entries. */
  sweepAll(): number {
    let entries = 0;
    for (; this.state.isUnfinished; entries += 1) this.sweep();
    return entries;
  }
}

/** Session 5 with four claims and four keys. */
function session(): StepLog {
  const log = new StepLog();
  log.grant('5', 100);
  for (const key of LEASES) log.claimBySession(key, alice, '5');
  for (const key of KEYS) log.put(key, 'v', '5');
  return log;
}

function visible(log: Log) {
  return {
    claims: log.state.claims(null, null, 100, 0).items.map(({ lease }) => lease),
    keys: log.state.keys('', null, 100).items.map(({ key }) => key),
    counts: log.state.sizes.claims,
  };
}

describe('a session that ends', () => {
  test('is gone for every reader at the index of its end, at one revision, before any record is removed', () => {
    const log = session();
    log.revoke('5');
    const end = log.index;
    for (let step = 0; step < 8; step += 1) {
      expect(visible(log)).toEqual({ claims: [], keys: [], counts: 0 });
      for (const key of LEASES) expect(log.shown(key)).toBeNull();
      for (const key of KEYS) expect(log.state.key(key)).toBeNull();
      expect([log.state.grant('5', 0), log.state.attachments('5', null, 10)]).toEqual([null, null]);
      expect([log.state.revision, log.state.isUnfinished]).toEqual([end, step < 7]);
      log.sweep();
    }
    expect(log.vacancies).toEqual(LEASES.map((key) => ({ ...key, index: end })));
    expect([...log.state.dump()].map(([name]) => name.charAt(0)).filter((letter) => 'ckl'.includes(letter))).toEqual([]);
  });

  test('reports each end once, in the order of the stream, with the index and time of the end', () => {
    const log = session();
    const before = log.events.length;
    log.pass(50).revoke('5');
    const end = log.index;
    log.pass(500);
    log.sweepAll();
    const events = log.events.slice(before);
    expect(events.map((event) => ('key' in event ? event.key : event.claimId))).toEqual([...LEASES.map((key) => log.idOf(key)), ...KEYS]);
    for (const event of events) {
      expect(event).toMatchObject(
        'key' in event
          ? { type: 'deleted', cause: 'revoked', atIndex: end, lease: '5' }
          : { type: 'revoked', atIndex: end, timeMs: 50, session: '5' },
      );
    }
    const ids = events.map(({ index, position }) => index * 1_000 + position);
    expect([...ids].sort((a, b) => a - b)).toEqual(ids);
    expect(new Set(ids).size).toBe(8);
  });

  test('has the same history for a claim whether or not its record is removed', () => {
    const log = session();
    log.expireAfter(103);
    const [, , , last] = LEASES;
    const before = log.state.history(last as (typeof LEASES)[0]);
    log.pass(70);
    log.sweepAll();
    expect(log.state.history(last as (typeof LEASES)[0])).toEqual(before);
    expect(before?.items.at(-1)).toMatchObject({ type: 'expired', timeMs: 103, lateMs: 3, cause: 'session-expired' });
  });

  test('takes work in proportion to the budget from each entry, however much is attached', () => {
    const log = new StepLog(100);
    log.grant('5', 100);
    for (let at = 0; at < 5_000; at += 1) log.put(`k${at}`, '', '5');
    const removed = (): number => log.events.filter(({ type }) => type === 'deleted').length;
    log.revoke('5');
    expect(removed()).toBe(100);
    log.sweep();
    expect(removed()).toBe(200);
    expect(log.sweepAll()).toBe(48);
    expect(removed()).toBe(5_000);
  });

  test('of as many keys as may be attached ends in one entry for everybody, and leaves all but a few to others', () => {
    const log = new Log();
    log.grant('5', 100);
    for (let at = 0; at < LEASE_KEYS_MAX; at += 1) log.put(`k${String(at).padStart(6, '0')}`, '', '5');
    const before = log.events.length;
    log.revoke('5');
    expect(log.events.length - before).toBeLessThan(1_000);
    expect(log.state.key('k099999')).toBeNull();
    // A page passes over a bounded number of removed keys, and says where the next one starts.
    let pages = 0;
    for (let after: string | null = null; after !== null || pages === 0; pages += 1) {
      const page = log.state.keys('', after, 1_000);
      expect(page.items).toEqual([]);
      after = page.next;
    }
    expect(pages).toBeGreaterThan(20);
    const all = log.state.keys('', null, 1_000);
    expect(all.next).not.toBeNull();
  });

  test('128 sessions of 1,000 claims that expire by one entry leave all but a few ends to others', () => {
    const log = new Log();
    for (let id = 1; id <= 128; id += 1) {
      log.grant(String(id), 100);
      for (let at = 0; at < 1_000; at += 1) log.put(`k${id}/${at}`, '', String(id));
    }
    log.pass(200);
    const before = log.events.length;
    log.apply({ kind: 'expire', term: 1, items: log.state.due(200, 128) });
    expect(log.events.length - before).toBeLessThan(1_000);
    expect(log.state.sizes.grants).toBe(0);
    expect([log.state.key('k1/0'), log.state.key('k128/999')]).toEqual([null, null]);
  });

  test('is among few when leases are taken by the keys and claims that end with them', () => {
    const log = new Log();
    for (let id = 1; id <= 10; id += 1) {
      log.grant(String(id), 100);
      for (let at = 0; at < 9; at += 1) log.put(`k${id}/${at}`, '', String(id));
    }
    expect(log.state.due(200, 128)).toHaveLength(10);
    expect(log.state.due(200, 128, 30)).toHaveLength(3);
    expect(log.state.due(200, 128, 5)).toHaveLength(1);
  });
});

describe('a rule that meets a key or claim whose session has ended', () => {
  test('finds it gone: a new tenure, a new key, no deletion, no attachment', () => {
    const log = session();
    log.revoke('5');
    const [p, q, r] = LEASES as [(typeof LEASES)[0], (typeof LEASES)[0], (typeof LEASES)[0]];
    log.sweep();
    expect(claimIn(log.apply({ kind: 'claim', key: q, holder: bob, durationMs: 10 }))).toMatchObject({ fence: log.index, session: null });
    expect(refusalIn(log.extend(r, alice, 10))).toEqual({ code: 'not-held', holder: null, fence: null });
    expect(log.release(p, alice)).toEqual({ kind: 'done' });
    expect(refusalIn(log.delete('a')).code).toBe('key-not-found');
    log.grant('6', 100);
    expect(refusalIn(log.apply({ kind: 'attach', id: '6', key: 'b' })).code).toBe('key-not-found');
    expect(log.put('c', 'new')).toMatchObject({ key: { createRevision: log.index, version: 1, lease: null } });
    const txn = log.apply({
      kind: 'txn',
      assert: [],
      compare: [{ key: 'd', target: 'version', op: '=', value: 0 }],
      success: [
        { kind: 'get-prefix', prefix: '' },
        { kind: 'delete-prefix', prefix: 'd' },
      ],
      failure: [],
    });
    expect(txn).toMatchObject({ succeeded: true, results: [{ keys: [{ key: 'c' }] }, { deleted: 0 }] });
    log.sweepAll();
    expect(visible(log)).toEqual({ claims: ['q'], keys: ['c'], counts: 1 });
  });

  test('a transaction passes over so many of its keys and no more, until they are removed', () => {
    const log = new StepLog(256);
    log.grant('5', 100);
    for (let at = 0; at <= TXN_PASSED_KEYS_MAX; at += 1) log.put(`k${at}`, 'v', '5');
    log.put('kept', 'v');
    for (const op of [
      { kind: 'get-prefix', prefix: 'k' },
      { kind: 'delete-prefix', prefix: 'k' },
    ] as const) {
      const before = new StepLog(256);
      before.state = restored(log.state);
      before.index = log.index;
      before.apply({ kind: 'revoke', id: '5' });
      // 256 were removed by the entry of the end.
      const twice = { kind: 'txn', assert: [], compare: [], success: [op, op], failure: [] } as const;
      const refusal = refusalIn(before.apply(twice));
      expect(refusal).toMatchObject({ code: 'overloaded', detail: expect.stringContaining('are being removed') });
      expect(before.state.key('kept')).not.toBeNull();
      expect(before.apply({ ...twice, success: [op] }).kind).toBe('txn');
      before.sweepAll();
      expect(before.apply(twice).kind).toBe('txn');
    }
  });

  test('an assertion about the tenure does not hold any more', () => {
    const log = session();
    const { fence } = log.shown(LEASES[3] as (typeof LEASES)[0]) as { fence: number };
    log.revoke('5');
    const gate = { ...(LEASES[3] as (typeof LEASES)[0]), holder: alice, fence };
    expect(refusalIn(log.put('x', '', null, { assert: [gate] }))).toMatchObject({ code: 'assertion-failed', holder: null, fence: null });
    expect(log.state.key('x')).toBeNull();
  });

  test('those who wait for a claim come before a claim that arrives first', () => {
    const log = session();
    const last = LEASES[3] as (typeof LEASES)[0];
    log.apply({ kind: 'claim', key: last, holder: bob, durationMs: 50, waitMs: 1_000 });
    log.revoke('5');
    expect([log.shown(last), log.state.waitingFor(last)]).toEqual([null, 1]);
    expect(refusalIn(log.apply({ kind: 'claim', key: last, holder: 'third', durationMs: 10 }))).toMatchObject({
      code: 'claim-denied',
      holder: bob,
    });
    expect(log.shown(last)).toMatchObject({ holder: bob, fence: log.index });
  });

  test('a claim that was pinned when its session expired is held until it is unpinned, and its fence stays', () => {
    const log = session();
    const [p, , , s] = LEASES as [(typeof LEASES)[0], (typeof LEASES)[0], (typeof LEASES)[0], (typeof LEASES)[0]];
    const { fence } = log.shown(s) as { fence: number };
    log.pin(s, 'e');
    log.expireAfter(200);
    expect(log.shown(s)).toEqual({ ...s, holder: alice, fence, durationMs: 100, remainingMs: null, session: null, pinnedBy: ['e'] });
    expect(visible(log)).toMatchObject({ claims: ['s'], counts: 1 });
    log.pin(p, 'late');
    expect(log.shown(p)).toBeNull();
    expect(log.extend(s, alice, 10)).toMatchObject({ kind: 'claim', claim: { fence, session: null } });
    log.sweepAll();
    expect(visible(log)).toEqual({ claims: ['s'], keys: [], counts: 1 });
    log.pass(20).unpin(s, 'e');
    expect(log.expireDue()).toBe(true);
    expect(log.shown(s)).toBeNull();
  });

  test('a revocation ends pinned claims, too', () => {
    const log = session();
    log.pin(LEASES[3] as (typeof LEASES)[0], 'e');
    log.revoke('5');
    expect(visible(log)).toEqual({ claims: [], keys: [], counts: 0 });
    log.sweepAll();
    expect(log.state.pins(null)).toHaveLength(1);
  });

  test('its id is free: a lease granted under it has nothing of the one before, also after a restart', () => {
    const log = session();
    log.revoke('5');
    expect(log.grant('5', 700)).toMatchObject({ id: '5', ttlMs: 700, keyCount: 0, claimCount: 0 });
    log.put('a', 'mine', '5');
    log.claimBySession(LEASES[1] as (typeof LEASES)[0], bob, '5');
    for (let step = 0; step < 9; step += 1) {
      expect(log.state.grant('5', 0)).toMatchObject({ keyCount: 1, claimCount: 1 });
      expect(visible(log)).toEqual({ claims: ['q'], keys: ['a'], counts: 1 });
      const copy = restored(log.state, (names) => names.reverse(), undefined, 1);
      expect([dumped(copy), copy.isUnfinished, copy.sizes]).toEqual([dumped(log.state), log.state.isUnfinished, log.state.sizes]);
      log.state = copy;
      log.sweep();
    }
    expect(log.state.isUnfinished).toBe(false);
    expect(log.grant('6', 1).id).toBe('6');
    log.revoke('5');
    log.sweepAll();
    expect([...log.state.dump()].filter(([name]) => 'ck'.includes(name.charAt(0)))).toEqual([]);
  });
});

describe('a long line of one holder', () => {
  test('is answered within the budget of each entry, and every request has its answer in the end', () => {
    const ended: number[] = [];
    const log = new Log();
    log.state = new StateMachine({ vacated: () => undefined, turnEnded: ({ ticket }) => ended.push(ticket) }, 10);
    log.claim(redis, alice, 100);
    for (let at = 0; at < 95; at += 1) log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 100, waitMs: 1_000 });
    log.release(redis, alice);
    expect(ended).toHaveLength(10);
    expect(log.shown(redis)).toMatchObject({ holder: bob, fence: log.index });
    const { fence } = log.shown(redis) as { fence: number };
    for (let entries = 1; log.state.isUnfinished; entries += 1) {
      log.apply({ kind: 'expire', term: 1, items: [] });
      expect(ended).toHaveLength(Math.min(95, 10 + 10 * entries));
    }
    expect(ended).toEqual([...ended].sort((a, b) => a - b));
    expect([log.state.waiting, log.shown(redis)?.fence]).toEqual([0, fence]);
  });
});

test('a look at one that has ended changes nothing', () => {
  const log = session();
  log.revoke('5');
  const before = dumped(log.state);
  const changed = vi.fn();
  visible(log);
  for (const key of LEASES) changed(log.shown(key), log.state.history(key), log.state.waitingFor(key));
  for (const key of KEYS) changed(log.state.key(key));
  expect(dumped(log.state)).toBe(before);
});
