// Whoever reaches the peer port of a real node: connections that say nothing, and a stranger that talks like a newer member.
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { varintBytes, writeVarint } from '../../src/io/bytes.ts';
import { codec } from '../../src/io/codec.ts';
import { frameOf } from '../../src/io/frame.ts';
import { PROTOCOL_VERSION } from '../../src/io/transport-hello.ts';
import { POSITION_MAX, raftKind } from '../../src/io/wire-raft.ts';
import { TERM_JUMP_MAX } from '../../src/raft/admission.ts';
import { RawPeer } from '../io/raw-peer.ts';
import { agreedLeader, leasePath, TestCluster, type TestNode } from './cluster.ts';
import { isLinked, viewOf } from './cut-links.ts';
import { endAll, until } from './processes.ts';

const FLOOD = 10_000;
/** Connections of the flood that are open at a time: three times what a node keeps. */
const FLOOD_OPEN_MAX = 600;
const STRANGER = 4;
const KINDS = ['heartbeat', 'append', 'vote', 'pre-vote', 'timeout-now'] as const;

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(async () => {
  await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
});
afterAll(endAll);

const portOf = (node: TestNode): number => Number(node.peer.split(':').at(-1));
const numberOf = (node: TestNode): number => Number(node.id.slice(1));

/** What the nodes of this cluster call it among themselves: no secret, its members' names and addresses at the first start. */
function clusterName(): string {
  const founders = cluster.nodes.map(({ id, peer }) => [id, peer]);
  return createHash('sha256').update(JSON.stringify(founders)).digest('hex').slice(0, 32);
}

/** Says hello to `node` as a member that it does not know. */
async function introduced(node: TestNode): Promise<RawPeer> {
  const raw = await RawPeer.connect(portOf(node));
  const disk = randomBytes(16).toString('hex');
  await raw.greet([PROTOCOL_VERSION, clusterName(), STRANGER, 'n4', '127.0.0.1:9', disk, numberOf(node), disk, 1]);
  expect(raw.refusal(), `${node.id} takes it for a newer member`).toBeNull();
  return raw;
}

/** A message of raft (an append without entries) with its numbers as they are, whatever a correct node would refuse to write. */
function message(kind: (typeof KINDS)[number], to: TestNode, term: number): Buffer {
  const more = { heartbeat: [0, 0], append: [0, 0, 0, 0], vote: [0, 0, 0], 'pre-vote': [0, 0, 0], 'timeout-now': [] }[kind];
  const numbers = [STRANGER, numberOf(to), term, ...more];
  const bytes = Buffer.alloc(numbers.reduce((sum, number) => sum + varintBytes(number), 0));
  let at = 0;
  for (const number of numbers) at = writeVarint(bytes, at, number);
  return frameOf(raftKind({ kind } as never), bytes);
}

/** Terms at every edge that a node could have. */
function edges(term: number): number[] {
  return [2 ** 53 - 1, 2 ** 53 - 2, POSITION_MAX + 1, POSITION_MAX, POSITION_MAX - 1]
    .concat([term + TERM_JUMP_MAX + 1, term + TERM_JUMP_MAX, term + 2, term + 1, term, 0])
    .concat([2 ** 31, 2 ** 32, 2 ** 32 - 1, 2 ** 48]);
}

test('a stranger that reports any term to any node does not cost the cluster its leader, nor after a restart of all', async () => {
  const leader = await cluster.agreed();
  const { term } = await viewOf(leader);
  const began = performance.now();
  for (const node of cluster.nodes) {
    for (const kind of KINDS) {
      for (const edge of edges(term)) {
        const raw = await introduced(node);
        raw.send(message(kind, node, edge));
        await raw.until(() => raw.closed, 15);
        raw.destroy();
      }
    }
    const claimed = await node.request('PUT', leasePath(`after-${node.id}`), { holder: 'alice', durationMs: 60_000 });
    expect(claimed.status).toBe(201);
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`strangers: ${cluster.nodes.length * KINDS.length * edges(term).length} messages in ${seconds} s`);
  for (const node of cluster.nodes) expect(await viewOf(node)).toMatchObject({ leader: leader.id, term });
  await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
  for (const node of cluster.nodes) node.restart();
  const heir = await cluster.agreed();
  // Whatever was taken of the stranger's numbers would be in the log's head now.
  expect((await viewOf(heir)).term).toBeLessThan(term + 20);
  expect((await heir.request('GET', leasePath('after-n1'))).body).toMatchObject({ holder: 'alice' });
});

