// A node that is started wrongly ends with exit code 1 or 2 and words that say what to do, and never harms the cluster.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leasePath, TestCluster, type TestNode } from './cluster.ts';
import { type Ended, endAll, freePorts, freshDirectory, leasehold } from './processes.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

/** The node's command line with some flags given other values. */
function argvWith(node: TestNode, flags: Record<string, string>): string[] {
  return node.argv.map((word, position) => flags[node.argv[position - 1] ?? ''] ?? word);
}

function firstNode(): TestNode {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error('the cluster has no node');
  return node;
}

/** It ended by itself, said so on standard error in words for people, and said nothing of our source. */
function expectClearRefusal(ended: Ended, words: RegExp): void {
  expect(ended.err).toMatch(words);
  expect(ended.err).not.toMatch(/^ +at /m);
  expect(ended.code).toBe(1);
}

test('a second process on the same data directory is refused', async () => {
  const node = firstNode();
  const http = await freePorts(2);
  const ended = await leasehold(argvWith(node, { '--http': `127.0.0.1:${http}`, '--peer': `127.0.0.1:${http + 1}` })).ended;
  expectClearRefusal(ended, /in use by another process/);
});

test('a port in use is named', async () => {
  const blocker = createServer();
  const port = await freePorts(1);
  await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
  try {
    const free = await freePorts(4);
    const ends = ['--http', '--peer'].map((flag, position) => {
      const others = {
        '--http': `127.0.0.1:${free + 2 * position}`,
        '--peer': `127.0.0.1:${free + 2 * position + 1}`,
        '--data': freshDirectory(),
      };
      return leasehold(argvWith(firstNode(), { ...others, [flag]: `127.0.0.1:${port}` })).ended;
    });
    for (const ended of await Promise.all(ends)) expectClearRefusal(ended, new RegExp(`${port}`));
  } finally {
    blocker.close();
  }
});

test('another node’s data directory is refused, and the way out is said', async () => {
  const [first, second] = cluster.nodes;
  if (first === undefined || second === undefined) throw new Error('the cluster has too few nodes');
  await second.end('SIGTERM');
  await first.end('SIGTERM');
  const ended = await leasehold(argvWith(first, { '--data': second.dataDir })).ended;
  expectClearRefusal(ended, /belongs to node n2, not to n1/);
  first.restart();
  second.restart();
  await cluster.agreed();
});

test('an emptied data directory under a known name is refused by the cluster, which goes on without it', async () => {
  const leader = await cluster.agreed();
  expect((await leader.request('PUT', leasePath('kept'), { holder: 'alice', durationMs: 60_000 })).status).toBe(201);
  const [victim] = await cluster.followers();
  if (victim === undefined) throw new Error('the cluster has no follower');
  await victim.end('SIGKILL');
  rmSync(victim.dataDir, { recursive: true });
  victim.restart();
  const ended = await victim.process.ended;
  expectClearRefusal(ended, /director/);
  const rest = cluster.nodes.filter((node) => node !== victim);
  await cluster.agreed(rest);
  expect((await leader.request('GET', leasePath('kept'))).body).toMatchObject({ holder: 'alice' });
  expect((await leader.request('PUT', leasePath('more'), { holder: 'alice', durationMs: 60_000 })).status).toBe(201);
});

test('bad flags are bad usage', async () => {
  const node = firstNode();
  const wrong = [{ '--http': 'nowhere' }, { '--id': 'n9' }, { '--members': 'n1' }];
  for (const ended of await Promise.all(wrong.map((flags) => leasehold(argvWith(node, flags)).ended))) {
    expect(ended.code).toBe(2);
    expect(ended.err).toContain('leasehold: ');
    expect(ended.err).not.toMatch(/^ +at /m);
  }
});
