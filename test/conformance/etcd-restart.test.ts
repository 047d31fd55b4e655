// etcd lease: restarts and recovery (EL-06, EL-48, EL-57 to EL-64), with nodes that stop in order, are killed, or come back from far behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type LeaseRecord, Lessor, ManualClock } from '../../src/index.ts';
import { TestCluster, type TestNode } from '../e2e/cluster.ts';
import { endAll, until } from '../e2e/processes.ts';
import { freshNumber, Three, type ThreeNode } from './three.ts';

const LEASES = '/v1/lessor/leases';
const freshId = () => String(10_000_000 + freshNumber());
const freshKey = () => `key-${freshNumber()}`;

afterAll(endAll);

describe('nodes that stop in order', () => {
  let three: Three;
  beforeAll(async () => {
    three = await Three.start();
  });
  afterAll(() => three.stop());

  const put = (key: string, lease?: string) =>
    three.call('PUT', `/v1/kv/${key}`, { value: 'v', ...(lease === undefined ? {} : { lease }) });
  const restart = async (nodes: readonly ThreeNode[] = three.nodes) => {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all(nodes.map((node) => node.start()));
    await three.agreed();
  };

  test('EL-06 the least and the greatest id are ids like others, through a restart and on every node; negative ones are no ids here', async () => {
    for (const id of ['1', '9223372036854775807']) {
      const key = freshKey();
      expect((await three.call('POST', LEASES, { id, ttlMs: 600_000 })).status).toBe(201);
      expect((await put(key, id)).status).toBe(200);
      await restart([three.nodes[1] as ThreeNode]);
      expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
      const revisions = new Set<unknown>();
      for (const node of three.nodes) {
        expect((await node.call('GET', `/v1/kv/${key}`)).status).toBe(404);
        revisions.add((await node.call('GET', '/v1/kv?limit=1')).body.revision);
      }
      expect(revisions.size).toBe(1);
    }
    for (const id of ['-1', '-9223372036854775808', '9223372036854775808', 7]) {
      expect((await three.call('POST', LEASES, { id, ttlMs: 1_000 })).body.code).toBe('invalid-argument');
    }
    const lessor = new Lessor({ clock: new ManualClock() });
    for (const id of [-1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      lessor.grant(id, 1_000);
      lessor.attach(id, ['k']);
      lessor.revoke(id);
      expect(lessor.lookup(id)).toBeNull();
    }
  });

  test('EL-57, EL-58, EL-59 after a restart of all a revoke deletes attached keys, a revoked lease stays gone, a detached key stays', async () => {
    const [kept, revoked, detached] = [freshId(), freshId(), freshId()];
    const [keptKey, revokedKey, detachedKey] = [freshKey(), freshKey(), freshKey()];
    for (const [id, key] of [
      [kept, keptKey],
      [revoked, revokedKey],
      [detached, detachedKey],
    ] as const) {
      await three.call('POST', LEASES, { id, ttlMs: 600_000 });
      await put(key, id);
    }
    await three.call('DELETE', `${LEASES}/${revoked}`);
    await three.call('DELETE', `${LEASES}/${detached}/keys/${detachedKey}`);
    await restart();
    const exists = async (key: string) => (await three.call('GET', `/v1/kv/${key}`)).status === 200;
    expect(await exists(revokedKey)).toBe(false);
    expect((await three.call('GET', `${LEASES}/${revoked}`)).status).toBe(404);
    expect(await exists(keptKey)).toBe(true);
    for (const id of [kept, detached]) expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
    expect([await exists(keptKey), await exists(detachedKey)]).toEqual([false, true]);
  });

  test('EL-62 a follower that missed 30 000 entries gets the state instead, and has the same leases and keys as the others', async () => {
    const [late] = await three.followers();
    await late.stop();
    const { lessor, kv } = three.any().library;
    const first = 20_000_000n;
    for (let at = 0; at < 20_000; at += 2_000) {
      await Promise.all(Array.from({ length: 2_000 }, (_, offset) => lessor.grant(first + BigInt(at + offset), 3_600_000)));
    }
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => kv.put(`late/${at}`, 'v', { lease: first + BigInt(10_000 + at) })));
    for (let at = 0; at < 10_000; at += 2_000) {
      await Promise.all(Array.from({ length: 2_000 }, (_, offset) => lessor.revoke(first + BigInt(at + offset))));
    }
    // The others cut their logs behind the state that they save, which takes them a while: until then the log alone would do.
    for (let round = 0; ; round++) {
      await sleep(1_000 * (round + 1));
      await late.start();
      await until(
        async () =>
          await late.library.kv.get('late/0').then(
            () => true,
            () => false,
          ),
        'the late node to have caught up',
      );
      if (late.lines.some((line) => line.includes('took over the state'))) break;
      if (round === 4) throw new Error('the late node never needed the state');
      await late.stop();
      for (let at = 0; at < 25_000; at += 2_500) {
        await Promise.all(Array.from({ length: 2_500 }, (_, offset) => kv.put(`more/${at + offset}`, String(round))));
      }
    }
    const ours = await late.library.lessor.leases();
    expect(ours.filter(({ id }) => id >= first)).toHaveLength(10_000);
    const text = (leases: readonly { readonly id: bigint; readonly keyCount: number; readonly attachedIndex: number }[]) =>
      leases.map(({ id, keyCount, attachedIndex }) => `${id} ${keyCount} ${attachedIndex}`).sort();
    const keys = async ({ kv }: typeof late.library) => (await kv.list('late/')).map(({ key, lease }) => `${key} ${lease}`);
    const lateKeys = await keys(late.library);
    expect(lateKeys).toHaveLength(1_000);
    for (const node of three.nodes) {
      expect(text(await node.library.lessor.leases())).toEqual(text(ours));
      expect(await keys(node.library)).toEqual(lateKeys);
    }
    await late.library.lessor.revoke(first + 10_000n);
    for (const node of three.nodes) expect(await node.library.kv.get('late/0')).toBeNull();
  });
});

