// The store over HTTP: keys, gated writes, conditions, transactions and lists.
import { describe, expect, test } from 'vitest';
import { type Harness, L, start } from './harness.ts';

const FACT = { namespace: 'ns', model: 'm', lease: 'l' };

async function startHeld(): Promise<Harness> {
  const harness = start();
  await harness.call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
  return harness;
}

test('a put answers the key as it is now, with its revision as ETag', async () => {
  const { call } = start();
  const first = await call('PUT', '/v1/kv/k', { body: { value: 'one' } });
  expect(first).toMatchObject({ status: 200, headers: { etag: '"1"' } });
  expect(first.body).toEqual({ key: 'k', value: 'one', createRevision: 1, modRevision: 1, version: 1, lease: null, index: 1 });
  const second = await call('PUT', '/v1/kv/k', { body: { value: '' } });
  expect(second.body).toEqual({ key: 'k', value: '', createRevision: 1, modRevision: 2, version: 2, lease: null, index: 2 });
});

test('a get answers the key and the index read at, or 404', async () => {
  const { call } = start();
  expect(await call('GET', '/v1/kv/k')).toMatchObject({ status: 404, body: { code: 'key-not-found', key: 'k', index: 0 } });
  await call('PUT', '/v1/kv/k', { body: { value: 'v' } });
  await call('PUT', `${L}/pins/e`);
  expect(await call('GET', '/v1/kv/k')).toMatchObject({
    status: 200,
    body: { value: 'v', modRevision: 1, index: 2 },
    headers: { etag: '"1"' },
  });
});

test('a delete answers 204, and 404 when there is no such key', async () => {
  const { call } = start();
  await call('PUT', '/v1/kv/k', { body: { value: 'v' } });
  expect(await call('DELETE', '/v1/kv/k')).toMatchObject({ status: 204, text: '' });
  expect(await call('DELETE', '/v1/kv/k')).toMatchObject({ status: 404, body: { code: 'key-not-found', index: 3 } });
});

test.each(['a/b', 'a b', '.', '__proto__', 'a#b', '$', 'ns/m/l', 'é', '\u0301'])('%j is a key, with a name of its own', async (key) => {
  const { call, service } = start();
  // A path of "." would be taken away by URL parsers before it is sent; a prefix shows the same key.
  const url = `/v1/kv/${encodeURIComponent(key)}`;
  if (key === '.') await call('POST', '/v1/txn', { body: { success: [{ put: { key, value: 'v' } }] } });
  else expect((await call('PUT', url, { body: { value: 'v' } })).body.key).toBe(key);
  expect((await call('GET', `/v1/kv?prefix=${encodeURIComponent(key)}`)).body.keys).toMatchObject([{ key, value: 'v' }]);
  expect((await call('GET', '/v1/leases')).body.leases).toEqual([]);
  expect(service.applied).toHaveLength(1);
});

describe('a lease on a key', () => {
  test('must exist, is shown, and is dropped by a put without one', async () => {
    const { call, service } = start();
    expect(await call('PUT', '/v1/kv/k', { body: { value: 'v', lease: '7' } })).toMatchObject({
      status: 404,
      body: { code: 'lease-not-found', id: '7' },
    });
    await call('POST', '/v1/lessor/leases', { body: { ttlMs: 1000, id: '7' } });
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'v', lease: '7' } })).body.lease).toBe('7');
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'v' } })).body.lease).toBeNull();
    await call('PUT', '/v1/kv/k', { body: { value: 'v', lease: '7' } });
    service.advance(1001);
    expect((await call('GET', '/v1/kv/k')).status).toBe(404);
  });
});

