// The client against the real HTTP handlers of a cluster of one: claims, the held lease, sessions, the store.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LeaseholdClient } from '../../src/client/client.ts';
import { systemClock } from '../../src/client/clock.ts';
import { LeaseholdError, LeaseLostError } from '../../src/client/errors.ts';
import { HeldLease } from '../../src/client/held-lease.ts';
import { HttpCaller } from '../../src/client/http.ts';
import { parseLeaseName } from '../../src/client/names.ts';
import type { Ending } from '../../src/client/renewal.ts';
import { start } from '../api/harness.ts';
import type { LocalService } from '../api/local-service.ts';
import { problem, StubServer } from '../cli/stub-server.ts';

const NAME = 'jobs/prod/nightly';
const LONG_MS = 60_000;

async function cluster(): Promise<{ client: LeaseholdClient; service: LocalService; url: string }> {
  const { server, service } = start();
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const client = new LeaseholdClient({ endpoints: [url], patienceMs: 0 });
  onTestFinished(() => client.close());
  return { client, service, url };
}

async function thrown(promise: Promise<unknown>): Promise<LeaseholdError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LeaseholdError);
  return error as LeaseholdError;
}

describe('a claim', () => {
  test('gives a held lease with its fence, and release gives it back', async () => {
    const { client } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    expect(lease).toMatchObject({ holder: 'worker-1', fence: 1, session: null, lost: null });
    expect(lease.remainingMs).toBeGreaterThan(LONG_MS / 2);
    expect(lease.remainingMs).toBeLessThanOrEqual(LONG_MS * 0.99);
    lease.assertHeld();
    expect(await client.get(NAME)).toMatchObject({ holder: 'worker-1', fence: 1 });
    await lease.release();
    expect(await client.get(NAME)).toBeNull();
    expect(lease.signal.reason).toMatchObject({ code: 'not-held', reason: 'released' });
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    await lease.release();
  });

  test('held by another is denied with who has it', async () => {
    const { client } = await cluster();
    const held = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const error = await thrown(client.claim(NAME, { holder: 'worker-2', durationMs: LONG_MS }));
    expect(error).toMatchObject({ code: 'claim-denied', status: 409, failure: 'refused', facts: { holder: 'worker-1', fence: 1 } });
    await held.release();
  });

  test('waits its turn, and is confirmed by an extension before it is handed out', async () => {
    const { client, service } = await cluster();
    const first = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const second = client.claim(NAME, { holder: 'worker-2', durationMs: 1_000, waitMs: 30_000 });
    await sleep(500);
    await first.release();
    const lease = await second;
    expect(service.applied.at(-1)).toMatchObject({ kind: 'extend', holder: 'worker-2' });
    expect(lease.remainingMs).toBeGreaterThan(700);
    await lease.release();
  });

  test('that is aborted while it waits throws the reason', async () => {
    const { client } = await cluster();
    const held = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const waiting = client.claim(NAME, { holder: 'worker-2', durationMs: LONG_MS, waitMs: 30_000, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(waiting).rejects.toBe(reason);
    await held.release();
  });

  test('that is aborted when it has been granted, but not handed out yet, is given back', async () => {
    const { client, url } = await cluster();
    const controller = new AbortController();
    const slow: typeof fetch = (input, init) => {
      if (!String(input).endsWith('/extend')) return fetch(input, init);
      controller.abort('changed my mind');
      return new Promise(() => {});
    };
    const other = new LeaseholdClient({ endpoints: [url], patienceMs: 0, fetch: slow });
    onTestFinished(() => other.close());
    const first = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const second = other.claim(NAME, { holder: 'worker-2', durationMs: 1_000, waitMs: 30_000, signal: controller.signal });
    const refused = expect(second).rejects.toBe('changed my mind');
    await sleep(500);
    await first.release();
    await refused;
    await expect.poll(() => client.get(NAME), { timeout: 10_000 }).toBeNull();
  });

  test('whose worker thread cannot be started is given back, and so is a session', async () => {
    const { client, service } = await cluster();
    // There is a file to run in the built package alone.
    const worker = { maxStallMs: 1_000 };
    await expect(client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS, worker })).rejects.toThrow('renewal-worker');
    expect(await client.get(NAME)).toBeNull();
    await expect(client.session({ holder: 'worker-1', ttlMs: LONG_MS, worker })).rejects.toThrow('renewal-worker');
    expect(service.applied.at(-1)).toMatchObject({ kind: 'revoke' });
  });

  test('renews itself with its fence, and aborts with the facts when the cluster ends its tenure', async () => {
    const { client, service } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: 300 });
    await expect.poll(() => service.applied.filter(({ kind }) => kind === 'extend').length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(service.applied.at(-1)).toMatchObject({ kind: 'extend', fence: 1, durationMs: 300 });
    service.advance(10_000);
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    expect(lease.signal.reason).toMatchObject({ reason: 'ended', facts: { holder: null, fence: null } });
    expect(lease.remainingMs).toBe(0);
  });

  test('is released at the end of its scope by await using, also when the cluster cannot be asked', async () => {
    const { client, service } = await cluster();
    {
      await using lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
      lease.assertHeld();
    }
    expect(await client.get(NAME)).toBeNull();
    {
      await using lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
      lease.assertHeld();
      service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    }
    expect((await client.get(NAME, { stale: true }))?.holder).toBe('worker-1');
  });
});

