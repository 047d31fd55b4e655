// A cluster in virtual time to which nothing happens but what a test does to it.
import type { ReplicaLimits } from '../../src/replica/config.ts';
import type { Replica } from '../../src/replica/replica.ts';
import { Cluster } from '../sim/cluster.ts';
import { MemberHistory } from '../sim/member-history.ts';
import { CALM_DISK, CALM_NETWORK, drawPlan } from '../sim/plan.ts';
import { SeededRandom } from '../sim/random.ts';
import { Scheduler } from '../sim/scheduler.ts';
import { Story } from '../sim/story.ts';

/** Three nodes to which nothing happens, of which those in `started` are up. */
export class Calm {
  readonly scheduler = new Scheduler();
  readonly cluster: Cluster;
  /** The story so far. */
  readonly lines: string[] = [];

  /** `seed`: of every delay and every random election timeout. `turnDelaysMs`: for each node, how late its event-loop turns begin at most. */
  constructor(started: readonly number[], limits: Partial<ReplicaLimits> = {}, seed = 2, turnDelaysMs: readonly number[] = []) {
    const plan = {
      ...drawPlan(new SeededRandom(1)),
      nodes: 3,
      heartbeatMs: 50,
      electionTimeoutMs: 500,
      limits,
      clocks: turnDelaysMs.map((turnDelayMs) => ({ zeroMs: 0, rate: 1, latenessMs: 0, turnDelayMs })),
      network: CALM_NETWORK,
      disk: CALM_DISK,
    };
    this.cluster = new Cluster(
      plan,
      this.scheduler,
      new SeededRandom(seed),
      new Story((line) => this.lines.push(line)),
      new MemberHistory([1, 2, 3]),
      {
        tell: () => {},
        envFault: null,
      },
    );
    for (const id of started) this.cluster.start(id);
    this.pass(10);
  }

  pass(ms: number, until?: () => boolean): void {
    this.scheduler.runUntil(this.scheduler.nowMs + ms, until);
  }

  /** Does something in the node's process. */
  in(id: number, run: (replica: Replica) => void): void {
    const life = this.cluster.life(id);
    if (life === null) throw new Error(`n${id} is down`);
    life.process.call(() => run(life.replica));
  }

  /** Runs until somebody leads and has applied what it found. */
  leader(): number {
    this.pass(10_000, () => this.cluster.leader !== null);
    this.pass(1_000);
    return this.cluster.leader ?? 0;
  }
}
