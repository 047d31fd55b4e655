// Waiting over HTTP: for a lease to be had, and for it to be given up; and every way in which a wait can end.
import { describe, expect, test } from 'vitest';
import { type Answer, L, settleDown, start } from './harness.ts';
import type { LocalService } from './local-service.ts';
import { allGone, listen, RawClient, until } from './raw-client.ts';

const LONG_MS = 300_000;
const queued = (service: LocalService, count: number) => until(() => service.waitingCounts[0] === count);
const claim = (holder: string, waitMs?: number) => ({ body: { holder, durationMs: 1000, waitMs } });

describe('waiting for a vacancy', () => {
  test('answers at once when nobody holds the lease', async () => {
    const { call, service } = start();
    await call('PUT', '/v1/kv/k', { body: { value: '' } });
    expect(await call('GET', `${L}/expired`)).toMatchObject({ status: 200, body: { expired: true, index: 1 } });
    await call('PUT', `${L}/pins/e`);
    expect((await call('GET', `${L}/expired`)).status).toBe(200);
    expect(service.watcherCount).toBe(0);
  });

  test('answers when the lease expires, and not before', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    let answer: Answer | null = null;
    const waiting = call('GET', `${L}/expired`).then((got) => {
      answer = got;
    });
    await until(() => service.watcherCount === 1);
    service.advance(600);
    await call('POST', `${L}/extend`, claim('A'));
    service.advance(600);
    await settleDown();
    expect(answer).toBeNull();
    service.advance(401);
    await waiting;
    expect(answer).toMatchObject({ status: 200, body: { expired: true, index: 3 } });
    expect(service.watcherCount).toBe(0);
  });

  test('answers when the lease is released, or its session revoked', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const first = call('GET', `${L}/expired`);
    await until(() => service.watcherCount === 1);
    await call('DELETE', `${L}?holder=A`);
    expect((await first).status).toBe(200);
    await call('POST', '/v1/lessor/leases', { body: { ttlMs: 1000, id: '9' } });
    await call('PUT', L, { body: { holder: 'A', session: '9' } });
    const second = call('GET', `${L}/expired`);
    await until(() => service.watcherCount === 1);
    await call('DELETE', '/v1/lessor/leases/9');
    expect((await second).status).toBe(200);
  });

  test('answers 408 wait-timeout when the time is up, and watches no more', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    expect(await call('GET', `${L}/expired?timeoutMs=0`)).toMatchObject({ status: 408, body: { code: 'wait-timeout', index: 1 } });
    expect(await call('GET', `${L}/expired?timeoutMs=30`)).toMatchObject({
      status: 408,
      headers: { 'content-type': 'application/problem+json' },
    });
    expect(service.watcherCount).toBe(0);
  });

  test('is no wait at all when it has no time, but still says that a free lease is free', async () => {
    const { call, service } = start();
    const read = service.read.bind(service);
    service.read = (consistency, answer) => void setTimeout(() => read(consistency, answer), 20);
    const watch = service.waitVacant.bind(service);
    service.waitVacant = (...wait) => {
      const timer = setTimeout(() => watch(...wait), 20);
      return () => clearTimeout(timer);
    };
    expect(await call('GET', `${L}/expired?timeoutMs=0`)).toMatchObject({ status: 200, body: { expired: true } });
    await call('PUT', L, claim('A'));
    expect(await call('GET', `${L}/expired?timeoutMs=0`)).toMatchObject({ status: 408, body: { code: 'wait-timeout' } });
    service.failure = { definite: true, code: 'no-leader', detail: 'lost' };
    expect(await call('GET', `${L}/expired?timeoutMs=0`)).toMatchObject({ status: 503, body: { code: 'no-leader' } });
  });

  test('answers with what keeps the node from watching', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('GET', `${L}/expired`);
    await until(() => service.watcherCount === 1);
    service.failWatchers({ definite: true, code: 'no-leader', detail: 'lost' });
    expect(await waiting).toMatchObject({ status: 503, body: { code: 'no-leader' } });
  });

  test('leaves nothing behind when the caller hangs up', async () => {
    const harness = start();
    await harness.call('PUT', L, claim('A'));
    const client = new RawClient(await listen(harness));
    client.request('GET', `${L}/expired`);
    await until(() => harness.service.watcherCount === 1);
    client.hangUp();
    await until(() => harness.service.watcherCount === 0);
    expect(harness.service.applied).toHaveLength(1);
  });

  test('is refused as overloaded when too many wait, and taken again when one has gone', async () => {
    const harness = start({ waitsMax: 1 });
    const { call, service } = harness;
    await call('PUT', L, claim('A'));
    const first = call('GET', `${L}/expired`);
    await until(() => service.watcherCount === 1);
    expect(await call('GET', `${L}/expired`)).toMatchObject({ status: 429, body: { code: 'overloaded' }, headers: { 'retry-after': '1' } });
    expect(await call('PUT', L, claim('B', LONG_MS))).toMatchObject({ status: 429 });
    await call('DELETE', `${L}?holder=A`);
    await first;
    expect((await call('GET', `${L}/expired`)).status).toBe(200);
  });
});