describe('a gated write', () => {
  test.each([
    ['holder and fence', { holder: 'A', fence: 1 }],
    ['the fence alone', { fence: 1 }],
    ['the holder alone', { holder: 'A' }],
    ['an index of a barrier beside', { holder: 'A', fence: 1, minIndex: 1 }],
  ])('is carried out when it asserts %s and that is so', async (_what, fact) => {
    const { call } = await startHeld();
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'v', assert: [{ ...FACT, ...fact }] } })).status).toBe(200);
    expect((await call('DELETE', '/v1/kv/k', { body: { assert: [{ ...FACT, ...fact }] } })).status).toBe(204);
  });

  test.each([
    ['another holder', { holder: 'B', fence: 1 }],
    ['another fence', { holder: 'A', fence: 2 }],
  ])('is refused when it asserts %s, with the assertion as it was given and what is so', async (_what, fact) => {
    const { call, service } = await startHeld();
    const { keys, revision } = (await call('GET', '/v1/kv')).body;
    const failed = { ...FACT, ...fact };
    for (const method of ['PUT', 'DELETE']) {
      const body = method === 'PUT' ? { value: 'v', assert: [{ ...FACT, fence: 1 }, failed] } : { assert: [failed] };
      const answer = await call(method, '/v1/kv/k', { body });
      expect(answer).toMatchObject({ status: 412, headers: { 'content-type': 'application/problem+json' } });
      expect(answer.body).toMatchObject({ code: 'assertion-failed', failed, holder: 'A', fence: 1, index: service.appliedIndex });
      expect(answer.body.failed).toEqual(failed);
    }
    // Nothing but the claim's history knows of it.
    expect((await call('GET', '/v1/kv')).body).toMatchObject({ keys, revision });
    expect(await call('GET', L)).toMatchObject({ status: 200, body: { holder: 'A', fence: 1, durationMs: 1000 } });
  });

  test('is refused when nobody holds the lease', async () => {
    const { call } = start();
    const answer = await call('PUT', '/v1/kv/k', { body: { value: 'v', assert: [{ ...FACT, holder: 'A' }] } });
    expect(answer).toMatchObject({ status: 412, body: { code: 'assertion-failed', holder: null, fence: null, index: 1 } });
  });

  test('takes its assertions from lease-if as well, several by comma, with parts percent-encoded', async () => {
    const { call } = await startHeld();
    await call('PUT', '/v1/leases/ns/m/a%2Fb,%3B%3D', { body: { holder: 'x,y;z=1', durationMs: 1000 } });
    const good = 'ns/m/l;holder=A;fence=1, ns/m/a%2Fb%2C%3B%3D ; holder=x%2Cy%3Bz%3D1';
    expect((await call('PUT', '/v1/kv/k', { body: { value: 'v' }, headers: { 'lease-if': good } })).status).toBe(200);
    expect((await call('DELETE', '/v1/kv/k', { headers: { 'lease-if': 'ns/m/l;fence=1' } })).status).toBe(204);
    expect(await call('PUT', '/v1/kv/k', { body: { value: 'v' }, headers: { 'lease-if': `${good}, ns/m/l;fence=2` } })).toMatchObject({
      status: 412,
      body: { code: 'assertion-failed', failed: { ...FACT, fence: 2 } },
    });
    const both = { body: { value: 'v', assert: [{ ...FACT, holder: 'B' }] }, headers: { 'lease-if': 'ns/m/l;fence=1' } };
    expect((await call('PUT', '/v1/kv/k', both)).status).toBe(412);
  });
});

