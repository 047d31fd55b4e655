// Juju core/lease: claiming (JL-01 to JL-15), and revoking, which came after the seed (JR-1 to JR-4).
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../src/index.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import { LocalService } from '../api/local-service.ts';
import { endAll } from '../e2e/processes.ts';
import { freshLease, Three, untilFree, whenever } from './three.ts';
import { VirtualCluster } from './virtual-cluster.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const claim = (path: string, holder: string, durationMs = 60_000) => three.call('PUT', path, { holder, durationMs });

test('JL-01 a free lease goes to its claimer, and is kept for the duration from the start of the call', async () => {
  const { path, lease } = freshLease();
  const beganMs = performance.now();
  expect((await claim(path, 'a', 60_000)).status).toBe(201);
  for (const node of three.nodes) {
    const shown = (await node.call('GET', path)).body;
    expect(shown).toMatchObject({ holder: 'a', lease });
    expect((shown.remainingMs ?? 0) + (performance.now() - beganMs)).toBeGreaterThanOrEqual(60_000);
  }
  const listed = (await three.call('GET', '/v1/leases/demo/main')).body.leases;
  expect(listed?.filter((each) => each.lease === lease)).toMatchObject([{ holder: 'a' }]);
});

test('JL-02 a repeated claim with a longer duration extends: one holder, a later expiry, the same fence, and no second "claimed"', async () => {
  const { path, lease } = freshLease();
  const watch = await three.watch({ namespace: 'demo', model: 'main', lease });
  const first = await claim(path, 'a', 30_000);
  const second = await claim(path, 'a', 90_000);
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body).toMatchObject({ holder: 'a', fence: first.body.fence, durationMs: 90_000 });
  expect(second.body.remainingMs).toBeGreaterThan(60_000);
  expect((await watch.end()).map(({ type, fence }) => [type, fence])).toEqual([
    ['claimed', first.body.fence],
    ['extended', first.body.fence],
  ]);
});

test('JL-03 another holder is denied, and holder, expiry and fence stay as they are', async () => {
  const { path } = freshLease();
  const held = await claim(path, 'a', 60_000);
  const denied = await claim(path, 'b', 90_000);
  expect(denied.status).toBe(409);
  expect(denied.body).toMatchObject({ code: 'claim-denied', holder: 'a', fence: held.body.fence });
  const shown = (await three.call('GET', path)).body;
  expect(shown).toMatchObject({ holder: 'a', fence: held.body.fence, durationMs: 60_000 });
  expect(shown.remainingMs).toBeLessThanOrEqual(60_000);
});

test('JL-05 of twenty claims at once through all nodes exactly one is granted, and the list names it', async () => {
  const { path } = freshLease();
  const holders = Array.from({ length: 20 }, (_, at) => `h${at}`);
  const answers = await Promise.all(holders.map((holder) => claim(path, holder)));
  const won = answers.filter((answer) => answer.status === 201);
  const denied = answers.filter((answer) => answer.body.code === 'claim-denied');
  expect([won.length, denied.length]).toEqual([1, 19]);
  for (const answer of denied) expect(answer.body).toMatchObject({ holder: won[0]?.body.holder, fence: won[0]?.body.fence });
  expect((await three.call('GET', path)).body.holder).toBe(won[0]?.body.holder);
});

test('JL-07 where a lease looks free but another claim is ahead in the log, the claim is denied, never invalid', async () => {
  const leader = await three.agreed();
  const [follower] = await three.followers();
  await whenever(async () => {
    const { path, ...key } = freshLease();
    const ahead = await leader.call('PUT', path, { holder: 'b', durationMs: 60_000 });
    if (follower.library.store.leases(key).size > 0) return null;
    const denied = await follower.call('PUT', path, { holder: 'a', durationMs: 60_000 });
    expect(denied.body).toMatchObject({ code: 'claim-denied', holder: 'b', fence: ahead.body.fence });
    return denied;
  });
});

test("JL-08 where a lease looks free but the holder's own claim is ahead in the log, the claim extends", async () => {
  const leader = await three.agreed();
  const [follower] = await three.followers();
  await whenever(async () => {
    const { path, ...key } = freshLease();
    const ahead = await leader.call('PUT', path, { holder: 'a', durationMs: 60_000 });
    if (follower.library.store.leases(key).size > 0) return null;
    const again = await follower.call('PUT', path, { holder: 'a', durationMs: 90_000 });
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ holder: 'a', fence: ahead.body.fence, durationMs: 90_000 });
    return again;
  });
});

test('JL-09 where a lease looks held but its end is ahead in the log, the claim is a fresh one with a new fence', async () => {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  const { leader } = cluster;
  const [follower] = cluster.followers;
  const key = { namespace: 'demo', model: 'main', lease: 'l' };
  const claimer = follower.library.manager.claimer('demo', 'main');
  const first = await cluster.done(claimer.claim('l', 'a', 500));
  await cluster.done(leader.library.store.refresh());
  // Millisecond by millisecond, as the follower hears of the end one frame after the leader has applied it.
  while (leader.library.store.leases(key).size > 0) await cluster.clock.advance(1);
  expect(follower.library.store.leases(key).get(key)?.holder).toBe('a');
  const again = await cluster.done(claimer.claim('l', 'a', 60_000));
  expect(again.isNew).toBe(true);
  expect(again.fence).toBeGreaterThan(first.fence);
});

