// etcd lock and election, by claims (EL-65 to EL-70): a lock is a claim that queues, an election a claim with a key that lives by the session.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endAll } from '../e2e/processes.ts';
import { type Answer, freshLease, freshNumber, pathOf, Three } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const LEASES = '/v1/lessor/leases';
const freshId = () => String(10_000_000 + freshNumber());
const lock = (path: string, holder: string) => three.call('PUT', path, { holder, durationMs: 60_000, waitMs: 60_000 });
const unlock = (path: string, holder: string) => three.call('DELETE', `${path}?holder=${holder}`);

async function session(): Promise<string> {
  const id = freshId();
  expect((await three.call('POST', LEASES, { id, ttlMs: 600_000 })).status).toBe(201);
  return id;
}

test('EL-65 of five who lock one name through several nodes one holds it at a time, each in order of arrival; of five who only try one wins', async () => {
  const { path } = freshLease();
  const holders = ['a', 'b', 'c', 'd', 'e'];
  const granted: string[] = [];
  const waits: Promise<Answer>[] = [];
  for (const holder of holders) {
    const waiting = lock(path, holder);
    void waiting.then(() => granted.push(holder));
    waits.push(waiting);
    await sleep(150);
  }
  for (const [at, holder] of holders.entries()) {
    expect((await waits[at])?.status).toBe(201);
    await sleep(100);
    expect(granted).toEqual(holders.slice(0, at + 1));
    expect((await three.call('GET', path)).body.holder).toBe(holder);
    await unlock(path, holder);
  }
  expect((await three.call('GET', path)).status).toBe(404);
  const tries = await Promise.all(holders.map((holder) => three.call('PUT', path, { holder, durationMs: 60_000 })));
  expect(tries.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  const winner = tries.find(({ status }) => status === 201)?.body.holder;
  await unlock(path, String(winner));
  await sleep(200);
  expect((await three.call('GET', path)).status).toBe(404);
});

test('EL-66 a waiter whose connection or session ends is skipped; the next still waits until the holder has left', async () => {
  const { path } = freshLease();
  expect((await lock(path, 'holder')).status).toBe(201);
  const hangUp = new AbortController();
  const first = three
    .any()
    .call('PUT', path, { holder: 'first', durationMs: 60_000, waitMs: 60_000 }, {}, hangUp.signal)
    .catch(() => 'gone');
  await sleep(150);
  const second = lock(path, 'second');
  await sleep(150);
  hangUp.abort();
  expect(await first).toBe('gone');
  expect(await Promise.race([second, sleep(500, 'waits')])).toBe('waits');
  await unlock(path, 'holder');
  expect((await second).body).toMatchObject({ holder: 'second' });
  // A waiter whose session ends is told at once, and is skipped too.
  const id = await session();
  const dead = three.call('PUT', path, { holder: 'dead', session: id, waitMs: 20_000 });
  await sleep(150);
  const third = lock(path, 'third');
  await sleep(150);
  await three.call('DELETE', `${LEASES}/${id}`);
  expect((await dead).body.code).toBe('lease-not-found');
  expect(await Promise.race([third, sleep(300, 'waits')])).toBe('waits');
  await unlock(path, 'second');
  expect((await third).body).toMatchObject({ holder: 'third' });
});

test('EL-68 each new holder has a greater token, and a guarded write with an older one is refused', async () => {
  const { path, ...lease } = freshLease();
  const key = `key-${freshNumber()}`;
  let last = 0;
  for (const holder of ['a', 'b', 'a', 'c']) {
    const { body } = await lock(path, holder);
    expect(body.fence).toBeGreaterThan(last);
    const guard = (fence: number) => ({ 'lease-if': `${lease.namespace}/${lease.model}/${lease.lease};fence=${fence}` });
    if (last > 0) {
      const refused = await three.call('PUT', `/v1/kv/${key}`, { value: 'stale' }, guard(last));
      expect(refused.body).toMatchObject({ code: 'assertion-failed', holder, fence: body.fence });
    }
    last = body.fence ?? 0;
    expect((await three.call('PUT', `/v1/kv/${key}`, { value: holder }, guard(last))).status).toBe(200);
    await unlock(path, holder);
  }
  expect((await three.call('GET', `/v1/kv/${key}`)).body.value).toBe('c');
});

test('EL-69 a campaign lasts until the leader resigns or its session ends; campaigning again changes the value alone; names do not block one another', async () => {
  const { path, lease } = freshLease();
  const [one, two] = [await session(), await session()];
  const campaign = (holder: string, id: string, waitMs = 60_000) => three.call('PUT', path, { holder, session: id, waitMs });
  const key = `leader-${freshNumber()}`;
  const led = await campaign('a', one);
  const proclaim = (value: string, assert: unknown) => three.call('PUT', `/v1/kv/${key}`, { value, lease: one, assert: [assert] });
  const mine = { namespace: 'demo', model: 'main', lease, holder: 'a', fence: led.body.fence };
  expect((await proclaim('first', mine)).body).toMatchObject({ value: 'first' });
  // Campaigning again, by the same session and by another one of the same candidate, keeps the tenure.
  expect((await campaign('a', one)).body).toMatchObject({ fence: led.body.fence, session: one });
  expect((await campaign('a', two)).body).toMatchObject({ fence: led.body.fence, session: two });
  expect((await campaign('a', one)).body).toMatchObject({ fence: led.body.fence, session: one });
  expect((await proclaim('second', mine)).body).toMatchObject({ value: 'second', version: 2 });
  const waiting = three.any().call('PUT', path, { holder: 'b', session: two, waitMs: 60_000 });
  expect((await three.call('PUT', pathOf('demo', 'main', `${lease}/below`), { holder: 'b', durationMs: 1_000 })).status).toBe(201);
  expect((await three.call('PUT', pathOf('demo', 'main', lease.slice(0, -1)), { holder: 'b', durationMs: 1_000 })).status).toBe(201);
  expect(await Promise.race([waiting, sleep(300, 'waits')])).toBe('waits');
  await three.call('DELETE', `${LEASES}/${one}`);
  const next = await waiting;
  expect(next.body).toMatchObject({ holder: 'b', session: two });
  expect(next.body.fence).toBeGreaterThan(led.body.fence ?? Number.POSITIVE_INFINITY);
  // Who observes reads first and watches from there: the value went with the session, and an old proclamation comes to nothing.
  expect((await three.call('GET', `/v1/kv/${key}`)).status).toBe(404);
  expect((await proclaim('late', mine)).body).toMatchObject({ code: 'assertion-failed', holder: 'b' });
});

test('EL-70 an election without a leader says so, a request without its fields is an error that names them, and a lost leader proclaims nothing', async () => {
  const { path, lease } = freshLease();
  expect((await three.call('GET', path)).body.code).toBe('lease-not-found');
  for (const body of [{}, { holder: 'a' }, { durationMs: 1_000 }]) {
    const answer = await three.call('PUT', path, body);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid-argument']);
    expect(String(answer.body.detail)).toMatch(/holder|durationMs|session/);
  }
  expect((await three.call('DELETE', path)).body).toMatchObject({ code: 'invalid-argument', detail: expect.stringContaining('holder') });
  const led = await lock(path, 'a');
  await unlock(path, 'a');
  const assert = [{ namespace: 'demo', model: 'main', lease, holder: 'a', fence: led.body.fence }];
  expect((await three.call('PUT', `/v1/kv/key-${freshNumber()}`, { value: 'v', assert })).body).toMatchObject({
    code: 'assertion-failed',
    holder: null,
  });
});
