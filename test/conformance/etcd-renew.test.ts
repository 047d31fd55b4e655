// etcd lease: renewals and expiry (EL-14, EL-15, EL-30 to EL-47).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isLeaseExists, isTimeout, type Lease, Lessor, ManualClock } from '../../src/index.ts';
import { endAll, until } from '../e2e/processes.ts';
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
// Far from the ids that the service chooses, which are log indexes.
const freshId = () => String(10_000_000 + freshNumber());
const freshKey = () => `key-${freshNumber()}`;
const grant = (id: string, ttlMs: number) => three.call('POST', LEASES, { id, ttlMs });
const renew = (id: string) => three.call('POST', `${LEASES}/${id}/renew`);
const shown = (id: string) => three.call('GET', `${LEASES}/${id}`);

async function virtual(): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  return cluster;
}

describe('the time that is left', () => {
  test('EL-14 falls by a second in a second, and is whole again after a renewal', async () => {
    const id = freshId();
    await grant(id, 60_000);
    const first = (await shown(id)).body.remainingMs ?? 0;
    const beganMs = performance.now();
    await sleep(1_000);
    const second = (await shown(id)).body.remainingMs ?? 0;
    expect(first - second).toBeGreaterThan(100);
    // Lease time may run slower than real time, where a node was kept waiting, but never faster.
    expect(first - second).toBeLessThanOrEqual(performance.now() - beganMs + 100);
    expect((await renew(id)).body).toMatchObject({ ttlMs: 60_000, remainingMs: 60_000 });
  });

  test('EL-15 is never more than it can be while leadership moves, or the answer is an error to repeat', async () => {
    const id = freshId();
    await grant(id, 60_000);
    let going = true;
    const reading = Promise.all(
      three.nodes.map(async (node) => {
        while (going) {
          const { status, body } = await node.call('GET', `${LEASES}/${id}`);
          if (status === 200) expect(body.remainingMs).toBeLessThanOrEqual(60_000 + 500);
          else expect([status, body.code]).toEqual([503, 'no-leader']);
        }
      }),
    );
    for (let round = 0; round < 3; round += 1) await three.transfer();
    going = false;
    await reading;
  });
});

