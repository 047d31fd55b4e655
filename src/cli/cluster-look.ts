// One look at the whole cluster: every endpoint that was named and every member that is known is asked for its own view, all at once.
import type { HttpCaller } from '../client/http.ts';
import type { ClusterReply } from '../contract/cluster.ts';

/** A node that does not answer within this is not waited for, in milliseconds. */
const ANSWER_MS = 1_000;
/** A peer that was heard within this is there, whether or not it can be asked from here. */
const HEARD_MS = 1_500;

/** What was seen. */
export interface Look {
  /** The view of the node that knows most: the leader's, else that of the highest term. Null when no node answers. */
  readonly best: ClusterReply | null;
  /** Where that node was asked. */
  readonly endpoint: string | null;
  /** What each node says itself, by its name. */
  readonly views: ReadonlyMap<string, ClusterReply>;
  /** Members that neither answer nor were heard by the others. */
  readonly silent: readonly string[];
  /** Those of the named endpoints at which nobody answers. */
  readonly deadEndpoints: readonly string[];
  /** Why the first of those did not; undefined where all did. */
  readonly failure: unknown;
}

/** Asks `known` and the caller's endpoints, then the members that were not among them. Never throws. */
export async function lookAtCluster(caller: HttpCaller, known: readonly string[] = []): Promise<Look> {
  const answers = new Map<string, ClusterReply>();
  const failures = new Map<string, unknown>();
  const ask = async (endpoints: Iterable<string>): Promise<void> => {
    await Promise.all(
      [...endpoints].map(async (endpoint) => {
        if (answers.has(endpoint) || failures.has(endpoint)) return;
        await caller.callAt(endpoint, { method: 'GET', path: '/v1/cluster', effect: 'none', attemptMs: ANSWER_MS }).then(
          ({ body }) => answers.set(endpoint, body as ClusterReply),
          (error: unknown) => failures.set(endpoint, error),
        );
      }),
    );
  };
  await ask(new Set([...caller.endpoints, ...known]));
  const members = bestOf(answers)?.[1].members ?? [];
  await ask(
    members.flatMap(({ id, http }) => (http === '' || [...answers.values()].some(({ node }) => node === id) ? [] : [`http://${http}`])),
  );

  const views = new Map([...answers.values()].map((view) => [view.node, view]));
  const [endpoint, best] = bestOf(answers) ?? [null, null];
  const deadEndpoints = caller.endpoints.filter((each) => failures.has(each));
  return {
    ...{ best, endpoint, views, deadEndpoints },
    silent: (best?.members ?? []).flatMap(({ id, reachable, lastContactMs }) =>
      views.has(id) || (reachable && (lastContactMs ?? HEARD_MS) < HEARD_MS) ? [] : [id],
    ),
    failure: failures.get(deadEndpoints[0] ?? ''),
  };
}

function bestOf(answers: ReadonlyMap<string, ClusterReply>): [endpoint: string, view: ClusterReply] | undefined {
  const rank = ({ term, leader, node }: ClusterReply) => term * 2 + (leader === node ? 1 : 0);
  return [...answers].sort(([, left], [, right]) => rank(right) - rank(left))[0];
}

/** Why nobody leads, by name: `n2 and n3 do not answer`. Null while somebody does, or when no node can be asked. */
export function whyNoLeader({ best, silent }: Look): string | null {
  if (best === null || (best.leader !== null && !silent.includes(best.leader))) return null;
  if (silent.length > 0) return `${listed(silent)} ${silent.length === 1 ? 'does' : 'do'} not answer`;
  const apart = best.members.filter(({ reachable }) => !reachable).map(({ id }) => id);
  if (apart.length > 0) return `all members answer, but ${best.node} has no connection to ${listed(apart)}`;
  return 'all members answer; they are electing one, or do not reach each other';
}

/** `n1`, `n1 and n2`, `n1, n2 and n3`. */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
