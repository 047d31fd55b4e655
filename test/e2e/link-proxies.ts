// Real nodes whose every connection to a peer passes through a proxy of this process, one for each ordered pair of nodes.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { agreedLeader, TestCluster, TestNode } from './cluster.ts';
import type { CutLinks } from './cut-links.ts';

const HOST = '127.0.0.1';

export class LinkProxies implements CutLinks {
  nodes: readonly TestNode[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #swallowed = new Set<string>();

  /**
   * Starts a cluster in the usual way, then again with other addresses of the peers for each node: all nodes must be given the same ones
   * at the first start.
   */
  static async start(): Promise<LinkProxies> {
    const links = new LinkProxies();
    const { nodes } = await TestCluster.start();
    await Promise.all(nodes.map((node) => node.end('SIGTERM')));
    links.nodes = await Promise.all(
      nodes.map(async (node) => {
        const members = await Promise.all(
          nodes.map(async (peer) => `${peer.id}=${peer === node ? peer.peer : await links.#proxy(node, peer)}`),
        );
        const argv = node.argv.map((value, at) => (node.argv[at - 1] === '--members' ? members.join(',') : value));
        return new TestNode(node.id, node.url, node.peer, node.dataDir, argv);
      }),
    );
    await agreedLeader(links.nodes);
    return links;
  }

  swallow(from: string, to: string): void {
    this.#swallowed.add(`${from} ${to}`);
  }

  deliver(): void {
    this.#swallowed.clear();
  }

  async end(): Promise<void> {
    for (const node of this.nodes) if (!node.process.hasEnded) await node.end('SIGKILL');
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Where `from` finds `to`. */
  #proxy(from: TestNode, to: TestNode): Promise<string> {
    const server = createServer({ allowHalfOpen: true }, (dialler) => {
      const target = connect({ host: HOST, port: Number(to.peer.split(':').at(-1)), allowHalfOpen: true });
      this.#pass(dialler, target, `${from.id} ${to.id}`);
      this.#pass(target, dialler, `${to.id} ${from.id}`);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: HOST, port: 0 }, () => {
        const address = server.address();
        resolve(`${HOST}:${typeof address === 'object' && address !== null ? address.port : 0}`);
      });
    });
  }

  /** A connection that lost a byte, or its end, delivers nothing any more in this direction: the stream has a hole. */
  #pass(near: Socket, far: Socket, direction: string): void {
    let isLost = false;
    const swallows = (): boolean => {
      isLost ||= this.#swallowed.has(direction);
      return isLost;
    };
    this.#sockets.add(near);
    near.setNoDelay(true);
    near.on('data', (chunk) => {
      if (!swallows() && !far.write(chunk)) near.pause();
    });
    far.on('drain', () => near.resume());
    near.on('end', () => swallows() || far.end());
    near.on('error', () => {});
    near.on('close', () => {
      this.#sockets.delete(near);
      if (!swallows()) far.destroy();
    });
  }
}
