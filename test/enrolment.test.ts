// Every way in which a node finds its place, and every refusal: first start, restart, moved addresses, joining.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressOf, DEFAULT_TIMINGS, type NodeConfig } from '../src/config.ts';
import { checkFlags, type Enrolment, enrol } from '../src/enrolment.ts';
import { codec } from '../src/io/codec.ts';
import { createIdentity, newIdentity, readIdentity } from '../src/io/identity.ts';
import { openLogStore } from '../src/io/log-store.ts';
import { deadUrl, problem, type StubAnswer, StubServer } from './cli/stub-server.ts';

const FOUNDERS = { n1: '127.0.0.1:7901', n2: '127.0.0.1:7902', n3: '127.0.0.1:7903' };
const SEAT_OF_N2 = {
  node: 2,
  founders: [
    { node: 1, name: 'n1', peer: '127.0.0.1:7901' },
    { node: 2, name: 'n2', peer: '127.0.0.1:7902' },
    { node: 3, name: 'n3', peer: '127.0.0.1:7903' },
  ],
};
const SEAT_OF_N4 = { node: 4, founders: SEAT_OF_N2.founders };
const TAKEN_IN: StubAnswer = {
  status: 201,
  body: {
    id: 'n4',
    number: 4,
    peer: '127.0.0.1:7904',
    voter: false,
    index: 9,
    founders: SEAT_OF_N2.founders.map(({ node, name, peer }) => ({ id: name, number: node, peer })),
  },
};

let dataDir: string;
let stub: StubServer | null = null;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'leasehold-enrolment-'));
});
afterEach(async () => {
  await stub?.stop();
  stub = null;
  rmSync(dataDir, { recursive: true });
});

