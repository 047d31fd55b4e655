// A cluster of real processes on this machine: started, killed, stopped and continued by the benchmarks and the long checks.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection, type Endpoint } from './connection.ts';
import { sleep } from './machine.ts';

/** The built command line, which every measurement runs. */
export const PROGRAM = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Below the ports that the system hands out to outgoing connections, so that a killed node finds its own free again. */
const FIRST_PORT = 20_000;
const PORT_RANGE = 10_000;

/** With a large state the start takes most of this on a busy machine. */
const START_LIMIT_MS = 300_000;

/** Everything started and not yet ended; none of it outlives this process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** What one node is started with. */
export interface NodePlan {
  readonly id: string;
  readonly http: Endpoint;
  readonly peer: Endpoint;
  readonly dataDir: string;
  /** What it writes, appended over restarts. */
  readonly logFile: string;
  /** Arguments for Node itself, before the program. */
  readonly nodeArguments: readonly string[];
}

/** A node's end as the system tells it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One node and the process that runs it now, if any. */
export class ClusterNode {
  readonly plan: NodePlan;
  readonly #members: string;
  readonly #program: string;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  constructor(plan: NodePlan, members: string, program: string) {
    this.plan = plan;
    this.#members = members;
    this.#program = program;
  }

  /** Settles when the process that was started last has ended. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Process id; throws when the node is not running. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.plan.id} is not running:\n${this.logTail()}`);
    return this.#child.pid;
  }

  /** Starts the process; it is not ready to answer yet. */
  start(): void {
    if (this.#child) throw new Error(`${this.plan.id} is running already`);
    const { id, http, peer, dataDir, logFile, nodeArguments } = this.plan;
    const log = openSync(logFile, 'a');
    const flags = [
      '--id',
      id,
      '--http',
      `${http.host}:${http.port}`,
      '--peer',
      `${peer.host}:${peer.port}`,
      '--members',
      this.#members,
      '--data',
      dataDir,
    ];
    const child = spawn(process.execPath, [...nodeArguments, this.#program, 'node', ...flags], {
      stdio: ['ignore', log, log],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    closeSync(log);
    running.add(child);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        if (this.#child === child) this.#child = null;
        resolve({ code, signal });
      });
    });
  }

  /** Ends it without warning, as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to stop, and ends it when it has not within `limitMs`. */
  async stop(limitMs = 10_000): Promise<Exit> {
    this.#child?.kill('SIGTERM');
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), limitMs);
    const exit = await this.#exited;
    clearTimeout(timer);
    return exit;
  }

  /** Freezes it (SIGSTOP): it neither answers nor closes its connections. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Lets a frozen process go on. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** The end of what it wrote. */
  logTail(characters = 1500): string {
    return readFileSync(this.plan.logFile, 'utf8').slice(-characters);
  }

  /** One request over a connection of its own. Rejects with `NoAnswer` like `Connection.send`. */
  async request(
    method: string,
    path: string,
    body: unknown = null,
    timeoutMs = 2000,
  ): Promise<{ status: number; index: number; body: unknown }> {
    const connection = new Connection(this.plan.http);
    try {
      const answer = await connection.send(method, path, body === null ? null : JSON.stringify(body), timeoutMs);
      return { status: answer.status, index: answer.index, body: answer.body === '' ? null : JSON.parse(answer.body) };
    } finally {
      connection.close();
    }
  }
}

/** How a cluster is made. */
export interface ClusterOptions {
  readonly size?: number;
  /** Arguments for Node itself, by the number of the node. */
  readonly nodeArguments?: (number: number) => readonly string[];
  /** Another build's `cli/main.js`. */
  readonly program?: string;
  /** Data of an earlier cluster to go on with, or where to make it; without it a new temporary folder. */
  readonly folder?: string;
}

