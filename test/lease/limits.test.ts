// What there may be of each thing: one more is refused as overloaded, and what is there already is never refused.
import { describe, expect, test } from 'vitest';
import * as contract from '../../src/contract/limits.ts';
import * as limits from '../../src/lease/limits.ts';
import { alice, Log, leaseKey, redis, refusalIn } from './log.ts';

describe('one more is refused as overloaded', () => {
  test('of pins on one lease; a pin that is there already is no more', () => {
    const log = new Log();
    for (let at = 0; at < limits.LEASE_PINS_MAX; at += 1) log.pin(redis, `e${at}`);
    expect(refusalIn(log.pin(redis, 'more')).code).toBe('overloaded');
    expect(log.pin(redis, 'e0')).toEqual({ kind: 'done' });
    log.unpin(redis, 'e0');
    expect(log.pin(redis, 'more')).toEqual({ kind: 'done' });
  });

  test('of leases with pins', () => {
    const log = new Log();
    for (let at = 0; at < limits.PINNED_LEASES_MAX; at += 1) log.pin(leaseKey(`l${at}`), 'e');
    expect(refusalIn(log.pin(redis, 'e')).code).toBe('overloaded');
    expect(log.pin(leaseKey('l0'), 'other')).toEqual({ kind: 'done' });
  });

  test('of keys and claims by one lease, whichever way they come', () => {
    const log = new Log();
    log.grant('7', 100);
    log.claimBySession(redis, alice, '7');
    for (let at = 1; at < limits.LEASE_KEYS_MAX; at += 1) log.put(`k${at}`, '', '7');
    log.put('free', '');
    const put = { kind: 'put', key: 'more', value: '', lease: '7' } as const;
    for (const outcome of [
      log.put('more', '', '7'),
      log.apply({ kind: 'attach', id: '7', key: 'free' }),
      log.apply({ kind: 'claim-session', key: leaseKey('more'), holder: alice, session: '7' }),
      log.apply({ kind: 'txn', assert: [], compare: [], success: [put], failure: [] }),
    ]) {
      expect(refusalIn(outcome).code).toBe('overloaded');
    }
    expect(log.put('k1', 'again', '7').kind).toBe('key');
    expect(log.apply({ kind: 'attach', id: '7', key: 'k1' })).toEqual({ kind: 'done' });
    expect(log.apply({ kind: 'claim-session', key: redis, holder: alice, session: '7' }).kind).toBe('claim');
  });
});

test('the contract tells the limits that the state keeps', () => {
  const promised = new Map<string, unknown>(Object.entries(contract));
  const told = Object.entries(limits).filter(([name]) => promised.has(name));
  expect(told.map(([name]) => name).sort()).toEqual(
    [
      'LEASE_KEYS_MAX',
      'LEASE_PINS_MAX',
      'LEASE_WAITERS_MAX',
      'PINNED_LEASES_MAX',
      'REMEMBERED_FOR_MS',
      'REMEMBERED_MAX',
      'TXN_DELETED_KEYS_MAX',
      'TXN_PASSED_KEYS_MAX',
      'TXN_READ_KEYS_MAX',
      'TXN_READ_MAX_CHARACTERS',
      'WAITERS_MAX',
    ].sort(),
  );
  for (const [name, value] of told) expect([name, value]).toEqual([name, promised.get(name)]);
});
