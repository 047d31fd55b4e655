// Leases that lapse while the cluster has no quorum, on real processes.
import { afterAll, expect, test } from 'vitest';
import { TestCluster } from './cluster.ts';
import { endAll } from './processes.ts';

afterAll(endAll);

const ROUNDS = 3;
const FROZEN_MS = 4_000;
const TTL_MS = 2_000;
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, Math.max(0, ms)));

test('a holder can renew within 250 ms after service returns, before any rival, if both followers freeze 50 ms before its deadline', async () => {
  const cluster = await TestCluster.start();
  for (let round = 1; round <= ROUNDS; round++) {
    const leader = await cluster.agreed();
    const followers = cluster.nodes.filter((node) => node !== leader);
    const path = `/v1/leases/ns/m/l${round}`;
    const beganMs = performance.now();
    const claimed = await leader.request('PUT', path, { holder: 'holder', durationMs: TTL_MS });
    expect(claimed.status).toBe(201);
    const rivals = followers.map((node) =>
      node.request('PUT', path, { holder: `rival-${node.id}`, durationMs: 300, waitMs: 15_000 }, {}, 30_000).catch(() => null),
    );
    await wait(TTL_MS - 50 - (performance.now() - beganMs));
    for (const node of followers) node.signal('SIGSTOP');
    await wait(FROZEN_MS);
    for (const node of followers) node.signal('SIGCONT');
    let servedMs = Number.NaN;
    while (Number.isNaN(servedMs)) {
      const probe = await leader.request('PUT', '/v1/kv/probe', { value: `${round}` }, {}, 1_000).catch(() => null);
      if (probe?.status === 200) servedMs = performance.now();
      else await wait(5);
    }
    await wait(200);
    const extended = await leader.request('POST', `${path}/extend`, { holder: 'holder', durationMs: 3_000 });
    expect([extended.status, extended.body.fence], `round ${round}: ${JSON.stringify(extended.body)}`).toEqual([200, claimed.body.fence]);
    expect((await leader.request('DELETE', `${path}?holder=holder`)).status).toBe(204);
    await Promise.all(rivals);
  }
}, 120_000);
