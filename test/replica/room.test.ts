// Quotas: the leader refuses what grows before the log, and never what keeps, shortens or ends a lease.
import { afterEach, describe, expect, test } from 'vitest';
import type { RoomProbe } from '../../src/env.ts';
import type { BareCommand, Command, TxnOp } from '../../src/lease/commands.ts';
import type { RoomLimits } from '../../src/replica/room.ts';
import type { Failure, Settled } from '../../src/replica/service.ts';
import { VirtualCluster, type VirtualNode } from '../conformance/virtual-cluster.ts';

let cluster: VirtualCluster;

const start = async (room: Partial<RoomLimits>, probe?: (node: number) => RoomProbe): Promise<void> => {
  cluster = await VirtualCluster.start(probe === undefined ? { room } : { room, probe });
};
const submitted = (node: VirtualNode, command: Command): Promise<Settled> =>
  new Promise((resolve) => node.replica.submit(command, resolve));
/** The outcomes of commands that are submitted at once: `done`, or the refused resource or code. */
const run = async (node: VirtualNode, ...commands: Command[]): Promise<string[]> => {
  const all = await cluster.done(Promise.all(commands.map((command) => submitted(node, command))));
  return all.map(told);
};
function told(settled: Settled): string {
  if (settled.kind === 'failed') return settled.failure.code === 'no-room' ? settled.failure.noRoom.resource : settled.failure.code;
  return settled.outcome.kind === 'refused' ? settled.outcome.refusal.code : 'done';
}
const key = (lease: string, namespace = 'ns') => ({ namespace, model: 'm', lease });
const claim = (lease: string, holder = 'h', namespace = 'ns'): BareCommand => ({
  kind: 'claim',
  key: key(lease, namespace),
  holder,
  durationMs: 1_000_000,
});
const put = (name: string, value = ''): BareCommand => ({ kind: 'put', key: name, value, lease: null, assert: [], precondition: null });
const remove = (name: string): BareCommand => ({ kind: 'delete', key: name, assert: [], precondition: null });
const txn = (success: TxnOp[], failure: TxnOp[] = []): BareCommand => ({ kind: 'txn', assert: [], compare: [], success, failure });
const putOp = (name: string, value = ''): TxnOp => ({ kind: 'put', key: name, value, lease: null });
const names = (count: number, prefix = 'l'): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

afterEach(() => cluster.stop());

