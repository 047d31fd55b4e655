// A node answers under its own names only, whatever is asked: a page whose name resolves to the node's address reads and changes nothing.
import { describe, expect, test } from 'vitest';
import { HostNames } from '../../src/api/host-names.ts';
import { startWithRoutes } from './all-routes.ts';
import { L, start } from './harness.ts';
import { listen, RawClient } from './raw-client.ts';

const NAMES = ['n1', 'Leases.Example.', 'fd00::1'];

describe('the header Host', () => {
  test.each([
    ...['127.0.0.1', '127.0.0.1:7801', '10.1.2.3:80', '0.0.0.0', '[::1]', '[::1]:7801', '[2001:DB8::1]:1', '[::ffff:127.0.0.1]:7801'],
    ...['localhost', 'localhost:7801', 'LOCALHOST', 'localhost.', 'localhost.:7801', 'localhost:'],
    ...['n1', 'N1:7801', 'n1.', 'leases.example', 'LEASES.example.:443'],
  ])('%j names the node', (host) => {
    const names = new HostNames(NAMES);
    for (let times = 0; times < 2; times++) expect(names.accepts(host)).toBe(true);
  });

  test.each([
    ...['', ' ', 'evil.example', 'evil.example:7801', 'n2', 'xn1', 'n1.evil.example', 'localhost.evil.example', 'evil.localhost'],
    ...['127.0.0.1.evil.example', '127.0.0.1.nip.io', '127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '127.0.0.1.', '256.0.0.1'],
    ...['::1', '[::1', '::1]', '[evil]', '[127.0.0.1]', '[::1].evil.example', '[]', 'localhost@evil.example', 'evil.example@localhost'],
    ...['localhost/evil', 'localhost:7801:1', 'localhost:x', 'localhost:123456', 'localhost evil.example', 'localhost,evil.example'],
    ...['localhost..', '.localhost', 'n1:7801,n2', 'fd00::1', '*', 'l\u043ecalhost'],
  ])('%j does not', (host) => {
    const names = new HostNames(NAMES);
    for (let times = 0; times < 2; times++) expect(names.accepts(host)).toBe(false);
  });

  test('is not remembered without a limit', () => {
    const names = new HostNames([]);
    for (let at = 0; at < 10_000; at++) expect(names.accepts(`127.0.0.1:${at}`)).toBe(true);
    expect(names.accepts('evil.example')).toBe(false);
  });
});

test('no route answers another host, not even that it does not exist', async () => {
  const { call, routes, service } = await startWithRoutes({ hostNames: NAMES });
  const before = service.applied.length;
  const others = [
    { method: 'GET', url: '/nowhere', options: {} },
    { method: 'OPTIONS', url: L, options: {} },
    { method: 'PATCH', url: L, options: {} },
  ];
  for (const { method, url, options } of [...routes, ...others]) {
    const answer = await call(method, url, { ...options, headers: { host: 'evil.example:7801' } });
    expect(answer.status, `${method} ${url}`).toBe(421);
    if (method === 'HEAD') continue;
    expect(answer.body, `${method} ${url}`).toMatchObject({ code: 'misdirected', status: 421 });
    expect(answer.body.detail).toContain('"evil.example:7801" is not a name of this node');
  }
  expect(service.applied).toHaveLength(before);
  expect(service.memberChange).toBeNull();
  expect((await call('GET', L, { headers: { host: 'n1:7801' } })).status).toBe(200);
});

describe('on a socket', () => {
  const ask = async (request: string, hostNames: readonly string[] = []) => {
    const client = new RawClient(await listen(start({}, undefined, hostNames)));
    client.write(request);
    return await client.answer();
  };

  test.each([
    [200, 'GET http://localhost:7801/livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [200, 'GET http://[::1]/livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [421, 'GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [421, 'GET http://localhost/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    [421, 'GET http://localhost@evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [421, 'GET /livez HTTP/1.1\r\nHost: \r\n\r\n'],
    [421, 'GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    [421, 'GET /livez HTTP/1.0\r\nHost: evil.example\r\n\r\n'],
    [200, 'GET /livez HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n'],
    [200, 'GET /livez HTTP/1.0\r\n\r\n'],
    [400, 'GET /livez HTTP/1.1\r\n\r\n'],
    [400, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
    [400, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n'],
    [204, 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [421, 'OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
  ])('%d answers %j', async (status, request) => {
    expect(await ask(request)).toMatchObject({ status, headers: { 'leasehold-node': 'n1', 'cache-control': 'no-store' } });
  });
});