test('JL-11 a claim whose answer was lost with the leader is never denied when it is repeated', async () => {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  const [follower, other] = cluster.followers;
  const { leader } = cluster;
  const key = { namespace: 'demo', model: 'main', lease: 'l' };
  void leader.library.store.claimLease(key, { holder: 'a', durationMs: 60_000 }).catch(() => {});
  // As soon as a follower has applied it, it is committed; then the leader is gone.
  await cluster.until(() => follower.library.store.leases(key).size === 1 || other.library.store.leases(key).size === 1);
  cluster.cut(leader);
  const again = await cluster.done(follower.library.manager.claimer('demo', 'main').claim('l', 'a', 60_000));
  expect(again).toMatchObject({ holder: 'a', isNew: false });
});

test('JL-12 without a quorum a claim ends in a timeout after bounded tries, and the next one after that is granted', async () => {
  const cluster = await VirtualCluster.start();
  onTestFinished(() => cluster.stop());
  const [follower, other] = cluster.followers;
  const { leader } = cluster;
  cluster.cut(follower);
  cluster.cut(other);
  const claimer = leader.library.manager.claimer('demo', 'main');
  const beganMs = cluster.clock.now();
  const outcome = await cluster.settled(claimer.claim('l', 'a', 1_000), 120_000);
  expect(outcome).toMatchObject({ error: { code: 'timeout' } });
  expect(cluster.clock.now() - beganMs).toBeLessThan(60_000);
  cluster.heal(follower);
  cluster.heal(other);
  expect(await cluster.done(claimer.claim('m', 'a', 1_000))).toMatchObject({ isNew: true });
});

test('JL-13 no claim through a manager ever ends as invalid, however many hold, claim and release at once', async () => {
  const { lease, path } = freshLease();
  const outcomes = new Set<string>();
  const work = three.nodes.flatMap((node) =>
    ['a', 'b'].map(async (holder) => {
      const claimer = node.library.manager.claimer('demo', 'main');
      for (let round = 0; round < 30; round += 1) {
        outcomes.add(
          await claimer.claim(lease, holder, 60_000).then(
            () => 'ok',
            (error: { code: string }) => error.code,
          ),
        );
        await node.call('DELETE', `${path}?holder=${holder}`);
      }
    }),
  );
  await Promise.all(work);
  expect([...outcomes].sort()).toEqual(['claim-denied', 'ok']);
});

test('JL-15 an unexpected fault below is told as an error that is no denial, and the next call works', async () => {
  const service = new LocalService();
  const submit = service.submit.bind(service);
  service.submit = () => {
    throw new Error('the store is on fire');
  };
  const claimer = new LeaseManager({ service, clock: new ManualClock(), random: { below: () => 0 } }).claimer('demo', 'main');
  await expect(claimer.claim('l', 'a', 1_000)).rejects.toThrow('on fire');
  service.submit = submit;
  expect(await claimer.claim('l', 'a', 1_000)).toMatchObject({ holder: 'a' });
});

test('JR-1 a release by the holder frees the lease at once and lets waiters go', async () => {
  const { path } = freshLease();
  await claim(path, 'a');
  const waiting = three.any().call('GET', `${path}/expired?timeoutMs=20000`);
  expect((await three.call('DELETE', `${path}?holder=a`)).status).toBe(204);
  expect((await waiting).body).toMatchObject({ expired: true });
  expect((await claim(path, 'b')).status).toBe(201);
});

test('JR-2 a release by another holder is not-held and changes nothing', async () => {
  const { path } = freshLease();
  const held = await claim(path, 'a');
  const refused = await three.call('DELETE', `${path}?holder=b`);
  expect(refused.body).toMatchObject({ code: 'not-held', holder: 'a', fence: held.body.fence });
  expect((await three.call('GET', path)).body.holder).toBe('a');
});

test('JR-3 a release of a free lease is a success', async () => {
  expect((await three.call('DELETE', `${freshLease().path}?holder=a`)).status).toBe(204);
});

test('JR-4 a release of a pinned lease frees it, and the pin binds the next claimant', async () => {
  const { path, ...key } = freshLease();
  await claim(path, 'a');
  await three.call('PUT', `${path}/pins/e1`);
  expect((await three.call('DELETE', `${path}?holder=a`)).status).toBe(204);
  expect((await claim(path, 'b', 100)).body).toMatchObject({ holder: 'b', pinnedBy: ['e1'], remainingMs: null });
  expect((await three.call('GET', `${path}/expired?timeoutMs=600`)).status).toBe(408);
  await three.call('DELETE', `${path}/pins/e1`);
  for (const node of three.nodes) await untilFree(node, key);
});
