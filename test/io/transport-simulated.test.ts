// The simulated network keeps the same promises as the real one, in virtual time and on many seeds.

import type { Transport } from '../../src/env.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { Network } from '../sim/network.ts';
import { Process } from '../sim/process.ts';
import { SeededRandom } from '../sim/random.ts';
import { Scheduler } from '../sim/scheduler.ts';
import { SimTransport } from '../sim/transport.ts';
import { newSeed } from './seeded.ts';
import { type TransportWorld, transportSuite } from './transport.suite.ts';

const UNTIL_MAX_MS = 60_000;
const QUEUE_FRAMES = 3_000;

class SimWorld implements TransportWorld {
  readonly #scheduler = new Scheduler();
  readonly #network: Network;
  readonly #lives = new Map<NodeId, { readonly process: Process; readonly transport: SimTransport }>();

  constructor(seed: number) {
    const mood = { leastMs: 0.1, mostMs: 2, loss: 0, duplicate: 0, reorder: 0, replay: 0, queueFrames: QUEUE_FRAMES };
    this.#network = new Network(this.#scheduler, new SeededRandom(seed), mood, { sent: () => {} });
  }

  async open(node: NodeId): Promise<Transport> {
    const process = new Process(this.#scheduler, (run) => run());
    const info = { node, name: `n${node}`, http: `n${node}:80` };
    const transport = new SimTransport(info, this.#network, process, () => {});
    this.#lives.set(node, { process, transport });
    return transport;
  }

  kill(node: NodeId): void {
    const life = this.#lives.get(node);
    life?.process.kill();
    life?.transport.crash(false);
  }

  reset(one: NodeId, other: NodeId): void {
    this.#network.reset(one, other);
  }

  block(from: NodeId, to: NodeId): void {
    this.#network.block(from, to);
  }

  unblock(from: NodeId, to: NodeId): void {
    this.#network.unblock(from, to);
  }

  async until(condition: () => boolean): Promise<boolean> {
    if (condition()) return true;
    this.#scheduler.runUntil(this.#scheduler.nowMs + UNTIL_MAX_MS, condition);
    return condition();
  }

  async pass(delayMs: number): Promise<void> {
    this.#scheduler.runUntil(this.#scheduler.nowMs + delayMs);
  }

  async end(): Promise<void> {}
}

const seed = newSeed('simulated transport');
for (let at = 0; at < 20; at++) transportSuite(`simulated (seed ${seed + at})`, async () => new SimWorld(seed + at));
