// Who changes the members of a running cluster: asks any node, asks again when an answer is lost, and starts the newcomers.
import type { NodeId } from '../../src/raft/types.ts';
import type { MemberChange, MemberResult } from '../../src/replica/service.ts';
import type { Cluster } from './cluster.ts';
import { type MemberHistory, membersOf } from './member-history.ts';
import type { Plan } from './plan.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Story } from './story.ts';

/** One change that somebody wants, in one attempt or several. */
interface Wish {
  readonly change: MemberChange;
  /** Follows when it is done. */
  readonly then: (() => void) | null;
  /** A node may have carried it out and never said so: then it is asked for until the answer is sure. */
  isUnsure: boolean;
}

export class Operator {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #story: Story;
  readonly #cluster: Cluster;
  readonly #members: MemberHistory;
  readonly #wishes = new Set<Wish>();
  #newcomers = 0;
  #newDisks = 0;
  #isStopped = false;
  /** Until then a member that is lost for good may still count as one that will be back. */
  #lossUnnoticedUntilMs = 0;

  constructor(plan: Plan, scheduler: Scheduler, random: SeededRandom, story: Story, cluster: Cluster, members: MemberHistory) {
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#story = story;
    this.#cluster = cluster;
    this.#members = members;
  }

  /** What is asked for and not answered yet. */
  get owed(): readonly string[] {
    return [...this.#wishes].map(({ change }) => describe(change));
  }

  /** A new member, in the place of another or besides the others. */
  add(replaced: NodeId | null): void {
    if (membersOf(this.#members.newest.conf).length >= MEMBERS_MOST) return;
    this.#newcomers += 1;
    const id = `m${this.#newcomers}`;
    const replaces = replaced === null ? null : this.#cluster.name(replaced);
    this.#add(id, replaces);
  }

  /** A node that has lost its disk comes back under its name as a new member, once it has been removed; a while from now. */
  rejoin(node: NodeId): void {
    const id = this.#cluster.name(node);
    const quietMs = Math.max(0, this.#lossUnnoticedUntilMs - this.#scheduler.nowMs);
    this.#scheduler.after(quietMs + this.#random.between(0, REJOIN_MOST_MS), () => {
      if (!this.#isStopped && this.#cluster.isLost(node)) this.#wish({ kind: 'remove', id, force: false }, () => this.#add(id, null));
    });
  }

  /** Nothing new is begun any more. */
  stop(): void {
    this.#isStopped = true;
  }

  remove(node: NodeId): void {
    const leaving = [...this.#wishes].filter(({ change }) => change.kind === 'remove').length;
    if (this.#members.newest.conf.voters.length - leaving <= VOTERS_LEAST) return;
    this.#wish({ kind: 'remove', id: this.#cluster.name(node), force: false });
  }

  /**
   * Whether this member may be lost for good without the others' losing their majority, now or by a change that is under way: the cluster
   * only refuses to lose members that it has found missing.
   */
  mayLose(id: NodeId): boolean {
    const { conf, index } = this.#members.newest;
    if (this.#wishes.size > 0 || conf.votersOutgoing.length > 0 || this.#cluster.lastMemberChange > index) return false;
    const members = membersOf(conf);
    const lost = new Set([...this.#cluster.harmed, id].filter((node) => members.includes(node)));
    return lost.size <= Math.floor((conf.voters.length - 1) / 2);
  }

  /** A member has just been lost for good. */
  lost(): void {
    this.#lossUnnoticedUntilMs = this.#scheduler.nowMs + 4 * this.#plan.electionTimeoutMs + SILENCE_MOST_MS;
  }

  #add(id: string, replaces: string | null): void {
    this.#newDisks += 1;
    const disk = `disk-${id}-${this.#newDisks}`;
    this.#wish({ kind: 'add', id, peer: `${id}:peer`, http: `${id}:http`, disk, replaces, promote: true, force: false });
  }

  #wish(change: MemberChange, then: (() => void) | null = null): void {
    if (this.#scheduler.nowMs < this.#lossUnnoticedUntilMs) return;
    const wish = { change, then, isUnsure: false };
    this.#wishes.add(wish);
    this.#ask(wish);
  }

  #ask(wish: Wish): void {
    const awake = this.#cluster.up.filter((id) => this.#cluster.life(id)?.process.paused === false);
    const life = awake.length === 0 ? null : this.#cluster.life(this.#random.pick(awake));
    if (life === null) {
      this.#again(wish);
      return;
    }
    this.#tell(`asks ${life.transport.info.name} to ${describe(wish.change)}`);
    let isOver = false;
    const end = (result: MemberResult | null): void => {
      if (isOver) return;
      isOver = true;
      // Not in the midst of the node's own work.
      this.#scheduler.after(0, () => this.#answered(wish, result));
    };
    life.process.call(() => life.replica.changeMembers(wish.change, end));
    const watch = (): void => {
      if (isOver) return;
      if (life.process.alive) this.#scheduler.after(LOOK_EVERY_MS, watch);
      else end(null);
    };
    this.#scheduler.after(LOOK_EVERY_MS, watch);
  }

  #answered(wish: Wish, result: MemberResult | null): void {
    const { change } = wish;
    this.#tell(`${describe(change)}: ${result === null ? 'no answer' : result.ok ? `done at ${result.index}` : result.detail}`);
    if (result === null || (!result.ok && result.code === 'outcome-unknown')) {
      wish.isUnsure = true;
      this.#again(wish);
      return;
    }
    const isSure = result.ok || result.code === 'conflict' || result.code === 'member-not-found';
    if (wish.isUnsure && !isSure) {
      this.#again(wish);
      return;
    }
    this.#wishes.delete(wish);
    if (result.ok) wish.then?.();
    if (!result.ok || change.kind !== 'add') return;
    const { number } = result.member;
    if (!this.#cluster.has(number)) this.#cluster.place(number, change.id, change.disk ?? '');
    this.#cluster.start(number);
  }

  #again(wish: Wish): void {
    this.#scheduler.after(this.#random.between(AGAIN_LEAST_MS, AGAIN_MOST_MS), () => this.#ask(wish));
  }

  #tell(what: string): void {
    this.#story.tell(this.#scheduler.nowMs, 'operator', what);
  }
}

function describe(change: MemberChange): string {
  if (change.kind !== 'add' || change.replaces === null) return `${change.kind} ${change.id}`;
  return `add ${change.id} in place of ${change.replaces}`;
}

/** With few nodes each of them does more. */
const MEMBERS_MOST = 7;
const VOTERS_LEAST = 1;
/** A machine that goes silent is noticed as late as this. */
const SILENCE_MOST_MS = 1_500;
const REJOIN_MOST_MS = 500;
const LOOK_EVERY_MS = 50;
const AGAIN_LEAST_MS = 50;
const AGAIN_MOST_MS = 400;
