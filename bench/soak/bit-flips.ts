// One node's files are damaged, again and again: it must come back with all that it acknowledged, or stop with a message; the others go on.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, ClusterNode, freePorts, membersFlag, type NodePlan, PROGRAM, until } from '../cluster.ts';
import { sleep } from '../machine.ts';
import { damage } from './damage.ts';
import { History } from './history.ts';
import { type NodeState, readState } from './replicas.ts';
import { runSoak, type Soak } from './run.ts';
import { startWorkers } from './workers.ts';

const LOAD_MS = 6000;
/** Contended leases lapse within this, so that the log is quiet when the node is stopped. */
const QUIET_MS = 5000;
const START_LIMIT_MS = 20_000;
const CATCH_UP_LIMIT_MS = 20_000;

/** What the stopped node had acknowledged: its log up to here, in this term, and this state. */
interface Acknowledged {
  readonly term: number;
  readonly lastIndex: number;
  readonly state: NodeState;
}

/** What `/v1/cluster` says of the node asked. */
interface OwnStatus {
  readonly term: number;
  readonly commitIndex: number;
  readonly members: readonly { readonly id: string; readonly role: string; readonly voter: boolean; readonly matchIndex: number | null }[];
}

await runSoak({ name: 'bit-flips', rounds: 200, roundLimitMs: 10_000 }, async (soak) => {
  const cluster = await Cluster.start();
  try {
    const workers = startWorkers(cluster, soak.random, new History(soak.violation));
    await sleep(LOAD_MS);
    // Once in the middle of the load, so that the directory has seen a recovery as well.
    const victim = soak.random.pick(cluster.nodes);
    await victim.kill();
    victim.start();
    await cluster.waitUntilServing(victim, START_LIMIT_MS);
    await sleep(LOAD_MS / 2);
    await workers.stop();
    await sleep(QUIET_MS);
    const acknowledged = await acknowledgedBy(victim);
    await victim.kill();

    const stage = await Stage.prepare(cluster, victim);
    await controlTrial(stage, acknowledged);
    const counts = { refused: 0, started: 0 };
    for (let round = 1; round <= soak.rounds; round++) {
      const harm = stage.harm(soak);
      const fate = await trial(stage, acknowledged, harm, soak);
      counts[fate]++;
      if (!(await othersServe(cluster, victim))) soak.violation(`the others do not serve while the damaged node ${fate}: ${harm}`);
      soak.line(`round ${round}: ${harm}: ${fate}`);
    }
    return `${acknowledged.lastIndex} entries; ${counts.refused} refused to start with a message, ${counts.started} started with all they had acknowledged and caught up`;
  } finally {
    await cluster.close();
  }
});

/** Waits until the node's applied index is its last, and reads what it holds. */
async function acknowledgedBy(node: ClusterNode): Promise<Acknowledged> {
  return until(`${node.plan.id} to be quiet`, 30_000, async () => {
    const state = await readState(node, 'stale');
    const status = await ownStatus(node);
    const lastIndex = status?.members.find(({ id }) => id === node.plan.id)?.matchIndex ?? null;
    if (!status || lastIndex === null || state.index !== lastIndex) return null;
    return { term: status.term, lastIndex, state };
  });
}

/** The copies of the stopped node's directory: one to look at alone, one to rejoin with. */
class Stage {
  readonly cluster: Cluster;
  readonly victim: ClusterNode;
  /** The node with its directory but on other ports, where its peers cannot reach it and repair what it lost. */
  readonly alone: ClusterNode;
  readonly #original: string;
  readonly #damaged: string;

  private constructor(cluster: Cluster, victim: ClusterNode, alone: ClusterNode) {
    this.cluster = cluster;
    this.victim = victim;
    this.alone = alone;
    this.#original = join(cluster.folder, 'original');
    this.#damaged = join(cluster.folder, 'damaged');
  }

