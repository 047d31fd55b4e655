// `npm run bench`: the canonical measurements against three real processes; see README.md here for the method and the results.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, PROGRAM } from './cluster.ts';
import { massExpiry } from './expiry.ts';
import { failover, summarize } from './failover.ts';
import { median } from './load.ts';
import { describeMachine } from './machine.ts';
import { figure, table } from './table.ts';
import { throughput, WORKLOADS } from './throughput.ts';

const HELP = `npm run bench -- [options]
  --only PARTS         of ${[...Object.keys(WORKLOADS), 'failover', 'expiry'].join(', ')}; by comma; all when left out
  --secs N             seconds for each throughput figure (3)
  --connections LIST   numbers of connections (1,64,256)
  --runs N             runs of failover and of mass expiry (5)
  --leases N           leases in mass expiry (10000)
  --profile            runs the leader with --cpu-prof and says where the profile is
  --program PATH       another build's cli/main.js (${PROGRAM} is this one's)`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: [...Object.keys(WORKLOADS), 'failover', 'expiry'].join(',') },
    secs: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1,64,256' },
    runs: { type: 'string', default: '5' },
    leases: { type: 'string', default: '10000' },
    profile: { type: 'boolean', default: false },
    program: { type: 'string', default: PROGRAM },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const parts = options.only.split(',');
  for (const part of parts)
    if (!(part in WORKLOADS) && part !== 'failover' && part !== 'expiry') throw new Error(`unknown part ${part}\n${HELP}`);
  const runs = positive('runs');
  console.log(`${describeMachine()}\n`);

  const kinds = parts.filter((part) => part in WORKLOADS);
  if (kinds.length > 0) {
    const plan = { kinds, connections: options.connections.split(',').map(Number), measureMs: positive('secs') * 1000 };
    await withCluster(async (cluster) => {
      const result = await throughput(cluster, plan, (line) => console.log(line));
      console.log(`\n${result}\n`);
    });
  }
  if (parts.includes('failover')) {
    await withCluster(async (cluster) => {
      const gaps: number[] = [];
      for (let run = 0; run < runs; run++) {
        const { leader, gapMs, gapBeforeMs, failedAttempts } = await failover(cluster, 'kill');
        gaps.push(gapMs);
        console.log(
          `failover ${run + 1}: ${leader} killed, gap ${figure(gapMs)} ms (before ${figure(gapBeforeMs)}), ${failedAttempts} failed attempts`,
        );
      }
      console.log(`\nfailover, longest gap between two writes at 50/s, kill -9 of the leader: ${summarize(gaps, median(gaps))}\n`);
    });
  }
  if (parts.includes('expiry')) {
    await withCluster(async (cluster) => {
      const rows: string[][] = [];
      for (let run = 0; run < runs; run++) {
        const of = await massExpiry(cluster, positive('leases'));
        rows.push([
          String(of.leases),
          figure(of.goneWithinMs),
          `${figure(of.claimP50BeforeMs, 1)} / ${figure(of.claimP99BeforeMs, 1)}`,
          `${figure(of.claimP50DuringMs, 1)} / ${figure(of.claimP99DuringMs, 1)}`,
          figure(of.claimMaxDuringMs, 1),
          figure(of.serverCpuUs),
          figure(of.othersCores, 2),
        ]);
        console.log(`mass expiry ${run + 1}: ${rows.at(-1)?.join('  ')}`);
      }
      const header = [
        'leases',
        'gone within ms',
        'claim p50 / p99 ms before',
        'during',
        'max during',
        'server CPU µs each',
        'others, cores',
      ];
      console.log(`\n${table(header, rows)}\n`);
    });
  }
}

/** Each part has a cluster of its own, so that what one leaves behind does not burden the next. */
async function withCluster(run: (cluster: Cluster) => Promise<void>): Promise<void> {
  const profiles = resolve('data/profiles');
  if (options.profile) mkdirSync(profiles, { recursive: true });
  // Only the first node is profiled, and made the leader: a profile costs CPU that the other two should keep.
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const cluster = await Cluster.start({
    program: options.program,
    nodeArguments: (number) => (options.profile && number === 0 ? profiling : []),
  });
  try {
    const first = cluster.nodes[0];
    if (options.profile && first) await cluster.makeLeader(first);
    await run(cluster);
    if (options.profile && first) {
      await first.stop();
      console.log(`the leader's profile is the newest file in ${profiles}\n`);
    }
  } finally {
    await cluster.close();
  }
}

function positive(name: 'secs' | 'runs' | 'leases'): number {
  const value = Number(options[name]);
  if (!(value > 0)) throw new Error(`--${name} needs a number above 0, not ${options[name]}`);
  return value;
}
