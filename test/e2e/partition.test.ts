// Real nodes whose links deliver nothing, in one direction or both, while no connection is closed.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { agreedLeader, leasePath, type TestNode } from './cluster.ts';
import { type CutLinks, cut, isLinked, outageBetween, pairs, readyStatus, viewOf } from './cut-links.ts';
import { LinkNamespaces } from './link-namespaces.ts';
import { LinkProxies } from './link-proxies.ts';
import { endAll, until } from './processes.ts';
import { SteadyClaims } from './steady-claims.ts';

const OUTAGE_MS = 8_000;
const LINK_MAX_MS = 5_000;
/** Of which a request for readiness takes up to one second. */
const NOT_READY_MAX_MS = 1_500;
const ELECTION_TIMEOUT_MS = 500;
/** From the end of 2E on nothing is served; a call that began a little earlier may still be. */
const SERVED_MAX_MS = 2 * ELECTION_TIMEOUT_MS;

afterAll(endAll);

const OBSTACLE = LinkNamespaces.obstacle();

// Where namespaces show the rest, one cut through proxies shows that these work.
describe('links through proxies that swallow bytes', () => {
  withCutLinks(() => LinkProxies.start(), OBSTACLE === null ? 'first' : 'all');
});

if (OBSTACLE === null) {
  describe('links between network namespaces', () => {
    const links = withCutLinks(() => LinkNamespaces.start());

    test('a node that restarts at another address of its name is linked within 5 s', async () => {
      const spaces = links() as LinkNamespaces;
      const leader = await agreedLeader(spaces.nodes);
      const follower = spaces.nodes.find((node) => node !== leader) as TestNode;
      const moved = await spaces.move(follower);
      const beganMs = performance.now();
      await until(async () => (await moved.request('GET', '/livez').catch(() => null))?.status === 200, 'it to start');
      const startedMs = performance.now();
      for (const node of spaces.nodes) {
        if (node !== moved) await until(() => isLinked(node, moved), `${node.id} to be linked with ${moved.id}`, 15_000);
      }
      console.log(
        `links: at another address after ${round(performance.now() - startedMs)} ms, ${round(startedMs - beganMs)} ms of start apart`,
      );
      expect(performance.now() - startedMs).toBeLessThan(LINK_MAX_MS);
      expect(await agreedLeader(spaces.nodes)).toBe(leader);
    });
  });
} else console.warn(`links: 6 tests between network namespaces do not run here: ${OBSTACLE}`);

