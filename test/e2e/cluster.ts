// Real nodes for a test, three at first, each a process of its own, spoken to over HTTP and through the command line.
import { join } from 'node:path';
import { type Ended, freePorts, freshDirectory, leasehold, type Process, until } from './processes.ts';

/** An answer; an empty body is read as `{}`. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One node: where it is, and its process. */
export class TestNode {
  readonly id: string;
  readonly url: string;
  /** Where its peers find it. */
  readonly peer: string;
  readonly argv: readonly string[];
  readonly dataDir: string;
  readonly #launch: (argv: readonly string[]) => Process;
  process: Process;

  /** Starts it. `launch` runs the program, in a network of its own for example. */
  constructor(id: string, url: string, peer: string, dataDir: string, argv: readonly string[], launch = leaseholdNode) {
    this.id = id;
    this.url = url;
    this.peer = peer;
    this.dataDir = dataDir;
    this.argv = argv;
    this.#launch = launch;
    this.process = launch(argv);
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.process.pid, signal);
  }

  /** Sends a signal that ends it, and waits for the end. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<Ended> {
    this.signal(signal);
    return await this.process.ended;
  }

  /** Starts it anew on its data. */
  restart(): void {
    this.process = this.#launch(this.argv);
  }

  /** One request to this node alone; throws when it does not answer within `limitMs`. */
  async request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}, limitMs = 10_000): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(limitMs),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }
}

/** Where a node is to be: its addresses as `host:port`, and its data directory. */
export interface Place {
  readonly http: string;
  readonly peer: string;
  readonly dataDir: string;
}

const PLACES = 10;

/** A cluster of three with free ports and fresh directories, and places for more nodes. */
export class TestCluster {
  nodes: TestNode[] = [];
  readonly #firstPort: number;
  readonly #directory = freshDirectory();

  private constructor(firstPort: number) {
    this.#firstPort = firstPort;
  }

  /**
   * Starts them, with `flags` beside the usual ones, and waits until one leads and all know it. `prepare` makes ready where the data of
   * each node is to be.
   */
  static async start(flags: readonly string[] = [], prepare: (dataDir: string) => void = () => {}): Promise<TestCluster> {
    const cluster = new TestCluster(await freePorts(2 * PLACES));
    const ids = ['n1', 'n2', 'n3'];
    const members = ids.map((id) => `${id}=${cluster.place(id).peer}`).join(',');
    for (const id of ids) prepare(cluster.place(id).dataDir);
    cluster.nodes = ids.map((id) => cluster.#start(id, ['--members', members, ...flags]));
    await cluster.agreed();
    return cluster;
  }

  /** The place of the node `n` and a number from 1 to {@link PLACES}. */
  place(id: string): Place {
    const position = Number(id.slice(1)) - 1;
    return {
      http: `127.0.0.1:${this.#firstPort + position}`,
      peer: `127.0.0.1:${this.#firstPort + PLACES + position}`,
      dataDir: join(this.#directory, id),
    };
  }

  /** Starts a node that joins the others. */
  addNode(id: string): TestNode {
    const node = this.#start(id, ['--join', this.endpoints]);
    this.nodes.push(node);
    return node;
  }

  /** The node is no part of the cluster any more. */
  forget(node: TestNode): void {
    this.nodes = this.nodes.filter((each) => each !== node);
  }

  #start(id: string, flags: readonly string[]): TestNode {
    const { http, peer, dataDir } = this.place(id);
    const argv = ['node', '--id', id, '--http', http, '--peer', peer, ...flags, '--data', dataDir];
    return new TestNode(id, `http://${http}`, peer, dataDir, argv);
  }

  get endpoints(): string {
    return this.nodes.map((node) => node.url).join(',');
  }

  node(id: unknown): TestNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`there is no node ${String(id)}`);
    return node;
  }

  /** Waits until all of `nodes` name the same leader, one of them, that serves; gives it. */
  async agreed(nodes: readonly TestNode[] = this.nodes): Promise<TestNode> {
    return await agreedLeader(nodes);
  }

  async followers(): Promise<TestNode[]> {
    const leader = await this.agreed();
    return this.nodes.filter((node) => node !== leader);
  }

  /** Runs a client command against all nodes. */
  cli(...argv: string[]): Process {
    return leasehold(argv, { LEASEHOLD_ENDPOINT: this.endpoints });
  }
}

/** Waits until all of `nodes` name the same leader, one of them, that serves; gives it. */
export async function agreedLeader(nodes: readonly TestNode[], limitMs?: number): Promise<TestNode> {
  let leader: TestNode | undefined;
  let seen: string[] = [];
  const said = () => `They say ${JSON.stringify(seen)}.\n${nodes.map((node) => node.process.out + node.process.err).join('')}`;
  await until(
    async () => {
      const ended = nodes.find((node) => node.process.hasEnded);
      if (ended !== undefined) throw new Error(`${ended.id} ended while a leader was waited for. ${said()}`);
      seen = await Promise.all(nodes.map(readyView));
      leader = nodes.find((node) => seen[0]?.startsWith(`${node.id} `));
      return leader !== undefined && seen.every((view) => view === seen[0]);
    },
    () => `${nodes.map((node) => node.id)} to agree on a leader. ${said()}`,
    limitMs,
  );
  if (leader === undefined) throw new Error('unreachable');
  return leader;
}

function leaseholdNode(argv: readonly string[]): Process {
  return leasehold(argv);
}

/** Whom a node that can serve follows, as `n1 in term 3`, or why it cannot. */
async function readyView(node: TestNode): Promise<string> {
  try {
    const { status, headers, body } = await node.request('GET', '/readyz', undefined, {}, 2_000);
    return status === 200
      ? `${headers.get('leasehold-leader')} in term ${headers.get('leasehold-term')}`
      : `${status} ${String(body.detail)}`;
  } catch (error) {
    return `no answer: ${String((error as Error).cause ?? error)}`;
  }
}

/** The path of a lease. */
export function leasePath(lease: string): string {
  return `/v1/leases/demo/main/${encodeURIComponent(lease)}`;
}
