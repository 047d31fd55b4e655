// The heartbeat of one node: every tick moves Raft's time and the lessor's, and every fourth one looks at what has waited too long.
import type { Cancel, Clock } from '../env.ts';

const LOOK_TICKS = 4;

export interface TicksHost {
  tick(): void;
  look(): void;
}

export class Ticks {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #host: TicksHost;
  #count = 0;
  #timer: Cancel | null = null;

  constructor(clock: Clock, intervalMs: number, host: TicksHost) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#host = host;
  }

  start(): void {
    this.#timer = this.#clock.after(this.#intervalMs, () => {
      this.start();
      this.#host.tick();
      if (++this.#count % LOOK_TICKS === 0) this.#host.look();
    });
  }

  stop(): void {
    this.#timer?.();
  }
}