describe('beyond the quota of claims', () => {
  test('a new claim is definitely refused on every node, with resource, used, and limit; the log has nothing of it', async () => {
    await start({ maxClaims: 10, namespaceShare: 1 });
    const { leader } = cluster;
    await run(leader, ...names(10).map((name) => claim(name)));
    const { appliedIndex } = leader.replica;
    for (const node of cluster.nodes) {
      const settled = await cluster.done(submitted(node, claim('more')));
      expect(settled).toMatchObject({
        kind: 'failed',
        failure: { definite: true, code: 'no-room', noRoom: { resource: 'claims', used: 10, limit: 10 } },
      });
      expect((settled as { failure: Failure }).failure.detail).toContain('--max-claims');
    }
    expect(leader.replica.appliedIndex).toBe(appliedIndex);
  });

  test('a repeat under an idempotency key gets the outcome of its first attempt', async () => {
    await start({ maxKeys: 1, maxSessions: 1 });
    const { leader } = cluster;
    const commands: Command[] = [
      { kind: 'once', key: 'r1', command: put('k', 'v') },
      { kind: 'once', key: 'r2', command: { kind: 'grant', id: null, ttlMs: 1_000_000 } },
      { kind: 'once', key: 'r3', command: txn([putOp('k', 'w')]) },
    ];
    for (const command of commands) expect(await run(leader, command)).toEqual(['done']);
    expect(await run(leader, put('k2'), { kind: 'grant', id: null, ttlMs: 1_000_000 })).toEqual(['keys', 'sessions']);
    for (const node of cluster.nodes) expect(await run(node, ...commands)).toEqual(['done', 'done', 'done']);
    expect(leader.replica.state.key('k')?.value).toBe('w');
  });

  test('everything that keeps, shortens, or ends a lease is carried out', async () => {
    await start({ maxClaims: 2, maxKeys: 1, maxSessions: 1, maxStateBytes: 1, namespaceShare: 0.5 });
    const { leader, followers } = cluster;
    // One batch at most goes beyond a limit: here all of this is in the first.
    await run(leader, { kind: 'grant', id: '77', ttlMs: 1_000_000 });
    expect(await run(leader, claim('a'))).toEqual(['state']);
    await cluster.stop();
    await start({ maxClaims: 2, maxKeys: 1, maxSessions: 1, namespaceShare: 0.5 });
    const there = cluster.leader;
    await run(there, { kind: 'grant', id: '77', ttlMs: 1_000_000 }, claim('a'), claim('b', 'h', 'other'), put('k', 'v'));
    const refused = [
      claim('c'),
      claim('c', 'h', 'third'),
      { kind: 'claim-session', key: key('c'), holder: 'h', session: '77' },
      { kind: 'once', key: 'again', command: claim('d') },
      { ...claim('c'), waitMs: 500 },
      { kind: 'grant', id: null, ttlMs: 1_000 },
      put('k2'),
      txn([putOp('k3')]),
      txn([], [putOp('k4')]),
    ] as Command[];
    const admitted = [
      { kind: 'extend', key: key('a'), holder: 'h', durationMs: 2_000_000, fence: null },
      claim('a'),
      { kind: 'once', key: 'own', command: claim('a') },
      { kind: 'claim-session', key: key('a'), holder: 'h', session: '77' },
      { kind: 'renew', id: '77' },
      { kind: 'attach', id: '77', key: 'k' },
      { kind: 'detach', id: '77', key: 'k' },
      { kind: 'pin', key: key('a'), entity: 'e' },
      { kind: 'unpin', key: key('a'), entity: 'e' },
      { kind: 'leave', ticket: 1, giveBack: false },
      put('k', 'replaced'),
      txn([{ kind: 'delete', key: 'none' }]),
      remove('k'),
      { kind: 'release', key: key('b', 'other'), holder: 'h', fence: null },
      { kind: 'revoke', id: '77' },
    ] as Command[];
    for (const node of [followers[0] === there ? there : (cluster.followers[0] as VirtualNode), cluster.leader]) {
      expect(new Set(await run(node, ...refused))).toEqual(new Set(['claims', 'sessions', 'keys']));
    }
    // A claim that another holder has is denied by proof, not for room.
    expect(await run(cluster.leader, claim('a', 'other'))).toEqual(['claim-denied']);
    for (const command of admitted) expect([command.kind, ...(await run(cluster.followers[1], command))]).toEqual([command.kind, 'done']);
  });

  test('a refused command of a forwarded batch does not disturb the others', async () => {
    await start({ maxClaims: 3, namespaceShare: 1 });
    const [follower] = cluster.followers;
    await run(follower, ...names(3).map((name) => claim(name)));
    const mixed = [claim('l0'), claim('new'), put('k'), claim('l1'), claim('newer'), remove('k'), claim('l2', 'other')];
    expect(await run(follower, ...mixed)).toEqual(['done', 'claims', 'done', 'done', 'claims', 'done', 'claim-denied']);
  });

  test('claims succeed again at 90%, without a command, and the alarm clears', async () => {
    await start({ maxClaims: 20, namespaceShare: 1 });
    const { leader } = cluster;
    await run(leader, ...names(20).map((name) => claim(name)));
    const release = (name: string): Command => ({ kind: 'release', key: key(name), holder: 'h', fence: null });
    expect(await run(leader, claim('x'))).toEqual(['claims']);
    expect(leader.replica.alarms.active()).toEqual(['no-room']);
    await run(leader, release('l0'));
    expect(await run(leader, claim('x'))).toEqual(['claims']);
    await run(leader, release('l1'));
    expect(await run(leader, claim('x'))).toEqual(['done']);
    expect(leader.replica.alarms.active()).toEqual([]);
  });

  test('a quota is exceeded by no claim of a batch of many', async () => {
    await start({ maxClaims: 50, namespaceShare: 1 });
    const batches = cluster.nodes.flatMap((node) => names(100, `n${node.id}-`).map((name) => submitted(node, claim(name))));
    const all = (await cluster.done(Promise.all(batches))).map(told);
    expect(all.filter((end) => end === 'done')).toHaveLength(50);
    expect(cluster.leader.replica.state.occupancy.claims).toBe(50);
  });
});

