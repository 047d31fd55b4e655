// GET /metrics over a cluster of one: its form, what moves, and that dashboard and alert rules name nothing else.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { operationOf } from '../../src/api/operations.ts';
import { endOf } from '../../src/api/request-latency.ts';
import { createServer } from '../../src/api/server.ts';
import { Histogram } from '../../src/histogram.ts';
import { readExposition, type Scrape } from './exposition.ts';
import { type Harness, L, start } from './harness.ts';
import { LocalService } from './local-service.ts';

const EXAMPLES = ['cluster/grafana-dashboard.json', 'cluster/prometheus-alerts.yml'];
const LATENCY = 'leasehold_http_request_duration_seconds';
const alice = { holder: 'alice', durationMs: 60_000 };

async function scrape({ call }: Pick<Harness, 'call'>): Promise<Scrape> {
  const answer = await call('GET', '/metrics');
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'leasehold-node': 'n1' },
  });
  return readExposition(answer.text);
}

function count(found: Scrape, operation: string, outcome: string): number | undefined {
  return found.values.get(`${LATENCY}_count{operation="${operation}",outcome="${outcome}"}`);
}

test('what is sent is Prometheus text, and names end in their units', async () => {
  const { types } = await scrape(start());
  expect(types.size).toBeGreaterThan(25);
  for (const [name, type] of types) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/_(ms|millis|milliseconds)(_|$)/);
  }
});

test.each([
  ['a line that is no sample', '# HELP a b\n# TYPE a gauge\na=1\n'],
  ['a sample without a type', 'a 1\n'],
  ['a series twice', '# HELP a b\n# TYPE a gauge\na 1\na 2\n'],
  ['a type without help', '# TYPE a gauge\na 1\n'],
])('the reader of these tests would see %s', (_what, text) => {
  expect(() => readExposition(text)).toThrow();
});

test.each(EXAMPLES)('every metric that %s names is there', async (file) => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const named = new Set(text.match(/\b(leasehold|process|nodejs)_[a-z_]+/g));
  expect(named.size).toBeGreaterThan(8);
  const service = new LocalService();
  const server = createServer({ service, gauges: { loopDelay: new Histogram(), diskSync: new Histogram() } });
  const { names } = readExposition((await server.inject('/metrics')).payload);
  await server.close();
  expect([...named].filter((name) => !names.has(name))).toEqual([]);
});

test('the dashboard has a query in every panel, for the nodes that are chosen', () => {
  const dashboard = JSON.parse(readFileSync(new URL(`../../${EXAMPLES[0]}`, import.meta.url), 'utf8')) as {
    readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  };
  expect(dashboard.panels.length).toBeGreaterThan(15);
  for (const { title, targets } of dashboard.panels) {
    expect(targets.length, title).toBeGreaterThan(0);
    for (const { expr } of targets) expect(expr, title).toContain('instance=~"$instance"');
  }
});

test('claims, leases, pins, waiters and what became of them are counted', async () => {
  const harness = start();
  const { call, service } = harness;
  await call('PUT', L, { body: alice });
  await call('PUT', '/v1/leases/ns/m/short', { body: { holder: 'bob', durationMs: 1_000 } });
  await call('POST', '/v1/lessor/leases', { body: { ttlMs: 60_000 } });
  await call('PUT', `${L}/pins/carol`);
  const queued = call('PUT', L, { body: { ...alice, holder: 'dave', waitMs: 5_000 } });
  await expect.poll(() => service.waitingCounts[0]).toBe(1);
  const before = (await scrape(harness)).values;
  expect(before.get('leasehold_lessor_claims')).toBe(2);
  expect(before.get('leasehold_lessor_leases')).toBe(1);
  expect(before.get('leasehold_lessor_pinned_leases')).toBe(1);
  expect(before.get('leasehold_lessor_waiters')).toBe(1);
  expect(before.get('leasehold_waiting_requests')).toBe(1);
  expect(before.get('leasehold_events_total{type="claimed"}')).toBe(2);
  expect(before.get('leasehold_raft_proposals_total')).toBe(service.applied.length);
  expect(before.get('leasehold_raft_applied_index')).toBe(service.appliedIndex);

  service.advance(1_400);
  await call('DELETE', `${L}/pins/carol`);
  await call('DELETE', `${L}?holder=alice`);
  expect((await queued).status).toBe(201);
  const after = (await scrape(harness)).values;
  expect(after.get('leasehold_lessor_claims')).toBe(1);
  expect(after.get('leasehold_lessor_pinned_leases')).toBe(0);
  expect(after.get('leasehold_lessor_waiters')).toBe(0);
  expect(after.get('leasehold_events_total{type="expired"}')).toBe(1);
  expect(after.get('leasehold_events_total{type="released"}')).toBe(1);
  expect(after.get('leasehold_lessor_expiry_lateness_seconds_sum')).toBeCloseTo(0.4);
  expect(after.get('leasehold_lessor_expiry_lateness_seconds_bucket{le="0.25"}')).toBe(0);
  expect(after.get('leasehold_lessor_expiry_lateness_seconds_bucket{le="0.5"}')).toBe(1);
  expect(after.get('leasehold_lessor_expiry_lateness_seconds_bucket{le="+Inf"}')).toBe(1);
});

