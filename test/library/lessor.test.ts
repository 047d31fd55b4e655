// The lessor by itself: what etcd's does, in a time that the test moves.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  FakeLessor,
  isLeaseNotFound,
  isNotPrimary,
  type Lease,
  type LeaseRecord,
  Lessor,
  type LessorOptions,
  ManualClock,
  NoLease,
} from '../../src/index.ts';
import { errorOf } from './manual.ts';

function start(options: Partial<LessorOptions> = {}) {
  const clock = new ManualClock();
  const deleted: string[] = [];
  const rangeDeleter = {
    begin: () => deleted.push('('),
    end: () => deleted.push(')'),
    deleteRange: (key: string) => {
      deleted.push(key);
      return { deleted: 1, revision: deleted.length };
    },
  };
  return { clock, deleted, lessor: new Lessor({ clock, rangeDeleter, ...options }) };
}

/** Takes whatever the stream gives. */
function collect(lessor: Lessor): Lease[][] {
  const batches: Lease[][] = [];
  void (async () => {
    for await (const batch of lessor.expiredLeases()) batches.push([...batch]);
  })();
  return batches;
}

describe('time', () => {
  test('counts only while the lessor is primary', async () => {
    const { lessor, clock } = start();
    lessor.grant(1n, 1_000);
    expect(lessor.lookup(1n)?.remainingMs).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(5_000);
    lessor.promote(200);
    expect(lessor.lookup(1n)?.remainingMs).toBe(1_200);
    lessor.demote();
    expect(lessor.lookup(1n)?.remainingMs).toBe(Number.POSITIVE_INFINITY);
    expect(clock.timerCount).toBe(0);
  });

  test('offers a lease just after its end, and again after the retry interval until it is revoked', async () => {
    const { lessor, clock } = start({ retryMs: 3_000 });
    const batches = collect(lessor);
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    await clock.advance(1_000);
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches.flat().map(({ id }) => id)).toEqual([1n]);
    await clock.advance(3_100);
    expect(batches.flat()).toHaveLength(2);
    expect(lessor.lookup(1n)?.remainingMs).toBe(0);
    lessor.revoke(1n);
    await clock.advance(10_000);
    expect(batches.flat()).toHaveLength(2);
    lessor.stop();
    expect(clock.timerCount).toBe(0);
  });

  test('a lease whose batch nobody read comes again', async () => {
    const { lessor, clock } = start({ expiryRate: 2, retryMs: 1_000 });
    lessor.promote(0);
    for (let id = 1n; id <= 20n; id += 1n) lessor.grant(id, 1);
    await clock.advance(20_000);
    const batches = collect(lessor);
    await turn();
    expect(batches.length).toBe(16);
    await clock.advance(20_000);
    expect(new Set(batches.flat().map(({ id }) => id)).size).toBe(20);
  });

  test('at most half of the rate is offered in half a second', async () => {
    const { lessor, clock } = start({ expiryRate: 10, retryMs: 1_000_000 });
    const batches = collect(lessor);
    lessor.promote(0);
    for (let id = 1n; id <= 30n; id += 1n) lessor.grant(id, 100);
    await clock.advance(101);
    expect(batches.flat()).toHaveLength(5);
    await clock.advance(499);
    expect(batches.flat()).toHaveLength(5);
    await clock.advance(2_500);
    expect(batches.flat()).toHaveLength(30);
  });
});

describe('a stream', () => {
  test('that its reader leaves takes no batch from the next reader', async () => {
    const { lessor, clock } = start();
    lessor.promote(0);
    const first = lessor.expiredLeases();
    const pending = first.next();
    await first.return?.();
    expect(await pending).toMatchObject({ done: true });
    lessor.grant(1n, 10);
    const batches = collect(lessor);
    await clock.advance(20);
    expect(batches).toHaveLength(1);
    expect(await first.next()).toMatchObject({ done: true });
  });

  test('holds nothing of a lessor that was demoted, and ends when it is stopped', async () => {
    const { lessor, clock } = start();
    lessor.promote(0);
    lessor.grant(1n, 10);
    await clock.advance(20);
    lessor.demote();
    const next = lessor.expiredLeases().next();
    await clock.advance(20_000);
    lessor.stop();
    expect(await next).toMatchObject({ done: true });
    lessor.stop();
  });
});