test('a stranger that refuses a node does not end it', async () => {
  const leader = await cluster.agreed();
  for (const node of cluster.nodes) {
    for (const code of ['directory', 'removed', 'number', 'cluster', 'version']) {
      const raw = await RawPeer.connect(portOf(node));
      raw.send(frameOf(1, codec.encode([PROTOCOL_VERSION, clusterName(), STRANGER, 'n4', '', 'f00d', numberOf(node), code, 1])));
      expect(await raw.until(() => raw.frames.length > 0)).toBe(true);
      raw.send(frameOf(3, codec.encode([code, 'go away'])));
      expect(await raw.until(() => raw.closed)).toBe(true);
    }
  }
  await sleep(200);
  expect(cluster.nodes.map((node) => node.process.hasEnded)).toEqual([false, false, false]);
  expect(await cluster.agreed()).toBe(leader);
});

test('a stranger that never stops does not keep a cluster that restarts from electing a leader', async () => {
  const { term } = await viewOf(await cluster.agreed());
  let isOver = false;
  let sent = 0;
  const pester = async (node: TestNode): Promise<void> => {
    let next = term;
    while (!isOver) {
      const raw = await introduced(node).catch(() => null);
      for (let each = 0; raw !== null && each < 40 && !raw.closed && !isOver; each++) {
        for (const kind of ['heartbeat', 'vote'] as const) {
          raw.send(message(kind, node, ++next));
          sent++;
        }
        await sleep(25);
      }
      raw?.destroy();
      await sleep(25);
    }
  };
  const pestering = cluster.nodes.map(pester);
  try {
    await sleep(2_000);
    expect(await viewOf(await cluster.agreed())).toMatchObject({ term });
    await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
    for (const node of cluster.nodes) node.restart();
    await until(async () => (await Promise.all(cluster.nodes.map(lives))).every(Boolean), 'all to start');
    const startedMs = performance.now();
    await agreedLeader(cluster.nodes, 15_000);
    const agreedMs = performance.now() - startedMs;
    console.log(`strangers: a leader ${Math.round(agreedMs)} ms after the start of all, ${sent} messages of the stranger`);
    expect(agreedMs).toBeLessThan(2_000);
    expect(sent).toBeGreaterThan(200);
  } finally {
    isOver = true;
    await Promise.all(pestering);
  }
});

test('10,000 half-open connections to the leader do not keep a restarted member from linking, and cost no leader', async () => {
  const leader = await cluster.agreed();
  const { term } = await viewOf(leader);
  const member = cluster.nodes.find((node) => node !== leader) as TestNode;
  const open = new Set<Socket>();
  let opened = 0;
  const flood = async (): Promise<void> => {
    for (; opened < FLOOD; opened++) {
      const socket = connect({ host: '127.0.0.1', port: portOf(leader) });
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => open.delete(socket));
      if (opened % 20 === 19) await sleep(10);
      while (open.size > FLOOD_OPEN_MAX) await sleep(1);
    }
  };
  await member.end('SIGKILL');
  const flooding = flood();
  try {
    await until(() => opened > 1_000, 'the flood to run');
    member.restart();
    await until(() => lives(member), 'it to start');
    const startedMs = performance.now();
    await until(() => isLinked(leader, member), 'it to be linked with the leader');
    const linkedMs = performance.now() - startedMs;
    const during = opened;
    await until(async () => (await member.request('GET', '/readyz')).status === 200, 'it to be ready', 5_000);
    await flooding;
    console.log(`strangers: linked ${Math.round(linkedMs)} ms after its start, ${during} connections of the flood by then`);
    expect(during, 'the flood went on').toBeLessThan(FLOOD);
    expect(linkedMs).toBeLessThan(5_000);
    for (const node of cluster.nodes) expect(await viewOf(node)).toMatchObject({ leader: leader.id, term });
    expect((await member.request('PUT', leasePath('flooded'), { holder: 'alice', durationMs: 60_000 })).status).toBe(201);
  } finally {
    opened = FLOOD;
    await flooding;
    for (const socket of open) socket.destroy();
  }
});

async function lives(node: TestNode): Promise<boolean> {
  return (await node.request('GET', '/livez').catch(() => null))?.status === 200;
}
