// Real nodes whose links deliver nothing for a long time while no connection is closed: between two followers, between the leader and a
// follower, and between all. Tests T47 and T48 of OPERATIONS part A. In network namespaces as root, else through proxies.
import { parseArgs } from 'node:util';
import { agreedLeader, leasePath, type TestNode } from '../../test/e2e/cluster.ts';
import { type CutLinks, cut, isLinked, outageBetween, pairs, readyStatus } from '../../test/e2e/cut-links.ts';
import { LinkNamespaces } from '../../test/e2e/link-namespaces.ts';
import { LinkProxies } from '../../test/e2e/link-proxies.ts';
import { endAll, until } from '../../test/e2e/processes.ts';
import { sleep } from '../machine.ts';

const { values: options } = parseArgs({
  options: { 'outages-ms': { type: 'string', default: '30000,60000' }, over: { type: 'string', default: 'proxies,namespaces' } },
});

const LINK_MAX_MS = 5_000;
let violations = 0;
let count = 0;

function judge(what: string, outageMs: number, foundMs: number): void {
  console.log(`${what}, ${outageMs / 1_000} s: ${Math.round(foundMs)} ms after the outage`);
  if (foundMs <= LINK_MAX_MS) return;
  violations++;
  console.log(`VIOLATION: that is more than ${LINK_MAX_MS} ms`);
}

async function claims(node: TestNode): Promise<boolean> {
  const body = { holder: 'soak', durationMs: 600_000 };
  const answer = await node.request('PUT', leasePath(`soak-${++count}`), body, {}, 1_000).catch(() => null);
  return answer?.status === 201;
}

/** The link between the two is cut; the nodes of `notReady` are not ready meanwhile, all others are. */
async function betweenTwo(links: CutLinks, what: string, pair: [TestNode, TestNode], notReady: readonly TestNode[], outageMs: number) {
  const check = async (): Promise<void> => {
    for (const node of links.nodes) {
      const status = await readyStatus(node);
      if (status === (notReady.includes(node) ? 503 : 200)) continue;
      violations++;
      console.log(`VIOLATION: /readyz of ${node.id} is ${status}`);
    }
  };
  judge(`${what} linked`, outageMs, await outageBetween(links, pair, outageMs, check));
}

async function betweenAll(links: CutLinks, outageMs: number): Promise<void> {
  for (const [one, other] of pairs(links.nodes)) cut(links, one, other);
  await sleep(outageMs);
  links.deliver();
  const endedMs = performance.now();
  const first = Promise.any(links.nodes.map((node) => until(() => claims(node), `a claim at ${node.id}`)));
  await first;
  judge('after a cut of all, a claim', outageMs, performance.now() - endedMs);
  for (const [one, other] of pairs(links.nodes)) await until(() => isLinked(one, other), `${one.id} and ${other.id} to be linked`);
  judge('after a cut of all, all links', outageMs, performance.now() - endedMs);
}

async function soak(links: CutLinks): Promise<void> {
  try {
    for (const outageMs of options['outages-ms'].split(',').map(Number)) {
      const leader = await agreedLeader(links.nodes);
      const [one, other] = links.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
      await betweenTwo(links, 'two followers', [one, other], [], outageMs);
      await betweenTwo(links, 'the leader and a follower', [leader, one], [one], outageMs);
      await betweenAll(links, outageMs);
    }
  } finally {
    await links.end();
  }
}

try {
  if (options.over.includes('proxies')) {
    console.log('through proxies:');
    await soak(await LinkProxies.start());
  }
  const obstacle = LinkNamespaces.obstacle();
  if (obstacle !== null) console.log(`not between network namespaces: ${obstacle}`);
  else if (options.over.includes('namespaces')) {
    console.log('between network namespaces:');
    await soak(await LinkNamespaces.start());
  }
} finally {
  await endAll();
}
console.log(`${violations} violations`);
process.exitCode = violations === 0 ? 0 : 1;
