// One node's files are damaged, again and again: it must come back with all that it acknowledged, or stop with a message; the others go on.
import { Cluster, type ClusterNode, until } from '../cluster.ts';
import { sleep } from '../machine.ts';
import { History } from './history.ts';
import { Island } from './island.ts';
import { readState } from './replicas.ts';
import { runSoak, type Soak } from './run.ts';
import { KEPT_MODEL, startWorkers } from './workers.ts';

const LOAD_MS = 4000;
const START_LIMIT_MS = 20_000;
const READ_LIMIT_MS = 30_000;
const CATCH_UP_LIMIT_MS = 30_000;

await runSoak({ name: 'bit-flips', rounds: 200, roundLimitMs: 15_000 }, async (soak) => {
  const cluster = await Cluster.start();
  let harm = 'no damage';
  const history = new History((text) => soak.violation(`${harm}: ${text}`));
  const counts = { refused: 0, learner: 0, started: 0 };
  let island: Island | null = null;
  try {
    const [victim, witness] = soak.random.sample(cluster.nodes, 2);
    if (!victim || !witness) throw new Error('a cluster of fewer than two nodes');
    island = await prepare(cluster, victim, witness, soak, history);

    const control = await trial(island, soak, history);
    if (control !== 'started')
      throw new Error(`the undamaged node ${control}, so that the trials would prove nothing:\n${island.victim.logTail()}`);
    for (let round = 1; round <= soak.rounds; round++) {
      harm = island.harm(soak.random);
      const fate = await trial(island, soak, history);
      counts[fate]++;
      if (fate === 'started') island.keepForRejoin(harm);
      if (!(await serves(witness))) soak.violation(`${harm}: the other two do not serve`);
      soak.line(`round ${round}: ${harm}: ${fate}${fate === 'refused' ? `: ${firstLine(island.victim)}` : ''}`);
    }
    await rejoin(island, victim, witness, soak);
    return `${counts.refused} refused to start with a message, ${counts.learner} gave themselves up, ${counts.started} started with all they had acknowledged; ${history}`;
  } finally {
    await island?.close();
    await cluster.close();
  }
});

/**
 * Loads the cluster, in the second half without the witness, so that everything in it was acknowledged by the victim; then stops the
 * victim. The witness goes on with the third node, and its directory from before the second half stays with the island.
 */
async function prepare(cluster: Cluster, victim: ClusterNode, witness: ClusterNode, soak: Soak, history: History): Promise<Island> {
  const workers = startWorkers(cluster, soak.random, history);
  await sleep(LOAD_MS / 2);
  // Once in the middle of the load, so that the directory has seen a recovery as well.
  await victim.kill();
  victim.start();
  await cluster.waitUntilServing(victim, START_LIMIT_MS);
  await sleep(LOAD_MS / 2);
  await witness.kill();
  const island = await Island.around(cluster, victim, witness);
  await sleep(LOAD_MS);
  await workers.stop();
  await victim.kill();
  island.keepVictim(victim);
  witness.start();
  await cluster.waitUntilServing(witness, START_LIMIT_MS);
  return island;
}

/** Starts the victim and the outdated witness apart from everybody else: what is then missing was lost by the victim. */
async function trial(island: Island, soak: Soak, history: History): Promise<'refused' | 'learner' | 'started'> {
  const { victim } = island;
  island.start();
  try {
    const fate = await until('a linearizable read or an end', READ_LIMIT_MS, async () => {
      if (!victim.isRunning) return 'refused';
      if (await isLearner(victim)) return 'learner';
      const answer = await victim.request('GET', '/v1/kv/bench-serving', null, 1000).catch(() => null);
      return answer?.status === 200 || answer?.status === 404 ? 'started' : null;
    });
    if (fate === 'started') {
      const { claims, keys } = await readState(victim, 'linearizable');
      history.verify(
        claims.filter((claim) => claim.model === KEPT_MODEL),
        keys,
      );
    }
    if (fate === 'refused') {
      const { code, signal } = await victim.exited;
      if (code === null || code === 0 || victim.logTail().trim() === '')
        soak.violation(`ended with ${code ?? signal} and these words: ${victim.logTail()}`);
    }
    return fate;
  } finally {
    await island.stop();
  }
}

/**
 * A damaged directory that started apart must also catch up in the cluster that it belongs to. Once only, at the end: from there on the
 * victim has acknowledged more, and to lay an older directory again would be to lose that by our own hand.
 */
async function rejoin(island: Island, victim: ClusterNode, witness: ClusterNode, soak: Soak): Promise<void> {
  const harm = island.layForRejoin(victim);
  soak.line(`rejoining with ${harm}`);
  victim.start();
  const { index } = await witness.request('GET', '/v1/kv/bench-serving?consistency=stale');
  await until('the damaged node to catch up', CATCH_UP_LIMIT_MS, async () => {
    if (!victim.isRunning) throw new Error(`it ended: ${victim.logTail(400)}`);
    const here = await victim.request('GET', '/v1/kv/bench-serving?consistency=stale', null, 1000).catch(() => null);
    return here !== null && here.index >= index ? true : null;
  }).catch((error: Error) => soak.violation(`${harm}: started apart, but not in its cluster: ${error.message}`));
}

function firstLine(node: ClusterNode): string {
  return node.logTail().trim().split('\n')[0]?.slice(0, 160) ?? '';
}

async function isLearner(node: ClusterNode): Promise<boolean> {
  const answer = await node.request('GET', '/v1/cluster', null, 1000).catch(() => null);
  const members = answer?.status === 200 ? (answer.body as { members: { id: string; voter: boolean }[] }).members : [];
  return members.some(({ id, voter }) => id === node.plan.id && !voter);
}

async function serves(node: ClusterNode): Promise<boolean> {
  return until(`${node.plan.id} to serve`, 10_000, async () => {
    const answer = await node.request('PUT', '/v1/kv/bench-serving', { value: 'others' }, 2000).catch(() => null);
    return answer?.status === 200 ? true : null;
  }).catch(() => false);
}