describe('waiting for a lease to be had', () => {
  test('is no wait at all when the lease is free, or the claimer holds it', async () => {
    const { call } = start();
    expect((await call('PUT', L, claim('A', LONG_MS))).status).toBe(201);
    expect((await call('PUT', L, claim('A', LONG_MS))).status).toBe(200);
  });

  test('is granted when the holder goes, as a tenure of its own', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 1);
    service.advance(1001);
    const answer = await waiting;
    expect(answer).toMatchObject({ status: 201, body: { holder: 'B', remainingMs: 1000 }, headers: { location: L } });
    expect(answer.body.fence).toBeGreaterThan(1);
    expect(service.waitingCounts).toEqual([0, 0]);
  });

  test('is denied with the latest facts when the time is up', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', 2000));
    await queued(service, 1);
    await call('POST', `${L}/extend`, { body: { holder: 'A', durationMs: 9000 } });
    expect(await waiting).toMatchObject({
      status: 409,
      body: { code: 'claim-denied', holder: 'A', fence: 1, remainingMs: 9000, index: 4 },
    });
    expect(service.waitingCounts).toEqual([0, 0]);
  });

  test('is granted in order of arrival, each by the very entry that frees the lease', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const order: string[] = [];
    const answers: Promise<void>[] = [];
    const holders = ['B', 'C', 'D', 'E'];
    for (const holder of holders) {
      answers.push(
        call('PUT', L, claim(holder, LONG_MS)).then((answer) => {
          expect(answer.status).toBe(201);
          order.push(holder);
        }),
      );
      await queued(service, answers.length);
    }
    const before = service.applied.length;
    for (const holder of ['A', ...holders]) {
      await call('DELETE', `${L}?holder=${holder}`);
      await settleDown();
      await settleDown();
    }
    await Promise.all(answers);
    expect(order).toEqual(holders);
    // Five releases and nothing else: nobody had to try again.
    expect(service.applied.length - before).toBe(5);
  });

  test('is not outrun by a claimer who does not wait', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 1);
    service.held = true;
    const released = call('DELETE', `${L}?holder=A`);
    await until(() => service.heldCount === 1);
    const late = call('PUT', L, claim('C'));
    await until(() => service.heldCount === 2);
    service.release();
    expect((await released).status).toBe(204);
    expect(await waiting).toMatchObject({ status: 201, body: { holder: 'B', fence: 3, index: 3 } });
    expect(await late).toMatchObject({ status: 409, body: { code: 'claim-denied', holder: 'B', fence: 3 } });
  });

  test('serves the holder itself at once, whoever waits', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 1);
    expect(await call('PUT', L, claim('A', LONG_MS))).toMatchObject({ status: 200, body: { holder: 'A', fence: 1 } });
    await call('DELETE', `${L}?holder=A`);
    expect((await waiting).status).toBe(201);
  });

  test('grants both of one holder, when it asked again while its first request waited', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const first = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 1);
    const other = call('PUT', L, claim('C', LONG_MS));
    await queued(service, 2);
    const again = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 3);
    await call('DELETE', `${L}?holder=A`);
    expect((await first).status).toBe(201);
    expect((await again).status).toBe(200);
    await call('DELETE', `${L}?holder=B`);
    expect((await other).status).toBe(201);
  });

  test('fails as its claim fails, but once it has its place no failure of other changes concerns it', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', LONG_MS));
    await queued(service, 1);
    service.failure = { definite: false, code: 'outcome-unknown', detail: 'the leader was lost' };
    expect(await call('PUT', L, claim('C', LONG_MS))).toMatchObject({ status: 504, body: { code: 'outcome-unknown' } });
    expect((await call('DELETE', `${L}?holder=A`)).status).toBe(504);
    service.failure = null;
    await call('DELETE', `${L}?holder=A`);
    expect(await waiting).toMatchObject({ status: 201, body: { holder: 'B' } });
    expect(service.waitingCounts).toEqual([0, 0]);
  });

  test('has an unknown outcome when its time is up and no leader can say which came first, and leaves as soon as there is one', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    const waiting = call('PUT', L, claim('B', 500));
    await queued(service, 1);
    service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    expect(await waiting).toMatchObject({ status: 504, body: { code: 'outcome-unknown' } });
    expect(service.waitingCounts).toEqual([1, 1]);
    service.failure = null;
    await until(() => service.waitingCounts.every((count) => count === 0));
  });

  test('is told 404 as soon as the session ends by which it would have the lease (etcd #11456)', async () => {
    const { call, service } = start();
    await call('PUT', L, claim('A'));
    await call('POST', '/v1/lessor/leases', { body: { ttlMs: 500, id: '9' } });
    const waiting = call('PUT', L, { body: { holder: 'B', session: '9', waitMs: LONG_MS } });
    await queued(service, 1);
    service.advance(501);
    expect(await waiting).toMatchObject({ status: 404, body: { code: 'lease-not-found', id: '9' } });
    expect(service.waitingCounts).toEqual([0, 0]);
    service.advance(501);
    expect((await call('GET', L)).status).toBe(404);
  });

  test('a caller who hangs up loses its place, and the next one moves up', async () => {
    const harness = start();
    const { call, service } = harness;
    await call('PUT', L, claim('A'));
    const client = new RawClient(await listen(harness));
    client.request('PUT', L, { holder: 'B', durationMs: 1000, waitMs: LONG_MS });
    await queued(service, 1);
    const next = call('PUT', L, claim('C', LONG_MS));
    await queued(service, 2);
    client.hangUp();
    await queued(service, 1);
    await call('DELETE', `${L}?holder=A`);
    expect(await next).toMatchObject({ status: 201, body: { holder: 'C' } });
    expect(service.applied.filter((command) => command.kind === 'claim' && command.holder === 'B')).toHaveLength(1);
  });

  test('callers that wait one behind the other on one connection all leave with it', async () => {
    const harness = start();
    await harness.call('PUT', L, claim('A'));
    const client = new RawClient(await listen(harness));
    for (const holder of ['B', 'C', 'D']) client.request('PUT', L, { holder, durationMs: 1000, waitMs: LONG_MS });
    await queued(harness.service, 3);
    client.hangUp();
    await until(() => harness.service.waitingCounts.every((count) => count === 0));
  });

  test('the last one to hang up leaves no watch behind', async () => {
    const harness = start();
    await harness.call('PUT', L, claim('A'));
    const client = new RawClient(await listen(harness));
    client.request('PUT', L, { holder: 'B', durationMs: 1000, waitMs: LONG_MS });
    await queued(harness.service, 1);
    client.hangUp();
    await until(() => harness.service.waitingCounts.every((count) => count === 0));
  });

  test('what is granted after the caller hung up is given back', async () => {
    const harness = start();
    const { call, service } = harness;
    const client = new RawClient(await listen(harness));
    service.held = true;
    client.request('PUT', L, { holder: 'B', durationMs: 1000, waitMs: LONG_MS });
    await until(() => service.heldCount === 1);
    client.hangUp();
    await allGone(harness);
    service.release();
    await settleDown();
    expect(service.applied.map((command) => command.kind)).toEqual(['claim', 'leave']);
    expect((await call('GET', L)).status).toBe(404);
  });

  test('but an extension of what the holder had is not', async () => {
    const harness = start();
    const { call, service } = harness;
    await call('PUT', L, claim('B'));
    const client = new RawClient(await listen(harness));
    service.held = true;
    client.request('PUT', L, { holder: 'B', durationMs: 5000, waitMs: LONG_MS });
    await until(() => service.heldCount === 1);
    client.hangUp();
    await allGone(harness);
    service.release();
    await settleDown();
    expect((await call('GET', L)).body).toMatchObject({ holder: 'B', durationMs: 5000 });
  });
});

