// A million leases: claims while the state is saved, a follower that gets it as an image, a mass expiry, a killed leader, a restart of all.
// Nobody's event loop may be held up for long, and no election may follow where no leader was killed.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Cluster, type ClusterNode, until } from '../cluster.ts';
import { Connection } from '../connection.ts';
import { median, type Request } from '../load.ts';
import { takeLoopDelay } from '../loop-delay.ts';
import { describeMachine, sleep } from '../machine.ts';
import { type Felt, startPace } from '../pace.ts';
import { SeededRandom } from '../random.ts';
import { figure, table } from '../table.ts';

const { values: options } = parseArgs({
  options: {
    leases: { type: 'string', default: '1000000' },
    expiring: { type: 'string', default: '100000' },
    'per-second': { type: 'string', default: '500' },
    data: { type: 'string' },
    program: { type: 'string' },
    seed: { type: 'string' },
    parts: { type: 'string', default: 'steady,image,expiry,kill,restart' },
    'node-argument': { type: 'string', multiple: true, default: [] },
  },
});

const LEASES = Number(options.leases);
const EXPIRING = Number(options.expiring);
const PER_SECOND = Number(options['per-second']);
const SEED = Number(options.seed ?? Math.floor(Math.random() * 2 ** 31));
const LOOP_DELAY_MAX_MS = 50;
/** More entries than any follower finds in the log: `keepEntries`, an eighth of it, and what is not saved yet. */
const ENTRIES_BEYOND_THE_LOG = 45_000;
const FLOODERS = 8;
const BATCH_OPERATIONS = 100;
const MODELS = 100;
const LASTING_MS = 7 * 86_400_000;
const FLOOD_TIMEOUT_MS = 10_000;
const STEADY_MS = 15_000;
/** All parts together take half of it on two cores that nobody else uses; something hangs beyond it. */
const LIMIT_MS = 900_000;
const PARTS = options.parts.split(',');

const random = new SeededRandom(SEED);
const rows: string[][] = [];
let violations = 0;
let claimed = 0;

interface Lease {
  readonly model: string;
  readonly lease: string;
}

const leaseOf = (number: number): Lease => ({ model: `model-${number % MODELS}`, lease: `lease-${number}` });
const holderOf = (number: number): string => `holder-${number % 1000}`;
const lasting = (): number => LASTING_MS + random.below(60_000);
const request = (method: string, { model, lease }: Lease, suffix: string, body: object, expected: number): Request => ({
  method,
  path: `/v1/leases/big/${model}/${lease}${suffix}`,
  body: JSON.stringify(body),
  expected,
});
const claimOp = (lease: Lease, holder: string, durationMs: number): object => ({
  claim: { namespace: 'big', ...lease, holder, durationMs },
});
const extendOp = (number: number): object => ({
  extend: { namespace: 'big', ...leaseOf(number), holder: holderOf(number), durationMs: lasting() },
});
/** What goes on all the time: renewals of any lease, and as many new claims. */
const ordinary = (): Request => {
  if (random.below(2) === 0) {
    const lease = { model: 'new', lease: `${process.pid}-${++claimed}` };
    return request('PUT', lease, '', { holder: holderOf(claimed), durationMs: LASTING_MS }, 201);
  }
  const number = random.below(LEASES);
  return request('POST', leaseOf(number), '/extend', { holder: holderOf(number), durationMs: lasting() }, 200);
};

