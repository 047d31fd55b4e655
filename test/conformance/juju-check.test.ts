// Juju core/lease: checks and gated writes (JL-42 to JL-49).
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Assertion, type HeldFact, lockedTrapdoor, ManualClock, type Trapdoor } from '../../src/index.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import { LocalService } from '../api/local-service.ts';
import { endAll } from '../e2e/processes.ts';
import { type Body, freshLease, freshNumber, type Key, Three, type ThreeNode, untilFree, whenever } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const claim = (path: string, holder: string, durationMs = 60_000) => three.call('PUT', path, { holder, durationMs });

/** Ends a tenure and begins the next in one batch, so that a follower lags behind both or neither. */
async function passOn(node: ThreeNode, { namespace, model, lease }: Key, from: string, to: string): Promise<Body> {
  const key = { namespace, model, lease };
  const ops = [{ release: { ...key, holder: from } }, { claim: { ...key, holder: to, durationMs: 60_000 } }];
  const { results } = (await node.call('POST', '/v1/batch', { ops })).body as unknown as { readonly results: readonly { body: Body }[] };
  return results[1]?.body ?? {};
}

/** A checker of one lease that "a" holds, over a service of its own. */
async function checkerWith(trapdoorOf: (fact: HeldFact) => Trapdoor) {
  const service = new LocalService();
  const manager = new LeaseManager({ service, clock: new ManualClock(), random: { below: () => 0 }, trapdoorOf });
  await manager.claimer('demo', 'main').claim('l', 'a', 1_000);
  return manager.checker('demo', 'main');
}

test('JL-42 a check is ok for the holder, and not-held for another one and for a free lease', async () => {
  const { path } = freshLease();
  const check = (holder: string) => three.call('POST', `${path}/check`, { holder });
  expect((await check('a')).body).toMatchObject({ code: 'not-held', holder: null, fence: null });
  const held = await claim(path, 'a');
  for (const _node of three.nodes) {
    expect((await check('a')).body).toMatchObject({ held: true, fence: held.body.fence });
    expect((await check('b')).body).toMatchObject({ code: 'not-held', holder: 'a', fence: held.body.fence });
  }
});

test('JL-43 a node that lags and shows the lease free, or held by another, still says ok to its holder', async () => {
  const leader = await three.agreed();
  const [follower] = await three.followers();
  for (const before of [null, 'b'] as const) {
    await whenever(async () => {
      const { path, ...key } = freshLease();
      if (before !== null) {
        await leader.call('PUT', path, { holder: before, durationMs: 60_000 });
        await follower.library.store.refresh();
      }
      await passOn(leader, key, before ?? 'nobody', 'a');
      const shown = follower.library.store.leases(key).get(key)?.holder ?? null;
      if (shown !== before) return null;
      const list: Assertion[] = [];
      const token = follower.library.manager.checker('demo', 'main').token(key.lease, 'a');
      expect(await token.check(0, list)).toMatchObject({ holder: 'a' });
      expect(list).toMatchObject([{ lease: key.lease, holder: 'a' }]);
      return true;
    });
  }
});

test('JL-45 where nothing is gated a check without a key is ok, and one with a key is an error other than not-held', async () => {
  const checker = await checkerWith(() => lockedTrapdoor);
  expect(await checker.token('l', 'a').check()).toMatchObject({ holder: 'a' });
  await expect(checker.token('l', 'a').check(0, [])).rejects.toMatchObject({ code: 'invalid-argument' });
  await expect(checker.token('l', 'a').check(1, [])).rejects.toMatchObject({ code: 'invalid-argument' });
});

test("JL-46 a key of the wrong type is a bad argument, the gate's own error comes out as it is, and a token that is not held never reaches it", async () => {
  const { path, lease } = freshLease();
  await claim(path, 'a');
  const token = three.any().library.manager.checker('demo', 'main').token(lease, 'a');
  for (const key of ['text', 1, {}, new Map(), () => {}]) {
    await expect(token.check(0, key)).rejects.toMatchObject({ code: 'invalid-argument' });
  }
  const thrown = new RangeError('from inside the gate');
  let reached = 0;
  const checker = await checkerWith(() => () => {
    reached += 1;
    throw thrown;
  });
  for (const attempt of [0, 1]) {
    await expect(checker.token('l', 'a').check(attempt, 'a key')).rejects.toBe(thrown);
    await expect(checker.token('l', 'b').check(attempt, 'a key')).rejects.toMatchObject({ code: 'not-held' });
    await expect(checker.token('m', 'a').check(attempt, 'a key')).rejects.toMatchObject({ code: 'not-held' });
  }
  expect(reached).toBe(2);
});

