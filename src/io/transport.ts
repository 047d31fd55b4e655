// The network between nodes: frames over TCP, one connection for each pair, bounded queues, dropping rather than growing.
//
// Not here: encryption and proof of identity. Who can reach the port and knows the cluster's id can pose as a member; keep the port
// on a network of the members' own.
import { randomBytes } from 'node:crypto';
import { createServer, type LookupFunction, type Server, type Socket } from 'node:net';
import { type Address, addressOf } from '../config.ts';
import type { Cancel, Clock, Codec, MemberAddress, PeerFrame, PeerInfo, Random, Transport, TransportEvents } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import { PeerNames } from './peer-names.ts';
import { sweepIntervalMs } from './silence.ts';
import { Greeting, type GreetingOwner, type House } from './transport-greeting.ts';
import { GREETING_MAX_BYTES, type Hello, type Refusal } from './transport-hello.ts';
import { newCounters, TRANSPORT_LIMITS, type TransportCounters, type TransportLimits } from './transport-limits.ts';
import { Link } from './transport-link.ts';
import { listen } from './transport-listen.ts';
import { Peer, type PeerHost } from './transport-peer.ts';
import { Wire } from './wire.ts';

export interface TransportOptions {
  readonly self: PeerInfo;
  /** The cluster's id, the same on all its members. */
  readonly cluster: string;
  readonly listen: Address;
  /** See {@link House.vetPeer}. A rejection closes the connection and is tried again. */
  vetPeer(name: string, disk: string, node: NodeId): Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  /** Finds the address of a peer's name; the system's resolver if absent. */
  readonly lookup?: LookupFunction;
  readonly limits?: Partial<TransportLimits>;
}

/** A transport that can be looked into. */
export interface TcpTransport extends Transport {
  readonly counters: Readonly<TransportCounters>;
  /** Where it listens: the port that was drawn when 0 was asked for. */
  readonly port: number;
}

/** Binds the port. Rejects with an error for people when that cannot be done. */
export async function openTransport(options: TransportOptions): Promise<TcpTransport> {
  const server = createServer();
  const limits = { ...TRANSPORT_LIMITS, ...options.limits };
  server.maxConnections = limits.connectionsMax;
  const transport = new Sockets(server, options, limits);
  await listen(server, options.listen, limits.backlogMax);
  return transport;
}

class Sockets implements TcpTransport, GreetingOwner {
  readonly counters: TransportCounters = newCounters();
  readonly #server: Server;
  readonly #house: House & { members: readonly MemberAddress[]; greatest: NodeId };
  readonly #peers = new Map<NodeId, Peer>();
  readonly #options: TransportOptions;
  /** Every connection that lives. */
  readonly #links = new Set<Link>();
  /** Connections that came in and have not been accepted, oldest first. */
  readonly #strangers = new Set<Link>();
  readonly #told = new Set<string>();
  readonly #names: PeerNames;
  #events: TransportEvents | null = null;
  #host: PeerHost | null = null;
  #startedMs = 0;
  /** Whether any peer has ever accepted this process. */
  #met = false;
  /** Whether the members that this node knows of are of a time before it was one. */
  #isNewcomer = false;
  #stopSweeping: Cancel = () => {};
  /** Who waits for the end; null before close. */
  #closing: (() => void)[] | null = null;
  #stopClosing: Cancel = () => {};
  #unbound = false;
  #closed = false;

