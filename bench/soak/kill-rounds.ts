// Nodes are killed under load, one, two or all three, also while they recover; afterwards nothing acknowledged may be missing or changed.
import { Cluster } from '../cluster.ts';
import { sleep } from '../machine.ts';
import { History } from './history.ts';
import { compareReplicas, readState } from './replicas.ts';
import { runSoak, type Soak } from './run.ts';
import { KEPT_MODEL, startWorkers } from './workers.ts';

const BACK_LIMIT_MS = 30_000;

await runSoak({ name: 'kill-rounds', rounds: 50, roundLimitMs: 20_000 }, async (soak) => {
  const cluster = await Cluster.start();
  let kept = true;
  try {
    const history = new History(soak.violation);
    const workers = startWorkers(cluster, soak.random, history);
    let kills = 0;
    for (let round = 1; round <= soak.rounds; round++) kills += await killRound(cluster, soak, round);
    await workers.stop();

    const { index, state, differences } = await compareReplicas(cluster);
    for (const difference of differences) soak.violation(difference);
    soak.line(`all nodes at index ${index}: ${state.claims.length} claims, ${state.keys.length} keys`);
    const now = await readState(await cluster.leader(), 'linearizable');
    history.verify(
      now.claims.filter((claim) => claim.model === KEPT_MODEL),
      now.keys,
    );
    kept = false;
    return `${kills} kills, ${history}`;
  } finally {
    if (kept) soak.line(`data and logs are left in ${cluster.folder}`);
    await cluster.close(kept);
  }
});

/** Kills and restarts some nodes and waits until all serve again. Returns the number of kills. */
async function killRound(cluster: Cluster, soak: Soak, round: number): Promise<number> {
  const { random } = soak;
  await sleep(random.between(200, 1500));
  const count = random.pick([1, 1, 1, 1, 1, 2, 2, 3]);
  const victims = random.below(4) === 0 && count === 1 ? [await cluster.leader()] : random.sample(cluster.nodes, count);
  const killAll = (): Promise<unknown> => Promise.all(victims.map((node) => node.kill()));
  await killAll();
  const downMs = random.between(0, 1200);
  await sleep(downMs);
  for (const node of victims) node.start();
  let kills = victims.length;
  const again = random.below(4) === 0;
  if (again) {
    await sleep(random.between(20, 600));
    await killAll();
    kills += victims.length;
    for (const node of victims) node.start();
  }
  const startMs = performance.now();
  for (const node of cluster.nodes) await cluster.waitUntilServing(node, BACK_LIMIT_MS);
  const names = victims.map((node) => node.plan.id).join(' ');
  soak.line(
    `round ${round}: ${names} killed${again ? ', again while recovering' : ''}, down ${downMs} ms, all serving after ${Math.round(performance.now() - startMs)} ms`,
  );
  return kills;
}
