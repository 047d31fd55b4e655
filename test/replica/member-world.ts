// Whole nodes in virtual time whose members change: every node is a number, a name and a disk, and a newcomer starts with nothing.

import type { PeerFrame } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { ReplicaLimits } from '../../src/replica/config.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { ClusterStatus, MemberChange, MemberResult, Settled } from '../../src/replica/service.ts';
import { SimClock } from '../sim/clock.ts';
import { SimDisk } from '../sim/disk.ts';
import { SimLogStore } from '../sim/log-store.ts';
import { Network } from '../sim/network.ts';
import { CALM_DISK, CALM_NETWORK } from '../sim/plan.ts';
import { Process } from '../sim/process.ts';
import { SeededRandom } from '../sim/random.ts';
import { Scheduler } from '../sim/scheduler.ts';
import { Stranger } from '../sim/stranger.ts';
import { SimTransport } from '../sim/transport.ts';

const FOUNDERS = [1, 2, 3].map((node) => ({ node, name: `n${node}`, peer: `n${node}:peer` }));

interface Node {
  readonly number: NodeId;
  readonly name: string;
  disk: SimDisk;
  diskName: string;
  life: { readonly process: Process; readonly store: SimLogStore; readonly transport: SimTransport; readonly replica: Replica } | null;
  /** Why it ended by itself; empty while it has not. */
  lastWords: string;
  /** How often it took over another node's state. */
  images: number;
}

export class MemberWorld {
  readonly #scheduler = new Scheduler();
  readonly #random: SeededRandom;
  readonly #network: Network;
  readonly #limits: Partial<ReplicaLimits>;
  readonly #nodes = new Map<string, Node>();
  /** Fence by lease, of every claim that was granted. */
  readonly granted = new Map<string, number>();
  /** Receives every frame that a node sends. */
  onSent: (from: NodeId, to: NodeId, frame: PeerFrame) => void = () => {};
  #claims = 0;

