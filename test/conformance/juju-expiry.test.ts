// Juju core/lease: extending and expiry (JL-25 to JL-40).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ManualClock, type MemoryNode, startMemoryNode } from '../../src/index.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { endAll } from '../e2e/processes.ts';
import { freshLease, Three, untilFree } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const KEY = { namespace: 'demo', model: 'main', lease: 'l' };

async function memory(): Promise<{ readonly node: MemoryNode; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const node = await startMemoryNode({ clock });
  onTestFinished(() => node.stop());
  return { node, clock };
}

/** A log of one state machine, written by hand. */
function log() {
  const vacated: number[] = [];
  const state = new StateMachine({ vacated: (_key, index) => vacated.push(index) });
  let index = 0;
  const apply = (timeMs: number, command: Command, term = 1) => state.apply({ index: ++index, term, timeMs }, toTuple(command));
  return { state, vacated, apply };
}

const claimed = (holder: string, durationMs: number): Command => ({ kind: 'claim', key: KEY, holder, durationMs });

test('JL-25 extending a free lease is invalid to the store, not-held over HTTP, and the lease stays free', async () => {
  const { path, ...key } = freshLease();
  await expect(three.any().library.store.extendLease(key, { holder: 'a', durationMs: 1_000 })).rejects.toMatchObject({ code: 'invalid' });
  const refused = await three.call('POST', `${path}/extend`, { holder: 'a', durationMs: 1_000 });
  expect(refused.body).toMatchObject({ code: 'not-held', holder: null, fence: null });
  expect((await three.call('GET', path)).status).toBe(404);
});

test('JL-26 extending what another holds is invalid, and changes nothing', async () => {
  const { path, ...key } = freshLease();
  const held = await three.call('PUT', path, { holder: 'a', durationMs: 60_000 });
  await expect(three.any().library.store.extendLease(key, { holder: 'b', durationMs: 90_000 })).rejects.toMatchObject({
    code: 'invalid',
    facts: { holder: 'a', fence: held.body.fence },
  });
  expect((await three.call('POST', `${path}/extend`, { holder: 'b', durationMs: 90_000 })).body).toMatchObject({
    code: 'not-held',
    holder: 'a',
  });
  expect((await three.call('GET', path)).body).toMatchObject({ holder: 'a', durationMs: 60_000, fence: held.body.fence });
});

test('JL-27 an extension by the holder counts from lease time now', async () => {
  const { node, clock } = await memory();
  await node.store.claimLease(KEY, { holder: 'a', durationMs: 1_000 });
  await clock.advance(400);
  await node.store.extendLease(KEY, { holder: 'a', durationMs: 2_000 });
  expect(node.store.leases().get(KEY)?.expiryMs).toBe(clock.now() + 2_000);
  const { path } = freshLease();
  await three.call('PUT', path, { holder: 'a', durationMs: 1_000 });
  const extended = await three.call('POST', `${path}/extend`, { holder: 'a', durationMs: 20_000 });
  expect(extended.body).toMatchObject({ durationMs: 20_000, remainingMs: 20_000 });
});

test('JL-29 an extension keeps the fence and vacates nothing', async () => {
  const { path, ...key } = freshLease();
  const held = await three.call('PUT', path, { holder: 'a', durationMs: 60_000 });
  const watch = await three.watch(key);
  const waiting = three.any().call('GET', `${path}/expired?timeoutMs=800`);
  for (let round = 0; round < 5; round += 1) {
    const extended = await three.call('POST', `${path}/extend`, { holder: 'a', durationMs: 60_000 + round });
    expect(extended.body.fence).toBe(held.body.fence);
  }
  expect((await waiting).status).toBe(408);
  expect((await watch.end()).map(({ type }) => type).filter((type) => type !== 'extended')).toEqual([]);
});

