// Juju core/lease: arguments (JL-16 to JL-24).
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockedTrapdoor, ManualClock, startMemoryNode } from '../../src/index.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import { LocalService } from '../api/local-service.ts';
import { endAll } from '../e2e/processes.ts';
import { freshLease, pathOf, Three } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

test('JL-16 a duration of 0 is refused and nothing is logged; the smallest one is granted', async () => {
  const { path } = freshLease();
  const before = await three.commitIndex();
  for (const node of three.nodes) {
    const answer = await node.call('PUT', path, { holder: 'a', durationMs: 0 });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid-argument']);
  }
  expect(await three.commitIndex()).toBe(before);
  expect((await three.call('PUT', path, { holder: 'a', durationMs: 1 })).status).toBe(201);
});

test('JL-17 a negative duration is refused by the call, by the store and by the log, and no lease appears', async () => {
  const { path, ...key } = freshLease();
  expect((await three.call('PUT', path, { holder: 'a', durationMs: -1 })).body.code).toBe('invalid-argument');
  for (const call of [
    () => three.any().library.manager.claimer('demo', 'main').claim(key.lease, 'a', -1),
    () => three.any().library.store.claimLease(key, { holder: 'a', durationMs: -1 }),
    () => three.any().library.store.extendLease(key, { holder: 'a', durationMs: -1 }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'invalid-argument' });
  }
  const vacated: unknown[] = [];
  const state = new StateMachine({ vacated: (...ended) => vacated.push(ended) });
  const refused = state.apply({ index: 1, term: 1, timeMs: 5 }, toTuple({ kind: 'claim', key, holder: 'a', durationMs: -1 }));
  expect(refused).toMatchObject({ kind: 'refused', refusal: { code: 'invalid-argument' } });
  expect(state.claim(key, 5)).toBeNull();
  expect(vacated).toEqual([]);
  expect((await three.call('GET', path)).status).toBe(404);
});

test('JL-18 durations keep their precision: sub-second ones, those of many years, and on a clock beyond 2038 that is odd', async () => {
  const clock = new ManualClock(4_102_444_800_000 + 0.000_005);
  const node = await startMemoryNode({ clock });
  const { store } = node;
  const key = (lease: string) => ({ namespace: 'demo', model: 'main', lease });
  const years = 200 * 365 * 24 * 3_600_000;
  await clock.advance(437.25);
  for (const [lease, durationMs] of [
    ['short', 1_500],
    ['long', years],
    ['longest', 2 ** 53 - 1],
  ] as const) {
    await store.claimLease(key(lease), { holder: 'a', durationMs });
  }
  const nowMs = clock.now();
  const expiryMs = (lease: string) => store.leases().get(key(lease))?.expiryMs ?? 0;
  // Lease time counts whole milliseconds, and rounds in favour of the holder.
  expect(expiryMs('short') - nowMs).toBeGreaterThanOrEqual(1_500);
  expect(expiryMs('short') - nowMs).toBeLessThan(1_502);
  expect(expiryMs('long') - nowMs - years).toBeGreaterThanOrEqual(-1);
  expect(expiryMs('long') - nowMs - years).toBeLessThan(2);
  expect(expiryMs('longest')).toBeGreaterThan(2 ** 52);
  await clock.advance(1_499);
  expect(store.leases().has(key('short'))).toBe(true);
  await clock.advance(4);
  expect(store.leases().has(key('short'))).toBe(false);
  expect(store.leases().size).toBe(2);
  await node.stop();
  const { path } = freshLease();
  expect((await three.call('PUT', path, { holder: 'a', durationMs: 2 ** 53 - 1 })).body).toMatchObject({ durationMs: 2 ** 53 - 1 });
});

test('JL-19 a lease name that is empty or has a sign, white space or a control character is refused, named, and leaves no trace', async () => {
  const before = await three.commitIndex();
  for (const lease of ['', '.', 'a.b', 'a$b', 'a#b', 'a b', 'a\tb', 'a\rb', 'a\nb', 'a\vb', 'a\u2003b', 'a\u00a0b', 'a\u0000b', '\ufeff']) {
    const answer = await three.call('PUT', pathOf('demo', 'main', lease), { holder: 'a', durationMs: 1_000 });
    expect([lease, answer.status, answer.body.code]).toEqual([lease, 400, 'invalid-argument']);
    expect(String(answer.body.detail)).toContain('lease');
    const claimed = three.any().library.manager.claimer('demo', 'main').claim(lease, 'a', 1_000);
    await expect(claimed).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('lease') });
  }
  expect(await three.commitIndex()).toBe(before);
});