  constructor(server: Server, options: TransportOptions, limits: TransportLimits) {
    this.#server = server;
    this.#options = options;
    const { self, cluster, codec, clock } = options;
    this.#names = new PeerNames(options.lookup);
    this.#house = {
      self,
      cluster,
      members: [],
      greatest: 0,
      instance: randomBytes(8).toString('hex'),
      codec,
      clock,
      limits,
      counters: this.counters,
      vetPeer: (name, disk, node) => options.vetPeer(name, disk, node),
    };
    server.on('connection', (socket) => this.#receive(socket));
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  start(events: TransportEvents): void {
    if (this.#events !== null || this.#closing !== null) return;
    this.#events = events;
    this.#startedMs = this.#house.clock.now();
    const { self, codec, random } = this.#options;
    this.#host = {
      house: this.#house,
      wire: new Wire(self.node, codec, this.#house.limits.frameMaxBytes),
      random,
      names: this.#names,
      owner: this,
      events,
      adopt: (link: Link) => this.#adopt(link),
      release: (peer: Peer) => {
        if (this.#peers.get(peer.node) === peer) this.#peers.delete(peer.node);
      },
    };
    this.#meetMembers();
    this.#sweepLater();
  }

  setMembers(members: readonly MemberAddress[], greatest: NodeId): void {
    if (this.#closing !== null) return;
    this.#house.members = members.filter((member) => member.node !== this.#house.self.node);
    this.#house.greatest = greatest;
    this.#isNewcomer = !members.some((member) => member.node === this.#house.self.node);
    if (this.#events !== null) this.#meetMembers();
  }

  /**
   * Dials new members, and disconnects peers that are not members or were met on another disk than the member's. An unknown peer that has
   * the number of a new member whose disk is not known must introduce itself again: then its name and disk are checked.
   */
  #meetMembers(): void {
    const { members, greatest } = this.#house;
    for (const [node, peer] of [...this.#peers]) {
      const member = members.find((known) => known.node === node);
      const isForeign = member === undefined ? node <= greatest : peer.mustIntroduceItself(member);
      if (!isForeign) continue;
      this.#peers.delete(node);
      this.#part(peer);
    }
    for (const { node, name, peer: text } of members) {
      const address = addressOf(text);
      const known = this.#peers.get(node);
      if (known !== undefined) known.locate(address);
      else this.#addPeer(node, name, address)?.dial();
    }
  }

  #addPeer(node: NodeId, name: string, address: Address | null): Peer | undefined {
    if (this.#host === null || this.#closing !== null) return undefined;
    const peer = new Peer(node, name, address, this.#host);
    this.#peers.set(node, peer);
    return peer;
  }

  /** What is queued still goes out: it may be the answer to the request that removed the peer. */
  #part(peer: Peer): void {
    const link = peer.stop();
    if (link === null) return;
    link.end();
    this.#house.clock.after(this.#house.limits.closeMaxMs, () => link.close());
    this.#events?.down(peer.node);
  }

  send(to: NodeId, frame: PeerFrame): boolean {
    return this.#peers.get(to)?.send(frame) ?? false;
  }

  close(done: () => void): void {
    if (this.#closed) {
      process.nextTick(done);
      return;
    }
    if (this.#closing !== null) {
      this.#closing.push(done);
      return;
    }
    this.#closing = [done];
    this.#stopSweeping();
    for (const peer of this.#peers.values()) peer.stop()?.end();
    for (const stranger of [...this.#strangers]) stranger.close();
    this.#stopClosing = this.#house.clock.after(this.#house.limits.closeMaxMs, () => {
      for (const link of [...this.#links]) link.close();
    });
    this.#server.close(() => {
      this.#unbound = true;
      this.#settleClose();
    });
  }

  #settleClose(): void {
    if (!this.#unbound || this.#links.size > 0 || this.#closed) return;
    this.#closed = true;
    this.#stopClosing();
    for (const done of this.#closing ?? []) done();
  }

  // -------------------------------------------------------------- greetings

  dials(node: NodeId): number {
    return this.#peers.get(node)?.dials ?? 0;
  }

  heard(greeting: Greeting, hello: Hello): boolean {
    const { node, name } = hello.peer;
    const { members, limits } = this.#house;
    // Whoever is no member now was one of these until the log told more.
    const hasRoom = this.#peers.size < members.length + limits.strangersMax;
    return (this.#peers.get(node) ?? (hasRoom ? this.#addPeer(node, name, null) : undefined))?.heard(greeting, hello) ?? false;
  }

  accepted(greeting: Greeting, hello: Hello): void {
    this.#strangers.delete(greeting.link);
    this.#met = true;
    this.#peers.get(hello.peer.node)?.accepted(greeting, hello);
  }

  failed(greeting: Greeting, refusal: Refusal | null): void {
    const node = greeting.dialled ?? greeting.hello?.peer.node;
    if (node === undefined) return;
    this.#peers.get(node)?.failed(greeting, refusal);
    // Anybody can call as a member that this node does not know yet, and then refuse it.
    const isMember = greeting.dialled !== null || this.#house.members.some((member) => member.node === node);
    if (refusal !== null && isMember) this.#tell(node, refusal);
  }

  /**
   * A refusal for this node's directory, or because it was removed, is final. Any other may be the mistake of the side that refuses (a stranger at a peer's address,
   * a peer of another release): it is reported only by a node that no peer has accepted, and not before they had a chance to.
   */
  #tell(node: NodeId, refusal: Refusal): void {
    const { clock, limits } = this.#house;
    // Where an old member was, somebody else may be by now.
    if (refusal.code === 'number' && this.#isNewcomer) return;
    if (refusal.code !== 'directory' && refusal.code !== 'removed' && (this.#met || clock.now() - this.#startedMs < limits.refusalGraceMs))
      return;
    const key = `${node} ${refusal.text}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#events?.refused(node, refusal.text);
  }

  // -------------------------------------------------------------- connections

  #receive(socket: Socket): void {
    // Before the start there is nobody to answer; this node will dial all peers itself.
    if (this.#events === null || this.#closing !== null) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    if (this.#strangers.size >= this.#house.limits.greetingsMax) {
      const [oldest] = this.#strangers;
      this.counters.timedOut++;
      oldest?.close();
    }
    const link = new Link(socket, GREETING_MAX_BYTES, this.#house.limits, this.counters);
    this.#adopt(link);
    this.#strangers.add(link);
    new Greeting(link, null, this.#house, this);
  }

  #adopt(link: Link): void {
    this.#links.add(link);
    link.onGone = () => {
      this.#links.delete(link);
      this.#strangers.delete(link);
      this.#settleClose();
    };
  }

  #sweepLater(): void {
    const { clock, limits } = this.#house;
    const sweepMs = sweepIntervalMs(limits);
    this.#stopSweeping = clock.after(sweepMs, () => {
      for (const link of [...this.#links]) link.sweep(sweepMs);
      this.#sweepLater();
    });
  }
}