describe('when the server stops', () => {
  test('all that wait are answered 503 stopping, and nothing hangs', async () => {
    const { call, service, server } = start();
    await call('PUT', L, claim('A'));
    const waits = [call('GET', `${L}/expired`), call('PUT', L, claim('B', LONG_MS)), call('PUT', L, claim('C', LONG_MS))];
    await until(() => service.watcherCount === 1);
    await queued(service, 2);
    await server.close();
    for (const answer of await Promise.all(waits)) expect(answer).toMatchObject({ status: 503, body: { code: 'stopping' } });
    expect(service.watcherCount).toBe(0);
    expect(service.waitingCounts).toEqual([0, 0]);
  });

  test('a change that is under way is still answered, and a new request on its connection is refused', async () => {
    const harness = start();
    const { service, server } = harness;
    const client = new RawClient(await listen(harness));
    service.held = true;
    client.request('PUT', L, { holder: 'A', durationMs: 1000 });
    await until(() => service.heldCount === 1);
    const closed = server.close();
    await settleDown();
    client.request('PUT', '/v1/leases/ns/m/other', { holder: 'A', durationMs: 1000 });
    service.release();
    expect((await client.answer()).status).toBe(201);
    await closed;
    await client.end();
    expect(service.applied).toHaveLength(1);
  });

  test('it does not wait for connections that are kept without a request', async () => {
    const harness = start();
    const { service, server } = harness;
    const port = await listen(harness);
    const idle = new RawClient(port);
    idle.request('GET', '/livez');
    await idle.answer();
    const busy = new RawClient(port);
    service.held = true;
    busy.request('PUT', L, { holder: 'A', durationMs: 1000 });
    await until(() => service.heldCount === 1);
    const closed = server.close();
    await settleDown();
    service.release();
    expect((await busy.answer()).status).toBe(201);
    // Well below the minute for which an idle connection is kept otherwise.
    await closed;
    await idle.end();
    await busy.end();
  });
});
