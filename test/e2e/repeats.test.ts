// What a repeat under an idempotency key and a denied claim are told by real nodes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leasePath, TestCluster } from './cluster.ts';
import { endAll, until } from './processes.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

const KEYED = { 'idempotency-key': 'first' };

test('a repeat after the tenure has ended is told by every node who holds the lease now, also after a restart', async () => {
  const path = leasePath('repeated');
  const leader = await cluster.agreed();
  const first = await leader.request('PUT', path, { holder: 'alice', durationMs: 500 }, KEYED);
  expect(first.status).toBe(201);
  const still = await leader.request('PUT', path, { holder: 'alice', durationMs: 500 }, KEYED);
  // A busy machine may have let it end already.
  if (still.status === 201) expect(still.body.remainingMs).toBeLessThanOrEqual(500);
  await until(async () => (await leader.request('GET', path)).status === 404, 'the end of the tenure');
  const bob = await leader.request('PUT', path, { holder: 'bob', durationMs: 120_000 });
  expect(bob.status).toBe(201);
  const isTold = async (): Promise<void> => {
    for (const node of cluster.nodes) {
      const again = await node.request('PUT', path, { holder: 'alice', durationMs: 500 }, KEYED);
      expect(again).toMatchObject({ status: 409, body: { code: 'not-held', holder: 'bob', fence: bob.body.fence } });
      expect(again.headers.get('idempotency-replayed')).toBe(String(first.body.index));
    }
  };
  await isTold();
  await Promise.all(cluster.nodes.map((node) => node.end('SIGTERM')));
  for (const node of cluster.nodes) node.restart();
  await cluster.agreed();
  await isTold();
});

test('a thousand denied claims through all nodes add no log entry, and a release lets the next one in', async () => {
  const path = leasePath('denied');
  const leader = await cluster.agreed();
  const held = await leader.request('PUT', path, { holder: 'alice', durationMs: 600_000 });
  const commitIndex = async () => (await leader.request('GET', '/v1/cluster')).body.commitIndex;
  const before = await commitIndex();
  const statuses = new Map<number, number>();
  for (let round = 0; round < 50; round++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (cluster.nodes[at % 3] ?? leader).request('PUT', path, { holder: `bob-${at}`, durationMs: 1_000 }),
      ),
    );
    for (const { status, body } of answers) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(body).toMatchObject({ code: 'claim-denied', holder: 'alice', fence: held.body.fence });
      expect(body.remainingMs).toBeGreaterThan(0);
    }
  }
  expect([...statuses]).toEqual([[409, 1_000]]);
  expect(await commitIndex()).toBe(before);

  const claims = (holder: string) =>
    Array.from({ length: 100 }, (_, at) => ({
      claim: { namespace: 'demo', model: 'main', lease: `many-${at}`, holder, durationMs: 600_000 },
    }));
  const statusesOf = async (holder: string): Promise<unknown[]> => {
    const { body } = await leader.request('POST', '/v1/batch', { ops: claims(holder) });
    return [...new Set((body.results as { status: number }[]).map(({ status }) => status))];
  };
  expect(await statusesOf('alice')).toEqual([201]);
  const between = await commitIndex();
  expect(await statusesOf('bob')).toEqual([409]);
  expect(await commitIndex()).toBe(between);

  // Behind an acknowledged release, on any node, the lease is free.
  for (const node of cluster.nodes) {
    const holder = (await leader.request('GET', path)).body.holder;
    expect((await leader.request('DELETE', `${path}?holder=${holder}`)).status).toBe(204);
    expect((await node.request('PUT', path, { holder: `by-${node.id}`, durationMs: 600_000 })).status).toBe(201);
  }
});
