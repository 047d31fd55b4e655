// Every answer, whatever it is and whoever makes it, tells node, leader, term, and index, and keeps itself out of caches.
import { describe, expect, test } from 'vitest';
import { startWithRoutes } from './all-routes.ts';
import { L, start } from './harness.ts';
import { listen, RawClient } from './raw-client.ts';

const FOUR = { 'leasehold-node': 'n1', 'leasehold-leader': 'n1', 'leasehold-term': '3', 'leasehold-index': expect.stringMatching(/^\d+$/) };
/** Files of the page, which are the same for as long as the program is. They are asked for anew each time. */
const PAGES = /^\/(?:docs|dashboard\/main\.js)?$/;

test('of each route: done, and refused for a parameter, a condition, and the host', async () => {
  const { call, routes } = await startWithRoutes();
  const variants: { readonly suffix: string; readonly headers: Record<string, string>; readonly isDone: boolean }[] = [
    { suffix: '', headers: {}, isDone: true },
    { suffix: 'no-such=1', headers: {}, isDone: false },
    { suffix: '', headers: { 'if-range': '"1"' }, isDone: false },
    { suffix: '', headers: { host: 'evil.example' }, isDone: false },
  ];
  for (const { suffix, headers, isDone } of variants) {
    for (const { method, url, options } of routes) {
      // These two wait.
      if (isDone && /expired|watch/.test(url)) continue;
      const target = suffix === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${suffix}`;
      const answer = await call(method, target, { ...options, headers });
      expect(answer.headers, `${method} ${target}`).toMatchObject(FOUR);
      const caching = String(answer.headers['cache-control']);
      if (isDone && PAGES.test(url)) expect(caching).toBe('no-cache');
      else expect(caching, `${method} ${target}`).toBe('no-store');
    }
  }
});

test.each<[number, string, string, Parameters<Awaited<ReturnType<typeof start>>['call']>[2]?]>([
  [404, 'GET', '/nowhere'],
  [405, 'PATCH', L],
  [204, 'OPTIONS', L],
  [400, 'GET', '/v1/leases/%zz/m/l'],
  [400, 'GET', '/v1/leases?key=%zz'],
  [413, 'PUT', '/v1/kv/k', { body: 'x'.repeat(1024 * 1024 + 1) }],
  [415, 'PUT', '/v1/kv/k', { body: 'x', headers: { 'content-type': 'text/plain' } }],
  [404, 'GET', L],
  [409, 'POST', `${L}/extend`, { body: { holder: 'A', durationMs: 1 } }],
])('of a %d to %s %s', async (status, method, url, options) => {
  const { call } = start();
  expect(await call(method, url, options)).toMatchObject({ status, headers: { ...FOUR, 'cache-control': 'no-store' } });
});

test('of a node that has no leader, that fails, or that stops', async () => {
  const { call, service, server } = start();
  service.failure = { definite: false, code: 'outcome-unknown', detail: 'lost' };
  service.leader = '';
  const none = { ...FOUR, 'leasehold-leader': '', 'cache-control': 'no-store' };
  expect(await call('PUT', L, { body: { holder: 'A', durationMs: 1 } })).toMatchObject({ status: 504, headers: none });
  expect(await call('GET', '/readyz')).toMatchObject({ status: 503, headers: none });
  service.submit = () => {
    throw new Error('a fault of ours');
  };
  expect(await call('PUT', L, { body: { holder: 'A', durationMs: 1 } })).toMatchObject({ status: 500, headers: none });
  expect(server.server.listening).toBe(false);
});

describe('on a socket', () => {
  test.each([
    [400, 'hello\r\n\r\n'],
    [400, 'GET /livez HTTP/1.1\r\n\r\n'],
    [400, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n\r\n'],
    [400, 'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'],
    [405, 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [431, `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    [431, `GET /v1/leases?key=${'a/b/c&key='.repeat(10_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    [
      413,
      `PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n1;${'x'.repeat(20_000)}\r\n{\r\n`,
    ],
    [408, 'GET /livez HTTP/1.1\r\nHost: loc'],
    [408, 'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{'],
    [405, 'PROPFIND /v1/kv/k HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [200, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    [200, 'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])('of a %d to %j', async (status, request) => {
    const harness = start({ headersTimeoutMs: 300, requestTimeoutMs: 600 });
    const client = new RawClient(await listen(harness));
    client.write(request);
    const { status: answered, headers } = await client.answer();
    expect(answered).toBe(status);
    expect(headers).toMatchObject(FOUR);
    expect(headers['cache-control']).toMatch(/^no-store(?:, no-transform)?$/);
  });
});

test('what is wrong behind a request whose outcome is open closes the connection, and is not taken for the answer to that request', async () => {
  const harness = start();
  const client = new RawClient(await listen(harness));
  harness.service.held = true;
  client.request('PUT', L, { holder: 'A', durationMs: 60_000 });
  client.write('hello\r\n\r\n');
  await client.end();
  await expect(client.answer()).rejects.toThrow('closed after ""');
  harness.service.release();
  expect(harness.service.applied).toHaveLength(1);
});
