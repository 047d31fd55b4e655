// Juju core/lease: waiting for the end of a lease (JL-51 to JL-57).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endAll } from '../e2e/processes.ts';
import { freshLease, freshNumber, Three } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const claim = (path: string, holder: string, durationMs = 60_000) => three.call('PUT', path, { holder, durationMs });
const expired = (path: string, timeoutMs = 30_000) => three.any().call('GET', `${path}/expired?timeoutMs=${timeoutMs}`);

/** Whether the promise is still open after a while in which it would have settled. */
async function stillOpen(waiting: readonly Promise<unknown>[], ms = 400): Promise<boolean> {
  return (await Promise.race([...waiting, sleep(ms, 'open')])) === 'open';
}

test('JL-51 a wait for a lease that was never held, or is free again, returns at once', async () => {
  const { path, lease } = freshLease();
  for (const node of three.nodes) {
    expect((await node.call('GET', `${path}/expired?timeoutMs=0`)).body).toMatchObject({ expired: true });
    expect(await node.library.manager.claimer('demo', 'main').waitUntilExpired(lease)).toBeGreaterThan(0);
  }
  await claim(path, 'a');
  await three.call('DELETE', `${path}?holder=a`);
  for (const _node of three.nodes) expect((await expired(path, 1_000)).body).toMatchObject({ expired: true });
});

test('JL-52 a wait blocks while the lease is held, and returns once it has expired, on every node', async () => {
  const { path } = freshLease();
  const beganMs = performance.now();
  await claim(path, 'a', 900);
  const waits = three.nodes.map((node) => node.call('GET', `${path}/expired`).then((answer) => ({ answer, atMs: performance.now() })));
  for (const { answer, atMs } of await Promise.all(waits)) {
    expect(answer.body).toMatchObject({ expired: true });
    expect(atMs - beganMs).toBeGreaterThanOrEqual(900);
    expect(atMs - beganMs).toBeLessThan(10_000);
  }
  expect((await three.call('GET', path)).status).toBe(404);
});

test('JL-54 a waiter stays while the holder extends, or moves its claim to a session: that is no vacancy', async () => {
  const { path } = freshLease();
  const held = await claim(path, 'a', 700);
  const waits = three.nodes.map((node) => node.call('GET', `${path}/expired`));
  for (let round = 0; round < 4; round += 1) {
    expect(await stillOpen(waits, 300)).toBe(true);
    expect((await claim(path, 'a', 700)).body.fence).toBe(held.body.fence);
  }
  const id = String(freshNumber());
  await three.call('POST', '/v1/lessor/leases', { id, ttlMs: 60_000 });
  const moved = await three.call('PUT', path, { holder: 'a', session: id });
  expect(moved.body).toMatchObject({ session: id, fence: held.body.fence });
  expect(await stillOpen(waits, 1_200)).toBe(true);
  await three.call('DELETE', `/v1/lessor/leases/${id}`);
  for (const answer of await Promise.all(waits)) expect(answer.body).toMatchObject({ expired: true });
});

test('JL-55 a waiter hears of an end that came by another node: a release, a revoked session, an expiry under another leader', async () => {
  const ends: readonly ((path: string) => Promise<unknown>)[] = [
    async (path) => {
      await claim(path, 'a');
      return () => three.call('DELETE', `${path}?holder=a`);
    },
    async (path) => {
      const id = String(freshNumber());
      await three.call('POST', '/v1/lessor/leases', { id, ttlMs: 60_000 });
      await three.call('PUT', path, { holder: 'a', session: id });
      return () => three.call('DELETE', `/v1/lessor/leases/${id}`);
    },
    async (path) => {
      await claim(path, 'a', 1_500);
      return () => three.transfer();
    },
  ];
  for (const begin of ends) {
    const { path } = freshLease();
    const end = (await begin(path)) as () => Promise<unknown>;
    const waits = three.nodes.map((node) => node.call('GET', `${path}/expired`));
    expect(await stillOpen(waits, 200)).toBe(true);
    await end();
    for (const answer of await Promise.all(waits)) expect(answer.body).toMatchObject({ expired: true });
  }
});

test('JL-57 a waiter hears "stopping" when its node stops, and no false ok when its node merely leads no longer', async () => {
  const { path, lease } = freshLease();
  await claim(path, 'a');
  const leader = await three.agreed();
  const [follower] = await three.followers();
  const atLeader = leader.call('GET', `${path}/expired`);
  const atFollower = follower.call('GET', `${path}/expired`);
  const inLibrary = follower.library.manager.claimer('demo', 'main').waitUntilExpired(lease);
  inLibrary.catch(() => {});
  await sleep(200);
  await three.transfer();
  expect(await stillOpen([atLeader, atFollower, inLibrary], 800)).toBe(true);
  await follower.stop();
  const told = await atFollower;
  expect([told.status, told.body.code]).toEqual([503, 'stopping']);
  await expect(inLibrary).rejects.toMatchObject({ code: 'stopping' });
  expect(await stillOpen([atLeader], 200)).toBe(true);
  await follower.start();
  await three.agreed();
  await three.call('DELETE', `${path}?holder=a`);
  expect((await atLeader).body).toMatchObject({ expired: true });
});