describe('a condition on the key itself', () => {
  const put = { body: { value: 'v' } };
  test('if-none-match: * lets only a new key be written', async () => {
    const { call } = start();
    const headers = { 'if-none-match': '*' };
    expect((await call('PUT', '/v1/kv/k', { ...put, headers })).status).toBe(200);
    expect(await call('PUT', '/v1/kv/k', { ...put, headers })).toMatchObject({
      status: 412,
      body: { code: 'precondition-failed', key: 'k', modRevision: 1, index: 2 },
    });
  });

  test('if-match lets only the revision that was seen be replaced or deleted', async () => {
    const { call } = start();
    expect(await call('PUT', '/v1/kv/k', { ...put, headers: { 'if-match': '"1"' } })).toMatchObject({
      status: 412,
      body: { code: 'precondition-failed', modRevision: null },
    });
    const etag = String((await call('PUT', '/v1/kv/k', put)).headers.etag);
    const replaced = await call('PUT', '/v1/kv/k', { ...put, headers: { 'if-match': etag } });
    expect(replaced.status).toBe(200);
    expect((await call('DELETE', '/v1/kv/k', { headers: { 'if-match': etag } })).status).toBe(412);
    expect((await call('DELETE', '/v1/kv/k', { headers: { 'if-match': String(replaced.headers.etag) } })).status).toBe(204);
  });

  test('if-match with a weak tag never matches, also not the tag of the present revision; the strong one of a list does', async () => {
    const { call } = start();
    await call('PUT', '/v1/kv/k', put);
    for (const weak of ['W/"1"', 'W/"2", W/"1"', ' W/"0"']) {
      const answer = { status: 412, body: { code: 'precondition-failed', key: 'k', modRevision: 1 } };
      expect(await call('PUT', '/v1/kv/k', { ...put, headers: { 'if-match': weak } })).toMatchObject(answer);
      expect(await call('DELETE', '/v1/kv/k', { headers: { 'if-match': weak } })).toMatchObject(answer);
      expect((await call('PUT', '/v1/kv/none', { ...put, headers: { 'if-match': weak } })).status).toBe(412);
    }
    expect((await call('PUT', '/v1/kv/k', { ...put, headers: { 'if-match': 'W/"9", "1"' } })).status).toBe(200);
    expect((await call('PUT', '/v1/kv/k', { ...put, headers: { 'if-match': 'W/"11", "1"' } })).status).toBe(412);
  });
});

describe('the list of keys', () => {
  async function startFilled(): Promise<Harness> {
    const harness = start();
    for (const key of ['a/1', 'a/2', 'a/3', 'b']) await harness.call('PUT', `/v1/kv/${encodeURIComponent(key)}`, { body: { value: key } });
    await harness.call('PUT', `${L}/pins/e`);
    return harness;
  }

  test('has those that begin with the prefix, in order, with the revision of the store and the index read at', async () => {
    const { call } = await startFilled();
    const answer = await call('GET', '/v1/kv?prefix=a%2F');
    expect(answer.body).toMatchObject({ keys: [{ key: 'a/1' }, { key: 'a/2' }, { key: 'a/3' }], revision: 4, index: 5 });
    expect(answer.body.next).toBeUndefined();
    expect((await call('GET', '/v1/kv?prefix=c')).body).toEqual({ keys: [], revision: 4, index: 5 });
  });

  test('comes in pages that join without gap or repeat', async () => {
    const { call } = await startFilled();
    const seen: unknown[] = [];
    let after = '';
    for (let pages = 0; pages < 10; pages++) {
      const { body } = await call('GET', `/v1/kv?limit=3${after}`);
      seen.push(...(body.keys as { key: string }[]).map(({ key }) => key));
      if (body.next === undefined) break;
      after = `&after=${encodeURIComponent(String(body.next))}`;
    }
    expect(seen).toEqual(['a/1', 'a/2', 'a/3', 'b']);
  });

  test('ends a page early when its values are large, and goes on after it', async () => {
    const { call } = start();
    for (let at = 10; at < 40; at++) await call('PUT', `/v1/kv/${at}`, { body: { value: 'x'.repeat(60_000) } });
    const first = await call('GET', '/v1/kv');
    const rest = await call('GET', `/v1/kv?after=${first.body.next}`);
    const keys = [...(first.body.keys as { key: string }[]), ...(rest.body.keys as { key: string }[])].map(({ key }) => Number(key));
    expect(first.text.length).toBeLessThan(1_200_000);
    expect(keys).toEqual(Array.from({ length: 30 }, (_, at) => at + 10));
    expect(rest.body.next).toBeUndefined();
  });
});

