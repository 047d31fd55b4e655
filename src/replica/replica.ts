// One node of the cluster: takes requests, brings them to the leader's log, and answers with what the log decided.
import type { Env } from '../env.ts';
import type { Command, LeaseKey } from '../lease/commands.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { RaftStatus } from '../raft/ready.ts';
import type { Index, Term } from '../raft/types.ts';
import { Alarms } from './alarms.ts';
import { Barriers } from './barriers.ts';
import { ClusterView } from './cluster-view.ts';
import { DEFAULT_LIMITS, type ReplicaConfig, type ReplicaLimits } from './config.ts';
import { drain } from './drain.ts';
import { EventLog } from './event-log.ts';
import { OVERLOADED, STARTING, STOPPING } from './failures.ts';
import { type Figures, figuresOf } from './figures.ts';
import { Leadership } from './leadership.ts';
import { Loop } from './loop.ts';
import { Membership } from './membership.ts';
import { NodeHealthMonitor } from './node-health.ts';
import { PeerInputs } from './peer-inputs.ts';
import { PrimaryLessor } from './primary-lessor.ts';
import { Proposals } from './proposals.ts';
import { type ReadAnswer, Reads } from './reads.ts';
import { Requests } from './requests.ts';
import type { ClusterStatus, Failure, Founders, MemberChange, MemberResult, NodeCondition, Service, Settled } from './service.ts';
import { Ticks } from './ticks.ts';
import { type TransferResult, Transfers } from './transfers.ts';
import { Waiting } from './waiting.ts';