describe('items', () => {
  test('are deleted in order, as one, when their lease is revoked', () => {
    const { lessor, deleted } = start();
    lessor.grant(-1n, 10);
    lessor.attach(-1n, ['b', 'a', 'c', 'a']);
    lessor.detach(-1n, ['c', 'absent']);
    lessor.revoke(-1n);
    expect(deleted).toEqual(['(', 'a', 'b', ')']);
    expect(lessor.leaseOf('a')).toBe(NoLease);
  });

  test('belong to one lease: attaching moves them, and detaching from another changes nothing', () => {
    const { lessor, deleted } = start();
    for (const id of [1n, 2n]) lessor.grant(id, 10);
    lessor.attach(1n, ['k']);
    lessor.attach(2n, ['k']);
    lessor.detach(1n, ['k']);
    expect(lessor.leaseOf('k')).toBe(2n);
    lessor.revoke(1n);
    expect(deleted).toEqual([]);
    expect(lessor.lookup(2n)?.keys).toEqual(['k']);
  });
});

test('ids are whatever 64 bits hold, but not more', () => {
  const { lessor } = start();
  for (const id of [-1n, 2n ** 63n - 1n, -(2n ** 63n)]) expect(lessor.grant(id, 10).id).toBe(id);
  for (const id of [2n ** 63n, -(2n ** 63n) - 1n])
    expect(() => lessor.grant(id, 10)).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  for (const ttlMs of [1.5, Number.NaN, 2 ** 53])
    expect(() => lessor.grant(5n, ttlMs)).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
});

test('leases are listed by the time that is left', () => {
  const { lessor } = start();
  lessor.promote(0);
  for (const [id, ttlMs] of [
    [1n, 300],
    [2n, 100],
    [3n, 200],
  ] as const)
    lessor.grant(id, ttlMs);
  expect(lessor.leases().map(({ id }) => id)).toEqual([2n, 3n, 1n]);
});

test('a backend has every lease, and a lessor that recovers from it is not primary and knows no items', async () => {
  const records = new Map<bigint, LeaseRecord>();
  const backend = {
    load: () => records.values(),
    save: (record: LeaseRecord) => records.set(record.id, record),
    delete: (id: bigint) => records.delete(id),
  };
  const { lessor, clock } = start({ backend });
  lessor.promote(0);
  for (const id of [1n, 2n, 3n]) lessor.grant(id, 10_000);
  lessor.attach(1n, ['k']);
  lessor.checkpoint(1n, 4_000);
  lessor.revoke(3n);
  expect([...records.keys()]).toEqual([1n, 2n]);
  await clock.advance(10_001);
  const waiting = errorOf(lessor.renew(1n));
  lessor.recover(backend, { deleteRange: () => ({ deleted: 0, revision: 0 }) });
  expect(isNotPrimary(await waiting)).toBe(true);
  expect(lessor.isPrimary).toBe(false);
  expect(lessor.leaseOf('k')).toBe(NoLease);
  lessor.promote(0);
  expect(lessor.leases().map(({ id, remainingMs }) => [id, remainingMs])).toEqual([
    [1n, 4_000],
    [2n, 10_000],
  ]);
  expect(isLeaseNotFound(await errorOf(lessor.renew(3n)))).toBe(true);
  lessor.stop();
  expect(() => lessor.grant(9n, 1)).toThrowError(expect.objectContaining({ code: 'stopping' }));
});

test('the fake lessor remembers what was granted, and does nothing', async () => {
  const fake = new FakeLessor();
  expect(fake.lookup(1n)).toBeNull();
  fake.grant(1n, 5);
  expect(fake.lookup(1n)).toMatchObject({ id: 1n, ttlMs: 5 });
  expect(await fake.renew()).toBe(10_000);
  expect(fake.leaseOf()).toBe(NoLease);
  expect(fake.leases()).toHaveLength(1);
  const next = fake.expiredLeases().next();
  fake.stop();
  expect(await next).toMatchObject({ done: true });
});
