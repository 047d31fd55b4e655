// etcd lease: changes of leader (EL-48 to EL-55).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Lessor, ManualClock } from '../../src/index.ts';
import { endAll } from '../e2e/processes.ts';
import { freshNumber, Three } from './three.ts';
import { ELECTION_MS, VirtualCluster } from './virtual-cluster.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const LEASES = '/v1/lessor/leases';
const KEY = { namespace: 'demo', model: 'main', lease: 'l' };

async function virtual(): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  return cluster;
}

test('EL-49 a lease outlives a handover of leadership with the time that it had, and then goes by itself', async () => {
  const id = String(10_000_000 + freshNumber());
  await three.call('POST', LEASES, { id, ttlMs: 3_000 });
  const grantedMs = performance.now();
  await sleep(1_500);
  await three.transfer();
  const { body } = await three.call('GET', `${LEASES}/${id}`);
  // What was left, and at most an election timeout on top.
  expect(body.remainingMs).toBeLessThanOrEqual(3_000 - 1_500 + 1_500);
  for (;;) {
    const { status } = await three.call('GET', `${LEASES}/${id}`);
    if (status === 404) break;
    await sleep(20);
  }
  expect(performance.now() - grantedMs).toBeGreaterThanOrEqual(2_900);
  expect(performance.now() - grantedMs).toBeLessThan(3_000 + 1_000 + 10_000);
});

test('EL-52 a lease that is renewed is still there ten seconds after its leader could not write for thirty', async () => {
  for (const knowsAll of [false, true]) {
    const cluster = await virtual();
    const { leader } = cluster;
    const [follower] = cluster.followers;
    await cluster.done(follower.library.lessor.grant(1n, 20_000));
    await cluster.done(follower.library.store.claimLease(KEY, { holder: 'a', durationMs: 20_000 }));
    let turn = 0;
    const renew = () => {
      const node = knowsAll ? (cluster.nodes[turn++ % 3] ?? follower) : follower;
      void node.library.lessor.renew(1n).catch(() => {});
      void node.library.store.extendLease(KEY, { holder: 'a', durationMs: 20_000 }).catch(() => {});
    };
    leader.stall();
    for (let passedMs = 0; passedMs < 30_000; passedMs += 2_000) {
      renew();
      await cluster.clock.advance(2_000);
    }
    leader.resume();
    for (let passedMs = 0; passedMs < 10_000; passedMs += 2_000) {
      renew();
      await cluster.clock.advance(2_000);
    }
    expect(await cluster.done(follower.library.lessor.lookup(1n))).toMatchObject({ id: 1n });
    await cluster.done(follower.library.store.refresh());
    expect(follower.library.store.leases().has(KEY)).toBe(true);
  }
});

test('EL-53 a leader that is cut off confirms no renewal after about an election timeout, and what it confirmed is kept', async () => {
  const cluster = await virtual();
  const { leader } = cluster;
  await cluster.done(leader.library.lessor.grant(1n, 4_000));
  await cluster.clock.advance(1_000);
  await cluster.done(leader.library.lessor.renew(1n));
  const deadlineMs = cluster.clock.now() + 4_000;
  cluster.cut(leader);
  const cutMs = cluster.clock.now();
  const confirmed: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    void leader.library.lessor.renew(1n).then(
      () => confirmed.push(cluster.clock.now()),
      () => {},
    );
    await cluster.clock.advance(300);
  }
  expect(confirmed).toEqual([]);
  expect(cluster.clock.now() - cutMs).toBeGreaterThan(2 * ELECTION_MS);
  cluster.heal(leader);
  await cluster.clock.advance(deadlineMs - 500 - cluster.clock.now());
  for (const node of cluster.nodes) expect(await cluster.done(node.library.lessor.lookup(1n))).toMatchObject({ id: 1n });
});

test('EL-54 a lessor that was demoted renews nothing, offers nothing and knows no deadline; a node that leads no more passes renewals on', async () => {
  const clock = new ManualClock();
  const lessor = new Lessor({ clock });
  lessor.promote(0);
  lessor.grant(1n, 1_000);
  lessor.demote();
  await expect(lessor.renew(1n)).rejects.toMatchObject({ code: 'not-primary' });
  const next = lessor.expiredLeases().next();
  await clock.advance(10_000);
  expect(lessor.lookup(1n)).toMatchObject({ remainingMs: Number.POSITIVE_INFINITY });
  lessor.stop();
  expect(await next).toMatchObject({ done: true });
  const before = await three.agreed();
  const id = BigInt(10_000_000 + freshNumber());
  await before.library.lessor.grant(id, 60_000);
  expect(before.library.lessor.isPrimary).toBe(true);
  const after = await three.transfer();
  expect([before.library.lessor.isPrimary, after.library.lessor.isPrimary]).toEqual([false, true]);
  expect(await before.library.lessor.renew(id)).toBe(60_000);
});

test('EL-55 with a hundred thousand leases a change of leader is as quick as with none, and no further election follows', async () => {
  const cluster = await virtual();
  const { leader } = cluster;
  const count = 100_000;
  for (let at = 0; at < count; at += 5_000) {
    await cluster.done(
      Promise.all(Array.from({ length: 5_000 }, (_, offset) => leader.library.lessor.grant(BigInt(1 + at + offset), 3_600_000))),
    );
  }
  const { term } = leader.replica;
  const beganMs = cluster.clock.now();
  leader.replica.transfer(null, () => {});
  await cluster.until(() => cluster.nodes.some((node) => node !== leader && node.leads));
  const next = cluster.leader;
  expect(await cluster.done(next.library.lessor.renew(77n))).toBe(3_600_000);
  expect(cluster.clock.now() - beganMs).toBeLessThan(2 * ELECTION_MS);
  await cluster.clock.advance(5_000);
  for (const { replica } of cluster.nodes) expect(replica.term).toBe(term + 1);
  // The same by the lessor alone, in real time: a promotion touches every lease there.
  const lessor = new Lessor({ clock: new ManualClock() });
  for (let id = 1n; id <= BigInt(count); id += 1n) lessor.grant(id, 3_600_000);
  const promotedMs = performance.now();
  lessor.promote(ELECTION_MS);
  expect(performance.now() - promotedMs).toBeLessThan(10_000);
  expect(lessor.leases()).toHaveLength(count);
});
