// Claims over HTTP: what each call on one lease answers, with its headers.
import { describe, expect, test } from 'vitest';
import { L, start } from './harness.ts';

const HOUR_MS = 3_600_000;

test('a claim on a free lease answers 201 with the claim, its place and its fence', async () => {
  const { call } = start();
  const answer = await call('PUT', L, { body: { holder: 'A', durationMs: HOUR_MS } });
  expect(answer.status).toBe(201);
  expect(answer.body).toEqual({
    namespace: 'ns',
    model: 'm',
    lease: 'l',
    holder: 'A',
    fence: 1,
    durationMs: HOUR_MS,
    remainingMs: HOUR_MS,
    session: null,
    pinnedBy: [],
    index: 1,
  });
  expect(answer.headers).toMatchObject({ location: L, etag: '"1"', 'content-type': 'application/json; charset=utf-8' });
});

test('every answer carries node, leader, term and the index applied when answering', async () => {
  const { call, service } = start();
  const facts = { 'leasehold-node': 'n1', 'leasehold-leader': 'n1', 'leasehold-term': '3' };
  expect((await call('PUT', L, { body: { holder: 'A', durationMs: 1 } })).headers).toMatchObject({ ...facts, 'leasehold-index': '1' });
  expect((await call('PUT', L, { body: { holder: 'B', durationMs: 1 } })).headers).toMatchObject({ ...facts, 'leasehold-index': '2' });
  expect((await call('GET', '/nowhere')).headers).toMatchObject({ ...facts, 'leasehold-index': '2' });
  service.leader = '';
  expect((await call('DELETE', `${L}?holder=A`)).headers).toMatchObject({ ...facts, 'leasehold-leader': '', 'leasehold-index': '3' });
});

test('the same holder claiming again is answered 200 and keeps its fence', async () => {
  const { call } = start();
  await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
  const answer = await call('PUT', L, { body: { holder: 'A', durationMs: 5000 } });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ fence: 1, durationMs: 5000, remainingMs: 5000, index: 2 });
  expect(answer.headers).toMatchObject({ etag: '"1"' });
  expect(answer.headers.location).toBeUndefined();
});

test('a claim on what another holds is denied with the facts, and told when to try again', async () => {
  const { call, service } = start();
  await call('PUT', L, { body: { holder: 'A', durationMs: 4500 } });
  service.advance(1000);
  const answer = await call('PUT', L, { body: { holder: 'B', durationMs: 1000 } });
  expect(answer.status).toBe(409);
  expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '4' });
  expect(answer.body).toMatchObject({
    type: 'urn:leasehold:problem:claim-denied',
    title: 'Somebody else holds the lease',
    status: 409,
    detail: 'A holds the lease',
    code: 'claim-denied',
    holder: 'A',
    fence: 1,
    remainingMs: 3500,
    index: 2,
  });
});

test('a pinned claim has no remaining time, and a denial still says when to try again', async () => {
  const { call } = start();
  await call('PUT', L, { body: { holder: 'A', durationMs: 4500 } });
  await call('PUT', `${L}/pins/e`);
  const answer = await call('PUT', L, { body: { holder: 'B', durationMs: 1000 } });
  expect(answer.body).toMatchObject({ code: 'claim-denied', remainingMs: null });
  expect(answer.headers['retry-after']).toBe('1');
  expect((await call('GET', L)).body).toMatchObject({ remainingMs: null, pinnedBy: ['e'] });
});

test('a claim by a session lives by it, and takes neither a duration nor an unknown session', async () => {
  const { call } = start();
  await call('POST', '/v1/lessor/leases', { body: { ttlMs: 9000, id: '77' } });
  const claimed = await call('PUT', L, { body: { holder: 'A', session: '77' } });
  expect([claimed.status, claimed.body.session, claimed.body.durationMs]).toEqual([201, '77', 9000]);
  expect(await call('PUT', L, { body: { holder: 'A', durationMs: 1 } })).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect(await call('POST', `${L}/extend`, { body: { holder: 'A', durationMs: 1 } })).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  });
  expect(await call('PUT', '/v1/leases/ns/m/other', { body: { holder: 'A', session: '78' } })).toMatchObject({
    status: 404,
    body: { code: 'lease-not-found', id: '78' },
  });
});

describe('extend', () => {
  test('answers 200 with the claim for its holder, with or without the right fence', async () => {
    const { call } = start();
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    const answer = await call('POST', `${L}/extend`, { body: { holder: 'A', durationMs: 7000, fence: 1 } });
    expect(answer).toMatchObject({ status: 200, body: { holder: 'A', fence: 1, durationMs: 7000, index: 2 } });
    expect(answer.headers).toMatchObject({ etag: '"1"' });
    expect((await call('POST', `${L}/extend`, { body: { holder: 'A', durationMs: 8000 } })).status).toBe(200);
  });

  test('answers 409 not-held to another, by another fence, and when nobody holds it', async () => {
    const { call } = start();
    const extend = (holder: string, fence?: number) => call('POST', `${L}/extend`, { body: { holder, durationMs: 1, fence } });
    expect(await extend('A')).toMatchObject({ status: 409, body: { code: 'not-held', holder: null, fence: null, index: 1 } });
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    expect(await extend('B')).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'A', fence: 2, index: 3 } });
    expect(await extend('A', 1)).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'A', fence: 2, index: 4 } });
    expect(await extend('A', 0)).toMatchObject({ status: 409, body: { code: 'not-held' } });
  });
});