describe('a transaction', () => {
  test('takes its assertions from lease-if as well, and changes nothing when one does not hold', async () => {
    const { call } = await startHeld();
    const put = { body: { success: [{ put: { key: 'k', value: 'v' } }] } };
    const failed = { ...FACT, fence: 2 };
    const refused = { status: 412, body: { code: 'assertion-failed', failed, holder: 'A', fence: 1 } };
    expect(await call('POST', '/v1/txn', { ...put, headers: { 'lease-if': 'ns/m/l;fence=2' } })).toMatchObject(refused);
    expect(await call('POST', '/v1/txn', { ...put, headers: { 'lease-if': 'ns/m/l;fence=1, ns/m/l;fence=2' } })).toMatchObject(refused);
    expect(
      await call('POST', '/v1/txn', { body: { ...put.body, assert: [failed] }, headers: { 'lease-if': 'ns/m/l;fence=1' } }),
    ).toMatchObject(refused);
    expect((await call('GET', '/v1/kv/k')).status).toBe(404);
    expect((await call('POST', '/v1/txn', { ...put, headers: { 'lease-if': 'ns/m/l;holder=A' } })).status).toBe(200);
    expect((await call('POST', '/v1/txn', { ...put, headers: { 'lease-if': 'ns/m/l' } })).status).toBe(400);
  });

  test('carries out the branch that its comparisons choose, and answers each operation in order', async () => {
    const { call } = start();
    await call('PUT', '/v1/kv/a', { body: { value: 'x' } });
    const body = {
      compare: [
        { key: 'a', target: 'create', op: '=', value: 1 },
        { key: 'a', target: 'mod', op: '<', value: 2 },
        { key: 'a', target: 'version', op: '>', value: 0 },
        { key: 'a', target: 'value', op: '!=', value: 'y' },
        { key: 'b', target: 'lease', op: '=', value: '0' },
        { key: 'b', target: 'mod', op: '=', value: 0 },
      ],
      success: [
        { put: { key: 'b', value: 'y' } },
        { get: { key: 'b' } },
        { get: { key: 'none' } },
        { get: { prefix: '' } },
        { delete: { key: 'a' } },
        { delete: { key: 'none' } },
        { delete: { prefix: '' } },
      ],
      failure: [{ get: { key: 'a' } }],
    };
    const a = { key: 'a', value: 'x', createRevision: 1, modRevision: 1, version: 1, lease: null };
    const b = { key: 'b', value: 'y', createRevision: 2, modRevision: 2, version: 1, lease: null };
    expect(await call('POST', '/v1/txn', { body })).toMatchObject({ status: 200 });
    await call('PUT', '/v1/kv/a', { body: { value: 'x' } });
    expect((await call('POST', '/v1/txn', { body })).body).toMatchObject({
      succeeded: false,
      results: [{ keys: [{ key: 'a' }] }],
      index: 4,
    });
    const fresh = start();
    await fresh.call('PUT', '/v1/kv/a', { body: { value: 'x' } });
    expect((await fresh.call('POST', '/v1/txn', { body })).body).toEqual({
      succeeded: true,
      results: [b, { keys: [b] }, { keys: [] }, { keys: [a, b] }, { deleted: 1 }, { deleted: 0 }, { deleted: 1 }],
      index: 2,
    });
  });

  test('one that reads more than an entry may is 413 too-large, with the index that decided', async () => {
    const fresh = start();
    await fresh.call('PUT', '/v1/kv/big', { body: { value: 'x'.repeat(60_000) } });
    const body = { success: new Array(100).fill({ get: { key: 'big' } }) };
    expect(await fresh.call('POST', '/v1/txn', { body })).toMatchObject({ status: 413, body: { code: 'too-large', index: 2 } });
  });

  test('is refused as a whole when an assertion fails or a lease is missing', async () => {
    const { call, service } = await startHeld();
    const before = service.dump();
    const success = [{ put: { key: 'a', value: '' } }];
    expect(await call('POST', '/v1/txn', { body: { assert: [{ ...FACT, fence: 9 }], success } })).toMatchObject({
      status: 412,
      body: { code: 'assertion-failed', holder: 'A', fence: 1 },
    });
    expect(await call('POST', '/v1/txn', { body: { success: [...success, { put: { key: 'b', value: '', lease: '5' } }] } })).toMatchObject({
      status: 404,
      body: { code: 'lease-not-found', id: '5' },
    });
    expect(service.dump()).toBe(before);
    expect((await call('POST', '/v1/txn', { body: { assert: [{ ...FACT, fence: 1 }], success } })).body.succeeded).toBe(true);
  });

  test('of nothing succeeds with nothing', async () => {
    const { call } = start();
    expect((await call('POST', '/v1/txn', { body: {} })).body).toEqual({ succeeded: true, results: [], index: 1 });
  });
});
