// Ten thousand leases that fall due together: how soon all are gone, and what claims of other leases feel of it.
import type { Cluster, ClusterNode } from './cluster.ts';
import { Connection } from './connection.ts';
import { quantile } from './load.ts';
import { othersCores, readCpu, sleep } from './machine.ts';

const FILL_CONNECTIONS = 64;
const CLAIMERS = 8;
const CLAIMS_PER_SECOND = 50;
const GONE_LIMIT_MS = 120_000;
/** Quiet before the due time in which the ordinary latency is taken. */
const BEFORE_DUE_MS = 4000;
/** The load goes on so long after the last lease is gone, so that a late stall is seen. */
const AFTER_GONE_MS = 500;
const TIMEOUT_MS = 20_000;

/** One run; times in milliseconds. */
export interface ExpiryRun {
  readonly leases: number;
  /** From the moment that all are due until a list of them is empty. */
  readonly goneWithinMs: number;
  readonly claimP50BeforeMs: number;
  readonly claimP99BeforeMs: number;
  readonly claimP50DuringMs: number;
  readonly claimP99DuringMs: number;
  readonly claimMaxDuringMs: number;
  /** Servers' CPU per expired lease, what the unrelated claims cost included. */
  readonly serverCpuUs: number;
  readonly othersCores: number;
}

let made = 0;

/** Claims `count` leases with one common end, waits for it, and measures. Throws when they are not gone in two minutes. */
export async function massExpiry(cluster: Cluster, count: number): Promise<ExpiryRun> {
  const model = `expiry-${++made}`;
  const leader = await cluster.leader();
  const fillMs = await estimateFillMs(leader, count);
  const dueMs = performance.now() + fillMs + BEFORE_DUE_MS;
  await fill(leader, model, count, dueMs);
  const filledMs = performance.now();
  if (filledMs > dueMs - BEFORE_DUE_MS / 2) throw new Error(`${count} claims took so long that some were due before the last was made`);

  const unrelated = startClaimers(leader, model);
  await sleep(dueMs - performance.now());
  const before = readCpu(cluster.pids);
  const goneMs = await waitUntilGone(leader, model, dueMs);
  await sleep(AFTER_GONE_MS);
  const after = readCpu(cluster.pids);
  await unrelated.stop();

  const servers = after.servers.reduce((sum, cpu, at) => sum + cpu - (before.servers[at] ?? 0), 0);
  const latencies = (fromMs: number, toMs: number): number[] =>
    unrelated.claims
      .filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
      .map(({ latencyMs }) => latencyMs)
      .sort((a, b) => a - b);
  const calm = latencies(filledMs + 300, dueMs - 300);
  const busy = latencies(dueMs - 20, goneMs + AFTER_GONE_MS);
  return {
    leases: count,
    goneWithinMs: goneMs - dueMs,
    claimP50BeforeMs: quantile(calm, 0.5),
    claimP99BeforeMs: quantile(calm, 0.99),
    claimP50DuringMs: quantile(busy, 0.5),
    claimP99DuringMs: quantile(busy, 0.99),
    claimMaxDuringMs: quantile(busy, 1),
    serverCpuUs: (servers / count) * 1e6,
    othersCores: othersCores(before, after),
  };
}

/** Makes a fortieth of the claims and scales up, with room. */
async function estimateFillMs(leader: ClusterNode, count: number): Promise<number> {
  const sample = Math.ceil(count / 40);
  const startMs = performance.now();
  await fill(leader, `expiry-sample-${made}`, sample, startMs + 60_000);
  return (performance.now() - startMs) * 40 * 2 + 500;
}

async function fill(leader: ClusterNode, model: string, count: number, dueMs: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const connection = new Connection(leader.plan.http);
    while (next < count) {
      const body = JSON.stringify({ holder: 'bench-holder', durationMs: Math.max(1, Math.round(dueMs - performance.now())) });
      const answer = await connection.send('PUT', `/v1/leases/bench/${model}/${next++}`, body, TIMEOUT_MS);
      if (answer.status !== 201) throw new Error(`a claim was answered ${answer.status} ${answer.body.slice(0, 200)}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: FILL_CONNECTIONS }, work));
}

/** Asks for one lease of the model again and again; the answer is empty only when the last is gone. */
async function waitUntilGone(leader: ClusterNode, model: string, dueMs: number): Promise<number> {
  const connection = new Connection(leader.plan.http);
  try {
    while (performance.now() < dueMs + GONE_LIMIT_MS) {
      const answer = await connection.send('GET', `/v1/leases/bench/${model}?limit=1`, null, TIMEOUT_MS);
      if (answer.status === 200 && (JSON.parse(answer.body) as { leases: unknown[] }).leases.length === 0) return performance.now();
      await sleep(10);
    }
    throw new Error(`leases are still there ${GONE_LIMIT_MS} ms after they were due`);
  } finally {
    connection.close();
  }
}

interface Claimers {
  readonly claims: readonly { readonly startMs: number; readonly latencyMs: number }[];
  stop(): Promise<void>;
}

function startClaimers(leader: ClusterNode, model: string): Claimers {
  const claims: { startMs: number; latencyMs: number }[] = [];
  const intervalMs = (CLAIMERS * 1000) / CLAIMS_PER_SECOND;
  let going = true;
  const work = async (claimer: number): Promise<void> => {
    const connection = new Connection(leader.plan.http);
    const body = JSON.stringify({ holder: 'bench-holder', durationMs: 600_000 });
    await sleep((claimer * 1000) / CLAIMS_PER_SECOND);
    for (let count = 0; going; count++) {
      const startMs = performance.now();
      const answer = await connection.send('PUT', `/v1/leases/bench/unrelated/${model}-${claimer}-${count}`, body, TIMEOUT_MS);
      if (answer.status !== 201) throw new Error(`an unrelated claim was answered ${answer.status} ${answer.body.slice(0, 200)}`);
      claims.push({ startMs, latencyMs: performance.now() - startMs });
      await sleep(Math.max(0, intervalMs - (performance.now() - startMs)));
    }
    connection.close();
  };
  const all = Promise.all(Array.from({ length: CLAIMERS }, (_, claimer) => work(claimer)));
  // Told by `stop`; without a handler until then an early failure would end the process.
  all.catch(() => undefined);
  return {
    claims,
    async stop(): Promise<void> {
      going = false;
      await all;
    },
  };
}