describe('expiry', () => {
  test('JL-30 a lease that is not renewed goes: unlisted, not held, and the next tenure has a higher fence', async () => {
    const { path, ...key } = freshLease();
    const watch = await three.watch(key);
    const held = await three.call('PUT', path, { holder: 'a', durationMs: 300 });
    for (const node of three.nodes) await untilFree(node, key);
    expect((await three.call('GET', path)).body.code).toBe('lease-not-found');
    const listed = (await three.call('GET', '/v1/leases/demo/main')).body.leases ?? [];
    expect(listed.some(({ lease }) => lease === key.lease)).toBe(false);
    expect((await three.call('POST', `${path}/check`, { holder: 'a' })).body).toMatchObject({ code: 'not-held', holder: null });
    const next = await three.call('PUT', path, { holder: 'b', durationMs: 1_000 });
    expect(next.status).toBe(201);
    expect(next.body.fence).toBeGreaterThan(held.body.fence ?? Number.POSITIVE_INFINITY);
    const events = (await watch.end()).filter(({ fence }) => fence === held.body.fence);
    expect(events.map(({ type }) => type)).toEqual(['claimed', 'expired']);
  });

  test('JL-31 at exactly its deadline a lease is still held', async () => {
    const { node, clock } = await memory();
    const claimer = node.manager.claimer('demo', 'main');
    await claimer.claim('l', 'a', 1_000);
    await clock.advance(1_000);
    expect(node.store.leases().get(KEY)).toMatchObject({ holder: 'a', expiryMs: clock.now() });
    await expect(claimer.claim('l', 'b', 1_000)).rejects.toMatchObject({ code: 'claim-denied', facts: { remainingMs: 0 } });
    expect(await node.manager.checker('demo', 'main').token('l', 'a').check()).toMatchObject({ holder: 'a' });
  });

  test('JL-32 one millisecond before its deadline it is held, one after it it is gone', async () => {
    const { node, clock } = await memory();
    await node.store.claimLease(KEY, { holder: 'a', durationMs: 1_000 });
    await clock.advance(999);
    expect(node.store.leases().has(KEY)).toBe(true);
    await clock.advance(2);
    expect(node.store.leases().has(KEY)).toBe(false);
  });

  test('JL-34 an explicit expiry is always invalid, as leases expire by themselves', async () => {
    const { path, ...key } = freshLease();
    await three.call('PUT', path, { holder: 'a', durationMs: 60_000 });
    const { store } = three.any().library;
    expect(store.autoexpire()).toBe(true);
    for (const each of [key, { ...key, lease: 'unknown' }])
      await expect(store.expireLease(each)).rejects.toMatchObject({ code: 'invalid' });
    expect((await three.call('GET', path)).body.holder).toBe('a');
  });

  test('JL-36 a lease that was granted for longer ends by that, not by what was asked at first', async () => {
    const { node, clock } = await memory();
    const claimer = node.manager.claimer('demo', 'main');
    await claimer.claim('l', 'a', 60_000);
    await claimer.claim('l', 'a', 63_000);
    await clock.advance(60_500);
    expect(node.store.leases().has(KEY)).toBe(true);
    await clock.advance(2_490);
    expect(node.store.leases().has(KEY)).toBe(true);
    await clock.advance(20);
    expect(node.store.leases().has(KEY)).toBe(false);
  });

  test('JL-37 lapsed but not swept it is held by every account, and its holder may renew it until the sweep', () => {
    const { state, vacated, apply } = log();
    apply(0, claimed('a', 1_000));
    const seen = state.due(1_500, 10);
    expect(seen).toMatchObject([{ deadlineMs: 1_000 }]);
    expect(state.claim(KEY, 1_500)).toMatchObject({ holder: 'a', remainingMs: 0 });
    expect(apply(1_500, claimed('b', 1_000))).toMatchObject({ refusal: { code: 'claim-denied', holder: 'a' } });
    expect(apply(1_500, { kind: 'extend', key: KEY, holder: 'a', durationMs: 1_000, fence: null })).toMatchObject({
      claim: { remainingMs: 1_000 },
    });
    apply(1_600, { kind: 'expire', term: 1, items: seen });
    expect(state.claim(KEY, 1_600)?.holder).toBe('a');
    apply(2_501, { kind: 'expire', term: 1, items: state.due(2_501, 10) });
    expect(state.claim(KEY, 2_501)).toBeNull();
    expect(vacated).toHaveLength(1);
    expect(apply(2_501, claimed('b', 1_000))).toMatchObject({ kind: 'claim', created: true });
  });

  test('JL-39 of two expiries that saw the same deadline one has an effect, and lease time never goes back', () => {
    const { state, vacated, apply } = log();
    apply(0, claimed('a', 1_000));
    const items = state.due(1_500, 10);
    apply(1_500, { kind: 'expire', term: 1, items });
    apply(1_500, claimed('a', 1_000));
    const before = JSON.stringify(state.claim(KEY, 1_500));
    apply(1_400, { kind: 'expire', term: 1, items });
    expect(state.timeMs).toBe(1_500);
    expect(JSON.stringify(state.claim(KEY, 1_500))).toBe(before);
    expect(vacated).toHaveLength(1);
  });

  test('JL-40 an expiry behind an extension in the log does nothing, and nobody hears of it', () => {
    const { state, vacated, apply } = log();
    apply(0, claimed('a', 1_000));
    const items = state.due(1_001, 10);
    apply(1_001, { kind: 'extend', key: KEY, holder: 'a', durationMs: 5_000, fence: null });
    expect(apply(1_002, { kind: 'expire', term: 1, items })).toEqual({ kind: 'done' });
    expect(state.claim(KEY, 1_002)).toMatchObject({ holder: 'a', remainingMs: 4_999 });
    expect(vacated).toEqual([]);
  });

  test('JL-35 after a start of the whole cluster a lease whose time is over goes without any call', async () => {
    const { path, ...key } = freshLease();
    await three.call('PUT', path, { holder: 'a', durationMs: 1_500 });
    await three.stop();
    await sleep(2_000);
    await Promise.all(three.nodes.map((node) => node.start()));
    for (const node of three.nodes) await untilFree(node, key);
    await three.agreed();
    expect((await three.call('PUT', path, { holder: 'b', durationMs: 1_000 })).status).toBe(201);
  });
});