test('a backlog is told by its number and by how long its first has been due', async () => {
  const harness = start();
  for (const [lease, durationMs] of Object.entries({ a: 1_000, b: 2_500, c: 9_000 })) {
    await harness.call('PUT', `/v1/leases/ns/m/${lease}`, { body: { holder: 'h', durationMs } });
  }
  const { figures } = harness.service;
  harness.service.figures = () => ({ ...figures.call(harness.service), leaseTimeMs: 3_000 });
  const { values } = await scrape(harness);
  expect(values.get('leasehold_lessor_due_leases')).toBe(2);
  expect(values.get('leasehold_lessor_overdue_leases')).toBe(1);
  expect(values.get('leasehold_lessor_backlog_seconds')).toBe(2);
});

test('each call counts under its operation and its end', async () => {
  const harness = start();
  const { call, service } = harness;
  await call('PUT', L, { body: alice });
  await call('PUT', L, { body: { ...alice, holder: 'bob' } });
  await call('PUT', L, { body: { ...alice, holder: 'bob', waitMs: 1 } });
  await call('PUT', L, { body: {} });
  service.failure = { definite: true, code: 'no-leader', detail: 'none' };
  await call('PUT', L, { body: alice });
  service.failure = { definite: false, code: 'outcome-unknown', detail: 'late' };
  await call('PUT', L, { body: alice });
  await call('GET', '/nowhere');
  await call('HEAD', '/livez');
  const found = await scrape(harness);
  expect(count(found, 'claim', 'done')).toBe(1);
  expect(count(found, 'claim', 'refused')).toBe(2);
  expect(count(found, 'claim-in-turn', 'refused')).toBe(1);
  expect(count(found, 'claim', 'not_accepted')).toBe(1);
  expect(count(found, 'claim', 'unknown')).toBe(1);
  expect(count(found, 'none', 'refused')).toBe(1);
  expect(count(found, 'livez', 'done')).toBe(1);
});

test('no name that a caller chooses becomes a label', async () => {
  const harness = start();
  for (let each = 0; each < 50; each++) {
    await harness.call('PUT', `/v1/leases/ns/m${each}/secret${each}`, { body: { ...alice, holder: `who${each}` } });
    await harness.call('GET', `/nowhere/secret${each}`);
  }
  const { values } = await scrape(harness);
  const series = [...values.keys()].join('\n');
  expect(series).not.toMatch(/secret|who|m1/);
  expect(values.size).toBeLessThan(200);
});

test('a peer is told apart by its name, and what is not known of it is left out', async () => {
  const { values } = await scrape(start());
  expect(values.get('leasehold_peers')).toBe(1);
  expect(values.get('leasehold_peer_reachable{peer="n2"}')).toBe(0);
  expect(values.has('leasehold_peer_last_contact_seconds{peer="n2"}')).toBe(false);
  expect(values.get('leasehold_raft_images_in_transfer')).toBe(1);
});

test('a route without a name keeps the server from coming up', () => {
  expect(operationOf('HEAD', '/livez').name).toBe('livez');
  expect(() => operationOf('GET', '/v1/new')).toThrow('GET /v1/new has no name');
});

test.each([
  [201, 'done'],
  [408, 'refused'],
  [412, 'refused'],
  [429, 'not_accepted'],
  [503, 'not_accepted'],
  [500, 'unknown'],
  [504, 'unknown'],
] as const)('an answer of %d is an end of the kind %s', (status, end) => {
  expect(endOf(status)).toBe(end);
});
