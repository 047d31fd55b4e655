// The lessor over HTTP: granting, renewing, revoking, looking up, attaching.
import { expect, test } from 'vitest';
import { L, start } from './harness.ts';

const GRANTS = '/v1/lessor/leases';

test('a grant answers 201 with the lease, its id as it was asked for', async () => {
  const { call } = start();
  const answer = await call('POST', GRANTS, { body: { ttlMs: 1000, id: '9223372036854775807' } });
  expect(answer).toMatchObject({ status: 201, headers: { location: `${GRANTS}/9223372036854775807` } });
  expect(answer.body).toEqual({
    id: '9223372036854775807',
    ttlMs: 1000,
    remainingMs: 1000,
    keyCount: 0,
    claimCount: 0,
    attachedIndex: 0,
    index: 1,
  });
  expect(await call('POST', GRANTS, { body: { ttlMs: 1, id: '9223372036854775807' } })).toMatchObject({
    status: 409,
    body: { code: 'lease-exists', id: '9223372036854775807', index: 2 },
  });
});

test('without an id, or with 0, one is chosen that is free', async () => {
  const { call } = start();
  const ids = new Set<unknown>();
  for (const body of [{ ttlMs: 1000 }, { ttlMs: 1000, id: '0' }, { ttlMs: 1000 }]) {
    const answer = await call('POST', GRANTS, { body });
    expect(answer.status).toBe(201);
    expect(answer.body.id).toMatch(/^[1-9][0-9]*$/);
    ids.add(answer.body.id);
  }
  expect(ids.size).toBe(3);
});

test('a lease is looked up with what remains, its keys and its claims', async () => {
  const { call, service } = start();
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '5' } });
  await call('PUT', '/v1/kv/b', { body: { value: '', lease: '5' } });
  await call('PUT', '/v1/kv/a', { body: { value: '', lease: '5' } });
  await call('PUT', L, { body: { holder: 'A', session: '5' } });
  service.advance(300);
  expect((await call('GET', `${GRANTS}/5`)).body).toEqual({
    id: '5',
    ttlMs: 1000,
    remainingMs: 700,
    keyCount: 2,
    claimCount: 1,
    attachedIndex: 4,
    keys: ['a', 'b'],
    claims: [{ namespace: 'ns', model: 'm', lease: 'l' }],
    index: 4,
  });
  expect(await call('GET', `${GRANTS}/6`)).toMatchObject({ status: 404, body: { code: 'lease-not-found', id: '6', index: 4 } });
});

test('the keys and claims of a lease are read in pages, and no other answer lists them', async () => {
  const { call } = start();
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '5' } });
  for (const key of ['c', 'a', 'b']) await call('PUT', `/v1/kv/${key}`, { body: { value: '', lease: '5' } });
  await call('PUT', L, { body: { holder: 'A', session: '5' } });
  const counts = { keyCount: 3, claimCount: 1, attachedIndex: 5 };
  const first = await call('GET', `${GRANTS}/5?limit=3`);
  expect(first.body).toMatchObject({ ...counts, keys: ['a', 'b'], claims: [{ lease: 'l' }] });
  const { body } = await call('GET', `${GRANTS}/5?limit=3&after=${String(first.body.next)}`);
  expect(body).toMatchObject({ ...counts, keys: ['c'], claims: [] });
  expect(body).not.toHaveProperty('next');
  for (const query of ['limit=0', 'limit=1001', 'after=*', 'after=', 'other=1']) {
    expect((await call('GET', `${GRANTS}/5?${query}`)).status).toBe(400);
  }
  const renewed = await call('POST', `${GRANTS}/5/renew`, { headers: { 'idempotency-key': 'r' } });
  const again = await call('POST', `${GRANTS}/5/renew`, { headers: { 'idempotency-key': 'r' } });
  const listed = ((await call('GET', GRANTS)).body.leases as object[])[0];
  for (const shown of [renewed.body, again.body, listed]) {
    expect(shown).toMatchObject(counts);
    expect(shown).not.toHaveProperty('keys');
    expect(shown).not.toHaveProperty('claims');
  }
});

test('renewing begins the time anew, and is 404 once the lease is gone', async () => {
  const { call, service } = start();
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '5' } });
  service.advance(900);
  expect(await call('POST', `${GRANTS}/5/renew`)).toMatchObject({ status: 200, body: { id: '5', remainingMs: 1000, index: 2 } });
  service.advance(1001);
  expect(await call('POST', `${GRANTS}/5/renew`)).toMatchObject({ status: 404, body: { code: 'lease-not-found' } });
});

test('revoking deletes keys and claims at one revision', async () => {
  const { call } = start();
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '5' } });
  await call('PUT', '/v1/kv/a', { body: { value: '', lease: '5' } });
  await call('PUT', L, { body: { holder: 'A', session: '5' } });
  expect(await call('DELETE', `${GRANTS}/5`)).toMatchObject({ status: 204, text: '' });
  expect((await call('GET', '/v1/kv')).body).toEqual({ keys: [], revision: 4, index: 4 });
  expect((await call('GET', L)).status).toBe(404);
  expect((await call('DELETE', `${GRANTS}/5`)).status).toBe(404);
});

test('attaching moves a key, detaching frees it, and both need lease and key', async () => {
  const { call } = start();
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '5' } });
  await call('POST', GRANTS, { body: { ttlMs: 1000, id: '6' } });
  await call('PUT', '/v1/kv/a%2Fb', { body: { value: '' } });
  expect((await call('PUT', `${GRANTS}/5/keys/a%2Fb`)).status).toBe(204);
  expect((await call('PUT', `${GRANTS}/6/keys/a%2Fb`)).status).toBe(204);
  expect((await call('GET', `${GRANTS}/5`)).body.keys).toEqual([]);
  expect((await call('GET', `${GRANTS}/6`)).body.keys).toEqual(['a/b']);
  expect((await call('DELETE', `${GRANTS}/6/keys/a%2Fb`)).status).toBe(204);
  expect((await call('GET', '/v1/kv/a%2Fb')).body.lease).toBeNull();
  expect(await call('PUT', `${GRANTS}/7/keys/a%2Fb`)).toMatchObject({ status: 404, body: { code: 'lease-not-found' } });
  expect(await call('PUT', `${GRANTS}/6/keys/none`)).toMatchObject({ status: 404, body: { code: 'key-not-found' } });
});

test('the list is in order of remaining time, without the leases of plain claims, in pages', async () => {
  const { call } = start();
  await call('PUT', L, { body: { holder: 'A', durationMs: 1 } });
  for (const [id, ttlMs] of [
    ['5', 3000],
    ['6', 1000],
    ['7', 2000],
    ['8', 2000],
  ])
    await call('POST', GRANTS, { body: { ttlMs, id } });
  const seen: unknown[] = [];
  let after = '';
  for (let pages = 0; pages < 9; pages++) {
    const { body } = await call('GET', `${GRANTS}?limit=1${after}`);
    seen.push(...(body.leases as { id: string }[]).map(({ id }) => id));
    if (body.next === undefined) break;
    after = `&after=${body.next}`;
  }
  expect(seen).toEqual(['6', '7', '8', '5']);
});