  static async prepare(cluster: Cluster, victim: ClusterNode): Promise<Stage> {
    const ports = await freePorts(cluster.nodes.length + 1);
    const plans = cluster.nodes.map(
      ({ plan }, at): NodePlan => ({
        ...plan,
        peer: { host: '127.0.0.1', port: ports[at] ?? 0 },
        http: { host: '127.0.0.1', port: ports.at(-1) ?? 0 },
      }),
    );
    const plan = plans.find(({ id }) => id === victim.plan.id);
    if (!plan) throw new Error('the victim is no member');
    const folder = join(cluster.folder, 'alone');
    const alone = new ClusterNode({ ...plan, dataDir: folder, logFile: `${folder}.log` }, membersFlag(plans), PROGRAM);
    const stage = new Stage(cluster, victim, alone);
    cpSync(victim.plan.dataDir, stage.#original, { recursive: true });
    cpSync(stage.#original, stage.#damaged, { recursive: true });
    return stage;
  }

  /** Makes a fresh damaged directory for the trials that follow. */
  harm(soak: Soak): string {
    replaceFolder(this.#original, this.#damaged);
    return damage(this.#damaged, soak.random);
  }

  /** Starts a node on a copy of the damaged directory. */
  startDamaged(node: ClusterNode): void {
    replaceFolder(this.#damaged, node.plan.dataDir);
    // So that what it says is about this trial.
    writeFileSync(node.plan.logFile, '');
    node.start();
  }
}

/** The undamaged directory must start alone and show all of it; else the trials would prove nothing. */
async function controlTrial(stage: Stage, acknowledged: Acknowledged): Promise<void> {
  stage.startDamaged(stage.alone);
  if ((await startOrExit(stage.alone)) === 'exited') throw new Error(`the undamaged node does not start alone:\n${stage.alone.logTail()}`);
  const missing = await shortfall(stage.alone, acknowledged);
  if (missing !== null) throw new Error(`the undamaged node does not show what it had: ${missing}`);
  await stage.alone.kill();
}

async function trial(stage: Stage, acknowledged: Acknowledged, harm: string, soak: Soak): Promise<'refused' | 'started'> {
  const { alone, victim } = stage;
  stage.startDamaged(alone);
  if ((await startOrExit(alone)) === 'exited') {
    const { code, signal } = await alone.exited;
    if (code === null || code === 0 || alone.logTail(400).trim() === '') {
      soak.violation(`${harm}: the node ended with ${code ?? signal} and these words: ${alone.logTail(400)}`);
    }
    return 'refused';
  }
  const missing = await shortfall(alone, acknowledged);
  if (missing !== null) soak.violation(`${harm}: the node started, but ${missing}`);
  await alone.kill();

  stage.startDamaged(victim);
  await until('the damaged node to catch up', CATCH_UP_LIMIT_MS, async () => {
    if (!victim.isRunning) throw new Error(`it ended: ${victim.logTail(400)}`);
    const here = await victim.request('GET', '/v1/kv/bench-serving?consistency=stale').catch(() => null);
    return here !== null && here.index >= acknowledged.lastIndex ? true : null;
  }).catch((error: Error) => soak.violation(`${harm}: started alone, but not in its cluster: ${error.message}`));
  await victim.kill();
  return 'started';
}

/** Whether a node answers or ends, whichever comes first. Throws when it does neither. */
async function startOrExit(node: ClusterNode): Promise<'answers' | 'exited'> {
  return until(`${node.plan.id} to answer or to end`, START_LIMIT_MS, async () => {
    if (!node.isRunning) return 'exited';
    return (await ownStatus(node)) ? 'answers' : null;
  });
}

/** How a node that stands alone falls short of what it had acknowledged; null when it does not, or gives itself up as a learner. */
async function shortfall(node: ClusterNode, acknowledged: Acknowledged): Promise<string | null> {
  const status = await ownStatus(node);
  const own = status?.members.find(({ id }) => id === node.plan.id);
  if (!status || !own) return 'it stopped answering';
  if (!own.voter) return null;
  if (status.term < acknowledged.term) return `its term is ${status.term}, not ${acknowledged.term}`;
  if ((own.matchIndex ?? 0) < acknowledged.lastIndex) return `its log ends at ${own.matchIndex}, not ${acknowledged.lastIndex}`;
  // Alone it may know less of what is committed; what it knows must be there as it was.
  const state = await readState(node, 'stale');
  const shown = new Set(state.keys.map((key) => JSON.stringify(key)));
  const lost = acknowledged.state.keys.find((key) => key.modRevision <= (state.index ?? 0) && !shown.has(JSON.stringify(key)));
  if (lost) return `at index ${state.index} it does not show ${JSON.stringify(lost)}`;
  const fences = new Set(state.claims.map((claim) => `${claim.lease} ${claim.holder} ${claim.fence}`));
  const free = acknowledged.state.claims.find(
    ({ lease, holder, fence }) => fence <= (state.index ?? 0) && !fences.has(`${lease} ${holder} ${fence}`),
  );
  if (free) return `at index ${state.index} it does not show ${JSON.stringify(free)}`;
  return null;
}

async function ownStatus(node: ClusterNode): Promise<OwnStatus | null> {
  const answer = await node.request('GET', '/v1/cluster', null, 1000).catch(() => null);
  return answer?.status === 200 ? (answer.body as OwnStatus) : null;
}

async function othersServe(cluster: Cluster, victim: ClusterNode): Promise<boolean> {
  const other = cluster.nodes.find((node) => node !== victim);
  const write = async (): Promise<true | null> => {
    const answer = await other?.request('PUT', '/v1/kv/others-serve', { value: 'yes' }, 2000).catch(() => null);
    return answer?.status === 200 ? true : null;
  };
  return until('the others to serve', 10_000, write).catch(() => false);
}

function replaceFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}
