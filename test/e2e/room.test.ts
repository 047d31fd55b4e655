// Room on real processes: quotas refuse growth before the log and nothing else; a small heap refuses instead of ending its node.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, TestCluster, type TestNode } from './cluster.ts';
import { endAll, freePorts, freshDirectory, leasehold, until } from './processes.ts';

afterEach(endAll);

const lease = (name: string, namespace = 'greedy'): string => `/v1/leases/${namespace}/m/${name}`;
const claim = (node: TestNode, name: string, durationMs = 600_000, namespace = 'greedy', holder = 'h'): Promise<Answer> =>
  node.request('PUT', lease(name, namespace), { holder, durationMs });

describe('T51 one client claims until no-room', () => {
  test('others extend, renew, release, delete, and expire as before; at 90% claims succeed again; another namespace can always claim', async () => {
    const cluster = await TestCluster.start(['--max-claims', '100', '--namespace-share', '50%', '--max-keys', '3']);
    const leader = await cluster.agreed();
    const [follower] = await cluster.followers();
    if (follower === undefined) throw new Error('unreachable');
    // What the others have.
    const session = String((await leader.request('POST', '/v1/lessor/leases', { ttlMs: 600_000 })).body.id);
    for (const name of ['kept', 'freed']) expect((await claim(leader, name, 600_000, 'modest')).status).toBe(201);
    for (const key of ['a', 'b', 'c']) await leader.request('PUT', `/v1/kv/${key}`, { value: 'v' });

    // Claims until it is refused, through both a follower and the leader.
    const refusals: Answer[] = [];
    let held = 0;
    for (let at = 0; refusals.length < 4; at++) {
      const answer = await claim(at % 2 === 0 ? follower : leader, `l${at}`);
      if (answer.status === 201) held += 1;
      else refusals.push(answer);
      expect(at, 'the share ends the claims').toBeLessThan(200);
      if (at % 10 === 0) expect((await claim(follower, `other-${at}`, 600_000, `third-${at}`)).status).toBe(201);
    }
    expect(held).toBe(50);
    for (const { status, headers, body } of refusals) {
      expect(status).toBe(429);
      expect(body).toMatchObject({ code: 'no-room', resource: 'namespace', used: 50, limit: 50 });
      expect(headers.get('retry-after')).toBe('1');
    }
    const alarmOf = async (): Promise<unknown> => (await leader.request('GET', '/v1/cluster')).body.alarms;
    expect(await alarmOf()).toEqual(['no-room']);
    const batch = await follower.request('POST', '/v1/batch', {
      ops: [
        { claim: { namespace: 'greedy', model: 'm', lease: 'more', holder: 'h', durationMs: 1_000 } },
        { extend: { namespace: 'greedy', model: 'm', lease: 'l0', holder: 'h', durationMs: 700_000 } },
        { put: { key: 'a', value: 'w' } },
        { put: { key: 'd', value: 'v' } },
      ],
    });
    expect((batch.body.results as { status: number }[]).map(({ status }) => status)).toEqual([429, 200, 200, 429]);

    // Everything that is never refused for room, by the others and by the greedy one.
    const ok = async (method: string, path: string, status: number, body?: unknown): Promise<void> => {
      expect([path, (await follower.request(method, path, body)).status]).toEqual([path, status]);
    };
    await ok('POST', `${lease('kept', 'modest')}/extend`, 200, { holder: 'h', durationMs: 700_000 });
    await ok('PUT', lease('kept', 'modest'), 200, { holder: 'h', durationMs: 800_000 });
    await ok('PUT', lease('l1'), 200, { holder: 'h', durationMs: 800_000 });
    await ok('POST', `/v1/lessor/leases/${session}/renew`, 200, {});
    await ok('PUT', `${lease('kept', 'modest')}/pins/e`, 204);
    await ok('DELETE', `${lease('kept', 'modest')}/pins/e`, 204);
    await ok('DELETE', `${lease('freed', 'modest')}?holder=h`, 204);
    await ok('DELETE', '/v1/kv/c', 204);
    await ok('DELETE', `/v1/lessor/leases/${session}`, 204);
    const command = cluster.cli('claim', 'greedy/m/command', '--holder', 'h', '--duration', '1m');
    const { code, err } = await command.ended;
    expect([code, err]).toEqual([3, expect.stringContaining('There is no room: 50 of 50 claims in one namespace')]);

    // Five end by time: 45 of 50 are 90%.
    for (let at = 0; at < 5; at++) await leader.request('DELETE', `${lease(`l${at}`)}?holder=h`);
    expect((await claim(leader, 'short', 300)).status).toBe(201);
    await until(async () => (await leader.request('GET', lease('short'))).status === 404, 'a claim to expire');
    expect((await claim(follower, 'again')).status).toBe(201);
    await until(async () => ((await alarmOf()) as unknown[]).length === 0, 'the alarm to clear');
    const metrics = await (await fetch(`${leader.url}/metrics`)).text();
    expect(metrics).toMatch(/leasehold_room_used_ratio\{resource="claims"\} 0\.\d+/);
    expect(metrics).toContain('leasehold_alarm{alarm="no-room"} 0');
  });
});

