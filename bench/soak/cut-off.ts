// Clients whose only node is frozen hold leases: each must be told that its lease is lost before a rival can have it through another node.
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseholdClient } from '../../src/client/client.ts';
import { systemClock } from '../../src/client/clock.ts';
import type { HeldLease } from '../../src/client/held-lease.ts';
import { Cluster, type ClusterNode } from '../cluster.ts';
import { runSoak, type Soak } from './run.ts';

/** Leases cut off together in one round; 20 rounds make 200 trials. */
const LEASES = 10;
const LEAST_MS = 600;
const MOST_MS = 2_500;

/** What one trial saw, in milliseconds on this machine's monotonic clock. */
interface Trial {
  readonly lostMs: number;
  readonly rivalMs: number;
}

await runSoak({ name: 'cut-off', rounds: 20, roundLimitMs: 30_000 }, async (soak) => {
  const cluster = await Cluster.start();
  const margins: number[] = [];
  try {
    for (let round = 1; round <= soak.rounds; round++) margins.push(...(await cutRound(cluster, soak, round)));
    margins.sort((a, b) => a - b);
    const median = margins[Math.floor(margins.length / 2)] ?? Number.NaN;
    return `${margins.length} leases cut off, told ${Math.round(margins[0] ?? Number.NaN)} ms before a rival had it at the least, ${Math.round(median)} ms in the median`;
  } finally {
    await cluster.close();
  }
});

async function cutRound(cluster: Cluster, soak: Soak, round: number): Promise<number[]> {
  const victim = soak.random.pick(cluster.nodes);
  const others = cluster.nodes.filter((node) => node !== victim);
  const clients = {
    holder: new LeaseholdClient({ endpoints: [urlOf(victim)], patienceMs: 0 }),
    rival: new LeaseholdClient({ endpoints: others.map(urlOf) }),
  };
  const held = await Promise.all(
    Array.from({ length: LEASES }, (_, at) =>
      clients.holder.claim(`soak/cut-off/round-${round}-${at}`, {
        holder: 'holder',
        durationMs: LEAST_MS + soak.random.below(MOST_MS - LEAST_MS),
      }),
    ),
  );
  const trials = held.map((lease) => trial(lease, clients.rival));
  await sleep(soak.random.below(2_000));
  victim.pause();
  const results = await Promise.all(trials);
  victim.resume();
  clients.holder.close();
  clients.rival.close();
  await cluster.waitUntilServing(victim, 20_000);
  const margins = results.map(({ lostMs, rivalMs }) => rivalMs - lostMs);
  for (const [at, ms] of margins.entries())
    if (!(ms > 0)) soak.violation(`round ${round}, lease ${at}: told ${-ms} ms after a rival had it`);
  soak.line(`round ${round}: ${victim.plan.id} frozen, ${margins.map((ms) => Math.round(ms)).join(' ')} ms between the loss and the rival`);
  return margins;
}

/** When the holder was told of its loss, and when a rival that queues through another node was told that it has the lease. */
async function trial(lease: HeldLease, rival: LeaseholdClient): Promise<Trial> {
  const lost = new Promise<number>((resolve) => {
    if (lease.lost !== null) resolve(systemClock.now());
    lease.signal.addEventListener('abort', () => resolve(systemClock.now()));
  });
  const won = await rival.claim(lease.name, { holder: 'rival', durationMs: 60_000, waitMs: 20_000 });
  const rivalMs = systemClock.now();
  await won.release();
  return { lostMs: await lost, rivalMs };
}

function urlOf({ plan }: ClusterNode): string {
  return `http://${plan.http.host}:${plan.http.port}`;
}
