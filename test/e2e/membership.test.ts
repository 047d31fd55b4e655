// Members come and go while claims go on, on real processes: 3 to 5 to 3, a dead one replaced, the leader removed, a wiped one back.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClaimLoad } from './claim-load.ts';
import { TestCluster, type TestNode } from './cluster.ts';
import { endAll, leasehold, until } from './processes.ts';

/** What counts for the reader is printed; a busy machine must not fail the test. */
const GAP_MAX_MS = 10_000;
/** Longer than a member may be silent before it counts as lost. */
const SILENCE_MS = 1_500;

let cluster: TestCluster;
let load: ClaimLoad;
const gaps: string[] = [];

beforeAll(async () => {
  cluster = await TestCluster.start();
  load = new ClaimLoad(() => cluster.nodes.filter((node) => !node.process.hasEnded).map((node) => node.url));
});
afterAll(async () => {
  await load.stop();
  process.stdout.write(`longest time without a granted claim: ${gaps.join(', ')}\n`);
  await endAll();
});

/** Does something under load, keeps the longest time without a granted claim, and looks whether every granted claim is still there. */
async function underLoad(what: string, run: () => Promise<void>): Promise<void> {
  load.beginGap();
  await run();
  await sleep(300);
  const gapMs = load.endGap();
  gaps.push(`${what} ${Math.round(gapMs)} ms`);
  expect(gapMs).toBeLessThan(GAP_MAX_MS);
  const leader = await cluster.agreed(cluster.nodes.filter((node) => !node.process.hasEnded));
  expect(await load.missing(leader.url), 'granted claims that are gone').toEqual([]);
}

async function member(...argv: string[]): Promise<void> {
  const ended = await cluster.cli('member', ...argv, '--patience', '15s').ended;
  expect(ended, argv.join(' ')).toMatchObject({ code: 0, err: '' });
}

/** Starts a node that joins, and waits until it votes. */
async function joins(id: string): Promise<TestNode> {
  const node = cluster.addNode(id);
  await node.process.says('answers at');
  await until(async () => (await memberIds()).includes(id), `${id} to vote`);
  return node;
}

/** Takes a member out, and waits until its node has ended with words that say why. */
async function leaves(node: TestNode): Promise<void> {
  const asked = (await cluster.followers()).find((each) => each !== node) as TestNode;
  expect((await asked.request('DELETE', `/v1/cluster/members/${node.id}`)).status).toBe(204);
  const { code, err } = await node.process.ended;
  expect({ code, err }).toMatchObject({
    code: 1,
    err: expect.stringMatching(/removed from the cluster|no member of the cluster any more/),
  });
  cluster.forget(node);
}

async function memberIds(): Promise<string[]> {
  const leader = await cluster.agreed();
  const { body } = await leader.request('GET', '/v1/cluster');
  return (body.members as { id: string; voter: boolean }[]).map(({ id, voter }) => `${id}${voter ? '' : ' learns'}`);
}

test('three members become five and three again, each newcomer a learner first', async () => {
  await underLoad('3 to 5', async () => {
    await joins('n4');
    await joins('n5');
  });
  expect(await memberIds()).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']);
  await underLoad('5 to 3', async () => {
    const [first, second] = await cluster.followers();
    await leaves(first as TestNode);
    await leaves(second as TestNode);
  });
  expect(await memberIds()).toHaveLength(3);
});

test('the leader can be removed: it hands over, is out, and ends', async () => {
  await joins('n6');
  await underLoad('removal of the leader', async () => await leaves(await cluster.agreed()));
  expect(await memberIds()).toHaveLength(3);
});

test('a dead member is replaced by another in one step', async () => {
  const [dead] = await cluster.followers();
  if (dead === undefined) throw new Error('no follower');
  await underLoad('replacement of a dead member', async () => {
    await dead.end('SIGKILL');
    cluster.forget(dead);
    const node = cluster.place('n7');
    await member('replace', dead.id, '--with', 'n7', '--peer', node.peer);
    cluster.addNode('n7');
    await until(async () => (await memberIds()).join() === [...cluster.nodes.map(({ id }) => id)].join(), 'n7 to take the place');
  });
  // It comes back and is told what has happened meanwhile.
  dead.restart();
  expect(await dead.process.ended).toMatchObject({ code: 1, err: expect.stringContaining('no member of the cluster any more') });
});

test('a node that lost its disk is refused, and comes back as a new learner once the old member is removed', async () => {
  const [wiped] = await cluster.followers();
  if (wiped === undefined) throw new Error('no follower');
  await wiped.end('SIGKILL');
  rmSync(wiped.dataDir, { recursive: true });
  cluster.forget(wiped);
  const refused = cluster.addNode(wiped.id);
  expect(await refused.process.ended).toMatchObject({ code: 1, err: expect.stringContaining(`leasehold member remove ${wiped.id}`) });
  cluster.forget(refused);
  await underLoad('a wiped node rejoins', async () => {
    await member('remove', wiped.id);
    await joins(wiped.id);
  });
  expect(await memberIds()).toHaveLength(3);
});

test('a node of another cluster, or under a name that is taken, is refused with what to do', async () => {
  const stranger = cluster.place('n8');
  const argv = (id: string, ...flags: string[]) => [
    ...['node', '--id', id, '--http', stranger.http, '--peer', stranger.peer],
    ...['--data', `${stranger.dataDir}-${id}`, ...flags],
  ];
  const others = cluster.nodes.map(({ id, peer }) => `${id}=${peer}`).join(',');
  const foreign = await leasehold(argv('n8', '--members', `n8=${stranger.peer},${others}`)).ended;
  expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining('belongs to cluster') });
  const [someone] = await cluster.followers();
  const taken = await leasehold(argv(someone?.id ?? '', '--join', cluster.endpoints)).ended;
  expect(taken).toMatchObject({ code: 1, err: expect.stringContaining(`${someone?.id} is a member`) });
});

test('what would leave no quorum is refused with the reason', async () => {
  const [first, second] = await cluster.followers();
  if (first === undefined || second === undefined) throw new Error('too few followers');
  first.signal('SIGSTOP');
  try {
    await sleep(SILENCE_MS);
    const ended = await cluster.cli('member', 'remove', second.id).ended;
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining(`but ${first.id} cannot be reached`) });
  } finally {
    first.signal('SIGCONT');
  }
});

test('all nodes restart with the flags of their first start, and go on as the members that they are', async () => {
  const before = await memberIds();
  for (const node of cluster.nodes) node.signal('SIGTERM');
  await Promise.all(cluster.nodes.map((node) => node.process.ended));
  for (const node of cluster.nodes) node.restart();
  expect(await memberIds()).toEqual(before);
  const leader = await cluster.agreed();
  expect(await load.missing(leader.url)).toEqual([]);
});