test('EL-64 a saved rest is where the next promotion starts; a renewal clears it; it survives a restart', async () => {
  const records = new Map<bigint, LeaseRecord>();
  const backend = {
    load: () => records.values(),
    save: (record: LeaseRecord) => records.set(record.id, record),
    delete: (id: bigint) => records.delete(id),
  };
  const clock = new ManualClock();
  const first = new Lessor({ clock, backend });
  first.promote(0);
  first.grant(1n, 10_000);
  await clock.advance(2_000);
  first.checkpoint(1n, 5_000);
  expect(first.lookup(1n)?.remainingMs).toBe(8_000);
  first.stop();
  const second = new Lessor({ clock, backend });
  second.promote(0);
  await clock.advance(500);
  expect(second.lookup(1n)?.remainingMs).toBe(4_500);
  expect(await second.renew(1n)).toBe(10_000);
  expect(second.lookup(1n)?.remainingMs).toBe(10_000);
  second.demote();
  second.promote(0);
  expect(second.lookup(1n)?.remainingMs).toBe(10_000);
  expect(records.get(1n)).toMatchObject({ remainingMs: null });
  second.stop();
});

describe('processes that are killed', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterEach(async () => {
    for (const node of cluster.nodes) if (node.process.hasEnded) node.restart();
    await cluster.agreed();
  });

  test('EL-48 a lease outlives its old deadline when its leader is killed, and goes by itself under the next', async () => {
    const leader = await cluster.agreed();
    const [follower] = (await cluster.followers()) as [TestNode];
    const id = freshId();
    const granted = await follower.request('POST', LEASES, { id, ttlMs: 3_000 });
    expect(granted.status).toBe(201);
    const grantedMs = performance.now();
    await sleep(2_000);
    await leader.end('SIGKILL');
    await until(async () => {
      const { status } = await follower.request('GET', `${LEASES}/${id}`);
      if (status !== 404) return false;
      expect(performance.now() - grantedMs).toBeGreaterThanOrEqual(3_000);
      return true;
    }, 'the lease to go');
    expect(performance.now() - grantedMs).toBeLessThan(30_000);
  });

  test('EL-61 killed at any point of a revoke, all nodes come back with the lease and all of its keys, or with none', async () => {
    for (let round = 0; round < 4; round += 1) {
      const leader = await cluster.agreed();
      const id = freshId();
      const prefix = `${freshKey()}-`;
      await leader.request('POST', LEASES, { id, ttlMs: 3_600_000 });
      const success = Array.from({ length: 300 }, (_, at) => ({ put: { key: `${prefix}${at}`, value: 'v', lease: id } }));
      expect((await leader.request('POST', '/v1/txn', { success })).status).toBe(200);
      const revoked = leader.request('DELETE', `${LEASES}/${id}`).catch(() => null);
      await sleep(round * 4);
      await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
      await revoked;
      for (const node of cluster.nodes) node.restart();
      await cluster.agreed();
      const seen = await Promise.all(
        cluster.nodes.map(async (node) => {
          const lease = (await node.request('GET', `${LEASES}/${id}`)).status;
          const { keys } = (await node.request('GET', `/v1/kv?prefix=${prefix}`)).body as { readonly keys: readonly unknown[] };
          return `${lease} ${keys.length}`;
        }),
      );
      expect(['200 300', '404 0']).toContain(seen[0]);
      expect(new Set(seen).size).toBe(1);
    }
  });
});