describe('a gate', () => {
  test('lets a write through while the tenure lasts, and never after it', async () => {
    const { client, service } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    expect(await client.kv.put('report', 'one', { gates: [lease] })).toMatchObject({ key: 'report', value: 'one' });
    const gate = lease.gate();
    service.advance(10 * LONG_MS);
    await client.claim(NAME, { holder: 'worker-2', durationMs: LONG_MS }).then((other) => other.release());
    const error = await thrown(client.kv.put('report', 'two', { gates: [gate] }));
    expect(error).toMatchObject({ code: 'assertion-failed', failure: 'refused', facts: { holder: null } });
    expect((await client.kv.get('report'))?.value).toBe('one');
    await lease.release();
  });

  test('of a lost lease throws before anything is sent', async () => {
    const { client, service } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    await lease.release();
    const before = service.applied.length;
    await expect(client.kv.put('report', 'late', { gates: [lease] })).rejects.toBeInstanceOf(LeaseLostError);
    await expect(lease.fetch('http://127.0.0.1:1/v1/txn')).rejects.toBeInstanceOf(LeaseLostError);
    expect(service.applied).toHaveLength(before);
  });

  test('ends a request that is under way when the lease is lost', async () => {
    const { url } = await cluster();
    const silent = await StubServer.start('silent');
    onTestFinished(() => silent.stop());
    const client = new LeaseholdClient({ endpoints: [url, silent.url] });
    onTestFinished(() => client.close());
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const request = thrown(lease.fetch(`${silent.url}/v1/kv/report`, { method: 'PUT', body: '{}' }));
    await expect.poll(() => silent.requests.length).toBe(1);
    await lease.release();
    expect(await request).toMatchObject({ reason: 'released' });
  });

  test('ends a fetch with the tenure, also one that has lost sight of its signal', async () => {
    const { service, url } = await cluster();
    const deaf: typeof fetch = (input, init) => (String(input).endsWith('/v1/kv/slow') ? new Promise(() => {}) : fetch(input, init));
    const client = new LeaseholdClient({ endpoints: [url], patienceMs: 0, fetch: deaf });
    onTestFinished(() => client.close());
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: 300 });
    const write = lease.fetch(`${url}/v1/kv/slow`, { method: 'DELETE' });
    service.advance(10_000);
    await expect(write).rejects.toMatchObject({ code: 'not-held', reason: 'ended' });
  });

  test.each<[string, string, string, RequestInit?]>([
    ['a read', 'GET', '/v1/kv/report'],
    ['a claim', 'PUT', '/v1/leases/jobs/prod/other'],
    ['a batch', 'POST', '/v1/batch'],
    ['a path that leaves the keys', 'PUT', '/v1/kv/../leases/jobs/prod/other'],
    ['the list of keys', 'DELETE', '/v1/kv/'],
    ['a method that the transaction does not take', 'PUT', '/v1/txn'],
  ])('is never left out: fetch refuses to send %s', async (_what, method, path) => {
    const { client, service, url } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const before = service.applied.length;
    for (const input of [`${url}${path}`, new URL(`${url}${path}`), new Request(`${url}${path}`, { method })])
      await expect(lease.fetch(input, { method })).rejects.toThrow(/does not honor lease-if/);
    expect(service.applied).toHaveLength(before);
    await lease.release();
  });

  test('is never left out: fetch refuses another server, and follows no redirect', async () => {
    const { url } = await cluster();
    const elsewhere = await cluster();
    const redirects: unknown[] = [];
    const noting: typeof fetch = (input, init) => {
      redirects.push(init?.redirect);
      return fetch(input, init);
    };
    const client = new LeaseholdClient({ endpoints: [url], fetch: noting });
    onTestFinished(() => client.close());
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    const write = { method: 'DELETE', redirect: 'follow' } as const;
    await expect(lease.fetch(`${elsewhere.url}/v1/kv/report`, write)).rejects.toBeInstanceOf(TypeError);
    expect((await lease.fetch(`${url}/v1/kv/report`, write)).status).toBe(404);
    expect(redirects.at(-1)).toBe('error');
    await lease.release();
  });

  test('travels with fetch as lease-if, beside another one', async () => {
    const { client, url } = await cluster();
    const one = await client.claim('jobs/prod/a%2Fb', { holder: 'w;1', durationMs: LONG_MS });
    const two = await client.claim(NAME, { holder: 'w;1', durationMs: LONG_MS });
    const headers = { 'content-type': 'application/json', 'lease-if': `jobs/prod/nightly;holder=w%3B1;fence=${two.fence}` };
    const put = () => one.fetch(`${url}/v1/kv/report`, { method: 'PUT', headers, body: JSON.stringify({ value: 'x' }) });
    expect((await put()).status).toBe(200);
    await two.release();
    expect((await put()).status).toBe(412);
    await one.release();
  });
});

