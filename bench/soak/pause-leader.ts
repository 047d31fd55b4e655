// The leader is frozen for twice a lease's duration while the lease is renewed through another node: it must never be lost, nor be given to a rival.
import { Cluster, type ClusterNode } from '../cluster.ts';
import { Connection } from '../connection.ts';
import { sleep } from '../machine.ts';
import { runSoak, type Soak } from './run.ts';

const DURATION_MS = 5000;
const FROZEN_MS = 10_000;
const RENEW_EVERY_MS = 500;
const RIVAL_EVERY_MS = 200;
/** Watched so long after the leader wakes up: longer than the lease, so that a late expiry by the old leader would be seen. */
const AFTERWARDS_MS = DURATION_MS + 1000;
const TIMEOUT_MS = 1000;

await runSoak({ name: 'pause-leader', rounds: 20, roundLimitMs: 60_000 }, async (soak) => {
  const cluster = await Cluster.start();
  let renewed = 0;
  try {
    for (let round = 1; round <= soak.rounds; round++) renewed += await freezeRound(cluster, soak, round);
    return `${renewed} renewals`;
  } finally {
    await cluster.close();
  }
});

async function freezeRound(cluster: Cluster, soak: Soak, round: number): Promise<number> {
  const leader = await cluster.leader();
  const other = soak.random.pick(cluster.nodes.filter((node) => node !== leader));
  const path = `/v1/leases/soak/frozen/round-${round}`;
  const claim = await other.request('PUT', path, { holder: 'keeper', durationMs: DURATION_MS }, 5000);
  if (claim.status !== 201) throw new Error(`the claim was answered ${claim.status} ${JSON.stringify(claim.body)}`);
  const { fence } = claim.body as { fence: number };

  const state = { going: true };
  const renewals = renew(other, path, fence, state, soak);
  const rivals = cluster.nodes.map((node) => contend(node, path, fence, state, soak));
  await sleep(500);
  leader.pause();
  await sleep(FROZEN_MS);
  leader.resume();
  await sleep(AFTERWARDS_MS);
  state.going = false;
  const { count, longestMs } = await renewals;
  const refused = (await Promise.all(rivals)).reduce((sum, times) => sum + times, 0);
  soak.line(
    `round ${round}: ${leader.plan.id} frozen, ${count} renewals through ${other.plan.id}, ${Math.round(longestMs)} ms the longest time without one, ${refused} rival claims refused`,
  );
  if (refused === 0) soak.violation('no rival was ever refused, so nothing was tried');
  await cluster.waitUntilServing(leader, 20_000);
  await other.request('DELETE', `${path}?holder=keeper`, null, 5000);
  return count;
}

/** Renews until told to stop; a refusal is a violation, a lost answer is not. */
async function renew(
  node: ClusterNode,
  path: string,
  fence: number,
  state: { readonly going: boolean },
  soak: Soak,
): Promise<{ count: number; longestMs: number }> {
  const connection = new Connection(node.plan.http);
  let count = 0;
  let longestMs = 0;
  let lastMs = performance.now();
  while (state.going) {
    const body = JSON.stringify({ holder: 'keeper', durationMs: DURATION_MS, fence });
    const answer = await connection.send('POST', `${path}/extend`, body, TIMEOUT_MS).catch(() => null);
    if (answer?.status === 200) {
      count++;
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    } else if (answer?.status === 409 || answer?.status === 404) {
      soak.violation(`the lease was lost: ${answer.status} ${answer.body}`);
      break;
    }
    await sleep(RENEW_EVERY_MS);
  }
  connection.close();
  return { count, longestMs };
}

/** Tries to claim the lease through `node`; returns how often it was refused by name of the right holder. */
async function contend(node: ClusterNode, path: string, fence: number, state: { readonly going: boolean }, soak: Soak): Promise<number> {
  const connection = new Connection(node.plan.http);
  let refused = 0;
  while (state.going) {
    const body = JSON.stringify({ holder: 'rival', durationMs: DURATION_MS });
    const answer = await connection.send('PUT', path, body, TIMEOUT_MS).catch(() => null);
    if (answer?.status === 409) {
      const facts = JSON.parse(answer.body) as { holder?: string; fence?: number };
      if (facts.holder === 'keeper' && facts.fence === fence) refused++;
      else soak.violation(`${node.plan.id} refused a rival with ${answer.body}`);
    } else if (answer !== null && answer.status < 300) {
      soak.violation(`${node.plan.id} gave the lease to a rival: ${answer.body}`);
      break;
    }
    await sleep(RIVAL_EVERY_MS);
  }
  connection.close();
  return refused;
}
