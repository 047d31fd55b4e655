// Throughput, latency and CPU at several numbers of connections, to the leader and to all nodes.
import type { Cluster, ClusterNode } from './cluster.ts';
import { type Figures, measure, type Workload } from './load.ts';
import { figure, table } from './table.ts';
import { claims, renewals } from './workloads.ts';

/** The compilers of the three nodes need some seconds of load before figures settle. */
const FIRST_WARM_UP_MS = 1500;
const WARM_UP_MS = 500;

/** The kinds of load that can be asked for. */
export const WORKLOADS: Readonly<Record<string, () => Workload>> = { claims, renewals };

/** What to measure. */
export interface ThroughputPlan {
  /** Names out of `WORKLOADS`. */
  readonly kinds: readonly string[];
  readonly connections: readonly number[];
  readonly measureMs: number;
}

/** Runs every combination on a running cluster, reporting each line as it is done, and returns the table. */
export async function throughput(cluster: Cluster, plan: ThroughputPlan, report: (line: string) => void): Promise<string> {
  const rows: string[][] = [];
  for (const kind of plan.kinds) await warmUp(cluster, kind);
  for (const kind of plan.kinds) {
    for (const through of ['leader', 'all nodes'] as const) {
      for (const connections of plan.connections) {
        const workload = makeWorkload(kind);
        const leader = await cluster.leader();
        const followers = cluster.nodes.filter((node) => node !== leader);
        // A follower first, so that a single connection to "all nodes" measures the way through one.
        const targets = through === 'leader' ? [leader] : [...followers, leader];
        await workload.prepare?.(leader, connections);
        const load = { servers: cluster.nodes, targets, connections, warmUpMs: WARM_UP_MS, measureMs: plan.measureMs };
        const figures = await measure(workload, load);
        rows.push(row(workload.name, through, connections, figures));
        report(rows.at(-1)?.join('  ') ?? '');
        if (figures.firstError !== null) report(`  ${figures.errors} errors, the first: ${figures.firstError}`);
      }
    }
  }
  return table(HEADER, rows);
}

async function warmUp(cluster: Cluster, kind: string): Promise<void> {
  const workload = makeWorkload(kind);
  const leader: ClusterNode = await cluster.leader();
  await workload.prepare?.(leader, 64);
  await measure(workload, { servers: cluster.nodes, targets: cluster.nodes, connections: 64, warmUpMs: 0, measureMs: FIRST_WARM_UP_MS });
}

function makeWorkload(kind: string): Workload {
  const make = WORKLOADS[kind];
  if (!make) throw new Error(`unknown load ${kind}; there are ${Object.keys(WORKLOADS).join(', ')}`);
  return make();
}

const HEADER = [
  'operation',
  'through',
  'connections',
  'per second',
  'p50 ms',
  'p99 ms',
  'max ms',
  'server CPU µs',
  'busiest node µs',
  'client µs',
  'errors',
  'others, cores',
];

function row(name: string, through: string, connections: number, of: Figures): string[] {
  return [
    name,
    through,
    String(connections),
    figure(of.perSecond),
    figure(of.p50Ms, 2),
    figure(of.p99Ms, 2),
    figure(of.maxMs, 1),
    figure(of.serverCpuUs),
    figure(of.busiestCpuUs),
    figure(of.clientCpuUs),
    String(of.errors),
    figure(of.othersCores, 2),
  ];
}