test('JL-47 at attempt 0 the list holds exactly one assertion, whatever it held, and neither a write nor a barrier was needed', async () => {
  const { path, lease } = freshLease();
  const held = await claim(path, 'a');
  for (const node of three.nodes) await node.library.store.refresh();
  const before = await three.commitIndex();
  for (const node of three.nodes) {
    const list: unknown[] = ['what was there', { lease: 'other' }];
    await node.library.manager.checker('demo', 'main').token(lease, 'a').check(0, list);
    expect(list).toEqual([{ namespace: 'demo', model: 'main', lease, holder: 'a', fence: held.body.fence }]);
  }
  expect(await three.commitIndex()).toBe(before);
  const checked = await three.call('POST', `${path}/check`, { holder: 'a' });
  expect(checked.body.assertion).toEqual({ namespace: 'demo', model: 'main', lease, holder: 'a', fence: held.body.fence });
});

test('JL-48 after an assertion from a node that lagged, attempt 1 looks behind a barrier, and its write succeeds', async () => {
  const leader = await three.agreed();
  const [follower] = await three.followers();
  const key = `key-${freshNumber()}`;
  await whenever(async () => {
    const { path, ...lease } = freshLease();
    const first = await leader.call('PUT', path, { holder: 'a', durationMs: 60_000 });
    await follower.library.store.refresh();
    const second = await passOn(leader, lease, 'a', 'a');
    const list: Assertion[] = [];
    const token = follower.library.manager.checker('demo', 'main').token(lease.lease, 'a');
    await token.check(0, list);
    if (list[0]?.fence !== first.body.fence) return null;
    const failed = await follower.call('PUT', `/v1/kv/${key}`, { value: 'x', assert: list });
    expect(failed.body).toMatchObject({ code: 'assertion-failed', holder: 'a', fence: second.fence, failed: list[0] });
    await token.check(1, list);
    expect(list).toMatchObject([{ holder: 'a', fence: second.fence, minIndex: expect.any(Number) }]);
    expect((await follower.call('PUT', `/v1/kv/${key}`, { value: 'y', assert: list })).status).toBe(200);
    await leader.call('DELETE', `${path}?holder=a`);
    await leader.call('PUT', path, { holder: 'b', durationMs: 60_000 });
    const kept = [...list];
    await expect(token.check(1, list)).rejects.toMatchObject({ code: 'not-held', facts: { holder: 'b' } });
    expect(list).toEqual(kept);
    expect((await follower.call('POST', `${path}/check`, { holder: 'a', attempt: 1 })).body).toMatchObject({
      code: 'not-held',
      holder: 'b',
    });
    return true;
  });
});

test('JL-49 a write whose holder lost the lease before it was applied fails as a whole, on every node', async () => {
  const { path, ...lease } = freshLease();
  await claim(path, 'a', 200);
  const { assertion } = (await three.call('POST', `${path}/check`, { holder: 'a' })).body;
  for (const node of three.nodes) await untilFree(node, lease);
  const taken = await claim(path, 'b');
  const keys = [`key-${freshNumber()}`, `key-${freshNumber()}`];
  const success = keys.map((key) => ({ put: { key, value: 'by a' } }));
  const failed = await three.call('POST', '/v1/txn', { assert: [assertion], success });
  expect(failed.status).toBe(412);
  expect(failed.body).toMatchObject({ code: 'assertion-failed', holder: 'b', fence: taken.body.fence, failed: assertion });
  expect(failed.body.index).toBeGreaterThan(taken.body.index ?? Number.POSITIVE_INFINITY);
  for (const node of three.nodes) {
    await node.library.store.refresh();
    for (const key of keys) expect((await node.call('GET', `/v1/kv/${key}?consistency=stale`)).status).toBe(404);
  }
});
