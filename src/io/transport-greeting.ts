// The first frames of a connection: hello, hello, ready. After them both sides know whom they talk to; or the connection is closed.
//
//   dialler                          acceptor
//   hello  ------------------------>  is it a member, with its own directory, and not out of date?
//   the same questions  <-----------  hello
//   ready  ------------------------>  up
//   up
import type { Clock, Codec } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import {
  type Circle,
  directoryRefusal,
  GREETING_KINDS,
  type Hello,
  helloFrame,
  objection,
  PROTOCOL_VERSION,
  type Refusal,
  readHello,
  readRefusal,
  readyFrame,
  refusedFrame,
} from './transport-hello.ts';
import type { TransportCounters, TransportLimits } from './transport-limits.ts';
import type { Link } from './transport-link.ts';

/** What all greetings of a node share. */
export interface House extends Circle {
  /** Drawn anew by every process. */
  readonly instance: string;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  /**
   * Whether `disk` is the data directory that is known for the member `name`, or the first that is seen for it. Asked only where the
   * list of members does not say.
   */
  vetPeer(name: string, disk: string, node: NodeId): Promise<boolean>;
}

/** Who decides about a greeting. */
export interface GreetingOwner {
  /** How often `node` has been dialled by now. */
  dials(node: NodeId): number;
  /** The other side is a member. False when another connection to it has precedence: this one is closed without a word. */
  heard(greeting: Greeting, hello: Hello): boolean;
  /** Both sides have accepted each other. */
  accepted(greeting: Greeting, hello: Hello): void;
  /** The connection is gone before that. `refusal` is what the other side gave as a reason, null when it gave none. */
  failed(greeting: Greeting, refusal: Refusal | null): void;
}

export class Greeting {
  readonly link: Link;
  /** Whom this node called; null when it was called. */
  readonly dialled: NodeId | null;
  /** When this node introduced itself; null before. */
  helloSentMs: number | null = null;
  /** What the other side said, once it has been heard. */
  hello: Hello | null = null;
  readonly #house: House;
  readonly #owner: GreetingOwner;
  readonly #stopTimer: () => void;
  #stage: 'hello' | 'vetting' | 'ready' | 'over' = 'hello';

  /** Takes over what `link` reports. */
  constructor(link: Link, dialled: NodeId | null, house: House, owner: GreetingOwner) {
    this.link = link;
    this.dialled = dialled;
    this.#house = house;
    this.#owner = owner;
    this.#stopTimer = house.clock.after(house.limits.greetingMaxMs, () => {
      house.counters.timedOut++;
      link.close();
    });
    link.onFrame = (kind, body) => this.#take(kind, body);
    link.onClosed = () => this.#over(null);
  }

  /** The dialler speaks first, once it is connected. */
  introduce(to: NodeId): void {
    const { codec, cluster, self, instance, clock } = this.#house;
    this.helloSentMs = clock.now();
    const dial = this.#owner.dials(to);
    this.link.send([helloFrame({ version: PROTOCOL_VERSION, cluster, peer: self, expected: to, instance, dial }, codec)], 'main');
  }

  /** Closes without telling anybody. */
  abandon(): void {
    this.#stage = 'over';
    this.#stopTimer();
    this.link.onClosed = () => {};
    this.link.close();
  }

  #take(kind: number, body: Buffer): void {
    if (kind === GREETING_KINDS.ready && this.#stage === 'ready' && body.length === 0) this.#accept();
    else if (kind === GREETING_KINDS.hello && this.#stage === 'hello') this.#hear(body);
    else if (kind === GREETING_KINDS.refused && (this.dialled !== null || this.#stage === 'ready')) this.#takeRefusal(body);
    else this.link.malformed();
  }

  #hear(body: Buffer): void {
    let hello: ReturnType<typeof readHello>;
    try {
      hello = readHello(body, this.#house.codec);
    } catch {
      this.link.malformed();
      return;
    }
    const refusal = objection(hello, this.#house, this.dialled);
    if (refusal !== null || hello.cluster === null) {
      if (refusal !== null) this.#refuse(refusal);
      return;
    }
    this.hello = hello;
    if (!this.#owner.heard(this, hello)) {
      this.link.close();
      return;
    }
    this.#stage = 'vetting';
    const { node, name, disk } = hello.peer;
    const member = this.#house.members.find((known) => known.node === node);
    if (member?.disk !== null) {
      this.#vetted(hello, true);
      return;
    }
    this.#house.vetPeer(name, disk, node).then(
      (known) => this.#vetted(hello, known),
      () => this.link.close(),
    );
  }

  #vetted(hello: Hello, known: boolean): void {
    if (this.#stage !== 'vetting' || this.link.closed) return;
    if (!known) {
      this.#refuse(directoryRefusal(hello.peer.name, this.#house.self.name));
    } else if (this.dialled === null) {
      this.#stage = 'ready';
      this.introduce(hello.peer.node);
    } else {
      this.link.send([readyFrame()], 'main');
      this.#accept();
    }
  }

  #accept(): void {
    const hello = this.hello;
    if (hello === null) return;
    this.#stage = 'over';
    this.#stopTimer();
    this.#owner.accepted(this, hello);
  }

  /** The timer goes on: it ends the goodbye when the other side does not. */
  #refuse(refusal: Refusal): void {
    this.#house.counters.refusalsSent++;
    this.#stage = 'vetting';
    this.link.send([refusedFrame(refusal, this.#house.codec)], 'main');
    this.link.end();
  }

  #takeRefusal(body: Buffer): void {
    let refusal: Refusal;
    try {
      refusal = readRefusal(body, this.#house.codec);
    } catch {
      this.link.malformed();
      return;
    }
    this.#house.counters.refusalsReceived++;
    this.#over(refusal);
    this.link.close();
  }

  #over(refusal: Refusal | null): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#stopTimer();
    this.#owner.failed(this, refusal);
  }
}
