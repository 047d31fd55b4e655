// The load under which nodes are killed: writers with keys of their own, and holders who contend for a few short leases.
import type { Cluster, ClusterNode } from '../cluster.ts';
import { type Answer, Connection, NoAnswer } from '../connection.ts';
import { sleep } from '../machine.ts';
import { SeededRandom } from '../random.ts';
import type { History } from './history.ts';

const WRITERS = 8;
const HOLDERS = 6;
const CONTENDED_LEASES = 3;
const TIMEOUT_MS = 1500;
/** Between two operations of a worker; keeps the volume to be verified within bounds. */
const PAUSE_MS = 10;
const LASTING_MS = 86_400_000;

/** Where lasting claims go, and contended ones. */
export const KEPT_MODEL = 'kept';
const CONTENDED_MODEL = 'contended';

/** `done`: applied. `refused`: decided against it. `not-accepted`: surely not in the log. `unknown`: nobody can tell. */
type Fate = 'done' | 'refused' | 'not-accepted' | 'unknown';

/** A running load. */
export interface Workers {
  /** Ends it when the operations under way have ended. Rejects with the first error of a worker. */
  stop(): Promise<void>;
}

/** Starts the load against all nodes; every outcome goes into `history`. */
export function startWorkers(cluster: Cluster, random: SeededRandom, history: History): Workers {
  const state = { going: true };
  const startWorker = (kind: 'writer' | 'holder', number: number): Promise<void> => {
    const caller = new Caller(cluster.nodes, new SeededRandom(random.below(2 ** 31)), history);
    return (kind === 'writer' ? write(caller, number, state) : hold(caller, number, state)).finally(() => caller.close());
  };
  const all = Promise.all([
    ...Array.from({ length: WRITERS }, (_, number) => startWorker('writer', number)),
    ...Array.from({ length: HOLDERS }, (_, number) => startWorker('holder', number)),
  ]);
  // Told by `stop`; without a handler until then an early failure would end the process.
  all.catch(() => undefined);
  return {
    async stop(): Promise<void> {
      state.going = false;
      await all;
    },
  };
}

/** One worker's way to the cluster: each call goes to a node of its choice, and its fate is judged by the contract. */
class Caller {
  readonly random: SeededRandom;
  readonly history: History;
  readonly #connections: readonly Connection[];

  constructor(nodes: readonly ClusterNode[], random: SeededRandom, history: History) {
    this.random = random;
    this.history = history;
    this.#connections = nodes.map((node) => new Connection(node.plan.http));
  }

  async call(method: string, path: string, body: unknown = null): Promise<{ fate: Fate; status: number; body: Record<string, unknown> }> {
    const answer = await this.random
      .pick(this.#connections)
      .send(method, path, body === null ? null : JSON.stringify(body), TIMEOUT_MS)
      .catch((error: unknown) => {
        if (error instanceof NoAnswer) return error;
        throw error;
      });
    const fate = fateOf(answer);
    if (fate === 'done') this.history.acknowledged++;
    if (fate === 'unknown') this.history.unknown++;
    if (answer instanceof NoAnswer) return { fate, status: 0, body: {} };
    return { fate, status: answer.status, body: answer.body === '' ? {} : (JSON.parse(answer.body) as Record<string, unknown>) };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

function fateOf(answer: Answer | NoAnswer): Fate {
  if (answer instanceof NoAnswer) return answer.definite ? 'not-accepted' : 'unknown';
  if (answer.status < 300) return 'done';
  if (answer.status === 503 || answer.status === 429) return 'not-accepted';
  if (answer.status === 504) return 'unknown';
  if (answer.status === 404 || answer.status === 409 || answer.status === 412) return 'refused';
  throw new Error(`an answer that no correct request gets: ${answer.status} ${answer.body.slice(0, 300)}`);
}

async function write(caller: Caller, number: number, state: { readonly going: boolean }): Promise<void> {
  const { random, history } = caller;
  let register = `register-${number}-0`;
  for (let count = 1; state.going; count++) {
    const draw = random.below(100);
    if (draw < 35) {
      const key = `write-${number}-${count}`;
      const { fate, body } = await caller.call('PUT', `/v1/kv/${key}`, { value: `value-${count}` });
      if (fate === 'done') history.wrote(key, `value-${count}`, Number(body.modRevision));
    } else if (draw < 60) {
      const lease = `kept-${number}-${count}`;
      const holder = `holder-${number}`;
      const { fate, body } = await caller.call('PUT', `/v1/leases/soak/${KEPT_MODEL}/${lease}`, { holder, durationMs: LASTING_MS });
      if (fate === 'done') history.claimed(lease, holder, Number(body.fence));
    } else if (draw < 80) {
      const { fate } = await caller.call('PUT', `/v1/kv/${register}`, { value: String(count) });
      if (fate === 'done' || fate === 'unknown') history.registered(register, String(count), fate === 'done');
      // A write of unknown fate may still come late, so nothing exact can be said of this register any more.
      if (fate === 'unknown') register = `register-${number}-${count}`;
    } else {
      const { fate, status, body } = await caller.call('GET', `/v1/kv/${register}`);
      if (fate === 'done' || status === 404) history.read(register, status === 404 ? null : String(body.value));
    }
    await sleep(PAUSE_MS);
  }
}

async function hold(caller: Caller, number: number, state: { readonly going: boolean }): Promise<void> {
  const { random, history } = caller;
  const holder = `contender-${number}`;
  /** The fence under which this holder believes to hold each lease. */
  const held = new Map<string, number>();
  while (state.going) {
    const lease = `short-${random.below(CONTENDED_LEASES)}`;
    const path = `/v1/leases/soak/${CONTENDED_MODEL}/${lease}`;
    const tenures = history.tenures(lease);
    const fence = held.get(lease);
    const durationMs = random.between(300, 2500);
    const startMs = performance.now();
    if (fence === undefined) {
      const { fate, body } = await caller.call('PUT', path, { holder, durationMs });
      if (fate === 'done') {
        tenures.acknowledged(holder, Number(body.fence), startMs, performance.now(), durationMs);
        held.set(lease, Number(body.fence));
      }
    } else if (random.below(100) < 75) {
      const { fate } = await caller.call('POST', `${path}/extend`, { holder, durationMs, fence });
      if (fate === 'done') tenures.acknowledged(holder, fence, startMs, performance.now(), durationMs);
      if (fate === 'refused') {
        tenures.denied(holder, fence, performance.now());
        held.delete(lease);
      }
    } else {
      held.delete(lease);
      if (random.below(2) === 0) {
        tenures.releasing(fence);
        await caller.call('DELETE', `${path}?holder=${holder}&fence=${fence}`);
      }
    }
    await sleep(random.between(PAUSE_MS, 15 * PAUSE_MS));
  }
}
