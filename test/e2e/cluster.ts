// Three real nodes for a test, each a process of its own, spoken to over HTTP and through the command line.
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
  readonly argv: readonly string[];
  readonly dataDir: string;
  process: Process;

  constructor(id: string, url: string, dataDir: string, argv: readonly string[]) {
    this.id = id;
    this.url = url;
    this.dataDir = dataDir;
    this.argv = argv;
    this.process = leasehold(argv);
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
    this.process = leasehold(this.argv);
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

/** A cluster of three with free ports and fresh directories. */
export class TestCluster {
  readonly nodes: readonly TestNode[];

  private constructor(nodes: readonly TestNode[]) {
    this.nodes = nodes;
  }

  /** Starts them, and waits until one leads and all know it. */
  static async start(): Promise<TestCluster> {
    const first = await freePorts(6);
    const directory = freshDirectory();
    const ids = ['n1', 'n2', 'n3'];
    const members = ids.map((id, position) => `${id}=127.0.0.1:${first + 3 + position}`).join(',');
    const nodes = ids.map((id, position) => {
      const http = `127.0.0.1:${first + position}`;
      const dataDir = join(directory, id);
      const argv = [
        'node',
        '--id',
        id,
        '--http',
        http,
        '--peer',
        `127.0.0.1:${first + 3 + position}`,
        '--members',
        members,
        '--data',
        dataDir,
      ];
      return new TestNode(id, `http://${http}`, dataDir, argv);
    });
    const cluster = new TestCluster(nodes);
    await cluster.agreed();
    return cluster;
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
    );
    if (leader === undefined) throw new Error('unreachable');
    return leader;
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
