// How long writes stop when the leader is killed (kill -9) and when it is frozen (SIGSTOP): so many runs of each.
import { Cluster } from '../cluster.ts';
import { type Fault, failover, summarize } from '../failover.ts';
import { median } from '../load.ts';
import { runSoak } from './run.ts';

/** Beyond this a gap is no election but a fault of ours. */
const GAP_MAX_MS = 10_000;

await runSoak({ name: 'failover', rounds: 10, roundLimitMs: 90_000 }, async (soak) => {
  const cluster = await Cluster.start();
  try {
    const summaries: string[] = [];
    for (const fault of ['kill', 'freeze'] satisfies Fault[]) {
      const gaps: number[] = [];
      for (let round = 1; round <= soak.rounds; round++) {
        const run = await failover(cluster, fault);
        gaps.push(run.gapMs);
        soak.line(
          `${fault} ${round}: ${run.leader}, gap ${Math.round(run.gapMs)} ms (before ${Math.round(run.gapBeforeMs)}), ${run.failedAttempts} failed attempts`,
        );
        if (run.gapMs > GAP_MAX_MS) soak.violation(`writes stopped for ${Math.round(run.gapMs)} ms`);
      }
      summaries.push(`${fault}: ${summarize(gaps, median(gaps))}`);
    }
    return summaries.join('; ');
  } finally {
    await cluster.close();
  }
});
