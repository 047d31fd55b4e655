// A watch survives: cut a hundred times while leaders are killed, it sees every event exactly once, in order.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Watching } from '../api/watching.ts';
import { leasePath, TestCluster, type TestNode } from './cluster.ts';
import { endAll, until } from './processes.ts';

const CUTS = 100;
const KILLS = 5;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

/** What an answered write must have told: `<index>.<position> type`. */
const acknowledged: string[] = [];
let writing = true;

const random = (below: number): number => Math.floor(Math.random() * below);
const anyNode = (): TestNode => cluster.nodes[random(3)] as TestNode;

/** Claims, extends, releases and writes as long as `writing`; what is not answered is left open. */
async function write(name: string): Promise<void> {
  for (let round = 0; writing; round++) {
    try {
      const put = await anyNode().request('PUT', `/v1/kv/${name}`, { value: String(round) }, {}, 3_000);
      if (put.status === 200) acknowledged.push(`${put.body.modRevision}.0 put`);
      const claimed = await anyNode().request('PUT', leasePath(name), { holder: name, durationMs: 60_000 }, {}, 3_000);
      if (claimed.status === 201) acknowledged.push(`${claimed.body.fence}.0 claimed`);
      await anyNode().request('POST', `${leasePath(name)}/extend`, { holder: name, durationMs: 60_000 }, {}, 3_000);
      await anyNode().request('DELETE', `${leasePath(name)}?holder=${name}`, undefined, {}, 3_000);
      const txn = { success: [{ put: { key: `${name}/1`, value: 'a' } }, { put: { key: `${name}/2`, value: 'b' } }] };
      const both = await anyNode().request('POST', '/v1/txn', txn, {}, 3_000);
      if (both.status === 200) acknowledged.push(`${both.body.index}.0 put`, `${both.body.index}.1 put`);
    } catch {
      // The node was killed, or the leader.
    }
    await sleep(5);
  }
}

test(`a watcher that is cut ${CUTS} times while leaders are killed sees every event exactly once, in order`, async () => {
  const writers = ['a', 'b', 'c'].map(write);
  const seen: string[] = [];
  let lastId: string | undefined;
  let cuts = 0;
  let empty = 0;
  const watchAll = async (): Promise<void> => {
    while (cuts < CUTS || writing) {
      const watching = new Watching(anyNode().url, lastId === undefined ? {} : { lastEventId: lastId });
      const closesAt = performance.now() + 20 + random(150);
      await until(() => watching.closed || (cuts < CUTS ? performance.now() > closesAt : !writing), 'a watch to be cut');
      if (!writing) await sleep(1_500);
      watching.hangUp();
      if (watching.status === 200) cuts++;
      else empty++;
      seen.push(...watching.events.filter(({ type }) => type !== 'error').map(({ id, type }) => `${id} ${type}`));
      if (watching.stream.lastId !== '') lastId = watching.stream.lastId;
      if (empty > 20_000) throw new Error('no watch is taken');
    }
  };
  const killAll = async (): Promise<void> => {
    for (let kill = 0; kill < KILLS || cuts < CUTS; kill++) {
      const leader = await cluster.agreed();
      await sleep(300 + random(700));
      if (kill >= KILLS) continue;
      await leader.end('SIGKILL');
      await sleep(random(500));
      leader.restart();
    }
    writing = false;
  };
  await Promise.all([watchAll(), killAll(), ...writers]);
  await cluster.agreed();

  expect(cuts).toBeGreaterThanOrEqual(CUTS);
  expect(seen.filter((line) => line.endsWith('reset'))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(100);
  const begins = Number((seen[0] ?? '').split('.')[0]);
  const later = acknowledged.filter((line) => Number(line.split('.')[0]) >= begins);
  expect(later.filter((line) => !seen.includes(line))).toEqual([]);
  // Every node tells the whole story as it was seen, also those that were killed and began anew.
  for (const node of cluster.nodes) {
    const whole = new Watching(node.url, { lastEventId: '0.0' });
    const last = seen.at(-1);
    await until(
      () => whole.events.some(({ id, type }) => `${id} ${type}` === last),
      () => `${node.id} to tell ${last}; it told ${whole.text.slice(-300)}`,
    );
    whole.hangUp();
    const told = whole.events.map(({ id, type }) => `${id} ${type}`);
    expect(told.slice(told.indexOf(seen[0] ?? ''), told.indexOf(last ?? '') + 1)).toEqual(seen);
  }
});
