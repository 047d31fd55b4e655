// The clients of a run: each asks any node for one thing after another, gives up late ones, keeps what it holds, and remembers what it was told.
import type { BareCommand, Command, LeaseKey } from '../../src/lease/commands.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Failure, Settled } from '../../src/replica/service.ts';
import type { Cluster, Life } from './cluster.ts';
import { type Call, describeTenure, type Fact, keyName, type Read, type Wait } from './facts.ts';
import { Intentions, tagOf } from './intentions.ts';
import type { Ledger } from './ledger.ts';
import type { Plan } from './plan.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Story } from './story.ts';
import { canonical, tenureIn } from './witness.ts';
import { describeCommand, describeSettled } from './words.ts';

export interface WorkloadHost {
  tell(fact: Fact): void;
}

/** A call, read or wait in the hands of one life of a node. */
interface Pending {
  readonly life: Life;
  readonly what: string;
  readonly beganMs: number;
  /** A wait may rightly last. */
  readonly isWait: boolean;
}

/** Something that a client wants done, in one attempt or several. */
interface Errand {
  readonly wanted: BareCommand;
  /** How long to queue for the lease; null: not at all. */
  readonly waitMs: number | null;
  /** Under which it is carried out once however often it is asked for; null: there is one attempt only. */
  readonly requestKey: string | null;
  /** When the first attempt began, in true milliseconds. */
  firstBeganMs: number | null;
  /** Greatest log index acknowledged to anybody before that. */
  since: number | null;
}

interface Client {
  readonly name: string;
  readonly intentions: Intentions;
  node: NodeId;
  /** To be asked for once more. */
  again: Errand | null;
}

export class Workload {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #story: Story;
  readonly #cluster: Cluster;
  readonly #ledger: Ledger;
  readonly #host: WorkloadHost;
  readonly #pending = new Set<Pending>();
  /** Requests that have left their client and not reached a node. */
  #travelling = 0;
  #nextId = 1;
  #nextNumber = 0;
  #stopped = false;
  /** How many calls were applied, and how many failed. */
  applied = 0;
  failed = 0;
  reads = 0;
  /** When a call was last applied, in true milliseconds. */
  lastAppliedMs = 0;

  constructor(plan: Plan, scheduler: Scheduler, random: SeededRandom, story: Story, cluster: Cluster, ledger: Ledger, host: WorkloadHost) {
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#story = story;
    this.#cluster = cluster;
    this.#ledger = ledger;
    this.#host = host;
  }

  start(): void {
    for (let number = 1; number <= this.#plan.clients; number += 1) {
      const name = `c${number}`;
      const client: Client = {
        name,
        intentions: new Intentions(name, this.#plan, this.#random.fork(), () => this.#takeNumber()),
        node: this.#random.pick(this.#cluster.ids),
        again: null,
      };
      this.#think(client);
    }
  }

  /** No client begins anything any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** What living nodes still owe an answer to, the waits apart, or will once it has reached them. */
  owed(): string[] {
    const owed = this.#list(false);
    if (this.#travelling > 0) owed.push(`${this.#travelling} on the way`);
    return owed;
  }

  waiting(): string[] {
    return this.#list(true);
  }

  /** Asks for a command outside of all clients; `done` gets whether it was applied. */
  ask(node: NodeId, command: BareCommand, done: (applied: boolean) => void): void {
    this.#submit('healer', node, errandOf(command), (call) => done(call?.settled?.kind === 'applied'));
  }

  #list(isWait: boolean): string[] {
    const list: string[] = [];
    for (const pending of this.#pending) {
      if (pending.isWait === isWait && pending.life.process.alive) list.push(`${pending.what} since ${pending.beganMs.toFixed(3)}`);
    }
    return list;
  }

  #think(client: Client): void {
    this.#scheduler.after(this.#random.between(1, THINK_MOST_MS), () => this.#act(client));
  }