test('a heap of 128 MB that is filled with values of 64 KiB refuses with no-room, and the node restarts with all of them', async () => {
  const port = await freePorts(2);
  const dataDir = freshDirectory();
  const argv = ['node', '--id', 'n1', '--http', `127.0.0.1:${port}`, '--peer', `127.0.0.1:${port + 1}`];
  argv.push('--members', `n1=127.0.0.1:${port + 1}`, '--data', dataDir);
  const url = `http://127.0.0.1:${port}`;
  const start = () => leasehold(argv, { NODE_OPTIONS: '--max-old-space-size=128' });
  const ready = (process: ReturnType<typeof start>): Promise<void> =>
    until(
      async () => {
        if (process.hasEnded) throw new Error(`the node ended: ${process.out}${process.err}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
      },
      () => `the node to be ready: ${process.out}${process.err}`,
    );
  let node = start();
  await ready(node);
  const acknowledged = new Set<string>();
  let refusal: Record<string, unknown> | null = null;
  let refused = 0;
  // Four at a time, on and on for a while after the first refusal: 6,000 values would be three heaps.
  const fill = async (worker: number): Promise<void> => {
    for (let at = 0; at < 1_500 && refused < 80; at++) {
      const key = `k-${worker}-${at}`;
      const value = `${key} `.padEnd(64 * 1024, 'v');
      const response = await fetch(`${url}/v1/kv/${key}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ value }),
      });
      const body = (await response.json()) as Record<string, unknown>;
      if (response.status === 200) acknowledged.add(key);
      else if (response.status === 429 && body.code === 'no-room') {
        refused += 1;
        refusal = body;
        await sleep(5);
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map(fill));
  expect(node.hasEnded, node.err).toBe(false);
  expect(refusal).toMatchObject({ code: 'no-room', resource: 'heap' });
  expect(acknowledged.size).toBeGreaterThan(300);
  node.child.kill('SIGKILL');
  await node.ended;
  node = start();
  await ready(node);
  const keys = [...acknowledged];
  for (let at = 0; at < keys.length; at += 8) {
    const read = async (key: string): Promise<void> => {
      const body = (await (await fetch(`${url}/v1/kv/${key}`)).json()) as Record<string, string>;
      expect(body.value?.slice(0, key.length + 1)).toBe(`${key} `);
    };
    await Promise.all(keys.slice(at, at + 8).map(read));
  }
  const deleted = await fetch(`${url}/v1/kv/${keys[0]}`, { method: 'DELETE' });
  expect(deleted.status).toBe(204);
  process.stdout.write(`room: a heap of 128 MB took ${acknowledged.size} values of 64 KiB\n`);
}, 240_000);
