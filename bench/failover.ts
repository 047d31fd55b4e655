// How long writes stop when the leader is killed or frozen: the longest gap between two successful writes at 50 a second.
import type { Cluster, ClusterNode } from './cluster.ts';
import { Connection } from './connection.ts';
import { sleep } from './machine.ts';

const WRITERS = 8;
const WRITES_PER_SECOND = 50;
/** A writer that got no answer within this tries the next node, the same write again. */
const ATTEMPT_TIMEOUT_MS = 500;
const AFTER_ERROR_MS = 20;
const BEFORE_FAULT_MS = 3000;
/** Writes must have flowed again for so long before a run ends. */
const AFTER_RECOVERY_MS = 2500;
const RECOVERY_LIMIT_MS = 30_000;

/** `kill` ends the process at once (its connections close); `freeze` stops it with its connections open. */
export type Fault = 'kill' | 'freeze';

/** One run. */
export interface FailoverRun {
  readonly leader: string;
  /** Longest time between two successful writes from the fault on. */
  readonly gapMs: number;
  /** The same before the fault: what is ordinary here. */
  readonly gapBeforeMs: number;
  readonly failedAttempts: number;
}

/** Breaks the leader once under load and mends it again. Throws when writes do not go on. */
export async function failover(cluster: Cluster, fault: Fault): Promise<FailoverRun> {
  const leader = await cluster.leader();
  const load = startWriters(cluster.nodes, cluster.nodes.indexOf(leader));
  await sleep(BEFORE_FAULT_MS);
  const faultMs = performance.now();
  if (fault === 'kill') await leader.kill();
  else leader.pause();
  try {
    await waitForRecovery(load.successesMs, faultMs);
  } finally {
    await load.stop();
    if (fault === 'kill') leader.start();
    else leader.resume();
  }
  await cluster.waitUntilServing(leader, 30_000);
  const before = load.successesMs.filter((at) => at <= faultMs);
  const after = load.successesMs.filter((at) => at > faultMs);
  return {
    leader: leader.plan.id,
    gapMs: longestGap([...before.slice(-1), ...after]),
    gapBeforeMs: longestGap(before),
    failedAttempts: load.failedAttempts(),
  };
}

/** Median and extremes of gaps in one line. */
export function summarize(gapsMs: readonly number[], medianMs: number): string {
  const rounded = gapsMs.map((gap) => Math.round(gap));
  return `median ${Math.round(medianMs)} ms, least ${Math.min(...rounded)}, most ${Math.max(...rounded)} (${rounded.join(', ')})`;
}

interface Writers {
  /** When each successful write was answered, ascending. */
  readonly successesMs: readonly number[];
  failedAttempts(): number;
  stop(): Promise<void>;
}

function startWriters(nodes: readonly ClusterNode[], leaderAt: number): Writers {
  const successesMs: number[] = [];
  const connections = Array.from({ length: WRITERS }, () => nodes.map((node) => new Connection(node.plan.http)));
  let going = true;
  let failed = 0;
  const intervalMs = (WRITERS * 1000) / WRITES_PER_SECOND;
  const write = async (writer: number): Promise<void> => {
    // The leader and the followers in turn, as clients that know only one address would have it.
    let at = (leaderAt + writer) % nodes.length;
    await sleep((writer * 1000) / WRITES_PER_SECOND);
    for (let count = 0; going; count++) {
      const startMs = performance.now();
      const body = JSON.stringify({ value: String(count) });
      for (let done = false; going && !done; ) {
        const answer = await connections[writer]?.[at]
          ?.send('PUT', `/v1/kv/failover-${writer}`, body, ATTEMPT_TIMEOUT_MS)
          .catch(() => null);
        done = answer?.status === 200;
        if (done) successesMs.push(performance.now());
        else {
          failed++;
          at = (at + 1) % nodes.length;
          await sleep(AFTER_ERROR_MS);
        }
      }
      await sleep(Math.max(0, intervalMs - (performance.now() - startMs)));
    }
  };
  const writers = connections.map((_, writer) => write(writer));
  return {
    successesMs,
    failedAttempts: () => failed,
    async stop(): Promise<void> {
      going = false;
      await Promise.all(writers);
      for (const connection of connections.flat()) connection.close();
    },
  };
}

/** Settles when a success after the fault lies `AFTER_RECOVERY_MS` back and successes have come since. */
async function waitForRecovery(successesMs: readonly number[], faultMs: number): Promise<void> {
  while (performance.now() < faultMs + RECOVERY_LIMIT_MS) {
    await sleep(50);
    const first = successesMs.find((at) => at > faultMs);
    if (first !== undefined && (successesMs.at(-1) ?? 0) > first + AFTER_RECOVERY_MS) return;
  }
  throw new Error(`no steady writes ${RECOVERY_LIMIT_MS} ms after the leader was lost`);
}

function longestGap(timesMs: readonly number[]): number {
  return timesMs.reduce((longest, at, position) => Math.max(longest, at - (timesMs[position - 1] ?? at)), 0);
}
