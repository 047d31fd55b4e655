// Three real replicas in virtual time, with logs in memory, a network that can be cut and disks that can be held up.

import type { PeerFrame, PeerInfo, RoomProbe, Transport, TransportEvents } from '../../src/env.ts';
import { ManualClock, MemoryDisk } from '../../src/index.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { MemoryLogStore } from '../../src/io/memory-log-store.ts';
import { type Embedded, embed } from '../../src/library/embedded.ts';
import type { ReplicaEvent } from '../../src/replica/config.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { RoomLimits } from '../../src/replica/room.ts';
import { SeededRandom } from '../sim/random.ts';

const IDS = [1, 2, 3] as const;
/** How long a frame is on its way, in milliseconds. */
const FRAME_MS = 1;

/** The least election timeout of its nodes, in milliseconds. */
export const ELECTION_MS = 500;

/** What its nodes are given beside the usual. */
export interface VirtualOptions {
  readonly room?: Partial<RoomLimits>;
  readonly probe?: (node: number) => RoomProbe;
  readonly onEvent?: (node: number, event: ReplicaEvent) => void;
}

export class VirtualNode {
  readonly id: number;
  readonly replica: Replica;
  readonly library: Embedded;
  readonly #held: (() => void)[];
  #stalled: boolean;

  constructor(id: number, cluster: VirtualCluster, transport: Transport, options: VirtualOptions) {
    this.id = id;
    const held: (() => void)[] = [];
    this.#held = held;
    this.#stalled = false;
    const { clock } = cluster;
    const random = new SeededRandom(id);
    const store = new MemoryLogStore(new MemoryDisk(), checksum, (run) => {
      if (this.#stalled) held.push(run);
      else clock.soon(run);
    });
    this.replica = new Replica(
      { clock, random, store, transport, codec, checksum, ...(options.probe === undefined ? {} : { room: options.probe(id) }) },
      {
        node: id,
        name: `n${id}`,
        http: '',
        disk: `disk-${id}`,
        founders: IDS.map((node) => ({ node, name: `n${node}`, peer: '' })),
        heartbeatMs: 50,
        room: options.room ?? {},
        onEvent: (event) => options.onEvent?.(id, event),
        electionTimeoutMs: ELECTION_MS,
        onFatal: (error) => {
          throw error;
        },
      },
    );
    this.library = embed(this.replica, clock, random);
  }

  /** From now on no write to its disk comes to an end, until `resume`. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    for (const run of this.#held.splice(0)) setImmediate(run);
  }

  get leads(): boolean {
    return this.replica.leader === this.replica.node;
  }
}

/** The cluster and the network between its nodes. */
export class VirtualCluster {
  readonly clock = new ManualClock();
  readonly nodes: readonly VirtualNode[];
  readonly #events = new Map<number, TransportEvents>();
  readonly #cut = new Set<number>();

  private constructor(options: VirtualOptions) {
    this.nodes = IDS.map((id) => new VirtualNode(id, this, this.#transport(id), options));
  }

  static async start(options: VirtualOptions = {}): Promise<VirtualCluster> {
    const cluster = new VirtualCluster(options);
    for (const { replica } of cluster.nodes) {
      await new Promise<void>((resolve, reject) => replica.start((error) => (error === undefined ? resolve() : reject(error))));
    }
    await cluster.until(() => cluster.nodes.every(({ replica }) => replica.leader !== '' && replica.appliedIndex > 0));
    // Lease time stands still for an election timeout after a promotion; most tests want it to run.
    await cluster.clock.advance(2 * ELECTION_MS);
    return cluster;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.resume();
    const stopped = this.nodes.map(({ replica }) => new Promise<void>((resolve) => replica.stop(resolve)));
    let done = false;
    void Promise.all(stopped).then(() => {
      done = true;
    });
    await this.until(() => done);
  }

  /** Moves time on in small steps until it holds, at most `limitMs` of it. */
  async until(holds: () => boolean, limitMs = 60_000): Promise<void> {
    for (let passedMs = 0; !holds(); passedMs += 10) {
      if (passedMs > limitMs) throw new Error(`it did not hold within ${limitMs} ms`);
      await this.clock.advance(10);
    }
  }

  /** Moves time on until the promise is settled; gives what came of it. */
  async settled<Result>(promise: Promise<Result>, limitMs?: number): Promise<{ readonly value: Result } | { readonly error: unknown }> {
    let outcome: { value: Result } | { error: unknown } | undefined;
    void promise.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await this.until(() => outcome !== undefined, limitMs);
    return outcome as { value: Result } | { error: unknown };
  }

  /** The same for a promise that must be fulfilled. */
  async done<Result>(promise: Promise<Result>, limitMs?: number): Promise<Result> {
    const outcome = await this.settled(promise, limitMs);
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** The node of the greatest term that leads. */
  get leader(): VirtualNode {
    const leading = this.nodes.filter((node) => node.leads && !this.#cut.has(node.id));
    const leader = leading.sort((left, right) => right.replica.term - left.replica.term)[0];
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  get followers(): readonly [VirtualNode, VirtualNode] {
    const { leader } = this;
    return this.nodes.filter((node) => node !== leader) as unknown as readonly [VirtualNode, VirtualNode];
  }

  /** From now on no frame reaches it or leaves it, and nobody is told. */
  cut(node: VirtualNode): void {
    this.#cut.add(node.id);
  }

  /** Its connections break and stand again. */
  heal(node: VirtualNode): void {
    this.#cut.delete(node.id);
    for (const other of IDS) {
      if (other === node.id || this.#cut.has(other)) continue;
      this.#connect(node.id, other);
      this.#connect(other, node.id);
    }
  }

  #connect(from: number, to: number): void {
    this.#events.get(from)?.down(to);
    this.#events.get(from)?.up(infoOf(to));
  }

  #transport(id: number): Transport {
    return {
      setMembers: () => {},
      start: (events) => {
        for (const other of this.#events.keys()) {
          this.clock.soon(() => {
            events.up(infoOf(other));
            this.#events.get(other)?.up(infoOf(id));
          });
        }
        this.#events.set(id, events);
      },
      send: (to, frame) => {
        this.#send(id, to, frame);
        return this.#events.has(to);
      },
      close: (done) => {
        this.#events.delete(id);
        this.clock.soon(done);
      },
    };
  }

  #send(from: number, to: number, frame: PeerFrame): void {
    if (this.#cut.has(from) || this.#cut.has(to)) return;
    this.clock.after(FRAME_MS, () => {
      if (!this.#cut.has(from) && !this.#cut.has(to)) this.#events.get(to)?.frame(from, frame);
    });
  }
}

function infoOf(id: number): PeerInfo {
  return { node: id, name: `n${id}`, http: '', disk: `disk-${id}` };
}