describe('renewing', () => {
  test('EL-30 through each node in turn, at half of its time, a lease and its key live on', async () => {
    const [id, key] = [freshId(), freshKey()];
    await grant(id, 1_500);
    await three.call('PUT', `/v1/kv/${key}`, { value: 'v', lease: id });
    for (let round = 0; round < 6; round += 1) {
      await sleep(750);
      expect((await renew(id)).body).toMatchObject({ ttlMs: 1_500, remainingMs: 1_500 });
    }
    expect((await three.call('GET', `/v1/kv/${key}`)).status).toBe(200);
  });

  test('EL-31 an unknown lease, or 0, is not found, and the next call is served all the same', async () => {
    const id = freshId();
    await grant(id, 60_000);
    const ops = [{ renew: { id: freshId() } }, { renew: { id } }];
    const { results } = (await three.call('POST', '/v1/batch', { ops })).body as unknown as {
      readonly results: readonly { status: number }[];
    };
    expect(results.map(({ status }) => status)).toEqual([404, 200]);
    for (const each of [freshId(), '0']) expect((await renew(each)).body.code).toBe('lease-not-found');
    expect((await renew(id)).status).toBe(200);
  });

  test('EL-32 of three leases only the one that was revoked stops', async () => {
    const ids = [freshId(), freshId(), freshId()];
    for (const id of ids) await grant(id, 60_000);
    await three.call('DELETE', `${LEASES}/${ids[1]}`);
    expect((await Promise.all(ids.map(renew))).map(({ status }) => status)).toEqual([200, 404, 200]);
  });

  test('EL-34 a lease whose time is over answers no renewal until its revoke is done, then not found', async () => {
    const clock = new ManualClock();
    const lessor = new Lessor({ clock });
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    await clock.advance(1_001);
    let answer = 'none';
    const renewal = lessor.renew(1n).catch((error: { code: string }) => {
      answer = error.code;
    });
    await clock.advance(5_000);
    expect(answer).toBe('none');
    lessor.revoke(1n);
    await renewal;
    expect(answer).toBe('lease-not-found');
  });

  test('EL-35 the same, if the lessor is demoted instead, ends in not-primary; through the service another node takes it', async () => {
    const clock = new ManualClock();
    const lessor = new Lessor({ clock });
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    await clock.advance(1_001);
    const renewal = lessor.renew(1n).catch((error: { code: string }) => error.code);
    lessor.demote();
    expect(await renewal).toBe('not-primary');
    const id = freshId();
    await grant(id, 60_000);
    const leader = await three.agreed();
    const renewals = Array.from({ length: 50 }, () => leader.call('POST', `${LEASES}/${id}/renew`));
    await three.transfer();
    for (const { status } of await Promise.all(renewals)) expect([200, 503, 504]).toContain(status);
    expect((await renew(id)).status).toBe(200);
  });

  test('EL-36 with a revoke among renewals, each renewal that succeeds stands before it in the log', async () => {
    const [id, key] = [freshId(), freshKey()];
    await grant(id, 60_000);
    await three.call('PUT', `/v1/kv/${key}`, { value: 'v', lease: id });
    const renewals = Array.from({ length: 40 }, () => renew(id));
    const revoked = three.call('DELETE', `${LEASES}/${id}`);
    const later = Array.from({ length: 40 }, () => renew(id));
    expect((await revoked).status).toBe(204);
    const answers = await Promise.all([...renewals, ...later]);
    const indexes = (wanted: number) => answers.filter(({ status }) => status === wanted).map(({ body }) => body.index ?? 0);
    expect(indexes(200).length + indexes(404).length).toBe(80);
    expect(indexes(404).length).toBeGreaterThan(0);
    expect(Math.max(0, ...indexes(200))).toBeLessThan(Math.min(...indexes(404)));
  });

  test('EL-37 while the leader is silent for 8 s a renewal through a follower ends in time, and one that is hung up leaves nothing', async () => {
    const cluster = await virtual();
    const { leader } = cluster;
    const [follower] = cluster.followers;
    await cluster.done(follower.library.lessor.grant(1n, 60_000));
    cluster.cut(leader);
    const beganMs = cluster.clock.now();
    const outcome = await cluster.settled(follower.library.lessor.renew(1n), 8_000);
    // Either the other two have a leader by then and it takes the call, or the caller is told that the outcome is not known.
    if ('error' in outcome) expect(outcome.error).toMatchObject({ code: 'timeout' });
    expect(cluster.clock.now() - beganMs).toBeLessThan(8_000);
    cluster.heal(leader);
    const id = freshId();
    await grant(id, 60_000);
    const hangUp = new AbortController();
    const cancelled = three.nodes.map((node) =>
      node.call('POST', `${LEASES}/${id}/renew`, undefined, {}, hangUp.signal).catch(() => 'hung up'),
    );
    hangUp.abort();
    expect(await Promise.all(cancelled)).toEqual(['hung up', 'hung up', 'hung up']);
    expect((await renew(id)).status).toBe(200);
  });

  test('EL-39 without a quorum what needs a leader is told so soon, what is content with the node is served, and no lease is lost', async () => {
    const cluster = await virtual();
    const { leader } = cluster;
    const { lessor, store } = leader.library;
    for (const id of [1n, 2n]) await cluster.done(lessor.grant(id, 60_000));
    await cluster.done(store.claimLease({ namespace: 'demo', model: 'main', lease: 'l' }, { holder: 'a', durationMs: 60_000 }));
    for (const follower of cluster.followers) cluster.cut(follower);
    const beganMs = cluster.clock.now();
    expect(await cluster.settled(lessor.lookup(1n))).toMatchObject({ error: { code: 'timeout' } });
    expect(cluster.clock.now() - beganMs).toBeLessThanOrEqual(5 * ELECTION_MS);
    expect(store.leases().size).toBe(1);
    for (const node of cluster.nodes) cluster.heal(node);
    await cluster.clock.advance(5_000);
    expect((await cluster.done(lessor.leases())).map(({ id }) => id)).toEqual([1n, 2n]);
  });

  test('EL-40 a lease that is renewed outlives two seconds without a quorum', async () => {
    const cluster = await virtual();
    const [one, other] = cluster.followers;
    await cluster.done(one.library.lessor.grant(1n, 4_000));
    let refused = 0;
    const renewing = async () => {
      const outcome = await cluster.settled(one.library.lessor.renew(1n));
      if ('error' in outcome) {
        refused += 1;
        expect(outcome.error).toMatchObject({ code: 'timeout' });
      }
    };
    await renewing();
    for (const node of [cluster.leader, other]) cluster.cut(node);
    await cluster.clock.advance(2_000);
    for (const node of cluster.nodes) cluster.heal(node);
    await cluster.clock.advance(1_500);
    for (let round = 0; round < 10; round += 1) {
      await renewing();
      await cluster.clock.advance(1_300);
    }
    expect(refused).toBe(0);
    expect(await cluster.done(one.library.lessor.lookup(1n))).toMatchObject({ id: 1n });
  });
});

