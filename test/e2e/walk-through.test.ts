// A first hour with Leasehold: claims, a refusal, pins, a wait in a second terminal, gated writes, and the death of the leader.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leasePath, TestCluster, type TestNode } from './cluster.ts';
import { endAll, until } from './processes.ts';

let cluster: TestCluster;
let leader: TestNode;
let followers: TestNode[];

beforeAll(async () => {
  cluster = await TestCluster.start();
  leader = await cluster.agreed();
  followers = await cluster.followers();
});
afterAll(endAll);

const one = () => followers[0] ?? leader;
const other = () => followers[1] ?? leader;

describe('claims', () => {
  test('a claim may be made on a follower, and is the same on every node', async () => {
    const claimed = await one().request('PUT', leasePath('leader'), { holder: 'alice', durationMs: 60_000 });
    expect(claimed.status).toBe(201);
    expect(claimed.body).toMatchObject({
      namespace: 'demo',
      model: 'main',
      lease: 'leader',
      holder: 'alice',
      durationMs: 60_000,
      session: null,
      pinnedBy: [],
    });
    expect(claimed.headers.get('etag')).toBe(`"${claimed.body.fence}"`);
    expect(claimed.headers.get('location')).toContain('/v1/leases/demo/main/leader');
    expect(claimed.headers.get('leasehold-leader')).toBe(leader.id);
    for (const node of cluster.nodes) {
      const shown = await node.request('GET', leasePath('leader'));
      expect(shown.body).toMatchObject({ holder: 'alice', fence: claimed.body.fence });
      expect(shown.headers.get('leasehold-node')).toBe(node.id);
    }
  });

  test('another holder is denied, with who holds it and for how long', async () => {
    const denied = await other().request('PUT', leasePath('leader'), { holder: 'bob', durationMs: 1_000 });
    expect(denied.status).toBe(409);
    expect(denied.body).toMatchObject({ code: 'claim-denied', holder: 'alice' });
    expect(denied.body.remainingMs).toBeGreaterThan(0);
    const { code, err } = await cluster.cli('claim', 'demo/main/leader', '--holder', 'bob', '--duration', '1s').ended;
    expect(code).toBe(1);
    expect(err).toContain('alice holds it');
  });

  test('its holder extends it and keeps the fence', async () => {
    const before = await leader.request('GET', leasePath('leader'));
    const extended = await one().request('POST', `${leasePath('leader')}/extend`, { holder: 'alice', durationMs: 120_000 });
    expect(extended.status).toBe(200);
    expect(extended.body.fence).toBe(before.body.fence);
    expect(extended.body.remainingMs).toBeGreaterThan(60_000);
  });

  test('a released one goes to the next, with a greater fence', async () => {
    const before = await leader.request('GET', leasePath('leader'));
    expect((await other().request('DELETE', `${leasePath('leader')}?holder=alice`)).status).toBe(204);
    const { code, out } = await cluster.cli('claim', 'demo/main/leader', '--holder', 'bob', '--duration', '60s', '--json').ended;
    expect(code).toBe(0);
    expect((JSON.parse(out) as { fence: number }).fence).toBeGreaterThan(before.body.fence as number);
    const listed = await cluster.cli('list', 'demo/main').ended;
    expect(listed.out).toMatch(/demo\/main\/leader +bob/);
  });

  test('a pinned one outlives its duration, and ends once it is unpinned', async () => {
    // The pin first: it needs no holder, and starting a process may take longer than the lease lasts.
    expect((await cluster.cli('pin', 'demo/main/pinned', 'machine/0').ended).code).toBe(0);
    // Pinned before it is claimed, which is allowed, so that a slow machine cannot let it lapse in between.
    expect((await cluster.cli('pin', 'demo/main/pinned', 'machine/0').ended).code).toBe(0);
    expect((await leader.request('PUT', leasePath('pinned'), { holder: 'alice', durationMs: 1_000 })).status).toBe(201);
    expect((await cluster.cli('pins').ended).out).toMatch(/demo\/main\/pinned +machine\/0/);
    const waited = await one().request('GET', `${leasePath('pinned')}/expired?timeoutMs=2000`);
    expect(waited.status).toBe(408);
    expect((await leader.request('GET', leasePath('pinned'))).body).toMatchObject({
      holder: 'alice',
      remainingMs: null,
      pinnedBy: ['machine/0'],
    });
    expect((await cluster.cli('unpin', 'demo/main/pinned', 'machine/0').ended).code).toBe(0);
    expect((await other().request('GET', `${leasePath('pinned')}/expired?timeoutMs=15000`)).body).toMatchObject({ expired: true });
  });

  test('a wait in a second terminal ends when the lease is free, not before', async () => {
    for (const lease of ['awaited', 'queued']) await leader.request('PUT', leasePath(lease), { holder: 'alice', durationMs: 60_000 });
    const waiter = cluster.cli('wait', 'demo/main/awaited', '--timeout', '30s');
    const queued = cluster.cli('claim', 'demo/main/queued', '--holder', 'carol', '--duration', '60s', '--wait', '30s');
    expect(await Promise.race([waiter.ended, queued.ended, new Promise((resolve) => setTimeout(resolve, 1_000, 'waiting'))])).toBe(
      'waiting',
    );
    for (const lease of ['awaited', 'queued']) await other().request('DELETE', `${leasePath(lease)}?holder=alice`);
    expect(await waiter.ended).toMatchObject({ code: 0, out: 'demo/main/awaited is free\n' });
    expect((await queued.ended).out).toContain('demo/main/queued claimed by carol');
  });
});