console.log(`seed ${SEED}\n${describeMachine()}`);
const startMs = performance.now();
setTimeout(() => {
  console.log(`big-state: VIOLATED, cut off after ${LIMIT_MS / 1000} s`);
  process.exit(1);
}, LIMIT_MS).unref();
const cluster = await Cluster.start({
  ...(options.data === undefined ? {} : { folder: options.data }),
  ...(options.program === undefined ? {} : { program: resolve(options.program) }),
  nodeArguments: () => options['node-argument'],
});
let seen = 'ended by an error';
try {
  await fill();
  if (PARTS.includes('steady')) await part('claims and renewals while saving', () => sleep(STEADY_MS));
  if (PARTS.includes('image')) await catchUpByImage();
  if (PARTS.includes('expiry')) await expireMany();
  if (PARTS.includes('kill')) await killLeader();
  if (PARTS.includes('restart')) await restartAll();
  seen = `${LEASES} leases`;
} catch (error) {
  violation(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await cluster.close(options.data !== undefined);
}
console.log(
  `\n${table(['part', 'seconds', 'node', 'loop p50', 'p99', 'max ms', 'own work', 'RSS MiB', 'load p50', 'p99', 'gap ms', 'failed', 'terms'], rows)}\n`,
);
console.log(
  `big-state: ${violations === 0 ? 'held' : 'VIOLATED'}, ${Math.round((performance.now() - startMs) / 1000)} s, ${seen}, ${violations} violations`,
);
console.log(`replay: npx tsx bench/soak/big-state.ts --leases ${LEASES} --expiring ${EXPIRING} --per-second ${PER_SECOND} --seed ${SEED}`);
process.exit(violations === 0 ? 0 : 1);

function violation(text: string): void {
  violations++;
  console.log(`  VIOLATION: ${text}`);
}

/** Runs one part under the ordinary load, and notes what every node and the load felt. */
async function part(name: string, body: () => Promise<unknown>, elections = 0): Promise<void> {
  await Promise.all(cluster.nodes.map((node) => takeLoopDelay(node)));
  const termBefore = await term();
  const fromMs = performance.now();
  const pace = startPace(cluster.nodes, PER_SECOND, ordinary);
  // Ended also when the part fails, or nothing here would ever end.
  const felt = await body().then(
    () => pace.stop(),
    async (error: unknown) => {
      await pace.stop();
      throw error;
    },
  );
  const seconds = (performance.now() - fromMs) / 1000;
  const terms = (await term()) - termBefore;
  if (terms > elections) violation(`${terms} new terms in "${name}"`);
  if (elections === 0 && felt.failed > 0 && !name.includes('image')) violation(`${felt.failed} operations failed in "${name}"`);
  await note(name, seconds, felt, terms);
}

async function note(name: string, seconds: number, felt: Felt | null, terms: number): Promise<void> {
  for (const node of cluster.nodes) {
    const { p50Ms, p99Ms, maxMs, maxWorkMs } = await takeLoopDelay(node);
    if (maxWorkMs > LOOP_DELAY_MAX_MS) violation(`${node.plan.id} held its loop up for ${maxWorkMs} ms by its own work in "${name}"`);
    const load = felt === null ? ['', '', '', ''] : [figure(felt.p50Ms, 1), figure(felt.p99Ms, 1), figure(felt.gapMs), String(felt.failed)];
    const row = [
      name,
      figure(seconds, 1),
      node.plan.id,
      figure(p50Ms, 1),
      figure(p99Ms, 1),
      figure(maxMs, 1),
      figure(maxWorkMs, 1),
      rssMib(node),
      ...load,
      String(terms),
    ];
    rows.push(row);
    console.log(row.join('  '));
  }
}

/** Claims what is not there yet, as fast as it goes. */
async function fill(): Promise<void> {
  const leader = await cluster.leader();
  const marker = await leader.request('GET', '/v1/kv/big-filled', null, 5000);
  const from = marker.status === 200 ? Number((marker.body as { value: string }).value) : 0;
  if (from >= LEASES) return;
  await Promise.all(cluster.nodes.map((node) => takeLoopDelay(node)));
  const termBefore = await term();
  const fillMs = performance.now();
  await flood(from, LEASES, (number) => claimOp(leaseOf(number), holderOf(number), LASTING_MS));
  const seconds = (performance.now() - fillMs) / 1000;
  console.log(`filled with ${LEASES - from} claims in ${figure(seconds, 1)} s, ${figure((LEASES - from) / seconds)} a second`);
  const terms = (await term()) - termBefore;
  if (terms > 0) violation(`${terms} new terms while filling`);
  await note('filling', seconds, null, terms);
  await (await cluster.leader()).request('PUT', '/v1/kv/big-filled', { value: String(LEASES) }, 5000);
}

/** Carries out an operation for each number by the leader, in batches over a few connections. */
async function flood(from: number, until: number, operation: (number: number) => object): Promise<void> {
  const leader = await cluster.leader();
  let next = from;
  const work = async (): Promise<void> => {
    const connection = new Connection(leader.plan.http);
    while (next < until) {
      const ops: object[] = [];
      while (ops.length < BATCH_OPERATIONS && next < until) ops.push(operation(next++));
      const answer = await connection.send('POST', '/v1/batch', JSON.stringify({ ops }), FLOOD_TIMEOUT_MS);
      const results = answer.status === 200 ? (JSON.parse(answer.body) as { results: { status: number }[] }).results : [];
      // A claim that is there from an interrupted filling is extended.
      const failed = results.find(({ status }) => status !== 200 && status !== 201);
      if (results.length !== ops.length || failed !== undefined)
        throw new Error(`a batch was answered ${answer.status} ${JSON.stringify(failed ?? answer.body)}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: FLOODERS }, work));
}

async function catchUpByImage(): Promise<void> {
  const leader = await cluster.leader();
  const follower = cluster.nodes.find((node) => node !== leader) as ClusterNode;
  await follower.kill();
  await flood(0, ENTRIES_BEYOND_THE_LOG, () => extendOp(random.below(LEASES)));
  const progress: string[] = [];
  follower.start();
  await cluster.waitUntilListening(follower, 120_000);
  await part('a follower gets the image', async () => {
    const beganMs = performance.now();
    await until('the follower to have caught up', 300_000, async () => {
      const status = await leader.request('GET', '/v1/cluster', null, 2000);
      const { commitIndex, members } = status.body as ClusterBody;
      const member = members.find(({ id }) => id === follower.plan.id);
      const at = member?.snapshot;
      if (at) progress.push(`${figure((performance.now() - beganMs) / 1000, 1)} s: ${JSON.stringify(at)}`);
      return member?.matchIndex && commitIndex - member.matchIndex < 1000 ? true : null;
    });
    console.log(`caught up after ${figure((performance.now() - beganMs) / 1000, 1)} s`);
  });
  for (const at of [0.1, 0.5, 0.9]) console.log(`  progress ${progress[Math.floor(progress.length * at)] ?? 'not seen'}`);
  if (!readFileSync(follower.plan.logFile, 'utf8').includes('took over the state'))
    violation(`${follower.plan.id} caught up without an image`);
}

async function expireMany(): Promise<void> {
  const expiring = (number: number): Lease => ({ model: 'expiring', lease: `${process.pid}-${number}` });
  const beganMs = performance.now();
  const lastingMs = 10_000 + EXPIRING / 4;
  await flood(0, EXPIRING, (number) =>
    claimOp(expiring(number), holderOf(number), Math.max(1, Math.round(lastingMs - (performance.now() - beganMs)))),
  );
  const leader = await cluster.leader();
  await part('a mass expiry', async () => {
    await sleep(Math.max(0, lastingMs - (performance.now() - beganMs)));
    const dueMs = performance.now();
    await until('the leases to be gone', 300_000, async () => {
      const list = await leader.request('GET', '/v1/leases/big/expiring?limit=1', null, 5000);
      return (list.body as { leases: unknown[] }).leases.length === 0 ? true : null;
    });
    console.log(`${EXPIRING} leases gone ${figure(performance.now() - dueMs)} ms after their end`);
  });
}

async function killLeader(): Promise<void> {
  const leader = await cluster.leader();
  await part(
    'the leader is killed',
    async () => {
      await sleep(2000);
      await leader.kill();
      await sleep(3000);
      leader.start();
      await cluster.waitUntilServing(leader, 120_000);
    },
    1,
  );
}

async function restartAll(): Promise<void> {
  for (const how of ['stopped', 'killed'] as const) {
    await Promise.all(cluster.nodes.map((node) => (how === 'stopped' ? node.stop() : node.kill())));
    const beganMs = performance.now();
    for (const node of cluster.nodes) node.start();
    // From here on it reads its state. What loading the program took concerned nobody.
    await Promise.all(
      cluster.nodes.map(async (node) => {
        await cluster.waitUntilListening(node, 120_000);
        await takeLoopDelay(node);
      }),
    );
    const servingMs: number[] = [];
    await Promise.all(
      cluster.nodes.map(async (node) => {
        await cluster.waitUntilServing(node, 180_000);
        servingMs.push(performance.now() - beganMs);
      }),
    );
    console.log(`all ${how}: nodes served ${servingMs.map((ms) => `${figure(ms / 1000, 1)} s`).join(', ')} after the start`);
    await note(`restart, all ${how}`, median(servingMs) / 1000, null, 0);
  }
}

interface ClusterBody {
  readonly term: number;
  readonly commitIndex: number;
  readonly members: readonly { readonly id: string; readonly matchIndex: number | null; readonly snapshot?: unknown }[];
}

async function term(): Promise<number> {
  const leader = await cluster.leader();
  return ((await leader.request('GET', '/v1/cluster', null, 5000)).body as ClusterBody).term;
}

function rssMib(node: ClusterNode): string {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1];
  return figure(Number(kib) / 1024);
}