test('JL-21 names with slashes, hyphens, digits, upper case and colons pass the general rule', async () => {
  for (const lease of ['redis/0', 'a-b', '42', 'UPPER', 'host:7801', 'é', '日本']) {
    const answer = await three.call('PUT', pathOf('demo', 'main', lease), { holder: lease, durationMs: 60_000 });
    expect([lease, answer.status]).toEqual([lease, 201]);
    expect(answer.body).toMatchObject({ lease, holder: lease });
  }
});

test('JL-22 an unknown namespace gets no broker, each namespace judges by its own rules, and the lease is judged first', async () => {
  const service = new LocalService();
  const only = (wanted: string) => ({
    checkLease: ({ lease }: { readonly lease: string }) => (lease === wanted ? null : `lease ${lease} must be ${wanted}`),
    checkHolder: (holder: string) => (holder === 'bad' ? 'holder bad must be better' : null),
    checkDuration: (durationMs: number) => (durationMs > 0 ? null : 'duration must be more'),
  });
  const secretaries = { one: only('x'), two: only('y') };
  const manager = new LeaseManager({
    service,
    clock: new ManualClock(),
    random: { below: () => 0 },
    secretaries,
    otherNamespaces: 'refuse',
  });
  for (const broker of ['claimer', 'checker', 'pinner', 'reader'] as const) {
    for (const namespace of ['three', '', 'a.b']) {
      expect(() => manager[broker](namespace, 'm')).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
    }
    expect(() => manager[broker]('one', '')).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  }
  expect(await manager.claimer('one', 'm').claim('x', 'a', 1_000)).toMatchObject({ lease: 'x' });
  await expect(manager.claimer('two', 'm').claim('x', 'a', 1_000)).rejects.toMatchObject({ code: 'invalid-argument' });
  await expect(manager.claimer('one', 'm').claim('z', 'bad', 0)).rejects.toThrow('lease z');
  await expect(manager.claimer('one', 'm').claim('x', 'bad', 0)).rejects.toThrow('holder bad');
  await expect(manager.claimer('one', 'm').claim('x', 'a', 0)).rejects.toThrow('duration');
  // Over HTTP every other namespace follows the general rule, but two have rules of their own.
  expect((await three.call('PUT', pathOf('application-leadership', 'm', 'UPPER'), { holder: 'a/0', durationMs: 1 })).status).toBe(400);
  expect((await three.call('PUT', pathOf('elsewhere', 'm', 'UPPER'), { holder: 'a/0', durationMs: 1 })).status).toBe(201);
});

test('JL-23 singular-controller takes the id of the controller or of the own model, by a machine tag', async () => {
  const model = 'deadbeef-0bad-400d-8000-4b1d0d06f00d';
  const put = (lease: string, holder: string) =>
    three.call('PUT', pathOf('singular-controller', model, lease), { holder, durationMs: 60_000 });
  expect((await put('some-name', 'machine-0')).body.code).toBe('invalid-argument');
  for (const holder of ['redis/0', 'machine', 'machine-01', 'unit-redis-0'])
    expect((await put(model, holder)).body.code).toBe('invalid-argument');
  expect((await put(model, 'machine-0')).status).toBe(201);
  const controller = 'cafebabe-0bad-400d-8000-4b1d0d06f00d';
  const { singularControllerSecretary } = await import('../../src/index.ts');
  const manager = new LeaseManager({
    service: new LocalService(),
    clock: new ManualClock(),
    random: { below: () => 0 },
    secretaries: { 'singular-controller': singularControllerSecretary(controller) },
  });
  const claimer = manager.claimer('singular-controller', model);
  for (const lease of [controller, model]) expect(await claimer.claim(lease, 'machine-1', 1_000)).toMatchObject({ lease });
  await expect(claimer.claim('0badcafe-0bad-400d-8000-4b1d0d06f00d', 'machine-1', 1_000)).rejects.toMatchObject({
    code: 'invalid-argument',
  });
});

test('JL-24 a token for bad names can be had, its check fails for the lease before the holder; a wait looks at the lease alone', async () => {
  const { manager } = three.any().library;
  const checker = manager.checker('demo', 'main');
  await expect(checker.token('a b', 'c d').check()).rejects.toThrow('lease "a b"');
  await expect(checker.token('ab', 'c d').check()).rejects.toThrow('holder "c d"');
  await expect(manager.claimer('demo', 'main').waitUntilExpired('a b')).rejects.toMatchObject({ code: 'invalid-argument' });
  expect((await three.call('GET', `${pathOf('demo', 'main', 'a b')}/expired`)).status).toBe(400);
  expect((await three.call('GET', `${freshLease().path}/expired`)).status).toBe(200);
  expect((await three.call('POST', `${pathOf('demo', 'main', 'ab')}/check`, { holder: 'c d' })).status).toBe(400);
  expect(() => lockedTrapdoor(0, null)).not.toThrow();
});