function withCutLinks(start: () => Promise<CutLinks>, which: 'first' | 'all' = 'all'): () => CutLinks {
  let links: CutLinks;

  beforeAll(async () => {
    links = await start();
  });
  afterEach(() => links?.deliver());
  afterAll(async () => await links?.end());

  test('two followers do not hear each other: no leader change, both are ready, and they link again in time', async () => {
    const leader = await agreedLeader(links.nodes);
    const followers = links.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
    const linkedMs = await outageBetween(links, followers, OUTAGE_MS, async () => {
      for (const node of links.nodes) expect(await readyStatus(node), node.id).toBe(200);
      expect(await claim(followers[0])).toBe(201);
    });
    console.log(`links: two followers linked ${round(linkedMs)} ms after the outage`);
    expect(linkedMs).toBeLessThan(LINK_MAX_MS);
  });
  if (which === 'first') return () => links;

  test('a follower and the leader do not hear each other: no leader change, the follower alone is not ready until they link', async () => {
    const leader = await agreedLeader(links.nodes);
    const [lonely, other] = links.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
    const check = async (): Promise<void> => {
      expect(await readyStatus(lonely)).toBe(503);
      expect([await readyStatus(leader), await readyStatus(other)]).toEqual([200, 200]);
      expect([await claim(leader), await claim(other)]).toEqual([201, 201]);
    };
    const linkedMs = await outageBetween(links, [leader, lonely], OUTAGE_MS, check, async () => {
      const cutMs = performance.now();
      await until(async () => (await readyStatus(lonely)) === 503, 'the follower to be not ready');
      console.log(`links: without its leader a follower is not ready after ${round(performance.now() - cutMs)} ms`);
      expect(performance.now() - cutMs).toBeLessThan(NOT_READY_MAX_MS);
    });
    console.log(`links: a follower and the leader linked ${round(linkedMs)} ms after the outage`);
    expect(linkedMs).toBeLessThan(LINK_MAX_MS);
  });

  test('no node hears another: nobody serves, and within 5 s after the outage every node does', async () => {
    await agreedLeader(links.nodes);
    const claims = new SteadyClaims(links.nodes);
    try {
      const all = pairs(links.nodes);
      for (const [one, other] of all) cut(links, one, other);
      const cutMs = performance.now();
      await sleep(OUTAGE_MS);
      for (const node of links.nodes) expect((await viewOf(node)).members.filter(({ reachable }) => reachable).length).toBe(1);
      links.deliver();
      const endedMs = performance.now();
      expect(claims.calls.filter(({ atMs, tookMs, status }) => atMs - tookMs > cutMs && atMs < endedMs && status === 201)).toEqual([]);
      await until(() => claims.gapAfter(endedMs, null) !== null, 'a claim', 15_000);
      const claimMs = claims.gapAfter(endedMs, null) ?? Number.POSITIVE_INFINITY;
      for (const [one, other] of all) await until(() => isLinked(one, other), `${one.id} and ${other.id} to be linked`, 15_000);
      const linkedMs = performance.now() - endedMs;
      await agreedLeader(links.nodes);
      console.log(`links: all were cut; claim ${round(claimMs)} ms, all links ${round(linkedMs)} ms after the outage`);
      expect(claimMs).toBeLessThan(LINK_MAX_MS);
      expect(linkedMs).toBeLessThan(LINK_MAX_MS);
    } finally {
      await claims.stop();
    }
  });

  test.each([
    ['the leader hears nobody', (leader: string, other: string): [string, string] => [other, leader]],
    ['nobody hears the leader', (leader: string, other: string): [string, string] => [leader, other]],
  ])('%s: it serves nothing after two election timeouts, and the others grant claims within 2 s', async (_title, direction) => {
    const leader = await agreedLeader(links.nodes);
    const others = links.nodes.filter((node) => node !== leader);
    const before = await viewOf(leader);
    const lease = `held-${before.term}`;
    expect((await leader.request('PUT', leasePath(lease), { holder: 'alice', durationMs: 60_000 })).status).toBe(201);
    const claims = new SteadyClaims(links.nodes);
    try {
      await sleep(500);
      for (const other of others) links.swallow(...direction(leader.id, other.id));
      const cutMs = performance.now();
      await until(() => performance.now() - cutMs > SERVED_MAX_MS, 'two election timeouts');
      const [read, claimed, ready] = await Promise.all([
        leader.request('GET', leasePath(lease)),
        leader.request('PUT', leasePath(`through-${before.term}`), { holder: 'alice', durationMs: 60_000 }),
        readyStatus(leader),
      ]);
      expect([read.status, claimed.status, ready]).toEqual([503, expect.toSatisfy((status: number) => [503, 504].includes(status)), 503]);
      await until(() => claims.gapAfter(cutMs, leader.id) !== null, 'a claim elsewhere');
      const gapMs = claims.gapAfter(cutMs, leader.id) ?? Number.POSITIVE_INFINITY;
      console.log(`links: the next claim elsewhere came ${round(gapMs)} ms after the cut`);
      expect(gapMs).toBeLessThan(2_000);
      await sleep(1_500);
      const late = claims.calls.filter(
        ({ node, atMs, status }) => node === leader.id && atMs - cutMs > SERVED_MAX_MS && status < 500 && status > 0,
      );
      expect(late, 'served by the old leader').toEqual([]);
      links.deliver();
      const endedMs = performance.now();
      const heir = await agreedLeader(links.nodes);
      console.log(`links: the old leader is ready ${round(performance.now() - endedMs)} ms after the outage`);
      expect(performance.now() - endedMs).toBeLessThan(LINK_MAX_MS);
      expect(heir).not.toBe(leader);
      expect((await leader.request('GET', leasePath(lease))).body).toMatchObject({ holder: 'alice' });
    } finally {
      links.deliver();
      await claims.stop();
    }
  });

  return () => links;
}

let count = 0;

async function claim(node: TestNode): Promise<number> {
  return (await node.request('PUT', leasePath(`link-${++count}`), { holder: 'alice', durationMs: 600_000 })).status;
}

function round(ms: number): number {
  return Math.round(ms);
}
