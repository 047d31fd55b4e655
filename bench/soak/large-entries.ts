// Transactions of 1 MiB over the same 17 keys: no node may outgrow its memory, whether it runs or restarts.
import { readFileSync } from 'node:fs';
import { Cluster, type ClusterNode } from '../cluster.ts';
import { sleep } from '../machine.ts';
import { runSoak, type Soak } from './run.ts';

/** Transactions in one round. */
const TRANSACTIONS = 400;
const UNDER_WAY = 8;
const KEYS = 17;
const VALUE_BYTES = 61_000;
const RSS_MAX_MB = 600;
const HEAP_MAX_MB = 256;
const TIMEOUT_MS = 20_000;

await runSoak({ name: 'large-entries', rounds: 3, roundLimitMs: 240_000 }, async (soak) => {
  const cluster = await Cluster.start({ nodeArguments: () => [`--max-old-space-size=${HEAP_MAX_MB}`] });
  let peakMb = 0;
  let done = 0;
  const watching = setInterval(() => {
    for (const node of cluster.nodes) if (node.isRunning) peakMb = Math.max(peakMb, rssMb(node));
  }, 100);
  try {
    for (let round = 1; round <= soak.rounds; round++) {
      done += await write(cluster, soak);
      const node = soak.random.pick(cluster.nodes);
      const beforeMb = rssMb(node);
      await node.kill();
      node.start();
      await cluster.waitUntilServing(node, 60_000);
      soak.line(`round ${round}: ${done} transactions, ${node.plan.id} had ${beforeMb} MB and has ${rssMb(node)} MB after its restart`);
      if (peakMb > RSS_MAX_MB) soak.violation(`a node took ${peakMb} MB, ${RSS_MAX_MB} are allowed`);
    }
    return `${done} transactions of 1 MiB, ${peakMb} MB at most in one node`;
  } finally {
    clearInterval(watching);
    await cluster.close();
  }
});

/** Answers how many were applied. What was refused for load, or has an unknown outcome, is tried again; any other answer is a violation. */
async function write(cluster: Cluster, soak: Soak): Promise<number> {
  const leader = await cluster.leader();
  let next = 0;
  let applied = 0;
  const one = async (): Promise<void> => {
    while (next < TRANSACTIONS) {
      const number = next++;
      const value = String(number % 10).repeat(VALUE_BYTES);
      const success = Array.from({ length: KEYS }, (_, key) => ({ put: { key: `large-${key}`, value } }));
      for (;;) {
        const answer = await leader.request('POST', '/v1/txn', { success }, TIMEOUT_MS);
        if (answer.status === 200) break;
        if (![429, 503, 504].includes(answer.status)) {
          soak.violation(`a transaction was answered ${answer.status} ${JSON.stringify(answer.body)}`);
          return;
        }
        await sleep(50);
      }
      applied += 1;
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, one));
  return applied;
}

/** Resident memory of the process, in MB. */
function rssMb(node: ClusterNode): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'));
  return Math.round(Number(match?.[1] ?? 0) / 1_000);
}
