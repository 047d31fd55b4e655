// Lists of claims and pins over HTTP: scopes, pages, filters and freshness.
import { describe, expect, test } from 'vitest';
import { type Harness, start } from './harness.ts';

const PATHS = ['a/x/1', 'a/x/2', 'a/x/3', 'a/y/1', 'b/x/1'];

async function startFilled(): Promise<Harness> {
  const harness = start();
  for (const path of PATHS) await harness.call('PUT', `/v1/leases/${path}`, { body: { holder: path, durationMs: 1000 } });
  return harness;
}

async function listAll({ call }: Harness, url: string): Promise<string[]> {
  const seen: string[] = [];
  let after = '';
  for (let pages = 0; pages < 20; pages++) {
    const { status, body } = await call('GET', url + after);
    expect(status).toBe(200);
    seen.push(...(body.leases as { holder: string }[]).map(({ holder }) => holder));
    if (body.next === undefined) return seen;
    after = `&after=${encodeURIComponent(String(body.next))}`;
  }
  throw new Error('the pages do not end');
}

test('the list of all has every claim, with its index', async () => {
  const { call } = await startFilled();
  const { body } = await call('GET', '/v1/leases');
  expect((body.leases as { holder: string }[]).map(({ holder }) => holder)).toEqual(PATHS);
  expect(body).toMatchObject({ index: 5, leases: [{ namespace: 'a', model: 'x', lease: '1', fence: 1, index: 5 }, {}, {}, {}, {}] });
  expect(body.next).toBeUndefined();
});

test('the list of a model has only its own', async () => {
  const harness = await startFilled();
  expect(await listAll(harness, '/v1/leases/a/x?')).toEqual(PATHS.slice(0, 3));
  expect(await listAll(harness, '/v1/leases/c/x?')).toEqual([]);
});

test.each([1, 2, 3, 5, 1000])('pages of %d join without gap or repeat', async (limit) => {
  const harness = await startFilled();
  expect(await listAll(harness, `/v1/leases?limit=${limit}`)).toEqual(PATHS);
  expect(await listAll(harness, `/v1/leases/a/x?limit=${limit}`)).toEqual(PATHS.slice(0, 3));
  expect(await listAll(harness, `/v1/leases?limit=${limit}&key=b/x/1&key=a/x/2&key=none/x/1&key=a/x/1`)).toEqual([
    'a/x/1',
    'a/x/2',
    'b/x/1',
  ]);
});

test('the list of a model goes on after a lease name as well', async () => {
  const { call } = await startFilled();
  expect((await call('GET', '/v1/leases/a/x?after=1')).body.leases).toMatchObject([{ lease: '2' }, { lease: '3' }]);
  expect((await call('GET', '/v1/leases/a/x?after=3')).body.leases).toEqual([]);
});

describe('filters by key', () => {
  test('give those that are held, each once, and nothing for the rest', async () => {
    const { call } = await startFilled();
    const { body } = await call('GET', '/v1/leases?key=a/x/2&key=a/x/2&key=nobody/has/it');
    expect(body.leases).toMatchObject([{ holder: 'a/x/2' }]);
  });

  test('stay within the model that was asked', async () => {
    const { call } = await startFilled();
    expect((await call('GET', '/v1/leases/a/x?key=a/x/2&key=b/x/1')).body.leases).toMatchObject([{ holder: 'a/x/2' }]);
  });

  test('take parts with slashes, whether the whole is encoded once more or not', async () => {
    const { call } = start();
    await call('PUT', '/v1/leases/n/m/a%2Fb%25', { body: { holder: 'H', durationMs: 1000 } });
    const plain = 'n/m/a%2Fb%25';
    for (const key of [plain, encodeURIComponent(plain)]) {
      expect((await call('GET', `/v1/leases?key=${key}`)).body.leases).toMatchObject([{ lease: 'a/b%' }]);
    }
  });
});

describe('pins', () => {
  test('are listed by lease with sorted entities, also where nobody holds it, and go with the last one', async () => {
    const { call } = start();
    for (const path of ['a/x/2/pins/z', 'a/x/2/pins/b', 'a/x/2/pins/z', 'a/x/1/pins/e%2Ff', 'a/y/1/pins/e']) {
      expect(await call('PUT', `/v1/leases/${path}`)).toMatchObject({ status: 204, text: '' });
    }
    const one = { namespace: 'a', model: 'x', lease: '1', entities: ['e/f'] };
    const two = { namespace: 'a', model: 'x', lease: '2', entities: ['b', 'z'] };
    const three = { namespace: 'a', model: 'y', lease: '1', entities: ['e'] };
    expect((await call('GET', '/v1/pins')).body).toEqual({ pins: [one, two, three], index: 5 });
    expect((await call('GET', '/v1/pins/a/x')).body).toEqual({ pins: [one, two], index: 5 });
    const { body: first } = await call('GET', '/v1/pins?limit=2');
    expect(first).toEqual({ pins: [one, two], next: expect.any(String), index: 5 });
    expect((await call('GET', `/v1/pins?limit=2&after=${String(first.next)}`)).body).toEqual({ pins: [three], index: 5 });
    expect((await call('GET', `/v1/pins/a/x?limit=1&after=${String(first.next)}`)).body).toEqual({ pins: [], index: 5 });
    for (const query of ['limit=0', 'limit=1001', 'after=*']) expect((await call('GET', `/v1/pins?${query}`)).status).toBe(400);
    expect((await call('DELETE', '/v1/leases/a/x/1/pins/e%2Ff')).status).toBe(204);
    expect((await call('DELETE', '/v1/leases/a/x/1/pins/e%2Ff')).status).toBe(204);
    expect((await call('GET', '/v1/pins/a/x')).body.pins).toEqual([two]);
  });

  test('keep a claim beyond its time until the last is taken away', async () => {
    const { call, service } = start();
    const path = '/v1/leases/a/x/1';
    await call('PUT', `${path}/pins/e`);
    await call('PUT', path, { body: { holder: 'A', durationMs: 1000 } });
    service.advance(5000);
    expect((await call('GET', path)).body).toMatchObject({ holder: 'A', remainingMs: null, pinnedBy: ['e'] });
    await call('DELETE', `${path}/pins/e`);
    service.advance(1);
    expect((await call('GET', path)).status).toBe(404);
  });
});

describe('freshness', () => {
  const reads = [
    '/v1/leases',
    '/v1/leases/a/x',
    '/v1/leases/a/x/1',
    '/v1/pins',
    '/v1/pins/a/x',
    '/v1/kv',
    '/v1/kv/k',
    '/v1/lessor/leases',
    '/v1/lessor/leases/5',
  ];
  test.each(reads)('%s asks the leader unless a stale answer will do', async (url) => {
    const { call, service } = await startFilled();
    await call('PUT', '/v1/kv/k', { body: { value: '' } });
    await call('POST', '/v1/lessor/leases', { body: { ttlMs: 1000, id: '5' } });
    service.failure = { definite: true, code: 'no-leader', detail: 'cut off' };
    expect(await call('GET', url)).toMatchObject({ status: 503, body: { code: 'no-leader' }, headers: { 'retry-after': '1' } });
    expect((await call('GET', `${url}?consistency=linearizable`)).status).toBe(503);
    expect(await call('GET', `${url}?consistency=stale`)).toMatchObject({ status: 200, headers: { 'leasehold-index': '7' } });
  });
});
