// Three real nodes of which the test can cut links, per direction: bytes vanish, and nobody is notified.
import { setTimeout as sleep } from 'node:timers/promises';
import { agreedLeader, type TestNode } from './cluster.ts';
import { until } from './processes.ts';

export interface CutLinks {
  readonly nodes: readonly TestNode[];
  /** What `from` sends to `to` vanishes from now on, of connections that stand and of new ones. */
  swallow(from: string, to: string): void;
  /** The end of all cuts. */
  deliver(): void;
  /** Ends the nodes and removes everything. Calling it twice does nothing. */
  end(): Promise<void>;
}

/** What a node says of the cluster, as far as the tests of links need it. */
export interface ClusterView {
  readonly leader: string | null;
  readonly term: number;
  readonly members: readonly { readonly id: string; readonly reachable: boolean }[];
}

export async function viewOf(node: TestNode): Promise<ClusterView> {
  return (await node.request('GET', '/v1/cluster')).body as unknown as ClusterView;
}

export async function readyStatus(node: TestNode): Promise<number> {
  return (await node.request('GET', '/readyz', undefined, {}, 4_000)).status;
}

/** Whether both ends of the link between two nodes say that it stands, or with `isUp` false, that it does not. */
export async function isLinked(one: TestNode, other: TestNode, isUp = true): Promise<boolean> {
  const views = await Promise.all([viewOf(one), viewOf(other)]);
  const says = (view: ClusterView, id: string) => view.members.find((member) => member.id === id)?.reachable === isUp;
  return says(views[0] as ClusterView, other.id) && says(views[1] as ClusterView, one.id);
}

/** Cuts what passes between two nodes, in both directions. */
export function cut(links: CutLinks, one: TestNode, other: TestNode): void {
  links.swallow(one.id, other.id);
  links.swallow(other.id, one.id);
}

/** The pairs of nodes, each once. */
export function pairs(nodes: readonly TestNode[]): [TestNode, TestNode][] {
  return nodes.flatMap((one, at) => nodes.slice(at + 1).map((other): [TestNode, TestNode] => [one, other]));
}

/**
 * Cuts the link between two nodes for `outageMs`, looks every half second that nobody elects a new leader, then waits until the link
 * stands. `atOnce` looks at more right after the cut, `check` at each look. Gives the time from the end of the outage to the link.
 */
export async function outageBetween(
  links: CutLinks,
  [one, other]: readonly [TestNode, TestNode],
  outageMs: number,
  check: () => Promise<void>,
  atOnce: () => Promise<void> = async () => {},
): Promise<number> {
  const leader = await agreedLeader(links.nodes);
  const { term } = await viewOf(leader);
  const beganMs = performance.now();
  cut(links, one, other);
  await atOnce();
  await until(() => isLinked(one, other, false), `${one.id} and ${other.id} to close their silent link`, 6_000);
  while (performance.now() - beganMs < outageMs) {
    await check();
    const views = await Promise.all(links.nodes.map(viewOf));
    if (views.some((view) => view.term !== term)) throw new Error(`term ${term} became ${views.map((view) => view.term)}`);
    if (await isLinked(one, other)) throw new Error('a link over which nothing is delivered counts as up');
    await sleep(500);
  }
  links.deliver();
  const endedMs = performance.now();
  await until(() => isLinked(one, other), `${one.id} and ${other.id} to be linked`, 15_000);
  const linkedMs = performance.now() - endedMs;
  const after = await agreedLeader(links.nodes);
  if (after !== leader || (await viewOf(after)).term !== term) throw new Error(`${leader.id} in term ${term} led, then ${after.id}`);
  return linkedMs;
}
