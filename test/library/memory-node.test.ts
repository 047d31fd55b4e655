// The node in memory: real leases without disk, ports or peers, in a time that tests move.
import { expect, test } from 'vitest';
import { ManualClock, MemoryDisk, startMemoryNode } from '../../src/index.ts';
import { KEY, startManual } from './manual.ts';

test('time moves only when it is moved, and a lease ends one millisecond after its deadline', async () => {
  const { node, clock } = await startManual();
  const claimer = node.manager.claimer('demo', 'main');
  await claimer.claim('l', 'alice', 1_000);
  const waited = claimer.waitUntilExpired('l');
  await clock.advance(1_000);
  expect(node.store.leases(KEY).get(KEY)?.holder).toBe('alice');
  await clock.advance(1);
  expect(node.store.leases(KEY).size).toBe(0);
  expect(await waited).toBeGreaterThan(0);
});

test('in real time it needs no clock', async () => {
  const node = await startMemoryNode();
  const claimer = node.manager.claimer('demo', 'main');
  await claimer.claim('l', 'alice', 20);
  await claimer.waitUntilExpired('l');
  expect(await claimer.claim('l', 'bob', 60_000)).toMatchObject({ holder: 'bob', isNew: true });
  await node.stop();
});

test('a restart on the same disk keeps leases, fences, pins, keys and the time that was left', async () => {
  const disk = new MemoryDisk();
  const clock = new ManualClock();
  const first = await startMemoryNode({ clock, disk });
  const { fence } = await first.manager.claimer('demo', 'main').claim('l', 'alice', 10_000);
  await first.manager.pinner('demo', 'main').pin('free', 'e1');
  await first.kv.put('k', 'v');
  await clock.advance(4_000);
  await first.stop();
  const second = await startMemoryNode({ clock, disk });
  const info = second.store.leases(KEY).get(KEY);
  expect(info).toMatchObject({ holder: 'alice', fence });
  expect((info?.expiryMs ?? 0) - clock.now()).toBeLessThanOrEqual(10_000);
  expect([...(await second.manager.pinner('demo', 'main').pinned())]).toEqual([['free', ['e1']]]);
  expect(await second.kv.get('k')).toMatchObject({ value: 'v' });
  await second.stop();
});

test('after the end every call fails at once, and no timer is left', async () => {
  const clock = new ManualClock();
  const node = await startMemoryNode({ clock });
  const claimer = node.manager.claimer('demo', 'main');
  const token = node.manager.checker('demo', 'main').token('l', 'alice');
  await node.stop();
  for (const call of [
    () => claimer.claim('l', 'alice', 1),
    () => claimer.waitUntilExpired('l'),
    () => token.check(),
    () => token.check(0, []),
    () => node.store.refresh(),
    () => node.kv.get('k'),
    () => node.lessor.lookup(1n),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'stopping' });
  }
  expect(() => node.manager.claimer('demo', 'main')).toThrowError(expect.objectContaining({ code: 'stopping' }));
  expect(() => node.store.leases()).toThrowError(expect.objectContaining({ code: 'stopping' }));
  expect(clock.timerCount).toBe(0);
});

test('a clock that is being moved cannot be moved by somebody else', async () => {
  const clock = new ManualClock();
  const moving = clock.advance(1);
  await expect(clock.advance(1)).rejects.toThrow();
  await moving;
  expect(clock.now()).toBe(1);
});
