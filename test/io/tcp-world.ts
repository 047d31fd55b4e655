// Real transports on this machine whose every connection runs through a relay, which can hold bytes back and reset connections.
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { MemberAddress, PeerInfo, Transport, TransportEvents } from '../../src/env.ts';
import { realClock } from '../../src/io/clock.ts';
import { codec } from '../../src/io/codec.ts';
import { realRandom } from '../../src/io/random.ts';
import { openTransport, type TcpTransport, type TransportOptions } from '../../src/io/transport.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { TransportWorld } from './transport.suite.ts';

const NODES: readonly NodeId[] = [1, 2, 3];
const UNTIL_MAX_MS = 15_000;
const HOST = '127.0.0.1';

/** A connection through a relay: the sockets of the two nodes at its ends. */
interface Passage {
  readonly ends: ReadonlyMap<NodeId, Socket>;
  /** Directions of which bytes were lost: the stream has a hole, so nothing of it can be delivered any more. */
  readonly lost: Set<string>;
}

interface Running {
  readonly transport: TcpTransport;
  dead: boolean;
}

export class TcpWorld implements TransportWorld {
  readonly #limits: TransportOptions['limits'];
  /** Relay for the dials of the first node to the second, by `1 2`. */
  readonly #relays = new Map<string, Server>();
  readonly #passages = new Set<Passage>();
  readonly #blocked = new Set<string>();
  readonly #swallowed = new Set<string>();
  readonly #running = new Map<NodeId, Running>();
  readonly #closing: Promise<void>[] = [];

  private constructor(limits: TransportOptions['limits']) {
    this.#limits = limits;
  }

  static async begin(limits: TransportOptions['limits'] = {}): Promise<TcpWorld> {
    const world = new TcpWorld(limits);
    for (const from of NODES) {
      for (const to of NODES) {
        if (from !== to) world.#relays.set(`${from} ${to}`, await listening((socket) => world.#relay(socket, from, to)));
      }
    }
    return world;
  }

  async open(
    node: NodeId,
    { peers, ...more }: Partial<TransportOptions> & { readonly peers?: MemberAddress[] } = {},
  ): Promise<TcpTransport> {
    const transport = await openTransport({
      self: this.info(node),
      cluster: 'blue',
      listen: { host: HOST, port: 0 },
      vetPeer: async () => true,
      clock: realClock,
      random: realRandom(),
      codec,
      ...(this.#limits === undefined ? {} : { limits: this.#limits }),
      ...more,
    });
    transport.setMembers(peers ?? NODES.map((peer) => this.member(node, peer)), NODES.length);
    const running: Running = { transport, dead: false };
    this.#running.set(node, running);
    return muted(running);
  }

  info(node: NodeId): PeerInfo {
    return { node, name: `n${node}`, http: `${HOST}:${7800 + node}`, disk: `disk-${node}` };
  }

  /** A member as `from` finds it. */
  member(from: NodeId, node: NodeId, disk: string | null = null): MemberAddress {
    return { node, name: `n${node}`, peer: `${HOST}:${this.#relayPort(from, node)}`, disk };
  }

  /** The port at which `node` itself listens. */
  port(node: NodeId): number {
    return this.#running.get(node)?.transport.port ?? 0;
  }

  kill(node: NodeId): void {
    const running = this.#running.get(node);
    if (running === undefined) return;
    running.dead = true;
    this.#running.delete(node);
    for (const passage of [...this.#passages]) if (passage.ends.has(node)) this.#break(passage);
    this.#closing.push(new Promise((resolve) => running.transport.close(resolve)));
  }

  reset(one: NodeId, other: NodeId): void {
    for (const passage of [...this.#passages]) if (passage.ends.has(one) && passage.ends.has(other)) this.#break(passage);
  }

  block(from: NodeId, to: NodeId): void {
    this.#blocked.add(`${from} ${to}`);
    for (const { ends } of this.#passages) if (ends.has(to)) ends.get(from)?.pause();
  }

  unblock(from: NodeId, to: NodeId): void {
    this.#blocked.delete(`${from} ${to}`);
    for (const { ends } of this.#passages) if (ends.has(to)) ends.get(from)?.resume();
  }

  /** Bytes from one node to another vanish, of connections that stand and of new ones. Neither end is notified. */
  swallow(from: NodeId, to: NodeId): void {
    this.#swallowed.add(`${from} ${to}`);
  }

  /** New connections deliver again. Those that lost bytes stay silent for ever, as behind a firewall that has forgotten them. */
  deliver(from: NodeId, to: NodeId): void {
    this.#swallowed.delete(`${from} ${to}`);
  }

  async until(condition: () => boolean): Promise<boolean> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > UNTIL_MAX_MS) return false;
      await this.pass(2);
    }
    return true;
  }

  pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, delayMs));
  }

  async end(): Promise<void> {
    for (const node of NODES) this.kill(node);
    await Promise.all(this.#closing);
    for (const relay of this.#relays.values()) await new Promise((resolve) => relay.close(resolve));
  }

  #relay(dialler: Socket, from: NodeId, to: NodeId): void {
    const port = this.port(to);
    if (port === 0 || !this.#running.has(from)) {
      dialler.resetAndDestroy();
      return;
    }
    const target = connect({ host: HOST, port });
    const passage: Passage = {
      ends: new Map([
        [from, dialler],
        [to, target],
      ]),
      lost: new Set(),
    };
    this.#passages.add(passage);
    for (const [node, near, far] of [
      [from, dialler, target],
      [to, target, dialler],
    ] as const) {
      const onward = near === dialler ? to : from;
      near.setNoDelay(true);
      near.on('data', (chunk) => {
        const direction = `${node} ${onward}`;
        if (this.#swallowed.has(direction)) passage.lost.add(direction);
        if (passage.lost.has(direction)) return;
        if (!far.write(chunk)) near.pause();
      });
      far.on('drain', () => {
        if (!this.#blocked.has(`${node} ${onward}`)) near.resume();
      });
      near.on('error', () => this.#break(passage));
      near.on('close', () => this.#break(passage));
      if (this.#blocked.has(`${node} ${onward}`)) near.pause();
    }
  }

  #break(passage: Passage): void {
    if (!this.#passages.delete(passage)) return;
    for (const socket of passage.ends.values()) socket.resetAndDestroy();
  }

  #relayPort(from: NodeId, to: NodeId): number {
    const address = this.#relays.get(`${from} ${to}`)?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }
}

/** A dead process tells nobody anything. */
function muted(running: Running): TcpTransport {
  const { transport } = running;
  return {
    counters: transport.counters,
    port: transport.port,
    start(events: TransportEvents): void {
      transport.start({
        frame: (from, frame) => running.dead || events.frame(from, frame),
        up: (peer) => running.dead || events.up(peer),
        down: (peer) => running.dead || events.down(peer),
        refused: (peer, reason) => running.dead || events.refused(peer, reason),
      });
    },
    setMembers: (members, greatest) => running.dead || transport.setMembers(members, greatest),
    send: (to, frame) => !running.dead && transport.send(to, frame),
    close: (done) => transport.close(done),
  } satisfies Transport & { counters: unknown; port: number };
}

function listening(take: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(take);
    server.once('error', reject);
    server.listen({ host: HOST, port: 0 }, () => resolve(server));
  });
}
