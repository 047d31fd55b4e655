// Every metric of the example dashboard and alert rules exists and moves: a real cluster is driven through all that they tell of, and scraped meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Movement } from '../api/movement.ts';
import { alertExpressions, dashboardExpressions, type Selector, selectorsOf } from '../api/selectors.ts';
import { leasePath, TestCluster, type TestNode } from './cluster.ts';
import { endAll, until } from './processes.ts';

/** So long that a leader without followers stays one while its leases become overdue. */
const ELECTION_TIMEOUT_MS = 4_000;
/** More than the entries that the log keeps: a node that has missed them is sent the state. */
const BATCHES = 25;
const BATCH = 1_000;

const SELECTORS: readonly Selector[] = [...dashboardExpressions(), ...alertExpressions()].flatMap(([, expression]) =>
  selectorsOf(expression),
);

const movement = new Movement();
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(['--election-timeout', `${ELECTION_TIMEOUT_MS}ms`]);
});
afterAll(endAll);

/** Scrapes these nodes, as Prometheus would; gives the text of the first. */
async function scrape(...nodes: readonly TestNode[]): Promise<string> {
  const texts = await Promise.all(
    (nodes.length === 0 ? cluster.nodes : nodes).map(async (node) => {
      const text = await fetch(`${node.url}/metrics`, { signal: AbortSignal.timeout(1_000) }).then(
        async (answer) => await answer.text(),
        () => null,
      );
      movement.add(node.id, text);
      return text;
    }),
  );
  return texts[0] ?? '';
}

/** Scrapes a node until all of these have moved. */
async function untilMoved(node: TestNode, ...expressions: readonly string[]): Promise<void> {
  const wanted = expressions.flatMap(selectorsOf);
  await until(
    async () => {
      await scrape(node);
      return movement.stillIn(wanted).length === 0;
    },
    () => `${movement.stillIn(wanted).join(', ')} to move`,
  );
}

async function claim(node: TestNode, lease: string, body: Record<string, unknown>): Promise<number> {
  return (await node.request('PUT', leasePath(lease), { holder: 'alice', durationMs: 600_000, ...body }, {}, 30_000)).status;
}

test('claims, renewals, denials, sessions, pins, waits and watches', async () => {
  const leader = await cluster.agreed();
  await scrape();
  expect(await claim(leader, 'a', {})).toBe(201);
  expect(await claim(leader, 'a', {})).toBe(200);
  expect(await claim(leader, 'a', { holder: 'bob' })).toBe(409);
  expect((await leader.request('POST', '/v1/lessor/leases', { ttlMs: 600_000 })).status).toBe(201);
  expect((await leader.request('PUT', `${leasePath('a')}/pins/backup`)).status).toBe(204);
  const queued = claim(leader, 'a', { holder: 'carol', waitMs: 30_000 });
  const hangUp = new AbortController();
  const watch = await fetch(`${leader.url}/v1/watch`, { signal: hangUp.signal });
  await untilMoved(leader, 'leasehold_lessor_claims + leasehold_lessor_leases + leasehold_lessor_pinned_leases');
  await untilMoved(leader, 'leasehold_lessor_waiters + leasehold_waiting_requests + leasehold_watchers');
  hangUp.abort();
  await watch.text().catch(() => undefined);
  expect((await leader.request('DELETE', `${leasePath('a')}?holder=alice`)).status).toBe(204);
  expect(await queued).toBe(201);
  expect(await claim(leader, 'brief', { durationMs: 1 })).toBe(201);
  await untilMoved(leader, 'leasehold_lessor_expiry_lateness_seconds_bucket + leasehold_events_total{type="expired"}');
});

test('leases that are due while nothing can be committed, changes under way, then no leader and outcomes that nobody knows', async () => {
  const leader = await cluster.agreed();
  const followers = await cluster.followers();
  for (let each = 0; each < 5; each++) await claim(leader, `due-${each}`, { durationMs: 400 });
  await scrape();
  for (const node of followers) node.signal('SIGSTOP');
  try {
    const stuck = [1, 2, 3].map((each) => claim(leader, `stuck-${each}`, {}).catch(() => 0));
    await untilMoved(leader, 'leasehold_raft_proposals_pending + leasehold_lessor_due_leases + leasehold_lessor_overdue_leases');
    await untilMoved(leader, 'leasehold_lessor_backlog_seconds');
    await untilMoved(leader, 'leasehold_raft_has_leader + leasehold_lessor_is_primary');
    expect(await claim(leader, 'nobody', {})).toBe(503);
    for (const node of followers) node.signal('SIGCONT');
    expect(await Promise.all(stuck)).toContain(504);
    await untilMoved(leader, 'leasehold_http_request_duration_seconds_count{outcome="unknown"}');
    await untilMoved(leader, 'leasehold_http_request_duration_seconds_count{outcome="not_accepted", operation!="readyz"}');
  } finally {
    for (const node of followers) node.signal('SIGCONT');
  }
  await cluster.agreed();
});

test('a leader that dies, the one that takes over, and the state that is sent to the one that comes back', async () => {
  const old = await cluster.agreed();
  await scrape();
  await old.end('SIGKILL');
  const rest = cluster.nodes.filter((node) => node !== old);
  const leader = await cluster.agreed(rest);
  await untilMoved(leader, 'leasehold_raft_term + leasehold_raft_role{role="leader"} + leasehold_raft_elections_total');
  await untilMoved(leader, 'leasehold_raft_leader_changes_total + leasehold_peer_reachable + leasehold_peer_last_contact_seconds');
  await scrape(old);
  for (let batch = 0; batch < BATCHES; batch++) {
    const ops = Array.from({ length: BATCH }, (_, at) => ({ put: { key: `key-${batch}-${at}`, value: 'x'.repeat(400) } }));
    expect((await leader.request('POST', '/v1/batch', { ops }, {}, 30_000)).status).toBe(200);
  }
  await scrape(leader);
  old.restart();
  // It shows while it is under way only, so there is no pause between two looks.
  await untilMoved(leader, 'leasehold_raft_images_in_transfer');
  await untilMoved(leader, 'leasehold_raft_image_transfers_total{result="sent"}');
  await cluster.agreed();
});

test('every metric that the dashboard or an alert asks for has moved meanwhile', async () => {
  // Every series of the nodes, twice at least, with some work between.
  for (let each = 0; each < 2; each++) {
    await scrape();
    await claim(cluster.nodes[each] as TestNode, `last-${each}`, {});
    await sleep(100);
  }
  await scrape();
  expect(SELECTORS.length).toBeGreaterThan(40);
  expect(movement.stillIn(SELECTORS)).toEqual([]);
});

test('one that is called otherwise, or that stands still, would be seen', () => {
  const renamed = SELECTORS.map((selector) => ({ ...selector, name: selector.name.replace('_backlog_', '_behind_') }));
  expect(movement.stillIn(renamed)).toEqual(SELECTORS.filter(({ name }) => name.includes('_backlog_')).map(({ text }) => text));
  expect(movement.stillIn(selectorsOf('process_start_time_seconds + leasehold_peers'))).toEqual([
    'process_start_time_seconds',
    'leasehold_peers',
  ]);
});
