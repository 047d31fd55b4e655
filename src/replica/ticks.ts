// The heartbeat of one node: every tick moves time on for all its parts, and every fourth one looks at what has waited too long.
import type { Cancel, Clock } from '../env.ts';
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
import type { NodeHealthMonitor } from './node-health.ts';
import type { PeerInputs } from './peer-inputs.ts';
import type { PrimaryLessor } from './primary-lessor.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';
import { expireWaiting } from './timeouts.ts';
import type { Waiting } from './waiting.ts';

const LOOK_TICKS = 4;

interface Parts {
  readonly loop: Loop;
  readonly lessor: PrimaryLessor;
  readonly waiting: Waiting;
  readonly requests: Requests;
  readonly reads: Reads;
  readonly membership: Membership;
  readonly health: NodeHealthMonitor;
  readonly peers: PeerInputs;
}

export class Ticks {
  readonly #clock: Clock;
  readonly #config: ReplicaConfig;
  readonly #limits: ReplicaLimits;
  readonly #parts: Parts;
  #count = 0;
  #timer: Cancel | null = null;

  constructor(clock: Clock, config: ReplicaConfig, limits: ReplicaLimits, parts: Parts) {
    this.#clock = clock;
    this.#config = config;
    this.#limits = limits;
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#clock.after(this.#config.heartbeatMs, () => {
      this.start();
      this.#tick();
      if (++this.#count % LOOK_TICKS === 0) this.#look();
    });
  }

  stop(): void {
    this.#timer?.();
  }

  #look(): void {
    const { loop, requests, membership, reads } = this.#parts;
    expireWaiting(this.#config, this.#limits, this.#clock.now(), loop, requests, membership, reads);
  }

  #tick(): void {
    const { loop, lessor, waiting, health, peers } = this.#parts;
    health.tick(peers.health);
    loop.raft.tick();
    lessor.tick();
    lessor.watch();
    waiting.tick();
    loop.wake();
  }
}
