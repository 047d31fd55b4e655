// Real nodes with gray failures at full length: leaders whose disk is frozen again and again, a frozen follower, and slow syncs on the leader.
// Needs root, fsfreeze, and for the slow syncs strace. Tests T41, T43 and T44 of OPERATIONS part A.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { TestCluster, type TestNode } from '../../test/e2e/cluster.ts';
import { FreezableDisks, SMALL_DISK_FLAGS } from '../../test/e2e/freezable-disks.ts';
import { endAll, until } from '../../test/e2e/processes.ts';
import { SteadyClaims } from '../../test/e2e/steady-claims.ts';
import { sleep } from '../machine.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    'freeze-ms': { type: 'string', default: '20000' },
    'follower-ms': { type: 'string', default: '60000' },
    'quiet-ms': { type: 'string', default: '600000' },
    parts: { type: 'string', default: 'leader,follower,slow' },
  },
});

const ROUNDS = Number(options.rounds);
const FREEZE_MS = Number(options['freeze-ms']);
const FOLLOWER_MS = Number(options['follower-ms']);
const QUIET_MS = Number(options['quiet-ms']);
const PARTS = options.parts.split(',');
const SYNC_DELAY_US = 300_000;
let violations = 0;

function violation(text: string): void {
  violations++;
  console.log(`VIOLATION: ${text}`);
}

const termOf = async (node: TestNode): Promise<number> => Number((await node.request('GET', '/v1/cluster')).body.term);
const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
const residentMiB = (node: TestNode): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.process.pid}/status`, 'utf8'))?.[1]) / 1_024;

async function frozenLeaders(cluster: TestCluster, disks: FreezableDisks, claims: SteadyClaims): Promise<void> {
  const gaps: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const leader = await cluster.agreed();
    const [other] = cluster.nodes.filter((node) => node !== leader) as [TestNode];
    disks.freeze(leader.dataDir);
    const frozenMs = performance.now();
    try {
      await until(async () => (await leader.request('GET', '/readyz')).status === 503, 'the leader to be not ready');
      const notReadyMs = performance.now() - frozenMs;
      if (notReadyMs > 2_000) violation(`/readyz was 503 only after ${Math.round(notReadyMs)} ms`);
      await until(() => claims.gapAfter(frozenMs, leader.id) !== null, 'a claim elsewhere');
      await sleep(Math.max(0, FREEZE_MS - (performance.now() - frozenMs)));
    } finally {
      disks.thaw(leader.dataDir);
    }
    const gapMs = claims.gapAfter(frozenMs, leader.id) ?? Number.POSITIVE_INFINITY;
    gaps.push(gapMs);
    const term = await termOf(other);
    await sleep(5_000);
    const after = await termOf(other);
    if (after !== term) violation(`term ${term} became ${after} after the thaw`);
    if (gapMs > 2_500) violation(`the next claim elsewhere came after ${Math.round(gapMs)} ms`);
    console.log(`round ${round}: ${leader.id} frozen, the next claim elsewhere after ${Math.round(gapMs)} ms`);
  }
  const median = quantile(
    gaps.toSorted((one, other) => one - other),
    0.5,
  );
  console.log(`leader: median ${Math.round(median)} ms, most ${Math.round(Math.max(...gaps))} ms over ${gaps.length} rounds`);
  if (median > 1_500) violation(`the median is ${Math.round(median)} ms`);
}

async function frozenFollower(cluster: TestCluster, disks: FreezableDisks, claims: SteadyClaims): Promise<void> {
  const [follower] = (await cluster.followers()) as [TestNode];
  const leader = await cluster.agreed();
  const beforeMs = performance.now();
  await sleep(Math.min(FOLLOWER_MS, 20_000));
  const before = claims.latencies(beforeMs, performance.now(), follower.id);
  const memoryBefore = residentMiB(leader);
  disks.freeze(follower.dataDir);
  const frozenMs = performance.now();
  await sleep(FOLLOWER_MS);
  disks.thaw(follower.dataDir);
  const during = claims.latencies(frozenMs, performance.now(), follower.id);
  await until(async () => (await follower.request('GET', '/readyz')).status === 200, 'the follower to be ready again', 10_000);
  const memory = `${Math.round(memoryBefore)} to ${Math.round(residentMiB(leader))} MiB`;
  const p99 = [before, during].map((sorted) => quantile(sorted, 0.99).toFixed(1));
  console.log(`follower: p99 of claims ${p99.join(' to ')} ms, memory of the leader ${memory}`);
}

async function slowSyncs(cluster: TestCluster): Promise<void> {
  const leader = await cluster.agreed();
  const [other] = cluster.nodes.filter((node) => node !== leader) as [TestNode];
  const term = await termOf(other);
  const tracer = spawn(
    'strace',
    [
      '-f',
      '-qq',
      '-e',
      'trace=fdatasync,fsync',
      '-e',
      `inject=fdatasync,fsync:delay_enter=${SYNC_DELAY_US}`,
      '-p',
      `${leader.process.pid}`,
    ],
    { stdio: 'ignore' },
  );
  try {
    const beganMs = performance.now();
    await until(async () => (await termOf(other)) !== term, 'leadership to be transferred', 60_000);
    console.log(`slow: leadership was transferred after ${Math.round((performance.now() - beganMs) / 1_000)} s of syncs of 300 ms`);
    await sleep(QUIET_MS);
    const after = await termOf(other);
    if (after !== term + 1) violation(`term ${term} became ${after}: more than one transfer`);
  } finally {
    tracer.kill('SIGINT');
  }
}

const obstacle = FreezableDisks.obstacle();
if (obstacle !== null) throw new Error(`this machine cannot freeze file systems: ${obstacle}`);
const disks = new FreezableDisks();
const cluster = await TestCluster.start(SMALL_DISK_FLAGS, (directory) => disks.mount(directory));
const claims = new SteadyClaims(cluster.nodes);
try {
  if (PARTS.includes('leader')) await frozenLeaders(cluster, disks, claims);
  if (PARTS.includes('follower')) await frozenFollower(cluster, disks, claims);
  if (PARTS.includes('slow')) await slowSyncs(cluster);
} finally {
  disks.thawAll();
  await claims.stop();
  await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
  disks.release();
  await endAll();
}
console.log(`${violations} violations`);
process.exitCode = violations === 0 ? 0 : 1;
