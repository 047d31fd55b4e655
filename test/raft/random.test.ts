// Figure 3 under everything that can go wrong: many random runs of a cluster, each decided by its seed.
import { expect, test } from 'vitest';
import { RandomCluster } from './random-cluster.ts';

const { RAFT_SEED, RAFT_RUNS = '50' } = process.env;
const STEPS = 4000;

test('whatever happens, Raft keeps its promises, and recovers when it stops happening', () => {
  const first = RAFT_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(RAFT_SEED);
  const runs = RAFT_SEED === undefined ? Number(RAFT_RUNS) : 1;
  const counts: Record<string, number> = {};
  console.log(`random: seeds ${first} to ${first + runs - 1}`);
  for (let seed = first; seed < first + runs; seed++) {
    const cluster = new RandomCluster(seed);
    try {
      for (let i = 0; i < STEPS; i++) cluster.step();
      cluster.checkLogs();
      expect(cluster.recovers(), 'the cluster recovers').toBe(true);
      cluster.checkLogs();
    } catch (error) {
      throw new Error(`seed ${seed}; to replay it: RAFT_SEED=${seed} npx vitest run test/raft/random.test.ts`, { cause: error });
    }
    for (const [what, count] of Object.entries(cluster.counts)) counts[what] = (counts[what] ?? 0) + count;
  }
  console.log(`random: ${JSON.stringify(counts)}`);
  // A test in which nothing happens proves nothing.
  if (runs > 1)
    for (const what of ['election', 'proposal', 'change', 'read', 'snapshot', 'crash'])
      expect(counts[what], what).toBeGreaterThan(runs / 4);
}, 120_000);
