// Juju core/lease: scope, state and lifetime (JL-66 to JL-70).
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../src/index.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import { LocalService } from '../api/local-service.ts';
import { endAll } from '../e2e/processes.ts';
import { freshLease, pathOf, Three } from './three.ts';
import { VirtualCluster } from './virtual-cluster.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const SCOPES = [
  ['one', 'm1'],
  ['one', 'm2'],
  ['two', 'm1'],
] as const;

test('JL-66 the same name in another namespace or model is another lease, for claims, checks, waits and pins', async () => {
  const { lease } = freshLease();
  const paths = SCOPES.map(([namespace, model]) => pathOf(namespace, model, lease));
  for (const [at, path] of paths.entries())
    expect((await three.call('PUT', path, { holder: `h${at}`, durationMs: 60_000 })).status).toBe(201);
  for (const [at, path] of paths.entries()) {
    expect((await three.call('POST', `${path}/check`, { holder: `h${at}` })).status).toBe(200);
    expect((await three.call('POST', `${path}/check`, { holder: `h${at + 1}` })).status).toBe(409);
  }
  await three.call('PUT', `${paths[0]}/pins/e`);
  expect((await three.call('GET', paths[1] as string)).body.pinnedBy).toEqual([]);
  await three.call('DELETE', `${paths[2]}?holder=h2`);
  expect((await three.call('GET', `${paths[2]}/expired?timeoutMs=0`)).status).toBe(200);
  expect((await three.call('GET', `${paths[0]}/expired?timeoutMs=0`)).status).toBe(408);
  for (const [at, [namespace, model]] of SCOPES.slice(0, 2).entries()) {
    expect([...(await three.any().library.manager.reader(namespace, model).leases())]).toEqual([[lease, `h${at}`]]);
  }
});

test('JL-68 leases, pins, time and fences are the same after a restore, which replaces what was there', () => {
  const source = new StateMachine({ vacated: () => {} });
  let index = 0;
  const apply = (state: StateMachine, timeMs: number, command: Command) =>
    state.apply({ index: ++index, term: 1, timeMs }, toTuple(command));
  const key = (lease: string) => ({ namespace: 'demo', model: 'main', lease });
  apply(source, 10, { kind: 'claim', key: key('a'), holder: 'h', durationMs: 5_000 });
  apply(source, 20, { kind: 'grant', id: '7', ttlMs: 9_000 });
  apply(source, 30, { kind: 'claim-session', key: key('s'), holder: 'h', session: '7' });
  apply(source, 40, { kind: 'pin', key: key('free'), entity: 'e2' });
  apply(source, 40, { kind: 'pin', key: key('free'), entity: 'e1' });
  apply(source, 1_000, { kind: 'put', key: 'k', value: 'v', lease: '7', assert: [], precondition: null });
  const saved = [...source.dump()];
  const restored = new StateMachine({ vacated: () => {} });
  for (const [name, content] of saved) restored.restore(name, content, 1);
  restored.finishRestore(source.appliedIndex);
  expect([...restored.dump()]).toEqual(saved);
  expect(restored.timeMs).toBe(source.timeMs);
  expect(restored.claims(null, null, 10, 1_000)).toEqual(source.claims(null, null, 10, 1_000));
  expect(restored.pins(null)).toEqual([{ ...key('free'), entities: ['e1', 'e2'] }]);
  expect(restored.claim(key('a'), 1_000)).toMatchObject({ fence: 1, remainingMs: 4_010 });
});

test('JL-69 an entry that is not understood changes nothing anywhere, and what follows is applied; an image of another version is refused', () => {
  const good: Command = { kind: 'claim', key: { namespace: 'demo', model: 'main', lease: 'l' }, holder: 'a', durationMs: 1_000 };
  const tuple = toTuple(good) as unknown[];
  const strange: readonly unknown[] = [
    null,
    7,
    'claim',
    [],
    {},
    ['no such kind', 1],
    [99, 'x'],
    tuple.slice(0, -1),
    [...tuple, 'surplus'],
    [...tuple.slice(0, -1), -1],
  ];
  const replicas = [0, 1, 2].map(() => new StateMachine({ vacated: () => {} }));
  for (const state of replicas) {
    for (const [at, command] of strange.entries()) {
      const before = JSON.stringify([...state.dump()]);
      const outcome = state.apply({ index: at + 1, term: 1, timeMs: 500 }, command);
      expect(outcome).toMatchObject({ kind: 'refused', refusal: { code: 'invalid-argument' } });
      expect(JSON.stringify([...state.dump()])).toBe(before);
    }
    expect(state.apply({ index: strange.length + 1, term: 1, timeMs: 500 }, tuple)).toMatchObject({ kind: 'claim', created: true });
  }
  const [first, ...others] = replicas.map((state) => JSON.stringify([...state.dump()]));
  for (const other of others) expect(other).toBe(first);
  const running = replicas[0] as StateMachine;
  const records = [...running.dump()];
  const standing = new Map(records).get('m');
  const fresh = new StateMachine({ vacated: () => {} });
  const [version, ...rest] = standing as unknown[];
  expect(() => fresh.restore('m', [Number(version) + 1_000, ...rest], 1)).toThrowError(expect.objectContaining({ code: 'bad-image' }));
  const torn = new StateMachine({ vacated: () => {} });
  for (const [name, content] of records) if (name !== 'm') torn.restore(name, content, 1);
  expect(() => torn.finishRestore(running.appliedIndex)).toThrowError(expect.objectContaining({ code: 'bad-image' }));
  expect(JSON.stringify([...running.dump()])).toBe(first);
});

test('JL-70 a stop ends the claims in flight within a bound, later calls fail at once, and a service with missing parts cannot be made', async () => {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  const [follower, other] = cluster.followers;
  cluster.cut(other);
  cluster.cut(cluster.leader);
  const claimer = follower.library.manager.claimer('demo', 'main');
  const inFlight = claimer.claim('l', 'a', 1_000);
  inFlight.catch(() => {});
  await cluster.clock.advance(100);
  follower.library.manager.stop();
  let stopped = false;
  follower.replica.stop(() => {
    stopped = true;
  });
  await cluster.until(() => stopped, 10_000);
  expect(await cluster.settled(inFlight)).toMatchObject({ error: { code: 'stopping' } });
  await expect(claimer.claim('l', 'a', 1_000)).rejects.toMatchObject({ code: 'stopping' });
  expect(() => follower.library.manager.reader('demo', 'main')).toThrowError(expect.objectContaining({ code: 'stopping' }));

  const parts = { service: new LocalService(), clock: new ManualClock(), random: { below: () => 0 } };
  for (const missing of ['service', 'clock', 'random'] as const) {
    expect(() => new LeaseManager({ ...parts, [missing]: undefined } as never)).toThrowError(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  }
  for (const retry of [{ attempts: 0 }, { firstPauseMs: 0 }, { firstPauseMs: -1 }, { growth: 0.5 }]) {
    expect(() => new LeaseManager({ ...parts, retry })).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  }
});