function address(text: string): NodeConfig['peer'] {
  const parsed = addressOf(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

/** A node as its flags say it: `members` are names and addresses, none unless given. */
function config(id: string, members: Readonly<Record<string, string>> = {}, more: Partial<NodeConfig> = {}): NodeConfig {
  const port = Number(id.slice(1));
  return {
    ...{ id, http: address(`127.0.0.1:${7800 + port}`), peer: address(`127.0.0.1:${7900 + port}`), dataDir, ...DEFAULT_TIMINGS },
    members: Object.entries(members).map(([name, peer]) => ({ id: name, peer: address(peer) })),
    ...more,
  };
}

/** Does what a start does next: the directory is made, and knows its seat from now on. */
async function started(id: string, { directoryCluster, seat }: Enrolment): Promise<void> {
  const store = await openLogStore({ directory: dataDir, cluster: directoryCluster, node: id, seat, codec });
  await new Promise<void>((resolve, reject) => store.close((error) => (error === undefined ? resolve() : reject(error))));
}

async function joining(...answers: readonly StubAnswer[]): Promise<NodeConfig> {
  stub = await StubServer.start(...answers);
  return config('n4', {}, { join: [stub.url] });
}

describe('the first start of a new cluster', () => {
  test('numbers the members by their names, however the flags are ordered', async () => {
    const place = await enrol(config('n2', FOUNDERS));
    expect([place.seat, [...place.moved]]).toEqual([SEAT_OF_N2, []]);
    const shuffled = { n3: FOUNDERS.n3, n1: FOUNDERS.n1, n2: FOUNDERS.n2 };
    expect(await enrol(config('n2', shuffled))).toEqual(place);
  });

  test('gives all members the same names of the cluster, and those of another cluster others', async () => {
    const [first, second] = [await enrol(config('n2', FOUNDERS)), await enrol(config('n2', { ...FOUNDERS, n3: '127.0.0.1:9903' }))];
    const other = await enrol(config('n2', { n2: FOUNDERS.n2, n5: FOUNDERS.n1, n3: FOUNDERS.n3 }));
    expect(second.directoryCluster).toBe(first.directoryCluster);
    expect(second.networkCluster).not.toBe(first.networkCluster);
    expect(new Set([first, second, other].map(({ directoryCluster }) => directoryCluster)).size).toBe(2);
    rmSync(dataDir, { recursive: true });
    const third = await enrol(config('n3', FOUNDERS));
    expect([third.directoryCluster, third.networkCluster]).toEqual([first.directoryCluster, first.networkCluster]);
  });

  test('is refused to a node that is not among the members, with their names', async () => {
    await expect(enrol(config('n9', FOUNDERS))).rejects.toThrow('n9 is not among the members n1, n2, n3');
  });

  test('is refused without a word of where to start, and the two ways are named', async () => {
    await expect(enrol(config('n1'))).rejects.toThrow(
      `the data directory ${dataDir} is new: give --members for a new cluster, or --join URL for one that runs`,
    );
  });

  test('asks nobody, even if it is told whom to join', async () => {
    stub = await StubServer.start(TAKEN_IN);
    expect((await enrol(config('n2', FOUNDERS, { join: [stub.url] }))).seat).toEqual(SEAT_OF_N2);
    expect(stub.requests).toEqual([]);
  });
});

describe('a restart', () => {
  let first: Enrolment;
  beforeEach(async () => {
    first = await enrol(config('n2', FOUNDERS));
    await started('n2', first);
  });

  test('takes the seat from the directory, with the same flags, without any, and with a cluster to join', async () => {
    stub = await StubServer.start(TAKEN_IN);
    expect(await enrol(config('n2', FOUNDERS))).toEqual(first);
    expect(await enrol(config('n2'))).toEqual(first);
    expect(await enrol(config('n2', {}, { join: [stub.url] }))).toEqual(first);
    expect(stub.requests).toEqual([]);
  });

  test('takes other addresses of founders for the operator’s word, and stays the same cluster', async () => {
    const place = await enrol(config('n2', { n1: '127.0.0.1:9901', n2: '127.0.0.1:9902', n3: FOUNDERS.n3 }));
    expect([...place.moved]).toEqual([
      [1, '127.0.0.1:9901'],
      [2, '127.0.0.1:9902'],
    ]);
    expect({ ...place, moved: new Map() }).toEqual(first);
  });

  test('does not number anew when a member was added to the flags or left out of them', async () => {
    const place = await enrol(config('n2', { n0: '127.0.0.1:7900', n2: FOUNDERS.n2 }));
    expect(place).toEqual(first);
  });

  test('is refused under another name, with the node whose directory it is', async () => {
    const words = `the data directory ${dataDir} belongs to node n2, not to n3: give each node its own directory`;
    for (const flags of [FOUNDERS, {}]) await expect(enrol(config('n3', flags))).rejects.toThrow(words);
  });

  test('is refused when the flags name a member that neither the directory nor the log knows', () => {
    const check = (members: Record<string, string>, ofTheLog: readonly string[]) => checkFlags(config('n2', members), first, ofTheLog);
    const withN4 = { ...FOUNDERS, n4: '127.0.0.1:7904' };
    for (const members of [{}, FOUNDERS, { n2: FOUNDERS.n2 }]) expect(check(members, [])).toBeUndefined();
    expect(check(withN4, ['n1', 'n2', 'n3', 'n4'])).toBeUndefined();
    expect(() => check({ ...withN4, n5: '127.0.0.1:7905' }, ['n1'])).toThrow(
      `the data directory ${dataDir} belongs to a cluster of n1, n2, n3, but --members names n4, n5: ` +
        'name the directory of this cluster, or leave --members away; a new member is added by: leasehold node … --join URL',
    );
  });
});

describe('a directory of an older version, which kept no seat', () => {
  beforeEach(async () => {
    const { directoryCluster } = await enrol(config('n2', FOUNDERS));
    rmSync(join(dataDir, 'identity'));
    await createIdentity(dataDir, { ...newIdentity(directoryCluster, 'n2'), formed: true });
  });

  test('gets its seat from the flags of its first start', async () => {
    expect((await enrol(config('n2', FOUNDERS))).seat).toEqual(SEAT_OF_N2);
  });

  test('is refused without them, and nobody is asked to take it in as a new one', async () => {
    await expect(enrol(await joining(TAKEN_IN).then(({ join: urls }) => config('n2', {}, { join: urls ?? [] })))).rejects.toThrow(
      `the data directory ${dataDir} was made by an older version: start n2 once more with the --members of its first start`,
    );
    expect(stub?.requests).toEqual([]);
  });
});

describe('joining a cluster that runs', () => {
  test('asks it with the addresses and the disk, and takes the number and the founders that it gives', async () => {
    const place = await enrol(await joining(TAKEN_IN));
    expect([place.seat, [...place.moved]]).toEqual([SEAT_OF_N4, []]);
    const disk = (await readIdentity(dataDir))?.disk;
    expect(stub?.requests.map(({ headers: _headers, ...request }) => request)).toEqual([
      { method: 'POST', url: '/v1/cluster/members', body: { id: 'n4', peer: '127.0.0.1:7904', http: '127.0.0.1:7804', disk } },
    ]);
    rmSync(dataDir, { recursive: true });
    const founder = await enrol(config('n2', FOUNDERS));
    expect([place.directoryCluster, place.networkCluster]).toEqual([founder.directoryCluster, founder.networkCluster]);
  });

  test('is asked for under the same name of the disk until it succeeds, and never after', async () => {
    const node = await joining(problem(409, 'conflict'), TAKEN_IN);
    await expect(enrol(node)).rejects.toThrow();
    const place = await enrol(node);
    await started('n4', place);
    expect(await enrol(node)).toEqual(place);
    const disks = stub?.requests.map(({ body }) => (body as { disk: string }).disk) ?? [];
    expect([disks.length, new Set(disks).size]).toEqual([2, 1]);
  });

  test('says who refused it and why', async () => {
    const node = await joining(problem(409, 'conflict'));
    await expect(enrol(node)).rejects.toMatchObject({
      message: `${node.join?.[0]} did not take n4 in: detail of conflict`,
      cause: { code: 'conflict', status: 409 },
    });
  });

  test('says that nobody answers where nobody does', async () => {
    const url = await deadUrl();
    await expect(enrol(config('n4', {}, { join: [url] }))).rejects.toMatchObject({
      message: expect.stringContaining(`${url} did not take n4 in: `),
      cause: { code: 'unreachable' },
    });
  });

  test('is not asked for with the directory that another node keeps for it', async () => {
    const node = await joining(problem(409, 'conflict'), TAKEN_IN);
    await expect(enrol(node)).rejects.toThrow();
    await expect(enrol({ ...node, id: 'n5' })).rejects.toThrow(`belongs to node n4, not to n5`);
    expect(stub?.requests).toHaveLength(1);
  });
});
