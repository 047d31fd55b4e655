// `leasehold run` while its node is frozen or killed: the program, which ignores SIGTERM, must be gone before a rival can have the lease.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseholdClient } from '../../src/client/client.ts';
import { Cluster, type ClusterNode, PROGRAM } from '../cluster.ts';
import { runSoak, type Soak } from './run.ts';

const DURATION_MS = 1_500;
/** The guarded program: leaves a sign of life on the machine's monotonic clock as often as it can, and cannot be asked to stop. */
const CHILD = `
  process.on('SIGTERM', () => {});
  const { writeSync, openSync } = require('node:fs');
  const file = openSync(process.argv[1], 'w');
  setInterval(() => writeSync(file, String(process.hrtime.bigint()).padStart(20), 0), 1);
`;
const WAYS = ['node frozen', 'node killed', 'leader killed', 'run frozen', 'run killed'] as const;

await runSoak({ name: 'run-child', rounds: 50, roundLimitMs: 30_000 }, async (soak) => {
  const cluster = await Cluster.start();
  const directory = mkdtempSync(join(tmpdir(), 'leasehold-run-'));
  const margins: number[] = [];
  try {
    for (let round = 1; round <= soak.rounds; round++) {
      const way = WAYS[round % WAYS.length] ?? 'node frozen';
      const marginMs = await trial(cluster, soak, way, join(directory, `${round}`), round);
      margins.push(marginMs);
      if (!(marginMs > 0)) soak.violation(`round ${round}, ${way}: the program lived ${-marginMs} ms after a rival had the lease`);
      soak.line(`round ${round}: ${way}, the program ended ${Math.round(marginMs)} ms before a rival had the lease`);
    }
    return `${Math.round(Math.min(...margins))} ms between the program's end and the rival at the least`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await cluster.close();
  }
});

/** Milliseconds from the program's last sign of life to the moment at which a rival was told that it has the lease. */
async function trial(cluster: Cluster, soak: Soak, way: (typeof WAYS)[number], signs: string, round: number): Promise<number> {
  const leader = await cluster.leader();
  const victim = way === 'leader killed' ? leader : soak.random.pick(cluster.nodes);
  const other = soak.random.pick(cluster.nodes.filter((node) => node !== victim));
  const lease = `soak/run/round-${round}`;
  const flags = ['--holder', 'holder', '--duration', `${DURATION_MS}ms`, '--endpoint', urlOf(victim), '--patience', '200ms'];
  const run = spawn(process.execPath, [PROGRAM, 'run', lease, ...flags, '--', process.execPath, '-e', CHILD, signs], { stdio: 'ignore' });
  const ended = new Promise((resolve) => run.once('exit', resolve));
  await until(() => lastSign(signs) > 0n, 10_000);
  await sleep(soak.random.below(DURATION_MS));
  if (way === 'node frozen') victim.pause();
  else if (way === 'run frozen') run.kill('SIGSTOP');
  else if (way === 'run killed') run.kill('SIGKILL');
  else await victim.kill();
  const rival = new LeaseholdClient({ endpoints: [urlOf(other)] });
  try {
    const won = await rival.claim(lease, { holder: 'rival', durationMs: 60_000, waitMs: 20_000 });
    const wonNs = process.hrtime.bigint();
    // Long enough to see one that lives on.
    await sleep(300);
    await won.release();
    return Number(wonNs - lastSign(signs)) / 1e6;
  } finally {
    rival.close();
    run.kill('SIGCONT');
    await ended;
    if (way === 'node frozen') victim.resume();
    if (!victim.isRunning) victim.start();
    await cluster.waitUntilServing(victim, 20_000);
  }
}

function lastSign(file: string): bigint {
  try {
    return BigInt(readFileSync(file, 'utf8').trim() || 0);
  } catch {
    return 0n;
  }
}

function urlOf({ plan }: ClusterNode): string {
  return `http://${plan.http.host}:${plan.http.port}`;
}

async function until(holds: () => boolean, limitMs: number): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > limitMs) throw new Error('the program gave no sign of life');
    await sleep(20);
  }
}
