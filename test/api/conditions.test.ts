// A condition is never ignored: every route honors it or refuses the call, and a refused call changes nothing.
import { expect, test } from 'vitest';
import { startWithRoutes } from './all-routes.ts';
import { L, start } from './harness.ts';
import { listen, RawClient } from './raw-client.ts';

/** Each with a value that does not hold, so that a write that is carried out has ignored it. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'lease-if': 'ns/m/l;holder=B',
  'if-match': '"999"',
  'if-none-match': '*',
  'if-modified-since': 'Sat, 29 Oct 1994 19:43:31 GMT',
  'if-unmodified-since': 'Sat, 29 Oct 1994 19:43:31 GMT',
  'if-range': '"999"',
  'if-schedule-tag-match': '"999"',
  if: '(["999"])',
  'If-Lease': 'ns/m/l;holder=B',
};
/** The routes that honor some; all others honor none. */
const HONORED: Readonly<Record<string, readonly string[]>> = {
  'PUT /v1/kv/:key': ['lease-if', 'if-match', 'if-none-match'],
  'DELETE /v1/kv/:key': ['lease-if', 'if-match', 'if-none-match'],
  'POST /v1/txn': ['lease-if'],
};

test.each(Object.entries(CONDITIONS))('no route ignores %s', async (condition, value) => {
  const { call, routes, service } = await startWithRoutes();
  expect(routes.length).toBeGreaterThan(50);
  const before = service.applied.length;
  const { keys } = (await call('GET', '/v1/kv')).body;
  const seen = new Map<string, unknown>();
  for (const { route, method, url, options } of routes) {
    const answer = await call(method, url, { ...options, headers: { [condition]: value } });
    const isHonored = HONORED[route]?.includes(condition) ?? false;
    seen.set(route, answer.status);
    if (isHonored) {
      expect(answer, route).toMatchObject({ status: 412 });
      continue;
    }
    expect(answer.status, route).toBe(400);
    if (method !== 'HEAD')
      expect(answer.body, route).toMatchObject({
        code: 'invalid-argument',
        detail: expect.stringContaining('does not honor the condition'),
      });
  }
  expect(service.transferredTo).toBeNull();
  expect(service.memberChange).toBeNull();
  expect(service.applied.length - before).toBe([...seen.values()].filter((status) => status === 412).length);
  expect((await call('GET', '/v1/kv')).body.keys).toEqual(keys);
  expect((await call('GET', L)).body).toMatchObject({ holder: 'A', pinnedBy: [] });
});

test('every route takes its example without a condition, so that the refusals above are about the condition', async () => {
  const reading = await startWithRoutes();
  for (const { route, method, url, options } of reading.routes) {
    if (/expired|watch/.test(route)) continue;
    // A change has a server of its own, where nothing was changed before.
    const { call } = method === 'GET' || method === 'HEAD' ? reading : await startWithRoutes();
    expect((await call(method, url, options)).status, route).toBeLessThan(300);
  }
});

test('a condition in a trailer is refused, and the write is not carried out', async () => {
  const harness = start();
  const client = new RawClient(await listen(harness));
  const head =
    'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: If-Match\r\n\r\n';
  client.write(`${head}d\r\n{"value":"v"}\r\n0\r\nIf-Match: "999"\r\n\r\n`);
  expect(await client.answer()).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('must be a header, not a trailer') },
  });
  client.write(`${head}d\r\n{"value":"v"}\r\n0\r\nX-Sum: 1\r\n\r\n`);
  expect((await client.answer()).status).toBe(200);
  expect(harness.service.applied).toHaveLength(1);
});

test('a condition that stands twice counts twice', async () => {
  const harness = start();
  const client = new RawClient(await listen(harness));
  const put = (conditions: string) =>
    client.write(
      `PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n${conditions}\r\n{"value":"v"}`,
    );
  put('If-None-Match: *\r\nif-none-match: *\r\n');
  expect((await client.answer()).status).toBe(400);
  put('If-Match: "1"\r\nIf-Match: "2"\r\n');
  expect((await client.answer()).status).toBe(400);
  put('Lease-If: ns/m/l;holder=A\r\nLEASE-IF: ns/m/l;holder=A\r\n');
  expect((await client.answer()).status).toBe(412);
  expect(harness.service.applied).toHaveLength(1);
});