describe('release', () => {
  test('answers 204 without a body, also when nobody holds the lease', async () => {
    const { call } = start();
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    expect(await call('DELETE', `${L}?holder=A&fence=1`)).toMatchObject({ status: 204, text: '' });
    expect(await call('DELETE', `${L}?holder=A`)).toMatchObject({ status: 204, text: '' });
    expect((await call('GET', L)).status).toBe(404);
  });

  test('answers 409 not-held to another holder or fence, and keeps the claim', async () => {
    const { call } = start();
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    expect(await call('DELETE', `${L}?holder=B`)).toMatchObject({
      status: 409,
      body: { code: 'not-held', holder: 'A', fence: 1, index: 2 },
    });
    expect(await call('DELETE', `${L}?holder=A&fence=9`)).toMatchObject({ status: 409, body: { code: 'not-held' } });
    expect((await call('GET', L)).status).toBe(200);
  });
});

test('looking up a claim answers 200 with its fence as ETag, or 404', async () => {
  const { call, service } = start();
  await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
  service.advance(400);
  const answer = await call('GET', L);
  expect(answer).toMatchObject({
    status: 200,
    body: { holder: 'A', remainingMs: 600, durationMs: 1000, index: 1 },
    headers: { etag: '"1"' },
  });
  service.advance(601);
  expect(await call('GET', L)).toMatchObject({ status: 404, body: { code: 'lease-not-found', index: 2 } });
});

describe('check', () => {
  test('gives the assertion to its holder, with the index of the barrier from the second attempt on', async () => {
    const { call, service } = start();
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    await call('PUT', '/v1/kv/k', { body: { value: '' } });
    const changes = service.applied.length;
    const assertion = { namespace: 'ns', model: 'm', lease: 'l', holder: 'A', fence: 1 };
    expect(await call('POST', `${L}/check`, { body: { holder: 'A' } })).toMatchObject({ status: 200 });
    expect((await call('POST', `${L}/check`, { body: { holder: 'A', attempt: 0 } })).body).toEqual({
      held: true,
      fence: 1,
      assertion,
      index: 2,
    });
    expect((await call('POST', `${L}/check`, { body: { holder: 'A', attempt: 1 } })).body).toEqual({
      held: true,
      fence: 1,
      assertion: { ...assertion, minIndex: 2 },
      index: 2,
    });
    expect(service.applied.length).toBe(changes);
  });

  test('answers 409 not-held to anybody else, and without a leader nothing', async () => {
    const { call, service } = start();
    const check = (query = '') => call('POST', `${L}/check${query}`, { body: { holder: 'B' } });
    expect(await check()).toMatchObject({ status: 409, body: { code: 'not-held', holder: null, fence: null, index: 0 } });
    await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    expect(await check()).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'A', fence: 1, index: 1 } });
    service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    expect(await check()).toMatchObject({ status: 503, body: { code: 'no-leader' } });
    expect(await check('?consistency=stale')).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'A' } });
    expect(await call('POST', `${L}/check?consistency=stale`, { body: { holder: 'B', attempt: 1 } })).toMatchObject({ status: 400 });
  });
});

describe('names in paths', () => {
  const odd = [
    'a/b',
    'a%2Fb',
    '__proto__',
    'constructor',
    'toString',
    'héé',
    '😀',
    'a?b',
    'a&b=c',
    'a+b',
    'a;b',
    'a:b@c',
    '%',
    '%zz',
    'x,y',
    'é',
    'e\u0301',
    '\uffff',
  ];
  test.each(odd)('%j is taken, is told back as it was, and is a lease of its own', async (name) => {
    const { call } = start();
    const path = `/v1/leases/${encodeURIComponent(name)}/${encodeURIComponent(name)}/${encodeURIComponent(name)}`;
    const claimed = await call('PUT', path, { body: { holder: name, durationMs: 1000 } });
    expect(claimed).toMatchObject({ status: 201, body: { namespace: name, model: name, lease: name, holder: name } });
    expect((await call('GET', String(claimed.headers.location))).body).toMatchObject({ lease: name });
    expect((await call('GET', `/v1/leases?key=${[name, name, name].map(encodeURIComponent).join('/')}`)).body.leases).toHaveLength(1);
    expect((await call('DELETE', `${path}?holder=${encodeURIComponent(name)}`)).status).toBe(204);
    expect((await call('GET', '/v1/leases')).body.leases).toEqual([]);
  });

  test('one lease name in two namespaces and two models is four leases', async () => {
    const { call } = start();
    for (const path of ['a/x/l', 'a/y/l', 'b/x/l', 'b/y/l']) {
      expect((await call('PUT', `/v1/leases/${path}`, { body: { holder: path, durationMs: 1000 } })).status).toBe(201);
    }
    expect((await call('GET', '/v1/leases/a/y/l')).body.holder).toBe('a/y/l');
  });
});

describe('the shortest and the longest duration', () => {
  test.each([1, 2 ** 53 - 1])('%d ms is taken', async (durationMs) => {
    const { call } = start();
    expect(await call('PUT', L, { body: { holder: 'A', durationMs } })).toMatchObject({ status: 201, body: { durationMs } });
    expect(await call('PUT', L, { body: { holder: 'B', durationMs } })).toMatchObject({ status: 409, body: { remainingMs: durationMs } });
  });
});

describe('how a change can fail', () => {
  test.each([
    ['no-leader', 503, '1'],
    ['stopping', 503, '1'],
    ['overloaded', 429, '1'],
    ['outcome-unknown', 504, undefined],
  ] as const)('%s is answered %d', async (code, status, retryAfter) => {
    const { call, service } = start();
    service.failure = code === 'outcome-unknown' ? { definite: false, code, detail: 'why' } : { definite: true, code, detail: 'why' };
    const answer = await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    expect(answer).toMatchObject({ status, body: { code, status, detail: 'why' } });
    expect(answer.headers['retry-after']).toBe(retryAfter);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    service.failure = null;
    expect((await call('PUT', L, { body: { holder: 'A', durationMs: 1000 } })).status).toBe(201);
  });
});
