// Three real nodes in this process, on free ports and fresh directories, spoken to over HTTP; and the library of each.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseholdClient, type WatchOptions } from '../../src/client/index.ts';
import { type NodeConfig, type RunningNode, startNode } from '../../src/index.ts';
import { freePorts, freshDirectory, until } from '../e2e/processes.ts';

/** An answer; an empty body is read as `{}`. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** Whatever fields the contract gives; a test that relies on one says so by its expectation. */
export type Body = Readonly<Record<string, unknown>> & {
  readonly code?: string;
  readonly holder?: string | null;
  readonly fence?: number;
  readonly remainingMs?: number;
  readonly index?: number;
  readonly leases?: readonly Body[];
  readonly keys?: readonly Body[];
  readonly pins?: readonly Body[];
};

/** One node, running or not. */
export class ThreeNode {
  readonly config: NodeConfig;
  readonly url: string;
  /** Lines that it wrote for people. */
  readonly lines: string[] = [];
  #running: RunningNode | null = null;

  constructor(config: NodeConfig) {
    this.config = config;
    this.url = `http://127.0.0.1:${config.http.port}`;
  }

  get id(): string {
    return this.config.id;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** The library on it. */
  get library(): RunningNode {
    if (this.#running === null) throw new Error(`${this.id} does not run`);
    return this.#running;
  }

  async start(): Promise<void> {
    this.#running = await startNode(this.config, { line: (text) => this.lines.push(text) });
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.stop();
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Answer> {
    const limit = AbortSignal.timeout(30_000);
    const response = await fetch(this.url + path, {
      method,
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Body) };
  }
}

/** The cluster. Calls that name no node go to each in turn. */
export class Three {
  readonly nodes: readonly ThreeNode[];
  #turn = 0;

  private constructor(nodes: readonly ThreeNode[]) {
    this.nodes = nodes;
  }

  /** Starts it, and waits until it serves. */
  static async start(): Promise<Three> {
    const first = await freePorts(6);
    const directory = freshDirectory();
    const members = [0, 1, 2].map((at) => ({ id: `n${at + 1}`, peer: { host: '127.0.0.1', port: first + 3 + at } }));
    const three = new Three(
      members.map(
        ({ id, peer }, at) =>
          new ThreeNode({
            id,
            http: { host: '127.0.0.1', port: first + at },
            peer,
            members,
            dataDir: join(directory, id),
            heartbeatMs: 50,
            electionTimeoutMs: 500,
          }),
      ),
    );
    await Promise.all(three.nodes.map((node) => node.start()));
    await three.agreed();
    return three;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** The running nodes in turn. */
  any(): ThreeNode {
    const running = this.nodes.filter((node) => node.isRunning);
    return running[this.#turn++ % running.length] as ThreeNode;
  }

  /** A call to the next node in turn. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.any().call(method, path, body, headers);
  }

  /** Waits until all that run serve and follow one of them; gives that one. */
  async agreed(): Promise<ThreeNode> {
    let leader: ThreeNode | undefined;
    await until(async () => {
      const running = this.nodes.filter((node) => node.isRunning);
      const answers = await Promise.all(running.map((node) => node.call('GET', '/readyz').catch(() => null)));
      const said = answers.map((answer) =>
        answer?.status === 200 ? `${answer.headers.get('leasehold-leader')} ${answer.headers.get('leasehold-term')}` : '',
      );
      leader = running.find((node) => said[0]?.startsWith(`${node.id} `));
      return leader !== undefined && said.every((each) => each === said[0]);
    }, 'the nodes to agree on a leader');
    return leader as ThreeNode;
  }

  async followers(): Promise<readonly [ThreeNode, ThreeNode]> {
    const leader = await this.agreed();
    return this.nodes.filter((node) => node !== leader) as unknown as readonly [ThreeNode, ThreeNode];
  }

  /** Hands leadership to another node, and waits until all know. */
  async transfer(): Promise<ThreeNode> {
    const before = await this.agreed();
    const answer = await before.call('POST', '/v1/cluster/transfer', {});
    if (answer.status !== 200) throw new Error(`the transfer ended in ${answer.status}: ${JSON.stringify(answer.body)}`);
    return await this.agreed();
  }

  /** The events from now on, as a client of all nodes gets them, until `end`. */
  async watch(options: Omit<WatchOptions, 'signal' | 'after'>): Promise<{ end(): Promise<readonly Event[]> }> {
    const client = new LeaseholdClient({ endpoints: this.nodes.map((node) => node.url) });
    const stop = new AbortController();
    const { index } = (await this.call('GET', '/v1/kv?limit=1')).body;
    const events: Event[] = [];
    const reading = (async () => {
      for await (const event of client.watch({ ...options, after: `${index}.1000000`, signal: stop.signal })) events.push({ ...event });
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    return {
      end: async () => {
        // What is acknowledged comes within some milliseconds; one too many would come as soon.
        await sleep(300);
        stop.abort();
        const ended = await Promise.race([reading.then(() => true), sleep(10_000, false)]);
        client.close();
        if (!ended) throw new Error('the watch had not ended 10 s after its signal was aborted');
        return events;
      },
    };
  }

  /** The log's end as the leader knows it. */
  async commitIndex(): Promise<number> {
    return (await (await this.agreed()).call('GET', '/v1/cluster')).body.commitIndex as number;
  }
}

/** An event of whatever type; a test says by its expectation which fields it has. */
export type Event = Readonly<Record<string, unknown>>;

let names = 0;

/** A lease that no other test speaks of, as its parts and as its path. */
export function freshLease(namespace = 'demo', model = 'main'): Key & { readonly path: string } {
  names += 1;
  const lease = `lease-${names}`;
  return { namespace, model, lease, path: pathOf(namespace, model, lease) };
}

/** A granted lease's id, or a key, that no other test speaks of. */
export function freshNumber(): number {
  names += 1;
  return names;
}

export interface Key {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
}

export function pathOf(...parts: readonly string[]): string {
  return `/v1/leases/${parts.map(encodeURIComponent).join('/')}`;
}

/** Waits until a node's own applied state shows that nobody holds the lease. */
export async function untilFree(node: ThreeNode, key: Key, limitMs = 20_000): Promise<void> {
  await until(() => node.library.store.leases(key).size === 0, `${key.lease} to be free on ${node.id}`, limitMs);
}

/**
 * Tries a race again until its premise held: `run` gives null when it did not. A premise such as "the follower has not applied it yet"
 * holds for some milliseconds only.
 */
export async function whenever<Result>(run: () => Promise<Result | null>): Promise<Result> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const result = await run();
    if (result !== null) return result;
    await sleep(5);
  }
  throw new Error('the premise never held in 200 tries');
}
