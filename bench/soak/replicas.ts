// Reads everything that a node holds, and says whether all nodes hold the same at the same index.
import { type Cluster, type ClusterNode, until } from '../cluster.ts';
import type { ClaimAnswer, KeyAnswer } from './history.ts';

/** Everything that the HTTP contract shows of one node's state, without what depends on the moment of asking. */
export interface NodeState {
  /** Index at which all of it was read; null when it moved meanwhile. */
  readonly index: number | null;
  readonly claims: readonly ClaimAnswer[];
  readonly keys: readonly KeyAnswer[];
  readonly pins: readonly Record<string, unknown>[];
  readonly leases: readonly Record<string, unknown>[];
}

const PAGE_TIMEOUT_MS = 10_000;
const SAME_INDEX_LIMIT_MS = 60_000;
const MOMENTARY = ['remainingMs', 'index'];

/** Reads all lists of a node; `stale` asks it alone. */
export async function readState(node: ClusterNode, consistency: 'stale' | 'linearizable'): Promise<NodeState> {
  const indexes = new Set<number>();
  const list = (path: string, member: string): Promise<Record<string, unknown>[]> =>
    readPages(node, `${path}?consistency=${consistency}`, member, indexes);
  // The contract's shapes; an answer of another shape shows up as a difference or a missing claim.
  const claims = (await list('/v1/leases', 'leases')) as unknown as ClaimAnswer[];
  const keys = (await list('/v1/kv', 'keys')) as unknown as KeyAnswer[];
  const pins = await list('/v1/pins', 'pins');
  const leases = await list('/v1/lessor/leases', 'leases');
  const [index] = indexes;
  return { index: indexes.size === 1 && index !== undefined ? index : null, claims, keys, pins, leases };
}

/** Waits until all nodes answer from the same index and returns how their states differ, empty if not at all. Throws when the indexes do not meet. */
export async function compareReplicas(cluster: Cluster): Promise<{ index: number; state: NodeState; differences: string[] }> {
  const states = await until('all nodes at one index', SAME_INDEX_LIMIT_MS, async () => {
    const all: NodeState[] = [];
    for (const node of cluster.nodes) all.push(await readState(node, 'stale'));
    return all.every(({ index }) => index !== null && index === all[0]?.index) ? all : null;
  });
  const first = states[0];
  if (!first || first.index === null) throw new Error('a cluster without nodes');
  const differences = states.flatMap((state, at) =>
    (['claims', 'keys', 'pins', 'leases'] as const).flatMap((part) => {
      const here = state[part].map((item) => JSON.stringify(item)).sort();
      const there = first[part].map((item) => JSON.stringify(item)).sort();
      const position = here.findIndex((item, place) => item !== there[place]);
      if (position < 0 && here.length === there.length) return [];
      const what = position < 0 ? `${here.length} and ${there.length} of them` : `${here[position]} and ${there[position]}`;
      return [`${part} differ between ${cluster.nodes[at]?.plan.id} and ${cluster.nodes[0]?.plan.id} at index ${first.index}: ${what}`];
    }),
  );
  return { index: first.index, state: first, differences };
}

async function readPages(node: ClusterNode, path: string, member: string, indexes: Set<number>): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let after = ''; ; ) {
    const { status, index, body } = await node.request('GET', `${path}${after}`, null, PAGE_TIMEOUT_MS);
    if (status !== 200) throw new Error(`${path} of ${node.plan.id} was answered ${status} ${JSON.stringify(body)}`);
    const page = body as Record<string, unknown>;
    indexes.add(index);
    for (const item of page[member] as Record<string, unknown>[]) items.push(withoutMoment(item));
    if (typeof page.next !== 'string') return items;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

function withoutMoment(item: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !MOMENTARY.includes(name)));
}
