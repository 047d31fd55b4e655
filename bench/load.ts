// The closed-loop load generator: so many connections, one operation in flight on each, counted between two readings of the CPU clocks.
import type { ClusterNode } from './cluster.ts';
import { Connection } from './connection.ts';
import { othersCores, readCpu, sleep, waitForQuiet } from './machine.ts';

/** A request that takes longer counts as an error. */
const TIMEOUT_MS = 5000;
/** A worker whose operation failed waits so long, so that an outage is not measured as a spin. */
const AFTER_ERROR_MS = 5;
/** Before a measurement the rest of the machine should use less than this, but is not waited for longer than that. */
const QUIET_CORES = 0.25;
const QUIET_LIMIT_MS = 4000;

/** What one worker does again and again. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  /** The status of success. */
  readonly expected: number;
}

/** A kind of load: `next` is asked for each request of the worker with this number. */
export interface Workload {
  readonly name: string;
  /** Uncounted, once before the load starts, with the number of workers. */
  prepare?(leader: ClusterNode, workers: number): Promise<void>;
  next(worker: number): Request;
}

/** One measurement. Times in milliseconds, CPU in microseconds per operation. */
export interface Figures {
  readonly operations: number;
  readonly errors: number;
  /** Null when there was none. */
  readonly firstError: string | null;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** All servers together. */
  readonly serverCpuUs: number;
  /** The busiest server alone, which is the leader under writes. */
  readonly busiestCpuUs: number;
  /** This load generator. */
  readonly clientCpuUs: number;
  /** Cores that programs outside the measurement kept busy. */
  readonly othersCores: number;
}

/** How long, over how many connections, to which nodes (in turn). */
export interface LoadPlan {
  readonly servers: readonly ClusterNode[];
  readonly targets: readonly ClusterNode[];
  readonly connections: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Runs a workload and measures it; the workload must have been prepared. */
export async function measure(workload: Workload, plan: LoadPlan): Promise<Figures> {
  const pids = plan.servers.map((server) => server.pid);
  await waitForQuiet(pids, QUIET_CORES, QUIET_LIMIT_MS);

  const latencies: number[] = [];
  const progress = { going: true, counting: false, errors: 0, firstError: null as string | null };
  const work = async (worker: number, connection: Connection): Promise<void> => {
    while (progress.going) {
      const { method, path, body, expected } = workload.next(worker);
      const startMs = performance.now();
      const failure = await connection.send(method, path, body, TIMEOUT_MS).then(
        (answer) => (answer.status === expected ? null : `${answer.status} ${answer.body.slice(0, 200)}`),
        (error: Error) => error.message,
      );
      if (failure === null) {
        if (progress.counting) latencies.push(performance.now() - startMs);
      } else {
        progress.errors++;
        progress.firstError ??= failure;
        await sleep(AFTER_ERROR_MS);
      }
    }
  };
  const connections = Array.from({ length: plan.connections }, (_, worker) => {
    const target = plan.targets[worker % plan.targets.length];
    if (!target) throw new Error('a load without targets');
    return new Connection(target.plan.http);
  });
  const workers = connections.map((connection, worker) => work(worker, connection));

  await sleep(plan.warmUpMs);
  progress.counting = true;
  const before = readCpu(pids);
  await sleep(plan.measureMs);
  progress.counting = false;
  const after = readCpu(pids);
  progress.going = false;
  await Promise.all(workers);
  for (const connection of connections) connection.close();

  const seconds = (after.atMs - before.atMs) / 1000;
  const serverCpu = after.servers.map((cpu, at) => cpu - (before.servers[at] ?? 0));
  const microseconds = (cpu: number): number => (cpu / latencies.length) * 1e6;
  latencies.sort((a, b) => a - b);
  return {
    operations: latencies.length,
    errors: progress.errors,
    firstError: progress.firstError,
    perSecond: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    serverCpuUs: microseconds(serverCpu.reduce((sum, cpu) => sum + cpu, 0)),
    busiestCpuUs: microseconds(Math.max(...serverCpu)),
    clientCpuUs: microseconds(after.self - before.self),
    othersCores: othersCores(before, after),
  };
}

/** The value below which the given share of `sorted` lies; NaN when there are none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

/** The middle value of numbers in any order; NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? quantile(sorted, 0.5) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
