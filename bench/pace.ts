// A load of so many operations a second, whatever the answers take: what somebody feels who goes on with their work meanwhile.
import type { ClusterNode } from './cluster.ts';
import { Connection } from './connection.ts';
import { quantile, type Request } from './load.ts';
import { sleep } from './machine.ts';

const TIMEOUT_MS = 2000;
const WORKERS = 32;

/** What the load felt. Times in milliseconds. */
export interface Felt {
  readonly operations: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Longest time between two successes, the beginning and the end counted as such. */
  readonly gapMs: number;
}

/** A running load. */
export interface Pace {
  /** Ends it; the operations under way are waited for. */
  stop(): Promise<Felt>;
}

/** Starts `perSecond` operations a second, spread over the nodes; one that fails is tried at the next node with the worker's next turn. */
export function startPace(nodes: readonly ClusterNode[], perSecond: number, next: () => Request): Pace {
  const latencies: number[] = [];
  const state = { going: true, failed: 0, lastMs: performance.now(), gapMs: 0 };
  const everyMs = (WORKERS / perSecond) * 1000;
  const succeeded = (): void => {
    const nowMs = performance.now();
    state.gapMs = Math.max(state.gapMs, nowMs - state.lastMs);
    state.lastMs = nowMs;
  };
  const work = async (worker: number): Promise<void> => {
    const connections = nodes.map((node) => new Connection(node.plan.http));
    let at = worker;
    let dueMs = performance.now() + (everyMs * worker) / WORKERS;
    for (; state.going; dueMs = Math.max(dueMs + everyMs, performance.now())) {
      await sleep(dueMs - performance.now());
      const { method, path, body, expected } = next();
      const startMs = performance.now();
      const answer = await (connections[at % nodes.length] as Connection).send(method, path, body, TIMEOUT_MS).catch(() => null);
      if (answer?.status === expected) {
        latencies.push(performance.now() - startMs);
        succeeded();
      } else {
        state.failed++;
        at++;
      }
    }
    for (const connection of connections) connection.close();
  };
  const workers = Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  return {
    async stop(): Promise<Felt> {
      state.going = false;
      await workers;
      latencies.sort((a, b) => a - b);
      const { failed, gapMs, lastMs } = state;
      const restMs = performance.now() - lastMs - everyMs;
      return {
        operations: latencies.length,
        failed,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        gapMs: Math.max(gapMs, restMs),
      };
    },
  };
}
