// Breaks things: draws one fault after another from those that the plan allows, and in the end makes everything whole.

import { unreachable } from '../../src/assert.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Cluster } from './cluster.ts';
import { DAMAGES } from './disk.ts';
import type { Operator } from './operator.ts';
import { CALM_DISK, CALM_NETWORK, type Fault, type Plan } from './plan.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Story } from './story.ts';
import { Strangers } from './strangers.ts';

export class Nemesis {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #story: Story;
  readonly #cluster: Cluster;
  readonly #operator: Operator;
  readonly #strangers: Strangers;
  /** How often each fault was chosen. */
  readonly strikes = new Map<Fault, number>();
  #stopped = false;

  constructor(plan: Plan, scheduler: Scheduler, random: SeededRandom, story: Story, cluster: Cluster, operator: Operator) {
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#story = story;
    this.#cluster = cluster;
    this.#operator = operator;
    this.#strangers = new Strangers(plan.nodes, scheduler, random, cluster);
  }

  get strangerFrames(): number {
    return this.#strangers.frames;
  }

  start(): void {
    if (this.#plan.faults.length > 0) this.#next();
  }

  /** Ends all faults: every node runs, every connection can stand, every disk is well. */
  heal(): void {
    this.#stopped = true;
    this.#operator.stop();
    this.#tell('heals everything');
    const { network } = this.#cluster;
    // One that is just being stopped comes back.
    this.#cluster.keepUp = true;
    Object.assign(network.mood, CALM_NETWORK);
    network.unblockAll();
    network.fillHoles();
    for (const id of this.#cluster.ids) {
      Object.assign(this.#cluster.mood(id), CALM_DISK);
      this.#cluster.disk(id).isFull = false;
      this.#cluster.reportDisk(id, false);
      if (this.#cluster.life(id)?.process.paused === true) this.#cluster.resume(id);
      this.#cluster.start(id);
    }
  }

  #next(): void {
    this.#scheduler.after(this.#random.between(0, 2 * this.#plan.faultEveryMs), () => {
      if (this.#stopped) return;
      this.#strike(this.#random.pick(this.#plan.faults));
      this.#next();
    });
  }

  #strike(fault: Fault): void {
    this.strikes.set(fault, (this.strikes.get(fault) ?? 0) + 1);
    const { ids, network, leader } = this.#cluster;
    const victim = this.#random.pick(ids);
    this.#tell(`${fault} (leader ${leader ?? 'nobody'}, else n${victim})`);
    switch (fault) {
      case 'crash-leader':
        this.#crash(leader ?? victim);
        return;
      case 'crash-one':
        this.#crash(victim);
        return;
      case 'crash-all':
        for (const id of ids) this.#crash(id);
        return;
      case 'pause-leader':
        this.#pause(leader ?? victim);
        return;
      case 'pause-one':
        this.#pause(victim);
        return;
      case 'isolate-leader':
        this.#cut(pairsBetween([leader ?? victim], ids), 'both');
        return;
      case 'isolate-one':
        this.#cut(pairsBetween([victim], ids), 'both');
        return;
      case 'one-way':
        this.#cut(pairsBetween([this.#random.chance(0.5) ? (leader ?? victim) : victim], ids), this.#random.chance(0.5) ? 'out' : 'in');
        return;
      case 'split':
        this.#cut(
          pairsBetween(
            ids.filter(() => this.#random.chance(0.5)),
            ids,
          ),
          'both',
        );
        return;
      case 'bridge':
        this.#cut([[victim, this.#random.pick(ids)]], 'both');
        return;
      case 'reset':
        for (const other of ids) if (other !== victim && this.#random.chance(0.5)) network.reset(victim, other);
        return;
      case 'slow-disk': {
        const mood = this.#cluster.mood(this.#random.chance(0.5) ? (leader ?? victim) : victim);
        const mostMs = this.#random.pick([20, 100, 1_000, this.#random.between(0, 10) * this.#plan.electionTimeoutMs]);
        Object.assign(mood, { leastMs: mostMs / 4, mostMs });
        this.#later(100, 2_000, () => Object.assign(mood, { leastMs: this.#plan.disk.leastMs, mostMs: this.#plan.disk.mostMs }));
        return;
      }
      case 'hung-disk': {
        const mood = this.#cluster.mood(this.#random.chance(0.6) ? (leader ?? victim) : victim);
        // No longer than the phase with faults: a read that began while the disk hung would hang on after it was healed.
        mood.hangsUntilMs = Math.min(this.#scheduler.nowMs + this.#random.pick([300, 1_500, 4_000]), this.#plan.faultsMs);
        return;
      }
      case 'silent-links':
        this.#silence(this.#random.chance(0.5) ? (leader ?? victim) : victim, ids);
        return;
      case 'stranger': {
        const name = this.#strangers.come();
        if (name !== null) this.#tell(`a stranger comes that calls itself ${name}`);
        return;
      }
      case 'low-disk':
        this.#cluster.reportDisk(victim, true);
        this.#later(300, 3_000, () => this.#cluster.reportDisk(victim, false));
        return;
      case 'failing-disk':
        Object.assign(this.#cluster.mood(victim), { writesBeforeFailure: this.#random.below(10), failure: 'EIO' });
        this.#later(500, 2_000, () => this.#cluster.start(victim));
        return;
      case 'full-disk':
        Object.assign(this.#cluster.mood(victim), { writesBeforeFailure: this.#random.below(10), failure: 'ENOSPC' });
        // Started again while it is full still, and once there is room.
        this.#later(300, 1_000, () => this.#cluster.start(victim));
        this.#later(1_000, 2_500, () => {
          this.#cluster.disk(victim).isFull = false;
          this.#cluster.start(victim);
        });
        return;
      case 'corrupt-disk':
        this.#corrupt(victim);
        return;
      case 'slow-network': {
        const mostMs = this.#random.pick([10, 50, 300]);
        Object.assign(network.mood, { leastMs: mostMs / 5, mostMs });
        this.#later(200, 2_000, () =>
          Object.assign(network.mood, { leastMs: this.#plan.network.leastMs, mostMs: this.#plan.network.mostMs }),
        );
        return;
      }
      case 'lossy-network': {
        Object.assign(network.mood, { loss: this.#random.pick([0.05, 0.3]), duplicate: 0.1, reorder: 0.2 });
        const { loss, duplicate, reorder } = this.#plan.network;
        this.#later(200, 2_000, () => Object.assign(network.mood, { loss, duplicate, reorder }));
        return;
      }
      case 'transfer': {
        const life = leader === null ? null : this.#cluster.life(leader);
        if (life === null || life.process.paused) return;
        life.process.call(() =>
          life.replica.transfer(this.#random.chance(0.5) ? null : this.#cluster.name(victim), (result) =>
            this.#tell(`transfer: ${JSON.stringify(result)}`),
          ),
        );
        return;
      }
      case 'stop-one':
        this.#cluster.stop(victim);
        this.#later(500, 3_000, () => {
          this.#cluster.start(victim);
          // Sometimes stopped again while it has hardly begun.
          if (this.#random.chance(0.3)) this.#later(0, 20, () => this.#cluster.stop(victim));
          this.#later(500, 1_000, () => this.#cluster.start(victim));
        });
        return;
      case 'far-behind': {
        // Long enough to need the state instead of the log, then a slow disk to take it with, and another leader to send it.
        const mood = this.#cluster.mood(victim);
        this.#cut(pairsBetween([victim], ids), 'both');
        Object.assign(mood, { leastMs: 5, mostMs: 60 });
        this.#later(300, 2_000, () => {
          if (leader !== null && leader !== victim && this.#random.chance(0.5)) this.#pause(leader);
        });
        this.#later(2_500, 4_000, () => Object.assign(mood, { leastMs: this.#plan.disk.leastMs, mostMs: this.#plan.disk.mostMs }));
        return;
      }
      case 'add-member':
        this.#operator.add(null);
        return;
      case 'remove-member':
        this.#operator.remove(victim);
        return;
      case 'remove-leader':
        this.#operator.remove(leader ?? victim);
        return;
      case 'replace-member':
        // Also one that is dead, and comes back only if it must.
        if (this.#random.chance(0.5)) this.#cluster.crash(victim, this.#random.chance(0.3));
        this.#operator.add(victim);
        return;
      case 'wipe-member':
        this.#wipe(victim);
        return;
      default:
        unreachable(fault);
    }
  }

  /** Never so many that those left are no majority. */
  #corrupt(id: NodeId): void {
    // Not on top of a loss of power: the mark may be 20 ms behind then, the one gap that decision 9 of src/README.md leaves.
    const wasUp = this.#cluster.life(id) !== null;
    this.#cluster.crash(id, false);
    if (!wasUp) return;
    if (this.#operator.mayLose(id)) {
      this.#operator.lost();
      this.#cluster.damage(id, this.#random.pick(DAMAGES));
      if (this.#plan.faults.includes('wipe-member')) this.#operator.rejoin(id);
    }
    this.#later(1, 1_500, () => this.#cluster.start(id));
  }

  /** Under its old number it is refused; it may come back as a new member. */
  #wipe(id: NodeId): void {
    if (!this.#operator.mayLose(id) || !this.#cluster.wipe(id)) return;
    this.#operator.lost();
    this.#later(1, 500, () => this.#cluster.start(id));
    this.#operator.rejoin(id);
  }

  #crash(id: NodeId): void {
    this.#cluster.crash(id, this.#random.chance(0.3));
    this.#later(1, 1_500, () => this.#cluster.start(id));
  }

  #pause(id: NodeId): void {
    const life = this.#cluster.life(id);
    if (life === null || life.process.paused) return;
    this.#cluster.pause(id);
    this.#scheduler.after(this.#random.pick([50, 300, 1_000, 3_000]) * this.#random.between(0.5, 1.5), () => {
      if (this.#cluster.life(id) === life && life.process.paused) this.#cluster.resume(id);
    });
  }

  /** Blocks each pair, `out`: only from the first to the second. Some connections break over it, some outlast it. */
  #cut(pairs: readonly (readonly [NodeId, NodeId])[], way: 'both' | 'out' | 'in'): void {
    const { network } = this.#cluster;
    for (const [one, other] of pairs) {
      if (one === other) continue;
      if (way !== 'in') network.block(one, other);
      if (way !== 'out') network.block(other, one);
      if (this.#random.chance(0.5)) this.#later(50, 1_500, () => network.reset(one, other));
    }
    this.#later(100, 2_500, () => {
      for (const [one, other] of pairs) {
        if (one === other) continue;
        network.unblock(one, other);
        network.unblock(other, one);
      }
    });
  }

  /** Connections of a node stay up and deliver nothing; some until well after everything else has been healed. */
  #silence(id: NodeId, ids: readonly NodeId[]): void {
    const { network } = this.#cluster;
    const isAll = this.#random.chance(0.5);
    const way = this.#random.pick(['both', 'both', 'out', 'in'] as const);
    const isHole = this.#random.chance(0.5);
    for (const other of ids) {
      if (other === id || !(isAll || this.#random.chance(0.5))) continue;
      if (way !== 'in') network.swallow(id, other, isHole);
      if (way !== 'out') network.swallow(other, id, isHole);
    }
    // Holes end together: those of other strikes, too, which are drawn often enough.
    if (isHole) this.#later(200, 6_000, () => network.fillHoles());
  }

  /** Does something at a drawn time, unless everything has been healed before. */
  #later(leastMs: number, mostMs: number, run: () => void): void {
    this.#scheduler.after(this.#random.between(leastMs, mostMs), () => {
      if (!this.#stopped) run();
    });
  }

  #tell(what: string): void {
    this.#story.tell(this.#scheduler.nowMs, 'nemesis', what);
  }
}

function pairsBetween(some: readonly NodeId[], all: readonly NodeId[]): (readonly [NodeId, NodeId])[] {
  return some.flatMap((one) => all.filter((other) => !some.includes(other)).map((other) => [one, other] as const));
}