describe('gated writes', () => {
  test('the holder of now may write, the holder of before may not, whatever it believes', async () => {
    const alice = await leader.request('PUT', leasePath('writer'), { holder: 'alice', durationMs: 2_000 });
    const gate = (holder: string, fence: unknown) => ({ 'lease-if': `demo/main/writer;holder=${holder};fence=${String(fence)}` });
    const written = await one().request('PUT', '/v1/kv/report', { value: 'by alice' }, gate('alice', alice.body.fence));
    expect(written.status).toBe(200);

    const bob = await other().request('PUT', leasePath('writer'), { holder: 'bob', durationMs: 60_000, waitMs: 20_000 });
    expect(bob.status).toBe(201);
    expect(bob.body.fence).toBeGreaterThan(alice.body.fence as number);
    const late = await one().request('PUT', '/v1/kv/report', { value: 'by alice, too late' }, gate('alice', alice.body.fence));
    expect(late.status).toBe(412);
    expect(late.body).toMatchObject({ code: 'assertion-failed', holder: 'bob', fence: bob.body.fence });
    expect((await other().request('PUT', '/v1/kv/report', { value: 'by bob' }, gate('bob', bob.body.fence))).status).toBe(200);
    expect((await leader.request('GET', '/v1/kv/report')).body).toMatchObject({ value: 'by bob' });
  });
});

describe('the death of the leader', () => {
  test('claims stay held with what remains of them, the next claim is granted by the new leader, and the node comes back', async () => {
    const claimed = await leader.request('PUT', leasePath('carried'), { holder: 'alice', durationMs: 60_000 });
    const claimedAt = performance.now();
    await sleep(3_000);
    await leader.end('SIGKILL');
    const rest = cluster.nodes.filter((node) => node !== leader);
    const successor = await cluster.agreed(rest);
    expect(successor.id).not.toBe(leader.id);
    expect(rest.map((node) => node.process.out).join('')).toMatch(new RegExp(`${successor.id} leads term \\d+`));

    for (const node of rest) {
      const shown = await node.request('GET', leasePath('carried'));
      expect(shown.body).toMatchObject({ holder: 'alice', fence: claimed.body.fence });
      const remainingMs = shown.body.remainingMs as number;
      const passedMs = performance.now() - claimedAt;
      // Never less than was promised, and not reset: only the time without a leader and the promotion's extension come on top.
      expect(remainingMs).toBeGreaterThanOrEqual(60_000 - passedMs - 50);
      expect(remainingMs).toBeLessThan(58_500);
    }
    expect((await rest[0]?.request('PUT', leasePath('carried'), { holder: 'bob', durationMs: 1_000 }))?.status).toBe(409);
    const next = await rest[1]?.request('PUT', leasePath('next'), { holder: 'bob', durationMs: 60_000 });
    expect(next?.status).toBe(201);
    expect(next?.headers.get('leasehold-leader')).toBe(successor.id);

    leader.restart();
    await cluster.agreed();
    await until(
      async () => (await leader.request('GET', `${leasePath('next')}?consistency=stale`)).status === 200,
      'the node that came back to have caught up',
    );
    const status = await cluster.cli('status').ended;
    expect(status.code).toBe(0);
    expect(status.out).toMatch(/^n[123] leads term \d+/);
    expect(status.out.match(/reachable/g)).toHaveLength(3);
  });
});
