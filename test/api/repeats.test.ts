// `idempotency-key`: the same status and body for a repeat, whatever happened since.
import { describe, expect, test } from 'vitest';
import { L, start } from './harness.ts';
import { until } from './raw-client.ts';

const KEY = { 'idempotency-key': 'once-1' };
const claim = (holder: string, waitMs?: number) => ({ holder, durationMs: 1000, ...(waitMs === undefined ? {} : { waitMs }) });

describe('a repeat under one idempotency-key', () => {
  test.each([
    ['PUT', L, claim('A')],
    ['POST', '/v1/lessor/leases', { ttlMs: 500 }],
    ['PUT', '/v1/kv/k', { value: 'v' }],
    ['DELETE', '/v1/kv/none', undefined],
    ['PUT', `${L}/pins/e`, undefined],
    ['DELETE', `${L}?holder=A`, undefined],
    ['POST', `${L}/extend`, claim('A')],
    ['POST', '/v1/txn', { success: [{ put: { key: 'k', value: 'v' } }, { get: { key: 'k' } }] }],
  ])('%s %s is told the same and applied once', async (method, url, body) => {
    const { call, service } = start();
    const first = await call(method, url, { body, headers: KEY });
    await call('PUT', '/v1/kv/k', { body: { value: 'between' } });
    const before = service.dump();
    const again = await call(method, url, { body, headers: KEY });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(again.headers.etag).toBe(first.headers.etag);
    expect(service.dump()).toBe(before);
  });

  test('of a claim that waits waits in its place, and both are told the same', async () => {
    const { call, service } = start();
    await call('PUT', L, { body: claim('A') });
    const first = call('PUT', L, { body: claim('B', 300_000), headers: KEY });
    await until(() => service.waitingCounts[0] === 1);
    const again = call('PUT', L, { body: claim('B', 200_000), headers: KEY });
    await until(() => service.waitingCounts[0] === 2);
    await call('DELETE', `${L}?holder=A`);
    expect((await first).status).toBe(201);
    expect((await again).text).toBe((await first).text);
    const late = await call('PUT', L, { body: claim('B', 200_000), headers: KEY });
    expect([late.status, late.text]).toEqual([201, (await first).text]);
  });

  test('with another command is 409 conflict', async () => {
    const { call } = start();
    await call('PUT', L, { body: claim('A'), headers: KEY });
    expect(await call('PUT', L, { body: claim('B'), headers: KEY })).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  test('of a batch is told the same for each operation, and a check is a look at what is', async () => {
    const { call, service } = start();
    const lease = { namespace: 'ns', model: 'm', lease: 'l', holder: 'A' };
    const ops = [{ claim: { ...lease, durationMs: 5 } }, { check: lease }, { put: { key: 'k', value: 'v' } }, { delete: { key: 'none' } }];
    const first = await call('POST', '/v1/batch', { body: { ops }, headers: KEY });
    const changed = service.applied.length;
    const again = await call('POST', '/v1/batch', { body: { ops }, headers: KEY });
    const results = (answer: typeof first) => (answer.body.results as { status: number; body: unknown }[]).filter((_, at) => at !== 1);
    expect(results(again)).toEqual(results(first));
    expect(results(first).map(({ status }) => status)).toEqual([201, 200, 404]);
    expect(service.applied.length).toBe(changed + 3);
    // A part of a batch is another request than the same alone.
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'v' }, headers: KEY })).body.version).toBe(2);
  });
});

test.each([['a b'], [''], ['x'.repeat(257)], ['é']])('an idempotency-key %j is refused', async (key) => {
  const { call, service } = start();
  const answer = await call('PUT', L, { body: claim('A'), headers: { 'idempotency-key': key } });
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-argument' } });
  expect((await call('PUT', L, { body: claim('A', 5), headers: { 'idempotency-key': key } })).status).toBe(400);
  expect(service.applied).toEqual([]);
});

test('a key of 256 characters is taken, and one on a read means nothing', async () => {
  const { call, service } = start();
  expect((await call('PUT', L, { body: claim('A'), headers: { 'idempotency-key': '~'.repeat(256) } })).status).toBe(201);
  expect((await call('GET', L, { headers: { 'idempotency-key': 'a b' } })).status).toBe(200);
  expect(service.applied).toHaveLength(1);
});
