// The dashboard's part of the server: the page under its strict policy, and a feed that the members' pages alone may read from outside.
import { expect, onTestFinished, test } from 'vitest';
import type { DashboardPage } from '../../src/api/dashboard-pages.ts';
import { createServer } from '../../src/api/server.ts';
import type { DashboardFeed } from '../../src/contract/dashboard.ts';
import { start } from './harness.ts';
import { LocalService } from './local-service.ts';

const PAGES: readonly DashboardPage[] = [
  { name: 'index.html', type: 'text/html; charset=utf-8', content: Buffer.from('<!doctype html>') },
  { name: 'main.js', type: 'text/javascript; charset=utf-8', content: Buffer.from('0;') },
];
const CONTROL = 'http://127.0.0.1:5';

function serve(control: string | null) {
  const service = new LocalService();
  const server = createServer({ service, dashboard: { pages: PAGES, control } });
  onTestFinished(() => server.close());
  const [member] = service.status().members;
  return { server, origin: `http://${member?.http}` };
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

test('a server without a dashboard has no page', async () => {
  expect((await start().call('GET', '/')).status).toBe(404);
});