  /** Starts the three founders, and waits for a leader. */
  constructor(seed: number, limits: Partial<ReplicaLimits> = {}) {
    this.#random = new SeededRandom(seed);
    this.#limits = limits;
    this.#network = new Network(
      this.#scheduler,
      this.#random.fork(),
      { ...CALM_NETWORK },
      {
        sent: (from, to, frame) => this.onSent(from, to, frame),
      },
    );
    for (const { node, name } of FOUNDERS) this.#place(node, name, `disk-${name}`);
    for (const { name } of FOUNDERS) this.start(name);
    this.until('a leader', () => this.leader !== null);
  }

  replica(name: string): Replica {
    const life = this.#node(name).life;
    if (life === null) throw new Error(`${name} is down`);
    return life.replica;
  }

  lastWords(name: string): string {
    return this.#node(name).lastWords;
  }

  images(name: string): number {
    return this.#node(name).images;
  }

  /** Names of the nodes that are up. */
  get up(): string[] {
    return [...this.#nodes.values()].filter((node) => node.life !== null).map((node) => node.name);
  }

  /** Names of the nodes that are down and have not ended because they were removed. */
  get down(): string[] {
    return [...this.#nodes.values()].filter((node) => node.life === null && node.lastWords === '').map((node) => node.name);
  }

  /** Names of the members, as a node that is up knows them. */
  get known(): string[] {
    const name = this.leader ?? this.up[0] ?? '';
    return this.replica(name)
      .status()
      .members.map(({ id }) => id);
  }

  get leader(): string | null {
    const leaders = this.up.filter((name) => this.replica(name).leader === name);
    leaders.sort((left, right) => this.replica(right).term - this.replica(left).term);
    return leaders[0] ?? null;
  }

  status(): ClusterStatus {
    return this.replica(this.leader ?? '').status();
  }

  /** `n1 n2 n3 n4?`: all members as the leader knows them, learners with a mark. */
  get members(): string {
    return this.status()
      .members.map(({ id, voter }) => `${id}${voter ? '' : '?'}`)
      .join(' ');
  }

  start(name: string): void {
    const node = this.#node(name);
    const random = this.#random.fork();
    const process = new Process(this.#scheduler, (run) => run());
    const observer = { appending: () => {}, savingState: () => {} };
    const store = new SimLogStore(node.disk, this.#scheduler, process, random, { ...CALM_DISK }, observer, (recovered) => recovered);
    const self = { node: node.number, name, http: `${name}:http`, disk: node.diskName };
    const transport = new SimTransport(self, new Map(), this.#network, process, 500, () => {});
    const clock = new SimClock(this.#scheduler, process, random, { zeroMs: 0, rate: 1, latenessMs: 0 });
    process.call(() => {
      const replica = new Replica(
        { clock, random, store, transport, codec, checksum },
        {
          ...self,
          founders: FOUNDERS,
          heartbeatMs: 50,
          electionTimeoutMs: 500,
          limits: this.#limits,
          onEvent: (event) => {
            if (event.kind === 'image-received') node.images++;
          },
          onFatal: (error) => {
            node.lastWords = error.message;
            this.#scheduler.after(0, () => this.crash(name));
          },
        },
      );
      node.life = { process, store, transport, replica };
      node.lastWords = '';
      replica.start((error) => {
        if (error !== undefined) throw error;
      });
    });
  }

  crash(name: string): void {
    const node = this.#node(name);
    node.life?.process.kill();
    node.life?.store.crash();
    node.life?.transport.crash(false);
    node.life = null;
  }

  pause(name: string): void {
    this.#node(name).life?.process.pause();
  }

  /** The node loses its disk, and starts under the same number on an empty one. */
  wipe(name: string): void {
    this.crash(name);
    const node = this.#node(name);
    node.disk = new SimDisk(checksum, name);
    node.diskName += '-wiped';
    this.start(name);
  }

  /** Asks a node for a change, and lets time pass until it is answered. */
  change(by: string, change: MemberChange): MemberResult {
    let result: MemberResult | null = null;
    this.replica(by).changeMembers(change, (given) => {
      result = given;
    });
    this.until(`an answer to ${JSON.stringify(change)}`, () => result !== null);
    return result as unknown as MemberResult;
  }

  add(name: string, more: Partial<MemberChange & { kind: 'add' }> = {}, by = this.leader ?? this.up[0] ?? ''): MemberResult {
    const disk = `disk-${name}`;
    return this.change(by, {
      kind: 'add',
      id: name,
      peer: `${name}:peer`,
      http: '',
      disk,
      replaces: null,
      promote: true,
      force: false,
      ...more,
    });
  }

  /** One node sends another a frame, whatever it is. */
  say(from: string, to: string, frame: PeerFrame): void {
    const { life } = this.#node(from);
    life?.process.call(() => life.transport.send(this.#node(to).number, frame));
  }

  /** A process that is not a member introduces itself to all nodes, by a number that no member has had. */
  stranger(number: NodeId, name = `x${number}`): Stranger {
    return new Stranger({ node: number, name, http: '', disk: `disk-${name}` }, this.#network);
  }

  /** Adds a member and starts its node on an empty disk. */
  join(name: string, more: Partial<MemberChange & { kind: 'add' }> = {}): void {
    const result = this.add(name, more);
    if (!result.ok) throw new Error(result.detail);
    this.place(result.member.number, name);
    this.start(name);
  }

  /** A node that has never been started. */
  place(number: NodeId, name: string): void {
    this.#place(number, name, `disk-${name}`);
  }

  /** Leadership moves to the node. */
  lead(name: string): void {
    this.until(`${name} to know that it votes`, () =>
      this.replica(name)
        .status()
        .members.some(({ id, voter }) => id === name && voter),
    );
    this.replica(name).transfer(name, () => {});
    this.until(`${name} to lead`, () => this.leader === name);
  }

  remove(name: string, by = this.leader ?? this.up[0] ?? '', force = false): MemberResult {
    return this.change(by, { kind: 'remove', id: name, force });
  }

  /** Claims a new lease at a node and keeps what was granted. */
  claim(by: string): void {
    const lease = `l${++this.#claims}`;
    const key = { namespace: 'demo', model: 'main', lease };
    this.replica(by).submit({ kind: 'claim', key, holder: 'h', durationMs: 3_600_000 }, (settled: Settled) => {
      if (settled.kind === 'applied' && settled.outcome.kind === 'claim') this.granted.set(lease, settled.outcome.claim.fence);
    });
  }

  /** Lets time pass, while claims go on at every node that is up. */
  load(forMs: number): void {
    for (let ms = 0; ms < forMs; ms += 20) {
      for (const name of this.up) this.claim(name);
      this.pass(20);
    }
  }

  /** Granted claims that the node does not have. */
  missing(name: string): string[] {
    const { state } = this.replica(name);
    return [...this.granted].flatMap(([lease, fence]) =>
      state.claim({ namespace: 'demo', model: 'main', lease }, 0)?.fence === fence ? [] : [lease],
    );
  }

  pass(ms: number): void {
    this.#scheduler.runUntil(this.#scheduler.nowMs + ms);
  }

  /** Lets time pass until `holds`; throws when it does not within half a minute. */
  until(what: string, holds: () => boolean): void {
    this.#scheduler.runUntil(this.#scheduler.nowMs + 30_000, holds);
    if (!holds()) throw new Error(`waited in vain for ${what}`);
  }

  #place(number: NodeId, name: string, diskName: string): void {
    this.#nodes.set(name, { number, name, disk: new SimDisk(checksum, name), diskName, life: null, lastWords: '', images: 0 });
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }
}