test('what its keeper says is lost is so at once, before any timer', () => {
  const caller = new HttpCaller({ endpoints: ['http://127.0.0.1:7801'] });
  const options = { caller, clock: systemClock, fetch, name: parseLeaseName(NAME), holder: 'worker-1', fence: 7, session: null };
  let ending: Ending | null = null;
  const lease = new HeldLease(options).keptBy({ heldUntilMs: 0, ending: () => ending, release: () => {} });
  lease.assertHeld();
  ending = { reason: 'stalled', error: null };
  expect(lease.signal.aborted).toBe(false);
  expect(() => lease.assertHeld()).toThrow(LeaseLostError);
  expect(lease.signal.reason).toMatchObject({
    reason: 'stalled',
    message: expect.stringContaining('jobs/prod/nightly (worker-1, fence 7)'),
  });
});

describe('a session', () => {
  test('keeps many claims by one renewal, and its end is theirs', async () => {
    const { client, service } = await cluster();
    const session = await client.session({ holder: 'worker-1', ttlMs: 300 });
    const leases = [await session.claim('jobs/prod/a'), await session.claim('jobs/prod/b')];
    await expect.poll(() => service.applied.filter(({ kind }) => kind === 'renew').length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(service.applied.some(({ kind }) => kind === 'extend')).toBe(false);
    for (const lease of leases) lease.assertHeld();
    await leases[0]?.release();
    expect(leases[0]?.lost).toMatchObject({ reason: 'released' });
    leases[1]?.assertHeld();
    await session.release();
    expect(leases[1]?.signal.reason).toMatchObject({ reason: 'released' });
    expect(await client.get('jobs/prod/b')).toBeNull();
    await expect(session.claim('jobs/prod/c')).rejects.toBeInstanceOf(LeaseLostError);
  });

  test('that the cluster has ended aborts every claim made by it', async () => {
    const { client, service } = await cluster();
    const session = await client.session({ holder: 'worker-1', ttlMs: 400 });
    const lease = await session.claim(NAME);
    service.advance(10_000);
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    expect(lease.lost).toMatchObject({ reason: 'ended' });
    expect(session.lost).toMatchObject({ reason: 'ended' });
  });
});

describe('the store', () => {
  test('reads, lists, deletes and decides on conditions', async () => {
    const { kv } = (await cluster()).client;
    const { modRevision } = await kv.put('a/1', 'x', { ifMatch: 'absent' });
    expect(await thrown(kv.put('a/1', 'y', { ifMatch: 'absent' }))).toMatchObject({ code: 'precondition-failed' });
    await kv.put('a/1', 'y', { ifMatch: modRevision });
    await kv.put('a/2', 'z');
    expect((await kv.list('a/')).keys.map(({ key, value }) => [key, value])).toEqual([
      ['a/1', 'y'],
      ['a/2', 'z'],
    ]);
    expect(await kv.delete('a/1')).toBe(true);
    expect(await kv.delete('a/1')).toBe(false);
    expect(await kv.get('a/1')).toBeNull();
    const { succeeded, results } = await kv.txn({
      compare: [{ key: 'a/2', target: 'value', op: '=', value: 'z' }],
      success: [{ get: { prefix: 'a/' } }],
    });
    expect({ succeeded, results }).toMatchObject({ succeeded: true, results: [{ keys: [{ key: 'a/2' }] }] });
  });
});

describe('waits, lists and pins', () => {
  test('a wait settles when nobody has the lease, and throws when its time is up', async () => {
    const { client, service } = await cluster();
    const lease = await client.claim(NAME, { holder: 'worker-1', durationMs: LONG_MS });
    expect(await thrown(client.waitUntilExpired(NAME, { timeoutMs: 50 }))).toMatchObject({ code: 'wait-timeout' });
    await client.pin(NAME, 'operator');
    expect((await client.get(NAME))?.pinnedBy).toEqual(['operator']);
    await client.unpin(NAME, 'operator');
    const vacant = client.waitUntilExpired(NAME);
    await expect.poll(() => service.watcherCount).toBe(1);
    await lease.release();
    await vacant;
  });

  test('a list goes through every page', async () => {
    const { client } = await cluster();
    const session = await client.session({ holder: 'w', ttlMs: LONG_MS });
    for (let at = 0; at < 5; at++) await session.claim(`jobs/prod/job-${at}`);
    const names: string[] = [];
    for await (const claim of client.list({ namespace: 'jobs', model: 'prod' })) names.push(claim.lease);
    expect(names).toEqual(['job-0', 'job-1', 'job-2', 'job-3', 'job-4']);
    await session.release();
  });
});

test('a closed client fails the calls under way, and later ones at once', async () => {
  const server = await StubServer.start('silent');
  onTestFinished(() => server.stop());
  const client = new LeaseholdClient({ endpoints: [server.url] });
  const pending = thrown(client.get(NAME));
  setTimeout(() => client.close(), 50);
  expect(await pending).toMatchObject({ code: 'closed' });
  expect(await thrown(client.get(NAME))).toMatchObject({ code: 'closed' });
});

test('a renewal that one node does not answer goes to the next in time', async () => {
  const silent = await StubServer.start({ status: 201, body: { holder: 'w', fence: 5, session: null } }, 'silent');
  const second = await StubServer.start({ status: 200, body: {} });
  onTestFinished(() => Promise.all([silent.stop(), second.stop()]).then(() => {}));
  const client = new LeaseholdClient({ endpoints: [silent.url, second.url] });
  const lease = await client.claim(NAME, { holder: 'w', durationMs: 1_500 });
  await expect.poll(() => second.requests.length, { timeout: 5_000 }).toBeGreaterThan(0);
  lease.assertHeld();
  await lease.release();
  client.close();
});

test('a refusal that is no answer of Leasehold’s does not pass for a lost lease', async () => {
  const server = await StubServer.start({ status: 201, body: { holder: 'w', fence: 5, session: null } }, problem(503, 'no-leader'));
  onTestFinished(() => server.stop());
  const client = new LeaseholdClient({ endpoints: [server.url] });
  const lease = await client.claim(NAME, { holder: 'w', durationMs: 600 });
  await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
  expect(lease.lost).toMatchObject({ reason: 'not-confirmed', cause: { code: 'no-leader' } });
  client.close();
});

test.each(['a/b', 'a/b/c/d', '/b/c', 'a//c', 'a/b/%zz', ''])('"%s" is no name of a lease', (name) => {
  expect(() => parseLeaseName(name)).toThrow(TypeError);
});

test('a write whose answer was lost is sent again under its key, and is known for the repeat that it is', async () => {
  const silent = await StubServer.start('hangUp');
  onTestFinished(() => silent.stop());
  const { url, service } = await cluster();
  const client = new LeaseholdClient({ endpoints: [silent.url, url] });
  onTestFinished(() => client.close());
  expect(await client.kv.put('k', 'v', { ifMatch: 'absent' })).toMatchObject({ version: 1 });
  expect(service.applied).toHaveLength(1);
  expect(service.applied[0]).toMatchObject({ kind: 'once' });
});
