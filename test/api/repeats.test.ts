// `idempotency-key`: a repeat gets the first answer as far as it is still true, marked as replayed.
import { describe, expect, test } from 'vitest';
import { L, start } from './harness.ts';
import { until } from './raw-client.ts';

const KEY = { 'idempotency-key': 'once-1' };
const claim = (holder: string, waitMs?: number) => ({ holder, durationMs: 1000, ...(waitMs === undefined ? {} : { waitMs }) });

/** Status and body without the index: that of a repeat about the present is its own. */
function asAtFirst({ status, body }: { readonly status: number; readonly body: Record<string, unknown> }): unknown {
  const { index: _index, ...rest } = body ?? {};
  return [status, rest];
}

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
    expect(asAtFirst(again)).toEqual(asAtFirst(first));
    expect(again.headers.etag).toBe(first.headers.etag);
    expect(again.headers['idempotency-replayed']).toBe(String(service.appliedIndex - 2));
    expect(first.headers['idempotency-replayed']).toBeUndefined();
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
    expect(asAtFirst(await again)).toEqual(asAtFirst(await first));
    const late = await call('PUT', L, { body: claim('B', 200_000), headers: KEY });
    expect(asAtFirst(late)).toEqual(asAtFirst(await first));
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
    type Result = { status: number; body: Record<string, unknown>; replayed?: number };
    const results = (answer: typeof first) => (answer.body.results as Result[]).filter((_, at) => at !== 1);
    expect(results(again).map(asAtFirst)).toEqual(results(first).map(asAtFirst));
    expect(results(again).map(({ replayed }) => replayed)).toEqual([1, 2, 3]);
    expect(results(first).map(({ replayed }) => replayed)).toEqual([undefined, undefined, undefined]);
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

describe('a repeat whose first answer is no longer true', () => {
  test('of a claim is 409 not-held with who holds the lease now, alone and in a batch', async () => {
    const { call } = start();
    const op = { claim: { namespace: 'ns', model: 'm', lease: 'b', holder: 'A', durationMs: 1000 } };
    expect((await call('PUT', L, { body: claim('A'), headers: KEY })).status).toBe(201);
    await call('POST', '/v1/batch', { body: { ops: [op] }, headers: KEY });
    for (const lease of ['l', 'b']) await call('DELETE', `/v1/leases/ns/m/${lease}?holder=A`);
    const free = await call('PUT', L, { body: claim('A'), headers: KEY });
    expect(free).toMatchObject({ status: 409, body: { code: 'not-held', holder: null, fence: null } });
    for (const lease of ['l', 'b']) await call('PUT', `/v1/leases/ns/m/${lease}`, { body: claim('B') });
    const { fence } = (await call('GET', L)).body;
    const again = await call('PUT', L, { body: claim('A'), headers: KEY });
    expect(again).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'B', fence } });
    expect(again.headers['idempotency-replayed']).toBe('1');
    const batch = await call('POST', '/v1/batch', { body: { ops: [op] }, headers: KEY });
    expect(batch.body.results).toMatchObject([{ status: 409, body: { code: 'not-held', holder: 'B' }, replayed: 2 }]);
  });

  test('of a claim that is still held shows the time that is left', async () => {
    const { call, service } = start();
    await call('PUT', L, { body: claim('A'), headers: KEY });
    service.advance(400);
    expect((await call('PUT', L, { body: claim('A'), headers: KEY })).body).toMatchObject({ remainingMs: 600, durationMs: 1000 });
  });

  test('of a pin that was removed is 409 conflict', async () => {
    const { call } = start();
    await call('PUT', `${L}/pins/e`, { headers: KEY });
    await call('DELETE', `${L}/pins/e`);
    expect(await call('PUT', `${L}/pins/e`, { headers: KEY })).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await call('GET', '/v1/pins')).body.pins).toEqual([]);
  });
});

describe('idempotency-since', () => {
  const SINCE = { ...KEY, 'idempotency-since': '0' };

  test('refuses a key whose outcome might be forgotten, alone, waiting and in a batch', async () => {
    const { call, service } = start();
    await call('PUT', '/v1/kv/k', { body: { value: 'v' }, headers: KEY });
    service.advance(600_001);
    await call('PUT', '/v1/kv/k', { body: { value: 'w' }, headers: { 'idempotency-key': 'another' } });
    const refused = { status: 409, body: { code: 'conflict', forgottenIndex: 1 } };
    expect(await call('PUT', '/v1/kv/k', { body: { value: 'v' }, headers: SINCE })).toMatchObject(refused);
    expect(await call('PUT', L, { body: claim('A', 100), headers: SINCE })).toMatchObject(refused);
    const batch = await call('POST', '/v1/batch', { body: { ops: [{ put: { key: 'k', value: 'v' } }] }, headers: SINCE });
    expect(batch.body.results).toMatchObject([refused]);
    expect((await call('GET', '/v1/kv/k')).body.value).toBe('w');
    const later = { ...KEY, 'idempotency-since': String(service.appliedIndex) };
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'x' }, headers: later })).status).toBe(200);
  });

  test.each([['-1'], ['x'], [''], ['1.5'], ['01'], ['9007199254740993']])('%j is 400', async (text) => {
    const { call, service } = start();
    const headers = { ...KEY, 'idempotency-since': text };
    expect(await call('PUT', L, { body: claim('A'), headers })).toMatchObject({ status: 400, body: { code: 'invalid-argument' } });
    expect(service.applied).toEqual([]);
  });

  test('without an idempotency-key is 400', async () => {
    const { call } = start();
    expect((await call('PUT', L, { body: claim('A'), headers: { 'idempotency-since': '0' } })).status).toBe(400);
  });
});
