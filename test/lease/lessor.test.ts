// Granted leases: etcd's lessor scenarios (EL) as far as they can be told without a cluster.
import { describe, expect, test, vi } from 'vitest';
import { OrderedKeys } from '../../src/lease/ordered-keys.ts';
import type { AttachmentPage } from '../../src/lease/outcomes.ts';
import { ShardedMap } from '../../src/lease/sharded-map.ts';
import { alice, grantIn, Log, leaseKey, redis, refusalIn } from './log.ts';

describe('grant', () => {
  test('EL-01 a lease granted without an id gets a positive one, and no two get the same', () => {
    const log = new Log();
    const ids = [log.grant(null, 10), log.grant(null, 10)].map((grant) => grant.id);
    expect(ids).toEqual(['1', '2']);
  });

  test('an id that is chosen is the index, or the next free number', () => {
    const log = new Log();
    log.grant('3', 10);
    log.grant('4', 10);
    expect(log.grant(null, 10).id).toBe('5');
    expect(log.grant(null, 10).id).toBe('6');
    log.revoke('4');
    expect(log.grant(null, 10).id).toBe('7');
  });

  test('an id is chosen in a few steps, also when a client has taken all that follow the index', () => {
    const log = new Log();
    for (let id = 1_001; id <= 3_000; id += 1) log.grant(String(id), 10);
    const has = vi.spyOn(ShardedMap.prototype, 'has');
    expect(log.grant(null, 10).id).toBe('3025');
    expect(has.mock.calls.length).toBeLessThan(20);
    has.mockRestore();
  });

  test('EL-02 a lease granted under an id has it; granting it again is refused and changes nothing', () => {
    const log = new Log();
    expect(log.grant('77', 500)).toEqual({ id: '77', ttlMs: 500, remainingMs: 500, keyCount: 0, claimCount: 0, attachedIndex: 0 });
    log.put('key', '', '77');
    expect(refusalIn(log.pass(100).apply({ kind: 'grant', id: '77', ttlMs: 9000 }))).toEqual({ code: 'lease-exists', id: '77' });
    expect(log.state.grant('77', 100)).toEqual({ id: '77', ttlMs: 500, remainingMs: 400, keyCount: 1, claimCount: 0, attachedIndex: 2 });
    log.revoke('77');
    expect(log.grant('77', 1).keyCount).toBe(0);
  });

  test('EL-05 no lease can be granted under id 0', () => {
    expect(refusalIn(new Log().apply({ kind: 'grant', id: '0', ttlMs: 10 }))).toEqual({ code: 'lease-not-found', id: '0' });
  });

  test('EL-06 the greatest id, 2^63 - 1, is an id like any other', () => {
    const log = new Log();
    log.grant('9223372036854775807', 10);
    log.put('key', '', '9223372036854775807');
    expect(log.revoke('9223372036854775807')).toEqual({ kind: 'done' });
    expect(log.state.key('key')).toBeNull();
  });

  test('EL-09 granting and renewing move no revision', () => {
    const log = new Log();
    log.put('key', 'value');
    log.grant('5', 10);
    log.renew('5');
    expect(log.state.revision).toBe(1);
  });

  test('a lease for the longest time never overflows', () => {
    const log = new Log().pass(1000);
    expect(log.grant('5', Number.MAX_SAFE_INTEGER).remainingMs).toBe(Number.MAX_SAFE_INTEGER - 1000);
  });
});

describe('renew', () => {
  test('EL-14 the remaining time falls, never below nothing, and a renewal brings it all back', () => {
    const log = new Log();
    log.grant('5', 1000);
    expect([0, 400, 1000, 2000].map((nowMs) => log.state.grant('5', nowMs)?.remainingMs)).toEqual([1000, 600, 0, 0]);
    expect(grantIn(log.pass(400).renew('5'))).toEqual({
      id: '5',
      ttlMs: 1000,
      remainingMs: 1000,
      keyCount: 0,
      claimCount: 0,
      attachedIndex: 0,
    });
    expect(log.state.nextDeadlineMs()).toBe(1400);
  });

  test('EL-31 renewing an unknown lease or 0 is refused', () => {
    const log = new Log();
    expect(refusalIn(log.renew('8'))).toEqual({ code: 'lease-not-found', id: '8' });
    expect(refusalIn(log.renew('0'))).toEqual({ code: 'lease-not-found', id: '0' });
  });

  test('a lapsed lease whose expiry is not applied yet is saved by a renewal', () => {
    const log = new Log();
    log.grant('5', 10);
    log.pass(500).renew('5');
    expect(log.expireDue()).toBe(false);
  });
});