  #act(client: Client): void {
    if (this.#stopped) return;
    if (this.#random.chance(0.1)) client.node = this.#random.pick(this.#cluster.ids);
    const roll = this.#random.below(100);
    let isOver = false;
    const next = (): void => {
      if (isOver) return;
      isOver = true;
      this.#think(client);
    };
    this.#scheduler.after(this.#random.between(200, 2_000), () => {
      if (!isOver) client.node = this.#random.pick(this.#cluster.ids);
      next();
    });
    if (roll < 72) {
      const errand = client.again ?? this.#errand(client.intentions.next());
      client.again = null;
      this.#submit(client.name, client.node, errand, (call) => {
        const settled = call?.settled ?? null;
        const { wanted, requestKey } = errand;
        if (settled?.kind === 'applied') {
          client.intentions.learn(wanted, settled.outcome);
          if (this.#random.chance(KEEP_CHANCE)) this.#keep(client, settled.outcome);
        } else {
          client.node = this.#random.pick(this.#cluster.ids);
          if (requestKey === null) client.intentions.retry(wanted);
        }
        // One that was answered, too: to be told the same.
        if (requestKey !== null && this.#random.chance(settled?.kind === 'applied' ? 0.3 : 0.8)) client.again = errand;
        next();
      });
    } else if (roll < 94) {
      this.#read(client, this.#random.chance(0.75) ? 'linearizable' : 'stale', next);
    } else {
      this.#wait(client, next);
    }
  }

  /** Some claims queue, and some things are asked for under a key. */
  #errand(wanted: BareCommand): Errand {
    const isClaim = wanted.kind === 'claim' || wanted.kind === 'claim-session';
    const waitMs = isClaim && this.#random.chance(0.3) ? 1 + this.#random.below(WAIT_MOST_MS) : null;
    const requestKey = this.#random.chance(0.2) ? `r${this.#takeNumber()}` : null;
    return { ...errandOf(wanted), waitMs, requestKey };
  }

  /** At the last moment, give or take: where an extension and the expiry meet in the log. */
  #keep(client: Client, outcome: Outcome): void {
    const keeping = client.intentions.keeping(outcome);
    if (keeping === null) return;
    const atMs = Math.max(0, keeping.remainingMs + this.#random.between(-EDGE_MS, EDGE_MS));
    this.#scheduler.after(atMs, () => {
      if (this.#stopped) return;
      this.#submit(client.name, client.node, errandOf(keeping.command), (call) => {
        if (call?.settled?.kind === 'applied' && this.#random.chance(0.8)) this.#keep(client, call.settled.outcome);
      });
    });
  }

  #submit(name: string, node: NodeId, errand: Errand, done: (call: Call | null) => void): void {
    this.#reach(
      node,
      () => done(null),
      (life) => {
        const { wanted, waitMs, requestKey } = errand;
        errand.firstBeganMs ??= this.#scheduler.nowMs;
        errand.since ??= this.#ledger.acknowledged;
        const { since } = errand;
        const isKeyed = requestKey !== null && waitMs === null;
        const command: Command = isKeyed ? { kind: 'once', key: requestKey, command: wanted, since } : wanted;
        const call: Call = {
          id: this.#takeId(),
          client: name,
          node,
          command,
          wanted,
          text: canonical(command),
          tag: requestKey === null ? tagOf(wanted) : null,
          waitMs,
          requestKey,
          beganMs: this.#scheduler.nowMs,
          firstBeganMs: errand.firstBeganMs,
          floor: this.#ledger.acknowledged,
          settled: null,
        };
        const how = `${waitMs === null ? '' : `, waiting ${waitMs} ms`}${requestKey === null ? '' : `, as ${requestKey}`}`;
        const pending = this.#begin(life, `call ${call.id} on n${node}: ${describeCommand(wanted)}${how}`, false);
        this.#tell(name, pending.what);
        this.#host.tell({ kind: 'call-began', call });
        const settle = (settled: Settled): void => {
          this.#pending.delete(pending);
          this.#settled(call, settled);
          done(call);
        };
        if (waitMs === null || (wanted.kind !== 'claim' && wanted.kind !== 'claim-session')) {
          life.service.submit(command, settle);
          return;
        }
        // Its turn is told in the midst of applying the entry that brings it; that must be over before it can be judged.
        const settleLater = (settled: Settled): void => {
          this.#scheduler.after(0, () => settle(settled));
        };
        const leave = life.service.claimInTurn(wanted, waitMs, settleLater, requestKey, since);
        if (this.#random.chance(0.3)) this.#leave(life, call, pending, leave, () => done(null));
      },
    );
  }

  /** Gives a wait up: either hangs up and hears nothing any more, or asks to be told once it is sure. */
  #leave(life: Life, call: Call, pending: Pending, leave: (failure: Failure | null) => void, gone: () => void): void {
    this.#scheduler.after(this.#random.between(0, call.waitMs ?? 0), () => {
      if (call.settled !== null || !life.process.alive || life.process.paused) return;
      const hangsUp = this.#random.chance(0.5);
      this.#tell(call.client, `call ${call.id}: ${hangsUp ? 'hangs up' : 'waits no more'}`);
      life.process.call(() => leave(hangsUp ? null : { definite: true, code: 'stopping', detail: 'The caller waits no more.' }));
      if (!hangsUp) return;
      this.#pending.delete(pending);
      gone();
    });
  }

  #settled(call: Call, settled: Settled): void {
    this.#tell(call.client, `call ${call.id}: ${describeSettled(settled)}`);
    this.#host.tell({ kind: 'call-ended', call, settled });
    call.settled = settled;
    if (settled.kind === 'applied') {
      this.#ledger.acknowledged = Math.max(this.#ledger.acknowledged, settled.index);
      this.applied += 1;
      this.lastAppliedMs = this.#scheduler.nowMs;
    } else {
      this.failed += 1;
    }
  }

  #read(client: Client, consistency: 'linearizable' | 'stale', done: () => void): void {
    const key = client.intentions.key();
    const storeKey = client.intentions.storeKey();
    const { node } = client;
    this.#reach(node, done, (life) => {
      const read: Read = {
        id: this.#takeId(),
        client: client.name,
        node,
        consistency,
        key,
        storeKey,
        beganMs: this.#scheduler.nowMs,
        floor: this.#ledger.acknowledged,
      };
      const pending = this.#begin(life, `${consistency} read ${read.id} on n${read.node} of ${keyName(key)}`, false);
      life.service.read(consistency, (result) => {
        if (!this.#pending.delete(pending)) throw new Error(`read ${read.id} is answered twice`);
        if (result.kind === 'view') {
          const { state, index } = result.view;
          this.reads += 1;
          const shown = { tenure: tenureIn(state, key), shown: state.key(storeKey) };
          const value = shown.shown === null ? 'nothing' : shown.shown.value;
          this.#tell(client.name, `${pending.what}: ${describeTenure(shown.tenure)}, ${value} in ${storeKey} (as of ${index})`);
          this.#host.tell({ kind: 'read-ended', read, index, stateIndex: state.appliedIndex, ...shown });
          // Who was told something linearizable may tell others.
          if (consistency === 'linearizable') this.#ledger.acknowledged = Math.max(this.#ledger.acknowledged, index);
        } else {
          this.#tell(client.name, `${pending.what} FAILS: ${result.failure.code}`);
        }
        done();
      });
    });
  }

  #wait(client: Client, done: () => void): void {
    const key: LeaseKey = client.intentions.key();
    const { node } = client;
    this.#reach(node, done, (life) => {
      const wait: Wait = {
        id: this.#takeId(),
        client: client.name,
        node,
        key,
        beganMs: this.#scheduler.nowMs,
        floor: this.#ledger.acknowledged,
        ended: null,
      };
      const pending = this.#begin(life, `wait ${wait.id} on n${wait.node} until nobody has ${keyName(key)}`, true);
      this.#tell(client.name, pending.what);
      const cancel = life.service.waitVacant(
        key,
        (index) => {
          this.#tell(client.name, `wait ${wait.id}: vacant as of ${index}`);
          this.#pending.delete(pending);
          if (wait.ended === 'cancelled') throw new Error(`wait ${wait.id} is told of a vacancy after it was cancelled`);
          const appliedIndex = Math.max(index, life.replica.state.appliedIndex);
          // It is told in the midst of applying the entry; that must be over before it can be judged.
          this.#scheduler.after(0, () => this.#host.tell({ kind: 'wait-ended', wait, index, appliedIndex }));
          if (wait.ended !== null) throw new Error(`wait ${wait.id} is told twice`);
          wait.ended = 'vacant';
          done();
        },
        (failure) => {
          this.#tell(client.name, `wait ${wait.id} FAILS: ${failure.code}`);
          this.#pending.delete(pending);
          this.#host.tell({ kind: 'wait-failed', wait, failure });
          wait.ended = 'failed';
          done();
        },
      );
      if (!this.#random.chance(0.3)) return;
      this.#scheduler.after(this.#random.between(1, 1_000), () => {
        if (wait.ended !== null || !life.process.alive || life.process.paused) return;
        life.process.call(cancel);
        wait.ended = 'cancelled';
        this.#pending.delete(pending);
      });
    });
  }

  /** A request travels to the node, and waits in its socket while it is stopped; a dead node answers none. */
  #reach(node: NodeId, unreachable: () => void, run: (life: Life) => void): void {
    this.#travelling += 1;
    this.#scheduler.after(this.#random.between(0, CLIENT_DELAY_MOST_MS), () => {
      this.#travelling -= 1;
      const life = this.#cluster.life(node);
      if (life === null) unreachable();
      else life.process.callWhenAwake(() => run(life));
    });
  }

  #begin(life: Life, what: string, isWait: boolean): Pending {
    const pending: Pending = { life, what, beganMs: this.#scheduler.nowMs, isWait };
    this.#pending.add(pending);
    return pending;
  }

  #takeNumber(): number {
    this.#nextNumber += 1;
    return this.#nextNumber;
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  #tell(who: string, what: string): void {
    this.#story.tell(this.#scheduler.nowMs, who, what);
  }
}

function errandOf(wanted: BareCommand): Errand {
  return { wanted, waitMs: null, requestKey: null, firstBeganMs: null, since: null };
}

const THINK_MOST_MS = 60;
const WAIT_MOST_MS = 1_500;
const KEEP_CHANCE = 0.3;
const EDGE_MS = 10;
const CLIENT_DELAY_MOST_MS = 2;
