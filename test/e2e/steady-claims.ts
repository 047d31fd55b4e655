// Claims at every node all the time, each on a lease of its own, with the time and end of each call.
import { setTimeout as sleep } from 'node:timers/promises';
import { leasePath, type TestNode } from './cluster.ts';

/** How a call ended; status 0: no answer. */
export interface SteadyCall {
  readonly node: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly status: number;
}

const PAUSE_MS = 20;
const ANSWER_MAX_MS = 8_000;
const LASTING_MS = 600_000;

export class SteadyClaims {
  readonly calls: SteadyCall[] = [];
  readonly #workers: Promise<void>[];
  #isStopping = false;

  constructor(nodes: readonly TestNode[]) {
    this.#workers = nodes.map((node) => this.#work(node));
  }

  /**
   * Time from `sinceMs` to the next acknowledged claim at another node than `except`, in milliseconds. Null while there was none. Counts
   * only calls that began after `sinceMs`: the answers of earlier ones may have been on their way.
   */
  gapAfter(sinceMs: number, except: string | null): number | null {
    const next = this.calls.find(({ node, atMs, tookMs, status }) => atMs - tookMs > sinceMs && node !== except && status === 201);
    return next === undefined ? null : next.atMs - sinceMs;
  }

  /** How long acknowledged claims took between two moments at other nodes than `except`, ascending. */
  latencies(fromMs: number, toMs: number, except: string): number[] {
    const found = this.calls.filter(({ node, atMs, status }) => atMs > fromMs && atMs < toMs && node !== except && status === 201);
    return found.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  /** Several calls are under way at a time, so that one that hangs holds up no other. */
  async #work(node: TestNode): Promise<void> {
    const open = new Set<Promise<void>>();
    for (let count = 0; !this.#isStopping; count++) {
      const call: Promise<void> = this.#call(node, `${node.id}-${performance.now()}-${count}`).finally(() => open.delete(call));
      open.add(call);
      await sleep(PAUSE_MS);
    }
    await Promise.all(open);
  }

  async #call(node: TestNode, lease: string): Promise<void> {
    const sinceMs = performance.now();
    const status = await node
      .request('PUT', leasePath(lease.replaceAll('.', '-')), { holder: 'load', durationMs: LASTING_MS }, {}, ANSWER_MAX_MS)
      .then((answer) => answer.status)
      .catch(() => 0);
    const nowMs = performance.now();
    this.calls.push({ node: node.id, atMs: nowMs, tookMs: nowMs - sinceMs, status });
  }
}
