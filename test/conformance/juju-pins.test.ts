// Juju core/lease: pins (JL-58 to JL-65).
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManualClock } from '../../src/index.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import { LocalService } from '../api/local-service.ts';
import { endAll } from '../e2e/processes.ts';
import { freshLease, pathOf, Three, untilFree } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const claim = (path: string, holder: string, durationMs = 60_000) => three.call('PUT', path, { holder, durationMs });
const pin = (path: string, entity: string) => three.call('PUT', `${path}/pins/${encodeURIComponent(entity)}`);
const unpin = (path: string, entity: string) => three.call('DELETE', `${path}/pins/${encodeURIComponent(entity)}`);
/** Waits for the end of a lease at most that long. */
const endsWithin = async (path: string, timeoutMs: number) =>
  (await three.call('GET', `${path}/expired?timeoutMs=${timeoutMs}`)).status === 200;

test('JL-58 a pinned lease outlives its deadline', async () => {
  const { path, ...key } = freshLease();
  const watch = await three.watch(key);
  expect((await pin(path, 'e')).status).toBe(204);
  const held = await claim(path, 'a', 200);
  expect(await endsWithin(path, 800)).toBe(false);
  for (const node of three.nodes) {
    expect((await node.call('GET', path)).body).toMatchObject({ holder: 'a', fence: held.body.fence, remainingMs: null, pinnedBy: ['e'] });
  }
  expect((await watch.end()).map(({ type }) => type)).toEqual(['pinned', 'claimed']);
});

test('JL-59 once unpinned it goes by itself, unless its holder renewed it before', async () => {
  const renewed = freshLease();
  const lapsed = freshLease();
  for (const { path } of [renewed, lapsed]) {
    await pin(path, 'e');
    await claim(path, 'a', 200);
  }
  expect(await endsWithin(lapsed.path, 600)).toBe(false);
  await claim(renewed.path, 'a', 60_000);
  const watch = await three.watch({ namespace: 'demo', model: 'main', lease: lapsed.lease });
  for (const { path } of [renewed, lapsed]) expect((await unpin(path, 'e')).status).toBe(204);
  expect(await endsWithin(lapsed.path, 20_000)).toBe(true);
  const shown = await three.call('GET', renewed.path);
  expect(shown.body).toMatchObject({ holder: 'a', pinnedBy: [] });
  expect(shown.body.remainingMs).toBeGreaterThan(30_000);
  expect((await watch.end()).map(({ type }) => type)).toEqual(['unpinned', 'expired']);
});

test('JL-60 pinned by two it stays until the second has unpinned it', async () => {
  const { path, ...key } = freshLease();
  for (const entity of ['e1', 'e2', 'e1']) await pin(path, entity);
  await claim(path, 'a', 100);
  await unpin(path, 'e1');
  expect(await endsWithin(path, 600)).toBe(false);
  expect((await three.call('GET', path)).body.pinnedBy).toEqual(['e2']);
  await unpin(path, 'e2');
  for (const node of three.nodes) await untilFree(node, key);
});

test('JL-62 a pin on a free lease leaves it free, and binds whoever claims it', async () => {
  const { path, ...key } = freshLease();
  await pin(path, 'e');
  expect((await three.call('GET', path)).status).toBe(404);
  expect(await endsWithin(path, 0)).toBe(true);
  expect((await claim(path, 'a', 100)).status).toBe(201);
  expect(await endsWithin(path, 600)).toBe(false);
  await unpin(path, 'e');
  for (const node of three.nodes) await untilFree(node, key);
});

test('JL-64 the list of pins has every pinned name with its entities in order, those on free leases too, and no other model', async () => {
  const model = `model-${freshLease().lease}`;
  const at = (lease: string, of = model) => pathOf('demo', of, lease);
  await claim(at('held'), 'a');
  for (const [lease, entity] of [
    ['held', 'z'],
    ['held', 'a'],
    ['free', 'e'],
    ['gone', 'e'],
  ] as const)
    await pin(at(lease), entity);
  await pin(at('held', 'elsewhere'), 'e');
  await unpin(at('gone'), 'e');
  await unpin(at('never'), 'nobody');
  for (const node of three.nodes) {
    const { pins } = (await node.call('GET', `/v1/pins/demo/${model}`)).body;
    expect(pins?.map(({ lease, entities }) => [lease, entities])).toEqual([
      ['free', ['e']],
      ['held', ['a', 'z']],
    ]);
    expect([...(await node.library.manager.pinner('demo', model).pinned())]).toEqual([
      ['free', ['e']],
      ['held', ['a', 'z']],
    ]);
  }
  await unpin(at('free'), 'e');
  expect((await three.call('GET', `/v1/pins/demo/${model}`)).body.pins?.map(({ lease }) => lease)).toEqual(['held']);
});

test('JL-65 a pin without an entity is a bad argument; a failure below is told to its caller alone, and checks go on meanwhile', async () => {
  const { path, lease } = freshLease();
  expect((await three.call('PUT', `${path}/pins/${encodeURIComponent(' ')}`)).status).toBe(400);
  expect((await three.call('PUT', `${path}/pins/`)).status).toBeGreaterThanOrEqual(400);
  const pinner = three.any().library.manager.pinner('demo', 'main');
  for (const entity of ['', ' ']) await expect(pinner.pin(lease, entity)).rejects.toMatchObject({ code: 'invalid-argument' });
  expect((await three.call('GET', '/v1/pins/demo/main')).body.pins?.some((each) => each.lease === lease)).toBe(false);

  const service = new LocalService();
  const manager = new LeaseManager({ service, clock: new ManualClock(), random: { below: () => 0 } });
  await manager.claimer('demo', 'main').claim('l', 'a', 1_000);
  service.held = true;
  const slow = manager.pinner('demo', 'main').pin('l', 'e');
  expect(await manager.checker('demo', 'main').token('l', 'a').check()).toMatchObject({ holder: 'a' });
  service.failure = { definite: false, code: 'outcome-unknown', detail: 'lost' };
  await expect(manager.pinner('demo', 'main').pin('l', 'f')).rejects.toMatchObject({ code: 'timeout', definite: false });
  service.failure = null;
  service.release();
  await slow;
  expect([...(await manager.pinner('demo', 'main').pinned())]).toEqual([['l', ['e']]]);
});
