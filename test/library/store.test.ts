// The store: one operation at a time, with the seed's errors.
import { expect, test } from 'vitest';
import { Invalid, isAborted, isBadArgument, isInvalid, isNotHeld, KeyMap, Request, validateString } from '../../src/index.ts';
import { errorOf, KEY, startManual } from './manual.ts';

test('a claim of a lease that anybody holds, its own holder included, is invalid and changes nothing', async () => {
  const { node } = await startManual();
  await node.store.claimLease(KEY, { holder: 'alice', durationMs: 1_000 });
  const before = node.store.leases(KEY).get(KEY);
  for (const holder of ['alice', 'bob']) {
    const error = await errorOf(node.store.claimLease(KEY, { holder, durationMs: 9_000 }));
    expect(error).toBeInstanceOf(Invalid);
    expect(error).toMatchObject({ facts: { holder: 'alice', fence: before?.fence } });
  }
  expect(node.store.leases(KEY).get(KEY)).toMatchObject({ holder: 'alice', fence: before?.fence, expiryMs: before?.expiryMs });
});

test('leases are found by the value of their keys, and what is not held is missing', async () => {
  const { node } = await startManual();
  const other = { ...KEY, model: 'other' };
  for (const key of [KEY, other]) await node.store.claimLease(key, { holder: 'alice', durationMs: 1_000 });
  expect(node.store.leases().size).toBe(2);
  expect(node.store.leases({ ...KEY }, { ...KEY, lease: 'free' }).get({ ...KEY })?.holder).toBe('alice');
  expect(node.store.leases({ ...KEY, lease: 'free' }).size).toBe(0);
  expect([...node.store.leaseGroup('demo', 'other')].map(([key]) => key)).toEqual([other]);
  expect(new KeyMap([[KEY, 1]]).has({ ...KEY })).toBe(true);
});

test('what a caller hands over beyond the names of a key stays outside the log', async () => {
  const { node } = await startManual();
  await node.store.claimLease({ ...KEY, extra: 1 } as typeof KEY, { holder: 'alice', durationMs: 1_000 });
  expect([...node.store.leases()].map(([key]) => key)).toEqual([KEY]);
});

test('expiry is told by the clock that the store was given, and is never for a pinned lease', async () => {
  const { node, clock } = await startManual();
  await clock.advance(777);
  await node.store.claimLease(KEY, { holder: 'alice', durationMs: 1_500 });
  expect(node.store.leases().get(KEY)?.expiryMs).toBe(clock.now() + 1_500);
  await node.store.pinLease(KEY, 'e1');
  expect(node.store.leases().get(KEY)?.expiryMs).toBe(Number.POSITIVE_INFINITY);
  expect(node.store.pinned().get(KEY)).toEqual(['e1']);
  await node.store.unpinLease(KEY, 'e1');
  expect(node.store.pinned().size).toBe(0);
});

test("a lease's trapdoor gives an assertion, and from attempt 1 on looks again first", async () => {
  const { node, clock } = await startManual();
  await node.store.claimLease(KEY, { holder: 'alice', durationMs: 1_000 });
  const info = node.store.leases().get(KEY);
  const list: unknown[] = ['old'];
  await info?.trapdoor(0, list);
  expect(list).toEqual([{ ...KEY, holder: 'alice', fence: info?.fence }]);
  await clock.advance(1_100);
  const error = await errorOf(Promise.resolve(info?.trapdoor(1, list)));
  expect(isNotHeld(error)).toBe(true);
  expect(isBadArgument(await errorOf(Promise.resolve().then(() => info?.trapdoor(0, 'a string'))))).toBe(true);
});

test('a signal that came before the call keeps it out of the log', async () => {
  const { node } = await startManual();
  const error = await errorOf(node.store.claimLease(KEY, { holder: 'alice', durationMs: 1_000 }, AbortSignal.abort()));
  expect(isAborted(error)).toBe(true);
  await node.store.refresh();
  expect(node.store.leases().size).toBe(0);
});

test('requests and strings are judged before anything is tried', () => {
  Request.validate({ holder: 'a', durationMs: 1 });
  for (const request of [
    { holder: '', durationMs: 1 },
    { holder: 'a b', durationMs: 1 },
    { holder: 'a', durationMs: 0 },
    { holder: 'a', durationMs: -1 },
    { holder: 'a', durationMs: 1.5 },
    { holder: 'a', durationMs: Number.NaN },
    { holder: 'a', durationMs: 2 ** 53 },
  ]) {
    expect(() => Request.validate(request)).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  }
  for (const text of ['', ' ', 'a\tb', 'a\u2003b', 'a\vb', 'a.b', 'a#b', 'a$b', '\ud800', 'a'.repeat(257)]) {
    expect(() => validateString(text)).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  }
  validateString('redis/0:A-b');
});

test('the store says that its leases end by themselves', async () => {
  const { node } = await startManual();
  expect(node.store.autoexpire()).toBe(true);
  expect(isInvalid(await errorOf(node.store.expireLease(KEY)))).toBe(true);
});