describe('what an answer contains of the attachments', () => {
  test('a renewal, a view and a list are built without a look at the attached keys and claims', () => {
    const log = new Log();
    log.grant('5', 1000);
    for (let at = 0; at < 300; at += 1) log.put(`k${at}`, '', '5');
    for (let at = 0; at < 200; at += 1) log.claimBySession(leaseKey(`l${at}`), alice, '5');
    const range = vi.spyOn(OrderedKeys.prototype, 'range');
    const shown = { id: '5', ttlMs: 1000, remainingMs: 1000, keyCount: 300, claimCount: 200, attachedIndex: 501 };
    expect(grantIn(log.renew('5'))).toEqual(shown);
    expect(log.state.grant('5', 0)).toEqual(shown);
    expect(log.state.grants(null, 10, 0).items).toEqual([shown]);
    expect(range).not.toHaveBeenCalled();
    range.mockRestore();
  });

  test('attachedIndex is the index of the last attach or detach, and nothing else moves it', () => {
    const log = new Log();
    const indexOf = (id: string): number | undefined => log.state.grant(id, 0)?.attachedIndex;
    log.grant('5', 1000);
    log.grant('6', 1000);
    expect(indexOf('5')).toBe(0);
    log.put('key', '', '5');
    expect(indexOf('5')).toBe(3);
    log.put('key', 'again', '5');
    log.renew('5');
    log.apply({ kind: 'attach', id: '5', key: 'key' });
    expect(indexOf('5')).toBe(3);
    log.apply({ kind: 'attach', id: '6', key: 'key' });
    expect([indexOf('5'), indexOf('6')]).toEqual([7, 7]);
    log.claimBySession(redis, alice, '5');
    log.claimBySession(redis, alice, '6');
    expect([indexOf('5'), indexOf('6')]).toEqual([9, 9]);
    log.release(redis, alice);
    expect([indexOf('5'), indexOf('6')]).toEqual([9, 10]);
    log.apply({ kind: 'detach', id: '6', key: 'key' });
    expect(indexOf('6')).toBe(11);
    log.put('key', '', '6');
    log.delete('key');
    expect(indexOf('6')).toBe(13);
  });

  test('pages put together are all keys and claims, claims first, whatever their size', () => {
    const log = new Log();
    log.grant('5', 1000);
    for (const key of ['b', 'a', 'c']) log.put(key, '', '5');
    for (const lease of ['z', 'y']) log.claimBySession(leaseKey(lease), alice, '5');
    for (const limit of [1, 2, 3, 4, 5, 6]) {
      const keys: string[] = [];
      const claims: string[] = [];
      let after: string | null = null;
      do {
        const page: AttachmentPage | null = log.state.attachments('5', after, limit);
        expect((page?.keys.length ?? 0) + (page?.claims.length ?? 0)).toBeLessThanOrEqual(limit);
        keys.push(...(page?.keys ?? []));
        claims.push(...(page?.claims ?? []).map(({ lease }) => lease));
        after = page?.next ?? null;
      } while (after !== null);
      expect([keys, claims]).toEqual([
        ['a', 'b', 'c'],
        ['y', 'z'],
      ]);
    }
    expect(log.state.attachments('6', null, 10)).toBeNull();
  });
});