export class Replica implements Service {
  readonly #env: Env;
  readonly #config: ReplicaConfig;
  readonly #limits: ReplicaLimits;
  readonly #view: ClusterView;
  readonly #requests: Requests;
  readonly #loop: Loop;
  readonly #proposals: Proposals;
  readonly #barriers: Barriers;
  readonly #reads: Reads;
  readonly #waiting: Waiting;
  readonly events: EventLog;
  readonly founders: Founders;
  readonly alarms: Alarms;
  readonly figures = (): Figures => figuresOf(this.#loop, this.#leadership, this.#requests, this.#lessor, this.#proposals.room);
  readonly #lessor: PrimaryLessor;
  readonly #transfers: Transfers;
  readonly #membership: Membership;
  readonly #leadership: Leadership;
  readonly #health: NodeHealthMonitor;
  readonly #peers: PeerInputs;
  readonly #ticks: Ticks;
  #phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';

  constructor(env: Env, config: ReplicaConfig) {
    this.#env = env;
    this.#config = config;
    this.founders = config.founders.map(({ node, name, peer }) => ({ number: node, id: name, peer }));
    this.alarms = new Alarms((alarm, isActive) => config.onEvent?.({ kind: 'alarm', alarm, isActive }));
    this.#limits = { ...DEFAULT_LIMITS, ...config.limits };
    this.#view = new ClusterView(config, env.clock);
    this.events = new EventLog(this.#limits.keepEvents, this.#limits.keepEventBytes);
    const life = { node: config.node, incarnation: env.store.recovered.incarnation };
    this.#requests = new Requests(env.codec, life);
    this.#loop = new Loop(env, config, this.#limits, this.#requests, {
      stepped: () => this.#stepped(),
      heardLeader: (stampedMs) => this.#lessor.heardLeader(stampedMs),
      leadershipMayHaveChanged: () => this.#leadership.notice(),
      turned: () => this.#turned(),
      barrierConfirmed: (context, index) => this.#barriers.confirmed(context, index, this.#reads),
      termApplied: (term) => this.#leadership.termApplied(term),
      vacated: (key, index) => this.#waiting.vacated(key, index),
      event: (event) => this.events.append(event),
      turnEnded: (turn, index) => this.#waiting.turnEnded(turn, index),
      orphaned: (outcome) => this.#waiting.orphaned(outcome),
      stateReplaced: ({ index, count }) => {
        this.#lessor.stateReplaced();
        this.#waiting.stateReplaced(this.state);
        this.events.startAfter(this.state.lastEvent, index);
        config.onEvent?.({ kind: 'image-received', index, records: count });
      },
      membersChanged: (index, term) => this.#membership.changed(index, term),
      fatal: (error) => this.#fatal(error),
    });
    const { raft } = this.#loop;
    const wake = () => this.#loop.wake();
    // What a leader proposes by itself, worth something in its term only. One that stops is never done: else it would propose it again at once.
    const propose = (command: Command, done: () => void): void => {
      if (this.#phase === 'running') this.#add(command, true, done);
    };
    const confirm = (done: (isConfirmed: boolean) => void) => this.read('linearizable', (result) => done(result.kind === 'view'));
    const lessorHost = { state: () => this.state, confirm, ready: wake };
    this.#lessor = new PrimaryLessor(env.clock, lessorHost, config.electionTimeoutMs, this.#limits.maxExpiryBatch);
    const judge = { lessor: this.#lessor, view: this.#view, propose };
    this.#waiting = new Waiting(env.clock, life, this, judge, Math.ceil(config.electionTimeoutMs / config.heartbeatMs));
    this.#proposals = new Proposals(env, this.#loop, this.#requests, config, this.#limits, this.#view, this.#lessor, this.alarms);
    this.#barriers = new Barriers(raft, env.transport, this.#lessor);
    this.#reads = new Reads(life.incarnation, {
      requestBarrier: (id) => this.#barriers.ask(id),
      appliedIndex: () => this.appliedIndex,
      serve: (answer, timeMs) => this.#serve(answer, timeMs ?? this.#lessor.now()),
      ...{ budget: this.#loop.budget, wake },
    });
    this.#transfers = new Transfers(env.clock, config.electionTimeoutMs * 2, this.#view, raft, wake);
    this.#membership = new Membership(env, config, this.#limits, this.#loop, this.#view, this.#transfers, {
      removed: (failure) => this.#refuse(failure),
      fatal: (error) => this.#fatal(error),
    });
    const parts = {
      lessor: this.#lessor,
      proposals: this.#proposals,
      barriers: this.#barriers,
      reads: this.#reads,
      transfers: this.#transfers,
      announce: (term: Term, leaderlessMs: number | null) => propose({ kind: 'lead', term, node: config.name, leaderlessMs }, () => {}),
      membership: this.#membership,
    };
    this.#leadership = new Leadership(env, this.#loop, this.#view, config, parts);
    this.#health = new NodeHealthMonitor(env.clock, config, this.#loop, this.#view, this.alarms);
    this.#peers = new PeerInputs(env, this.#loop, this.#view, this.#leadership, this.#requests, parts, () =>
      this.#health.local(this.#proposals.room.freeBytes, this.#phase !== 'running'),
    );
    this.#ticks = new Ticks(env.clock, config, this.#limits, {
      ...{ loop: this.#loop, lessor: this.#lessor, waiting: this.#waiting, requests: this.#requests, reads: this.#reads },
      ...{ membership: this.#membership, health: this.#health, peers: this.#peers },
    });
  }

  /** Reads the saved state, then takes part, unless it was told to stop by then. `ready` gets the error when the state cannot be read. */
  start(ready: (error?: Error) => void): void {
    this.#loop.start((error) => {
      // Told to stop meanwhile: then it takes no part any more.
      if (error !== undefined || this.#phase !== 'new') {
        this.#loop.halt();
        ready(error);
        return;
      }
      this.#phase = 'running';
      this.events.startAfter(this.state.lastEvent, this.appliedIndex);
      this.#membership.begin();
      this.#peers.start(() => this.#phase === 'running' || this.#phase === 'stopping');
      this.#ticks.start();
      // Alone there is nobody to wait for.
      if (!this.#membership.hasOtherVoters) this.#loop.raft.campaign();
      this.#loop.wake();
      ready();
    });
  }

  /** Hands leadership over, answers or fails what waits, saves the state, closes. Bounded in time. */
  stop(done: () => void): void {
    if (this.#phase !== 'running') {
      this.#close(done);
      return;
    }
    this.#refuse(STOPPING);
    const finish = () => {
      drain(this.#env.clock, this.#requests, this.#config.electionTimeoutMs, () => {
        this.#requests.failAll(STOPPING);
        this.#loop.saveLast(() => this.#close(done));
      });
    };
    if (this.#loop.raft.role === 'leader' && this.#membership.hasOtherVoters) this.#transfers.start(null, finish);
    else finish();
    this.#loop.wake();
  }

  /** Nothing new is let in, and what surely has not begun is answered. */
  #refuse(failure: Failure): void {
    if (this.#phase === 'running') this.#phase = 'stopping';
    this.#requests.failUnsent(failure);
    this.#reads.failAll(failure);
    this.#waiting.stop(failure);
  }

  #close(done: () => void): void {
    this.#halt();
    this.#env.transport.close(() => this.#env.store.close(() => done()));
  }

  #halt(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#ticks.stop();
    this.#peers.stop();
    this.#leadership.stop();
    this.#loop.halt();
    this.#requests.failAll(STOPPING);
    this.#reads.failAll(STOPPING);
    this.#waiting.halt(STOPPING);
    this.#transfers.failAll();
    this.#membership.failAll(STOPPING);
  }

  #fatal(error: Error): void {
    if (this.#phase === 'stopped') return;
    this.#halt();
    this.#config.onFatal(error);
  }

  get node(): string {
    return this.#config.name;
  }

  get leader(): string {
    return this.#view.nameOf(this.#loop.raft.leader);
  }

  get term(): Term {
    return this.#loop.raft.term;
  }

  get appliedIndex(): Index {
    return this.#loop.applier.index;
  }

  submit(command: Command, settle: (settled: Settled) => void, inOrder = false): void {
    // A node that stops still tells the log who leaves the queue.
    const isOpen = this.#phase === 'running' || (this.#phase === 'stopping' && command.kind === 'leave');
    if (!isOpen) settle({ kind: 'failed', failure: this.#notRunning() });
    else if (!this.#requests.admits(command, this.#limits, this.#waiting.denials.count)) settle({ kind: 'failed', failure: OVERLOADED });
    else if (inOrder || !this.#waiting.denials.take(command, settle)) this.#add(command, false, settle);
  }

  claimInTurn(...asked: Parameters<Service['claimInTurn']>): (failure: Failure | null) => void {
    return this.#waiting.claims.claim(...asked);
  }

  read(consistency: 'linearizable' | 'stale', answer: ReadAnswer): void {
    if (this.#phase !== 'running') answer({ kind: 'failed', failure: this.#notRunning() });
    else if (consistency === 'stale') this.#serve(answer, this.#lessor.now());
    else {
      this.#reads.add(answer, this.#env.clock.now());
      this.#loop.wake();
    }
  }

  waitVacant(key: LeaseKey, vacant: (index: number) => void, failed: (failure: Failure) => void): () => void {
    return this.#waiting.vacancies.wait((answer) => this.read('linearizable', answer), { key, vacant, failed });
  }

  status(): ClusterStatus {
    return this.#view.status(
      this.#loop.raft.status(),
      (node) => this.#loop.snapshotProgress(node),
      (node) => this.#health.alarmsOf(node, this.#peers.health),
    );
  }

  condition(): NodeCondition {
    const { commit, applied } = this.#loop.raft.status();
    return { isStopping: this.#phase !== 'running', syncPendingMs: this.#health.syncPendingMs, applyLag: commit - applied };
  }

  transfer(to: string | null, done: (result: TransferResult) => void): void {
    if (this.#phase !== 'running') done({ ok: false, code: 'no-leader', detail: this.#notRunning().detail });
    else this.#transfers.start(to, done);
  }

  changeMembers(change: MemberChange, done: (result: MemberResult) => void): void {
    if (this.#phase !== 'running') done({ ok: false, ...this.#notRunning() });
    else this.#membership.change(change, done);
  }

  /** For tests and the simulator. */
  raftStatus(): RaftStatus {
    return this.#loop.raft.status();
  }

  /** The applied state. Not to be changed. */
  get state(): StateMachine {
    return this.#loop.applier.state;
  }

  #notRunning(): Failure {
    return this.#phase === 'new' ? STARTING : STOPPING;
  }

  #add(command: Command, once: boolean, settle: (settled: Settled) => void): void {
    this.#requests.add(command, this.#env.clock.now(), once, settle);
    this.#loop.wake();
  }

  #serve(answer: ReadAnswer, nowMs: number): void {
    answer({ kind: 'view', view: { state: this.state, index: this.appliedIndex, nowMs } });
  }

  #stepped(): void {
    this.#leadership.notice();
    this.#proposals.pass();
    this.#membership.stepped();
    this.#reads.pump(this.term, this.#env.clock.now());
  }

  #turned(): void {
    this.#reads.serveApplied();
    this.events.tell();
    this.#lessor.watch();
    this.#waiting.turned();
    this.#membership.turned();
  }
}
