// The dashboard's part of the server: the page under its strict policy, and a feed that the members' pages alone may read from outside.
import { expect, onTestFinished, test } from 'vitest';
import type { DashboardPage } from '../../src/api/dashboard-pages.ts';
import { createServer } from '../../src/api/server.ts';
import type { DashboardFeed, NodeReport } from '../../src/contract/dashboard.ts';
import { start } from './harness.ts';
import { LocalService } from './local-service.ts';

const PAGES: readonly DashboardPage[] = [
  { name: 'index.html', type: 'text/html; charset=utf-8', content: Buffer.from('<!doctype html><meta name="asks" content="%asks%">') },
  { name: 'main.js', type: 'text/javascript; charset=utf-8', content: Buffer.from('0;') },
];
const CONTROL = 'http://127.0.0.1:5';

function serve(control: string | null) {
  const service = new LocalService();
  const server = createServer({ service, dashboard: { pages: PAGES, control } });
  onTestFinished(() => server.close());
  const [member] = service.status().members;
  return { server, service, origin: `http://${member?.http}` };
}

async function policyOf(url: string, control: string | null): Promise<unknown> {
  return (await serve(control).server.inject({ url })).headers['content-security-policy'];
}

test('page and files come with a policy that lets in nothing but themselves and the cluster', async () => {
  const { origin } = serve(null);
  for (const url of ['/', '/dashboard/main.js']) {
    expect(await policyOf(url, null)).toBe(
      `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${origin}; ` +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(await policyOf(url, CONTROL)).toContain(`connect-src 'self' ${origin} ${CONTROL};`);
  }
  const { headers } = await serve(null).server.inject({ url: '/dashboard/main.js' });
  expect(headers).toMatchObject({ 'content-type': 'text/javascript; charset=utf-8', 'x-content-type-options': 'nosniff' });
});

test('the feed names where orders go only where there is such a place', async () => {
  for (const control of [null, CONTROL])
    expect((await serve(control).server.inject({ url: '/dashboard/feed' })).json<DashboardFeed>().control).toBe(control);
});

test('the page is told whom its policy lets it ask', async () => {
  const { server, origin } = serve(null);
  expect((await server.inject({ url: '/' })).body).toBe(`<!doctype html><meta name="asks" content="${origin}">`);
});

test('a node tells of itself, and of the calls that it answered: neither those about the cluster, nor those that wait on purpose', async () => {
  const { server, origin } = serve(null);
  const put = async (holder: string, waitMs = 0) =>
    await server.inject({ method: 'PUT', url: '/v1/leases/ns/m/l', payload: { holder, durationMs: 60_000, waitMs } });
  await put('alice');
  await put('bob');
  await put('bob', 1);
  for (const url of ['/v1/cluster', '/livez', '/metrics', '/dashboard/feed', '/nowhere']) await server.inject({ url });
  const ask = async (query = '') => await server.inject({ url: `/dashboard/node${query}`, headers: { origin } });
  const second = async () => Math.floor((await ask()).json<NodeReport>().clockS);
  const lastSecond = await second();
  await expect.poll(second, { timeout: 5_000 }).toBeGreaterThan(lastSecond);
  const answer = await ask();
  const report = answer.json<NodeReport>();
  expect(answer.headers['access-control-allow-origin']).toBe(origin);
  expect(report).toMatchObject({ node: 'n1', role: 'leader', leader: 'n1', term: 3, appliedIndex: 4 });
  expect(report.seconds.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0)).toBe(2);
  expect((await ask(`?after=${report.seconds.at(-1)?.second}`)).json<NodeReport>().seconds).toEqual([]);
  expect((await ask('?after=-1')).statusCode).toBe(400);
});

test('the feed is read by the pages of the members, and by those of no other site', async () => {
  const { server, origin } = serve(null);
  const allowed = async (from: string) =>
    (await server.inject({ url: '/dashboard/feed', headers: { origin: from } })).headers['access-control-allow-origin'];
  expect(await allowed(origin)).toBe(origin);
  expect(await allowed('http://evil.example')).toBeUndefined();
  expect(await allowed(`${origin}0`)).toBeUndefined();
});