describe('attach and detach', () => {
  test('EL-18 a key put again on another lease has left the first', () => {
    const log = new Log();
    log.grant('5', 10);
    log.grant('6', 10);
    log.put('key', '', '5');
    log.put('key', '', '6');
    expect([log.attached('5')?.keys, log.attached('6')?.keys]).toEqual([[], ['key']]);
    log.revoke('5');
    expect(log.state.key('key')?.lease).toBe('6');
    log.revoke('6');
    expect(log.state.key('key')).toBeNull();
  });

  test('EL-19 EL-59 a key put without a lease, or detached, outlives the one that it had', () => {
    const log = new Log();
    log.grant('5', 10);
    log.put('a', '', '5');
    log.put('b', '', '5');
    log.put('a', '');
    expect(log.apply({ kind: 'detach', id: '5', key: 'b' })).toEqual({ kind: 'done' });
    log.revoke('5');
    expect(log.state.keys('', null, 10).items.map(({ key, lease }) => [key, lease])).toEqual([
      ['a', null],
      ['b', null],
    ]);
  });

  test('EL-22 attaching and detaching ask for the lease, then for the key; detaching what is not attached is done', () => {
    const log = new Log();
    for (const kind of ['attach', 'detach'] as const) {
      expect(refusalIn(log.apply({ kind, id: '0', key: 'key' })).code).toBe('lease-not-found');
      expect(refusalIn(log.apply({ kind, id: '5', key: 'key' }))).toEqual({ code: 'lease-not-found', id: '5' });
    }
    log.grant('5', 10);
    log.grant('6', 10);
    for (const kind of ['attach', 'detach'] as const) {
      expect(refusalIn(log.apply({ kind, id: '5', key: 'key' }))).toEqual({ code: 'key-not-found', key: 'key' });
    }
    log.put('key', '', '6');
    expect(log.apply({ kind: 'detach', id: '5', key: 'key' })).toEqual({ kind: 'done' });
    expect(log.state.key('key')?.lease).toBe('6');
  });

  test('attaching moves a key and changes none of its revisions', () => {
    const log = new Log();
    log.grant('5', 10);
    log.grant('6', 10);
    log.put('key', 'value', '5');
    log.apply({ kind: 'attach', id: '6', key: 'key' });
    expect(log.state.key('key')).toEqual({ key: 'key', value: 'value', createRevision: 3, modRevision: 3, version: 1, lease: '6' });
    expect(log.attached('5')?.keys).toEqual([]);
    expect(log.state.revision).toBe(3);
  });

  test('a claim is no key that could be attached', () => {
    const log = new Log();
    log.grant('5', 10);
    log.claim(redis, alice, 10);
    expect(refusalIn(log.apply({ kind: 'attach', id: '5', key: log.idOf(redis) })).code).toBe('invalid-argument');
  });
});

describe('revoke', () => {
  test('EL-24 a revoked lease is gone with its keys and claims, at one revision', () => {
    const log = new Log();
    log.grant('5', 10);
    log.put('a', '', '5');
    log.put('b', '', '5');
    log.claimBySession(redis, alice, '5');
    log.revoke('5');
    expect(log.state.grant('5', 0)).toBeNull();
    expect(log.state.keys('', null, 10).items).toEqual([]);
    expect(log.vacancies).toEqual([{ ...redis, index: 5 }]);
    expect(log.state.revision).toBe(5);
    expect(log.state.nextDeadlineMs()).toBeNull();
  });

  test('EL-26 revoking an unknown lease, 0, or one for a second time is refused; one without keys leaves the revision', () => {
    const log = new Log();
    log.put('key', '');
    log.grant('5', 10);
    expect(log.revoke('5')).toEqual({ kind: 'done' });
    expect(log.state.revision).toBe(1);
    for (const id of ['5', '0', '8']) expect(refusalIn(log.revoke(id))).toEqual({ code: 'lease-not-found', id });
  });

  test('EL-29 keys of a lease are shown and deleted in order, however they were attached', () => {
    const log = new Log();
    log.grant('5', 10);
    for (const key of ['b', 'a/1', 'é', 'a']) log.put(key, '', '5');
    log.claimBySession(leaseKey('z'), alice, '5');
    log.claimBySession(leaseKey('y'), alice, '5');
    expect(log.attached('5')).toMatchObject({ keys: ['a', 'a/1', 'b', 'é'], claims: [leaseKey('y'), leaseKey('z')] });
  });
});

describe('listing', () => {
  test('EL-10 leases are listed by remaining time, then by id as a number; those of plain claims are not', () => {
    const log = new Log();
    log.claim(redis, alice, 1);
    for (const [id, ttlMs] of [
      ['10', 50],
      ['9', 50],
      ['1', 70],
      ['200', 10],
    ] as const) {
      log.grant(id, ttlMs);
    }
    expect(log.state.grants(null, 10, 0).items.map((grant) => grant.id)).toEqual(['200', '9', '10', '1']);
    expect(log.state.grants(null, 10, 0).next).toBeNull();
  });

  test('pages put together give all leases in order, whatever their size', () => {
    const log = new Log();
    for (let n = 1; n <= 50; n += 1) log.grant(String(n), 1 + ((n * 37) % 11));
    const all = log.state.grants(null, 100, 0).items.map((grant) => grant.id);
    expect(all).toHaveLength(50);
    for (const limit of [1, 7, 25, 49, 50]) {
      const ids: string[] = [];
      let after: string | null = null;
      do {
        const page = log.state.grants(after, limit, 0);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        ids.push(...page.items.map((grant) => grant.id));
        after = page.next;
      } while (after !== null);
      expect(ids).toEqual(all);
    }
  });

  test('a place in the list that no page gave starts at the beginning', () => {
    const log = new Log();
    log.grant('5', 10);
    expect(log.state.grants('nonsense', 10, 0).items).toHaveLength(1);
  });
});
