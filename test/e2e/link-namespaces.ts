// Real nodes in network namespaces of their own, joined by a bridge. A direction is cut by a wrong link-layer address of the receiver: the
// kernel sends its packets to nobody, of TCP's own as well, and no error is reported.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agreedLeader, TestNode } from './cluster.ts';
import type { CutLinks } from './cut-links.ts';
import { freshDirectory, PROGRAM, Process } from './processes.ts';

const IDS = ['n1', 'n2', 'n3'];
const NOBODY = '02:00:00:00:00:99';
const HTTP_PORT = 7801;
const PEER_PORT = 7901;
/** The files of a namespace: `ip netns exec` shows a process those in place of the usual ones. */
const FILES = '/etc/netns';

function ip(...argv: string[]): string {
  const { status, error, stdout, stderr } = spawnSync('ip', argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${argv.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

export class LinkNamespaces implements CutLinks {
  nodes: TestNode[] = [];
  /** Of the namespaces, interfaces, and the bridge of this object alone; interfaces have at most 15 characters. */
  readonly #prefix = `lh${process.pid.toString(36)}${Math.floor(Math.random() * 1_296).toString(36)}`;
  readonly #subnet = `10.${200 + Math.floor(Math.random() * 50)}.${Math.floor(Math.random() * 250)}`;
  readonly #hosts = new Map<string, string>(IDS.map((id, at) => [id, `${this.#subnet}.${at + 1}`]));
  readonly #cuts = new Set<string>();
  readonly #atExit = (): void => this.#remove();
  #isRemoved = false;

  private constructor() {
    process.once('exit', this.#atExit);
  }

  /** Why this machine has no namespaces for the test; null if it has. */
  static obstacle(): string | null {
    if (process.platform !== 'linux') return `network namespaces are of Linux only, this is ${process.platform}`;
    if (process.getuid?.() !== 0) return 'only root may make network namespaces';
    const trial = new LinkNamespaces();
    try {
      trial.#make();
      trial.swallow('n1', 'n2');
      trial.deliver();
      return null;
    } catch (error) {
      return (error as Error).message;
    } finally {
      trial.#remove();
    }
  }

  static async start(): Promise<LinkNamespaces> {
    const links = new LinkNamespaces();
    try {
      links.#make();
      const directory = freshDirectory();
      links.nodes = IDS.map((id) => links.#node(id, join(directory, id)));
      await agreedLeader(links.nodes);
      return links;
    } catch (error) {
      await links.end();
      throw error;
    }
  }

  swallow(from: string, to: string): void {
    const host = this.#hosts.get(to) as string;
    ip('-n', this.#space(from), 'neigh', 'replace', host, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', 'eth0');
    this.#cuts.add(`${from} ${host}`);
  }

  deliver(): void {
    for (const cut of this.#cuts) {
      const [from, host] = cut.split(' ') as [string, string];
      ip('-n', this.#space(from), 'neigh', 'del', host, 'dev', 'eth0');
    }
    this.#cuts.clear();
  }

  /** Ends a node without warning and starts it on its data at another address; its name leads there from now on. */
  async move(node: TestNode): Promise<TestNode> {
    await node.end('SIGKILL');
    const old = this.#hosts.get(node.id) as string;
    const host = `${this.#subnet}.${Number(old.split('.').at(-1)) + 10}`;
    ip('-n', this.#space(node.id), 'addr', 'del', `${old}/24`, 'dev', 'eth0');
    ip('-n', this.#space(node.id), 'addr', 'add', `${host}/24`, 'dev', 'eth0');
    this.#hosts.set(node.id, host);
    this.#writeNames();
    const moved = this.#node(node.id, node.dataDir);
    this.nodes = this.nodes.map((each) => (each === node ? moved : each));
    return moved;
  }

  async end(): Promise<void> {
    for (const node of this.nodes) if (!node.process.hasEnded) await node.end('SIGKILL');
    this.#remove();
  }

  #node(id: string, dataDir: string): TestNode {
    const host = this.#hosts.get(id) as string;
    const members = IDS.map((each) => `${each}=${each}.leasehold.test:${PEER_PORT}`).join(',');
    const http = `${host}:${HTTP_PORT}`;
    const peer = `${host}:${PEER_PORT}`;
    const argv = ['node', '--id', id, '--http', http, '--peer', peer, '--members', members, '--data', dataDir];
    // `ip` becomes the program, so the process has the same id.
    const launch = (flags: readonly string[]): Process =>
      new Process('ip', ['netns', 'exec', this.#space(id), process.execPath, PROGRAM, ...flags]);
    return new TestNode(id, `http://${http}`, peer, dataDir, argv, launch);
  }

  #space(id: string): string {
    return `${this.#prefix}-${id}`;
  }

  #make(): void {
    const bridge = `${this.#prefix}-br`;
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.#subnet}.254/24`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    for (const id of IDS) {
      const space = this.#space(id);
      ip('netns', 'add', space);
      mkdirSync(join(FILES, space), { recursive: true });
      ip('link', 'add', `${this.#prefix}-v${id}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
      ip('link', 'set', `${this.#prefix}-v${id}`, 'master', bridge, 'up');
      ip('-n', space, 'addr', 'add', `${this.#hosts.get(id)}/24`, 'dev', 'eth0');
      ip('-n', space, 'link', 'set', 'lo', 'up');
      ip('-n', space, 'link', 'set', 'eth0', 'up');
    }
    this.#writeNames();
  }

  /** Written in place: running processes see the file itself, mounted over theirs. */
  #writeNames(): void {
    const names = [...this.#hosts].map(([id, host]) => `${host} ${id}.leasehold.test\n`).join('');
    for (const id of IDS) writeFileSync(join(FILES, this.#space(id), 'hosts'), `127.0.0.1 localhost\n${names}`);
  }

  #remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    process.removeListener('exit', this.#atExit);
    for (const id of IDS) {
      // The interface goes with its namespace only when the last process in it has ended, so it is removed by itself.
      spawnSync('ip', ['link', 'del', `${this.#prefix}-v${id}`]);
      spawnSync('ip', ['netns', 'del', this.#space(id)]);
      rmSync(join(FILES, this.#space(id)), { recursive: true, force: true });
    }
    spawnSync('ip', ['link', 'del', `${this.#prefix}-br`]);
  }
}
