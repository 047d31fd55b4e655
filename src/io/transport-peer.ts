// One peer: at most one connection that stands and one that is being made. Either side may dial; the younger process, or else the
// younger attempt, has the last word.
import { connect } from 'node:net';
import type { Address } from '../config.ts';
import type { Cancel, MemberAddress, PeerFrame, Random, TransportEvents } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import type { PeerNames } from './peer-names.ts';
import { Greeting, type GreetingOwner, type House } from './transport-greeting.ts';
import { GREETING_MAX_BYTES, type Hello, type Refusal } from './transport-hello.ts';
import { Link } from './transport-link.ts';
import type { Wire } from './wire.ts';

/** What a peer needs of its transport. */
export interface PeerHost {
  readonly house: House;
  readonly wire: Wire;
  readonly random: Random;
  readonly names: PeerNames;
  readonly owner: GreetingOwner;
  readonly events: TransportEvents;
  /** Every connection is swept while it lives. */
  adopt(link: Link): void;
  /** A peer that is never dialled has no connection any more: its place is free for another one. */
  release(peer: Peer): void;
}

export class Peer {
  readonly node: NodeId;
  readonly name: string;
  /** How often this process has dialled the peer. */
  dials = 0;
  readonly #host: PeerHost;
  /** Null for a stranger that came by itself: it is never dialled. */
  #address: Address | null;
  #link: Link | null = null;
  #standsSinceMs = 0;
  /** The connection that is being made. Invariant: null while {@link Peer.#retry} is set. */
  #candidate: Greeting | null = null;
  #retry: Cancel | null = null;
  /** Attempts that have failed since a connection last stood for a while. */
  #failures = 0;
  /** The process at the other end of #link, and how often it had dialled when it was accepted. */
  #instance = '';
  #disk = '';
  #dialHeard = 0;
  #stopped = false;

  constructor(node: NodeId, name: string, address: Address | null, host: PeerHost) {
    this.node = node;
    this.name = name;
    this.#address = address;
    this.#host = host;
  }

  get connected(): boolean {
    return this.#link !== null;
  }

  /** Whether the connection that stands was not made by `member`, or might not have been. */
  mustIntroduceItself({ name, disk }: MemberAddress): boolean {
    if (this.#link === null) return name !== this.name;
    return name !== this.name || (disk === null ? this.#address === null : this.#disk !== disk);
  }

  /** Where it is to be found from now on. */
  locate(address: Address | null): void {
    const isSame = address?.host === this.#address?.host && address?.port === this.#address?.port;
    this.#address = address;
    if (isSame || address === null) return;
    this.#failures = 0;
    this.#retry?.();
    this.#retry = null;
    if (this.#link === null && this.#candidate === null) this.dial();
  }

  dial(): void {
    this.#retry = null;
    if (this.#address === null) return;
    this.dials++;
    const { house, owner, names } = this.#host;
    // The name is resolved at every dial: the peer may have moved.
    const lookup = names.lookup();
    const socket = connect({ ...this.#address, lookup: lookup.find });
    const link = new Link(socket, GREETING_MAX_BYTES, house.limits, house.counters);
    this.#host.adopt(link);
    const greeting = new Greeting(link, this.node, house, owner);
    this.#candidate = greeting;
    const stopTimer = house.clock.after(house.limits.connectMaxMs, () => {
      house.counters.timedOut++;
      link.close();
    });
    socket.once('connect', () => {
      stopTimer();
      greeting.introduce(this.node);
    });
    socket.once('close', () => {
      stopTimer();
      lookup.cancel();
    });
  }

  /** False when no connection stands or the queue is full. */
  send(frame: PeerFrame): boolean {
    const { wire, house } = this.#host;
    const link = this.#link;
    if (link !== null) {
      let pieces: ReturnType<Wire['encode']>;
      try {
        pieces = wire.encode(frame);
      } catch {
        house.counters.framesUnsendable++;
        return false;
      }
      if (link.send(pieces, frame.kind === 'image' ? 'images' : 'main')) {
        house.counters.framesSent++;
        return true;
      }
    }
    house.counters.framesDropped++;
    return false;
  }

  /** Whether `greeting` may go on; one that it displaces is abandoned. */
  heard(greeting: Greeting, hello: Hello): boolean {
    if (greeting === this.#candidate) return true;
    const { house } = this.#host;
    // The peer made this attempt before it accepted what stands: it is no news that the connection is lost.
    if (this.#link !== null && hello.instance === this.#instance && hello.dial <= this.#dialHeard) return false;
    const rival = this.#candidate;
    if (rival?.dialled === null) {
      if (rival.hello?.instance === hello.instance && hello.dial <= rival.hello.dial) return false;
    } else if (rival !== null && rival !== undefined && rival.helloSentMs !== null && house.self.node < this.node) {
      // Both dial at once. Each would drop one connection, and without a rule each another one.
      if (house.clock.now() - rival.helloSentMs < house.limits.precedenceMs) return false;
    }
    rival?.abandon();
    this.#retry?.();
    this.#retry = null;
    this.#candidate = greeting;
    return true;
  }

  /** The connection of `greeting` stands from now on. */
  accepted(greeting: Greeting, hello: Hello): void {
    const { house, events } = this.#host;
    this.#candidate = null;
    const old = this.#link;
    if (old !== null) {
      this.#link = null;
      old.onClosed = () => {};
      old.close();
      events.down(this.node);
    }
    const { link } = greeting;
    this.#link = link;
    this.#instance = hello.instance;
    this.#disk = hello.peer.disk;
    this.#dialHeard = hello.dial;
    this.#standsSinceMs = house.clock.now();
    link.trust();
    link.onFrame = (kind, body) => this.#take(link, kind, body);
    link.onClosed = () => this.#lost();
    events.up(hello.peer);
  }

  failed(greeting: Greeting, refusal: Refusal | null): void {
    if (greeting !== this.#candidate) return;
    this.#candidate = null;
    // Who was refused will be refused again: no hurry.
    this.#failures = refusal === null ? this.#failures + 1 : Number.POSITIVE_INFINITY;
    this.#plan();
  }

  /** Ends all attempts and gives back the connection that stands, if any. No event comes from here any more. */
  stop(): Link | null {
    this.#stopped = true;
    this.#retry?.();
    this.#candidate?.abandon();
    const link = this.#link;
    if (link !== null) link.onClosed = () => {};
    this.#link = null;
    return link;
  }

  #take(link: Link, kind: number, body: Buffer): void {
    const { wire, house, events } = this.#host;
    let frame: PeerFrame;
    try {
      frame = wire.decode(kind, body, this.node);
    } catch {
      link.malformed();
      return;
    }
    house.counters.framesReceived++;
    events.frame(this.node, frame);
  }

  #lost(): void {
    const { house, events } = this.#host;
    this.#link = null;
    this.#failures = house.clock.now() - this.#standsSinceMs >= house.limits.steadyAfterMs ? 0 : this.#failures + 1;
    this.#plan();
    events.down(this.node);
  }

  #plan(): void {
    if (!this.#stopped && this.#address === null && this.#link === null && this.#candidate === null) this.#host.release(this);
    if (this.#stopped || this.#address === null || this.#link !== null || this.#candidate !== null || this.#retry !== null) return;
    const { house, random } = this.#host;
    const { redialLeastMs, redialMostMs } = house.limits;
    const waitMs = Math.ceil(Math.min(redialMostMs, redialLeastMs * 2 ** this.#failures) / 2);
    this.#retry = house.clock.after(waitMs + random.below(waitMs + 1), () => this.dial());
  }
}
