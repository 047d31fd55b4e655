// A record whose checksum is 0 is saved, deleted and gone like any other, on every node and over restarts (T22).
import { afterAll, expect, test } from 'vitest';
import { checksum, codec } from '../../src/io/codec.ts';
import { readIdentity } from '../../src/io/identity.ts';
import { openLogStore } from '../../src/io/log-store.ts';
import { valueOfChecksumZero } from '../io/zero-checksum.ts';
import { TestCluster, type TestNode } from './cluster.ts';
import { endAll } from './processes.ts';

afterAll(endAll);

const KEY = 'zero';
const TRIES_MAX = 20;

/** Puts the key with a value that gives its record checksum 0. The entry's index is part of the record, so it is guessed and compared. */
async function putZero(cluster: TestCluster): Promise<void> {
  for (let left = TRIES_MAX; left > 0; left--) {
    const leader = await cluster.agreed();
    const absent = await leader.request('GET', `/v1/kv/${KEY}`);
    if (absent.status === 200) expect((await leader.request('DELETE', `/v1/kv/${KEY}`)).status).toBe(204);
    const index = Number((await leader.request('GET', `/v1/kv/${KEY}`)).headers.get('leasehold-index')) + 1;
    const put = await leader.request('PUT', `/v1/kv/${KEY}`, { value: valueOfChecksumZero(KEY, index) });
    expect(put.status).toBe(200);
    if (put.body.modRevision === index) return;
  }
  throw new Error(`no put got the index that was expected, in ${TRIES_MAX} tries`);
}

/** More changed records than are saved at once, so that each node saves by itself. */
async function saveByLoad(cluster: TestCluster, name: string): Promise<void> {
  for (const part of [1, 2, 3]) {
    const ops = Array.from({ length: 1_000 }, (_, at) => ({ put: { key: `${name}-${part}-${at}`, value: 'x' } }));
    const batch = await (await cluster.agreed()).request('POST', '/v1/batch', { ops });
    expect(batch.status).toBe(200);
    // Time to write it down: the next part then meets no save under way.
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function restart(cluster: TestCluster): Promise<void> {
  const ends = await Promise.all(cluster.nodes.map((node) => node.end('SIGTERM')));
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
  for (const node of cluster.nodes) node.restart();
  await cluster.agreed();
}

/** Whether each node has the key, by its own state. */
async function present(cluster: TestCluster): Promise<number[]> {
  return await Promise.all(cluster.nodes.map(async (node) => (await node.request('GET', `/v1/kv/${KEY}?consistency=stale`)).status));
}

interface SavedState {
  readonly names: readonly string[];
  readonly sum: number;
  /** The sum that was saved with the records. */
  readonly savedSum: number;
}

/** What a node that has ended left on its disk. */
async function savedState({ id, dataDir }: TestNode): Promise<SavedState> {
  const store = await openLogStore({ directory: dataDir, cluster: (await readIdentity(dataDir))?.cluster ?? '', node: id, codec });
  const names: string[] = [];
  let sum = 0;
  await new Promise<void>((resolve, reject) => {
    store.readState(
      (records) => {
        for (const [name, content] of records) {
          names.push(name);
          if (content !== null) sum = (sum + checksum(name, content)) % 2 ** 48;
        }
      },
      (error) => (error === undefined ? resolve() : reject(error)),
    );
  });
  const savedSum = store.recovered.image.sum;
  await new Promise<void>((resolve) => store.close(() => resolve()));
  return { names, sum, savedSum };
}

test('T22 a key whose record has checksum 0 does not exist after its deletion, a save and a restart, and the sums agree', async () => {
  const cluster = await TestCluster.start();
  await putZero(cluster);
  // Saved and read back.
  await restart(cluster);
  expect(await present(cluster)).toEqual([200, 200, 200]);
  const leader = await cluster.agreed();
  expect((await leader.request('DELETE', `/v1/kv/${KEY}`)).status).toBe(204);
  await restart(cluster);
  expect(await present(cluster)).toEqual([404, 404, 404]);

  await Promise.all(cluster.nodes.map((node) => node.end('SIGTERM')));
  const states = await Promise.all(cluster.nodes.map(savedState));
  for (const { names, sum, savedSum } of states) {
    expect(names).not.toContain(`k${KEY}`);
    expect(sum).toBe(savedSum);
  }
  expect(states.map(({ names }) => names)).toEqual(states.map(() => states[0]?.names));
});

test('a record with checksum 0 that was saved in the same run is gone after its deletion and a kill of all nodes', async () => {
  const cluster = await TestCluster.start();
  await putZero(cluster);
  await saveByLoad(cluster, 'before');
  const leader = await cluster.agreed();
  expect((await leader.request('DELETE', `/v1/kv/${KEY}`)).status).toBe(204);
  await saveByLoad(cluster, 'after');
  await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
  for (const node of cluster.nodes) node.restart();
  await cluster.agreed();
  expect(await present(cluster)).toEqual([404, 404, 404]);
});