/** Nodes `n1`, `n2`, … with fresh data under a temporary folder, which `close` removes. */
export class Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly folder: string;

  private constructor(nodes: readonly ClusterNode[], folder: string) {
    this.nodes = nodes;
    this.folder = folder;
  }

  /** Starts all nodes and waits until one leads and a write goes through each. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'leasehold-'));
    mkdirSync(folder, { recursive: true });
    const nodes = await planNodes(folder, options);
    const cluster = new Cluster(nodes, folder);
    try {
      for (const node of nodes) node.start();
      for (const node of nodes) await cluster.waitUntilServing(node, START_LIMIT_MS);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get pids(): number[] {
    return this.nodes.map((node) => node.pid);
  }

  /** The node that a running node takes for the leader. Throws when none is named within `limitMs`. */
  async leader(limitMs = 15_000): Promise<ClusterNode> {
    return until(`a leader in ${this.folder}`, limitMs, async () => {
      for (const node of this.nodes) {
        if (!node.isRunning) continue;
        const status = await node.request('GET', '/v1/cluster', null, 500).catch(() => null);
        // Only the leader's own word counts: the others may speak of one that is gone.
        if (status?.status === 200 && (status.body as { leader: string | null }).leader === node.plan.id) return node;
      }
      return null;
    });
  }

  /** Hands leadership to `node`; throws when it does not lead within 20 s. */
  async makeLeader(node: ClusterNode): Promise<void> {
    await until(`${node.plan.id} to lead`, 20_000, async () => {
      if ((await this.leader()) === node) return true;
      await node.request('POST', '/v1/cluster/transfer', { to: node.plan.id }, 5000).catch(() => null);
      return null;
    });
  }

  /** Waits until a write goes through `node`. Throws with what the node wrote when it ended or does not get there. */
  async waitUntilServing(node: ClusterNode, limitMs: number): Promise<void> {
    await until(`${node.plan.id} to serve`, limitMs, async () => {
      if (!node.isRunning) throw new Error(`${node.plan.id} ended:\n${node.logTail()}`);
      const answer = await node.request('PUT', '/v1/kv/bench-serving', { value: node.plan.id }, 1000).catch(() => null);
      return answer?.status === 200 ? true : null;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${node.logTail()}`);
    });
  }

  /** Waits until `node` answers at all, whether or not it can serve. */
  async waitUntilListening(node: ClusterNode, limitMs: number): Promise<void> {
    await until(`${node.plan.id} to answer`, limitMs, async () => {
      if (!node.isRunning) throw new Error(`${node.plan.id} ended:\n${node.logTail()}`);
      return (await node.request('GET', '/livez', null, 1000).catch(() => null)) === null ? null : true;
    });
  }

  /** Ends all nodes and removes their data, unless it is to be looked at. */
  async close(keepData = false): Promise<void> {
    for (const node of this.nodes) node.resume();
    await Promise.all(this.nodes.map((node) => node.kill()));
    if (!keepData) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The value for the flag `--members`. */
export function membersFlag(plans: readonly { id: string; peer: Endpoint }[]): string {
  return plans.map(({ id, peer }) => `${id}=${peer.host}:${peer.port}`).join(',');
}

/** Tries `attempt` every 50 ms until it returns something. Throws after `limitMs`, or at once when the attempt throws. */
export async function until<Result>(what: string, limitMs: number, attempt: () => Promise<Result | null>): Promise<Result> {
  const end = performance.now() + limitMs;
  for (;;) {
    const result = await attempt();
    if (result !== null) return result;
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await sleep(50);
  }
}

/** Ports of 127.0.0.1 on which nobody listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const offset = Math.floor(Math.random() * PORT_RANGE);
  for (let tried = 0; ports.length < count; tried++) {
    if (tried === PORT_RANGE) throw new Error(`fewer than ${count} free ports from ${FIRST_PORT} on`);
    const port = FIRST_PORT + ((offset + tried) % PORT_RANGE);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function planNodes(folder: string, options: ClusterOptions): Promise<ClusterNode[]> {
  const size = options.size ?? 3;
  const ports = await freePorts(size * 2);
  const plans = Array.from({ length: size }, (_, at): NodePlan => {
    const id = `n${at + 1}`;
    return {
      id,
      http: { host: '127.0.0.1', port: ports[2 * at] ?? 0 },
      peer: { host: '127.0.0.1', port: ports[2 * at + 1] ?? 0 },
      dataDir: join(folder, id),
      logFile: join(folder, `${id}.log`),
      nodeArguments: options.nodeArguments?.(at) ?? [],
    };
  });
  return plans.map((plan) => new ClusterNode(plan, membersFlag(plans), options.program ?? PROGRAM));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