test('each node reports once that 80% of a resource are in use, and again after it fell', async () => {
  const warned: string[] = [];
  cluster = await VirtualCluster.start({
    room: { maxClaims: 10, namespaceShare: 1 },
    onEvent: (node, event) => event.kind === 'room' && warned.push(`n${node} ${event.resource} ${event.used}/${event.limit}`),
  });
  const { leader } = cluster;
  const look = async (): Promise<string[]> => {
    await cluster.clock.advance(300);
    return warned.splice(0).sort();
  };
  await run(leader, ...names(7).map((name) => claim(name)));
  expect(await look()).toEqual([]);
  await run(leader, claim('l7'));
  expect(await look()).toEqual(['n1 claims 8/10', 'n2 claims 8/10', 'n3 claims 8/10']);
  await run(leader, claim('l8'));
  expect(await look()).toEqual([]);
  for (const name of ['l0', 'l1']) await run(leader, { kind: 'release', key: key(name), holder: 'h', fence: null });
  await look();
  await run(leader, claim('l0'));
  expect(await look()).toHaveLength(3);
});

test('one namespace cannot take all claims: another one can claim at all times', async () => {
  await start({ maxClaims: 40, namespaceShare: 0.5 });
  const [follower] = cluster.followers;
  const ends = await run(follower, ...names(30).map((name) => claim(name)));
  expect(ends.filter((end) => end === 'done')).toHaveLength(20);
  expect(new Set(ends)).toEqual(new Set(['done', 'namespace']));
  expect(await run(follower, claim('a', 'h', 'other'), claim('l0'))).toEqual(['done', 'done']);
});

test('beyond the encoded bytes a put that grows is refused, and one that does not is carried out', async () => {
  await start({ maxStateBytes: 2_000 });
  const { leader } = cluster;
  await run(leader, put('a', 'x'.repeat(900)), put('b', 'x'.repeat(1_000)));
  expect(await run(leader, put('c', 'x'.repeat(900)))).toEqual(['state']);
  expect(await run(leader, put('a', 'y'.repeat(900)), put('a', 'y'.repeat(901)), put('a', 'y'))).toEqual(['done', 'state', 'done']);
  expect(await run(leader, put('c', 'x'.repeat(200)))).toEqual(['done']);
});

describe('the machine', () => {
  test('a leader whose heap or disk is full refuses growth, and raises and clears its alarms', async () => {
    const machine = { heap: 0, free: 1_000 };
    const probe: RoomProbe = {
      heap: () => ({ usedBytes: machine.heap, limitBytes: 100 }),
      disk: () => ({ freeBytes: machine.free, totalBytes: 10_000 }),
    };
    await start({ diskReserveBytes: 500 }, () => probe);
    const { leader } = cluster;
    await run(leader, claim('a'), put('k', 'v'));
    const check = async (resource: string, alarms: string[]): Promise<void> => {
      await cluster.clock.advance(1_000);
      const own: Command = { ...(claim('a') as Extract<BareCommand, { kind: 'claim' }>), waitMs: 500 };
      expect(await run(leader, claim('b'), put('k', 'v'), claim('a'), own, remove('none'))).toEqual([
        resource,
        resource,
        'done',
        'done',
        'key-not-found',
      ]);
      expect(leader.replica.alarms.active()).toEqual(alarms);
    };
    await check('done', []);
    await run(leader, { kind: 'release', key: key('b'), holder: 'h', fence: null });
    machine.heap = 85;
    await check('heap', ['memory']);
    machine.heap = 80;
    await check('heap', ['memory']);
    machine.heap = 76;
    await check('done', []);
    await run(leader, { kind: 'release', key: key('b'), holder: 'h', fence: null });
    machine.free = 499;
    await check('disk', ['disk-low']);
    machine.free = 551;
    await check('done', []);
  });

  test('growth is refused while the disks of a majority are low, though the leader’s own is not', async () => {
    const free = new Map([
      [1, 1_000],
      [2, 1_000],
      [3, 1_000],
    ]);
    await start({ diskReserveBytes: 500 }, (node) => ({
      heap: () => null,
      disk: () => ({ freeBytes: free.get(node) ?? 0, totalBytes: 10_000 }),
    }));
    const { leader, followers } = cluster;
    const ends = async (): Promise<string[]> => {
      await cluster.clock.advance(2_000);
      return run(leader, put('k', 'v'));
    };
    free.set(followers[0].id, 100);
    expect(await ends()).toEqual(['done']);
    free.set(followers[1].id, 100);
    expect(await ends()).toEqual(['disks']);
    expect(followers[0].replica.alarms.active()).toEqual(['disk-low']);
    free.set(followers[0].id, 1_000);
    expect(await ends()).toEqual(['done']);
  });
});