describe('expiring', () => {
  test('EL-41 a lease is there just before its time is up and gone soon after, and a watcher sees each key go once', async () => {
    const [id, key] = [freshId(), freshKey()];
    const beganMs = performance.now();
    await grant(id, 1_200);
    await three.call('PUT', `/v1/kv/${key}`, { value: 'v', lease: id });
    const watch = await three.watch({ prefix: key });
    for (;;) {
      const { status } = await shown(id);
      if (status === 404) break;
      await sleep(20);
    }
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(1_200);
    expect(performance.now() - beganMs).toBeLessThan(1_200 + 10_000);
    expect((await three.call('GET', `/v1/kv/${key}`)).status).toBe(404);
    expect((await watch.end()).map(({ type, key, cause }) => ({ type, key, cause }))).toEqual([{ type: 'deleted', key, cause: 'expired' }]);
  });

  test('EL-43 a revoke that failed is tried again, and no lease stays with less than no time', async () => {
    const clock = new ManualClock();
    const lessor = new Lessor({ clock, retryMs: 2_000 });
    let failures = 1;
    void (async () => {
      for await (const batch of lessor.expiredLeases()) for (const { id } of batch) if (failures-- <= 0) lessor.revoke(id);
    })();
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    await clock.advance(1_500);
    expect(lessor.lookup(1n)).toMatchObject({ remainingMs: 0 });
    await clock.advance(2_000);
    expect(lessor.lookup(1n)).toBeNull();
    lessor.stop();
  });

  test('EL-44 one node alone proposes an end, and once: a lease that lapses costs one entry', async () => {
    const id = freshId();
    await grant(id, 300);
    const before = await three.commitIndex();
    await until(async () => (await shown(id)).status === 404, 'the lease to lapse');
    await sleep(300);
    expect(await three.commitIndex()).toBe(before + 1);
  });

  test('EL-45 nothing expires without a quorum, and after it every lease has what was left of it', async () => {
    const cluster = await virtual();
    const { leader } = cluster;
    for (const id of [1n, 2n, 3n]) await cluster.done(leader.library.lessor.grant(id, 2_000));
    await cluster.clock.advance(500);
    for (const follower of cluster.followers) cluster.cut(follower);
    await cluster.clock.advance(6_000);
    for (const node of cluster.nodes) expect(node.replica.state.grants(null, 10, 0).items).toHaveLength(3);
    for (const node of cluster.nodes) cluster.heal(node);
    await cluster.until(() => cluster.nodes.every(({ replica }) => replica.leader !== ''));
    const healedMs = cluster.clock.now();
    await cluster.until(() => cluster.leader.replica.state.grants(null, 10, 0).items.length === 0);
    // Time went on for the leader until it noticed, at most an election timeout; a promotion adds one to what is left.
    expect(cluster.clock.now() - healedMs).toBeGreaterThanOrEqual(2_000 - 500 - 2 * ELECTION_MS);
  });

  test('EL-47 twenty thousand leases of 20 s, renewed in turn through all nodes, are all kept', async () => {
    const count = 20_000;
    const first = 1_000_000n;
    const each = async (call: (id: bigint, at: number) => Promise<unknown>) => {
      for (let at = 0; at < count; at += 2_000) {
        await Promise.all(Array.from({ length: 2_000 }, (_, offset) => call(first + BigInt(at + offset), at + offset)));
      }
    };
    const lessors = three.nodes.map((node) => node.library.lessor);
    const lessor = (at: number) => lessors[at % 3] as (typeof lessors)[0];
    // On a machine that has more to do than it can, an answer may come too late: a client repeats what it can repeat.
    const again = (error: unknown) => isTimeout(error) || isLeaseExists(error);
    await each((id, at) =>
      lessor(at)
        .grant(id, 20_000)
        .catch((error) => (again(error) ? lessor(at + 1).renew(id) : Promise.reject(error))),
    );
    for (let round = 0; round < 2; round += 1) {
      await each((id, at) =>
        lessor(at + round)
          .renew(id)
          .catch((error) => (again(error) ? lessor(at + round + 1).renew(id) : Promise.reject(error))),
      );
    }
    const kept = await (lessors[0] as (typeof lessors)[0]).leases();
    expect(kept.filter(({ id }) => id >= first && id < first + BigInt(count)).length).toBe(count);
    expect((await grant(freshId(), 1_000)).status).toBe(201);
  });

  test('EL-50 what a promotion finds in one heap is spread: at most the rate in a second, at least half of it while the heap lasts', async () => {
    const rate = 10;
    for (const [first, second] of [
      [100, 100],
      [200, 0],
      [7, 0],
    ] as const) {
      const clock = new ManualClock();
      const lessor = new Lessor({ clock, expiryRate: rate });
      for (let at = 0; at < first; at += 1) lessor.grant(BigInt(at + 1), 10_000);
      for (let at = 0; at < second; at += 1) lessor.grant(BigInt(1_000 + at), 11_000);
      lessor.promote(0);
      const buckets = new Map<number, number>();
      for (const { remainingMs } of lessor.leases() as readonly Lease[]) {
        const bucket = Math.floor(remainingMs / 1_000);
        buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
      }
      if (first < rate) {
        expect([...buckets]).toEqual([[10, first]]);
        continue;
      }
      const last = Math.max(...buckets.keys());
      for (let bucket = 10; bucket < last; bucket += 1) {
        expect(buckets.get(bucket)).toBeGreaterThanOrEqual(rate / 2);
        expect(buckets.get(bucket)).toBeLessThanOrEqual(rate);
      }
      lessor.stop();
    }
  });
});