test('the feed has leases in order, pins, events newest first, and no extension among them', async () => {
  const { server } = serve(null);
  const put = async (lease: string, holder: string) =>
    await server.inject({ method: 'PUT', url: `/v1/leases/ns/m/${lease}`, payload: { holder, durationMs: 60_000 } });
  await put('b', 'bob');
  await put('a', 'alice');
  await put('a', 'alice');
  await server.inject({ method: 'PUT', url: '/v1/leases/ns/m/b/pins/backup' });
  const feed = (await server.inject({ url: '/dashboard/feed' })).json<DashboardFeed>();
  expect(feed.leases.map(({ lease, holder, pinnedBy, waiting }) => [lease, holder, pinnedBy, waiting])).toEqual([
    ['a', 'alice', [], 0],
    ['b', 'bob', ['backup'], 0],
  ]);
  expect(feed.events.map(({ type, lease }) => `${type} ${lease}`)).toEqual(['pinned b', 'claimed a', 'claimed b']);
  expect(feed.moreLeases).toBe(false);
});

test('what happened to leases stays in the timeline, however many writes and extensions come after it', async () => {
  const { server } = serve(null);
  const claim = async (durationMs: number) =>
    await server.inject({ method: 'PUT', url: '/v1/leases/ns/m/a', payload: { holder: 'alice', durationMs } });
  const read = async () => (await server.inject({ url: '/dashboard/feed' })).json<DashboardFeed>().events.map(({ type }) => type);
  await claim(60_000);
  expect(await read()).toEqual(['claimed']);
  for (let each = 0; each < 6; each++)
    await server.inject({
      method: 'POST',
      url: '/v1/batch',
      payload: { ops: Array.from({ length: 1_000 }, () => ({ put: { key: 'k', value: 'v' } })) },
    });
  await claim(60_000);
  await server.inject({ method: 'DELETE', url: '/v1/leases/ns/m/a?holder=alice' });
  expect(await read()).toEqual(['released', 'claimed']);
  expect(await read()).toEqual(['released', 'claimed']);
});

test('how long ago something was is told in time as people count it: lease time, and the times without a leader, in which that stood still', async () => {
  const { server, service } = serve(null);
  const lead = (node: string, leaderlessMs: number | null) =>
    service.submit({ kind: 'lead', term: 3, node, leaderlessMs }, () => undefined);
  const claim = async (lease: string) =>
    await server.inject({ method: 'PUT', url: `/v1/leases/ns/m/${lease}`, payload: { holder: 'alice', durationMs: 60_000 } });
  const read = async () => (await server.inject({ url: '/dashboard/feed' })).json<DashboardFeed>();
  lead('n1', null);
  service.advance(1_000);
  await claim('a');
  service.advance(1_000);
  lead('n2', 5_000);
  service.advance(1_000);
  await claim('b');
  service.advance(2_000);
  const led = await read();
  expect(led.leaderlessMs).toBeNull();
  expect(led.reigns.map(({ agoMs }) => agoMs)).toEqual([10_000, 3_000]);
  expect(led.events.map(({ lease, agoMs }) => [lease, agoMs])).toEqual([
    ['b', 2_000],
    ['a', 9_000],
  ]);

  // The last leader was heard seven seconds ago.
  const { status } = service;
  service.leader = '';
  service.status = () => {
    const told = status.call(service);
    return { ...told, members: told.members.map((each) => (each.id === 'n2' ? { ...each, lastContactMs: 7_000 } : each)) };
  };
  const alone = await read();
  expect(alone.leaderlessMs).toBe(7_000);
  expect(alone.reigns.map(({ agoMs }) => agoMs)).toEqual([17_000, 10_000]);
  expect(alone.events.map(({ agoMs }) => agoMs)).toEqual([9_000, 16_000]);
});

test('a server without a dashboard has no page', async () => {
  expect((await start().call('GET', '/')).status).toBe(404);
});
