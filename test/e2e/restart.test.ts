// What is held stays held: over an orderly stop, over kill -9 of all, over a leader that hands over, and over one that stands still.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leasePath, TestCluster } from './cluster.ts';
import { endAll, until } from './processes.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'after %s to every node at once and a restart, claims, fences and keys are what they were',
  async (signal) => {
    const lease = `kept-${signal}`;
    const leader = await cluster.agreed();
    const claimed = await leader.request('PUT', leasePath(lease), { holder: 'alice', durationMs: 120_000 });
    expect((await leader.request('PUT', '/v1/kv/kept', { value: signal })).status).toBe(200);
    const ends = await Promise.all(cluster.nodes.map((node) => node.end(signal)));
    expect(ends.map((end) => end.code)).toEqual(signal === 'SIGTERM' ? [0, 0, 0] : [null, null, null]);
    for (const node of cluster.nodes) node.restart();
    await cluster.agreed();
    for (const node of cluster.nodes) {
      const shown = await node.request('GET', leasePath(lease));
      expect(shown.body).toMatchObject({ holder: 'alice', fence: claimed.body.fence });
      expect(shown.body.remainingMs).toBeGreaterThan(60_000);
      expect((await node.request('GET', '/v1/kv/kept')).body).toMatchObject({ value: signal });
    }
    const denied = await cluster.nodes[0]?.request('PUT', leasePath(lease), { holder: 'bob', durationMs: 1_000 });
    expect(denied?.body).toMatchObject({ code: 'claim-denied', holder: 'alice' });
  },
);

test('SIGUSR2 makes a node tell how long its event loop was held up', async () => {
  const node = cluster.nodes[0];
  node?.signal('SIGUSR2');
  const line = /n1: event loop held up by at most [\d.]+ ms \(p50 [\d.]+, p99 [\d.]+; own work at most [\d.]+\)/;
  await until(() => line.test(node?.process.out ?? ''), 'its line');
  expect((await node?.request('GET', '/livez'))?.status).toBe(200);
});

test('a leader that is told to stop hands over first: another leads at once, without an election timeout', async () => {
  const leader = await cluster.agreed();
  const rest = cluster.nodes.filter((node) => node !== leader);
  const end = await leader.end('SIGTERM');
  expect(end.code).toBe(0);
  // Its last words come after the handover, so the others need no waiting for silence.
  const answers = await Promise.all(
    rest.map((node) => node.request('PUT', leasePath(`after-handover-${node.id}`), { holder: 'alice', durationMs: 60_000 })),
  );
  expect(answers.map((answer) => answer.status)).toEqual([201, 201]);
  expect(rest.map((node) => node.id)).toContain(answers[0]?.headers.get('leasehold-leader'));
  leader.restart();
  await cluster.agreed();
});

test('leadership can be handed to a node by name', async () => {
  const [follower] = await cluster.followers();
  const { code, out } = await cluster.cli('transfer', '--to', follower?.id ?? '').ended;
  expect(out).toMatch(new RegExp(`^${follower?.id} leads term \\d+`));
  expect(code).toBe(0);
  expect((await cluster.agreed()).id).toBe(follower?.id);
});

test('while the leader stands still another leads, and when it goes on it serves nothing of the past', async () => {
  const leader = await cluster.agreed();
  const rest = cluster.nodes.filter((node) => node !== leader);
  expect((await leader.request('PUT', leasePath('frozen'), { holder: 'alice', durationMs: 60_000 })).status).toBe(201);
  leader.signal('SIGSTOP');
  try {
    const successor = await cluster.agreed(rest);
    expect((await successor.request('DELETE', `${leasePath('frozen')}?holder=alice`)).status).toBe(204);
    const bob = await successor.request('PUT', leasePath('frozen'), { holder: 'bob', durationMs: 60_000 });
    expect(bob.status).toBe(201);
    // Asked before it wakes up: the request waits in its socket and is the first thing that it sees, while it still believes to lead.
    const asked = leader.request('GET', leasePath('frozen'), undefined, {}, 15_000);
    const refused = leader.request('PUT', leasePath('frozen'), { holder: 'alice', durationMs: 60_000 }, {}, 15_000);
    leader.signal('SIGCONT');
    const [shown, claimed] = await Promise.all([asked, refused]);
    if (shown.status === 200) expect(shown.body).toMatchObject({ holder: 'bob', fence: bob.body.fence });
    else expect([503, 504]).toContain(shown.status);
    if (claimed.status === 409) expect(claimed.body).toMatchObject({ holder: 'bob', fence: bob.body.fence });
    else expect([503, 504]).toContain(claimed.status);
    await cluster.agreed();
    expect((await leader.request('GET', leasePath('frozen'))).body).toMatchObject({ holder: 'bob', fence: bob.body.fence });
  } finally {
    leader.signal('SIGCONT');
  }
});
