// The loop of one node: inbox → Raft → one Ready for all that arrived → send → sync → send promises → apply → settle.
import { unreachable } from '../assert.ts';
import type { Cancel, Env, ImageMeta, PeerFrame, PeerInfo } from '../env.ts';
import type { Command, LeaseKey } from '../lease/commands.ts';
import { StateMachine } from '../lease/state-machine.ts';
import type { Message, PeerMessage, StorageAppend, StorageApply, VoteRequest } from '../raft/messages.ts';
import { RawNode, type RaftStatus, type Ready } from '../raft/raw-node.ts';
import { type HardState, type Index, NONE, type NodeId, type Role, type SnapshotMeta, type Term } from '../raft/types.ts';
import { Applier } from './applier.ts';
import { ClusterView } from './cluster-view.ts';
import { DEFAULT_LIMITS, type ReplicaConfig, type ReplicaLimits } from './config.ts';
import { open, stampTime } from './envelope.ts';
import { Handover } from './handover.ts';
import { ImageReceiver, type ReceivedImage } from './image-receiver.ts';
import { ImageSender } from './image-sender.ts';
import { Inbox } from './inbox.ts';
import { LogWriter } from './log-writer.ts';
import { PrimaryLessor } from './primary-lessor.ts';
import { raftConfig } from './raft-config.ts';
import { type ReadAnswer, Reads } from './reads.ts';
import { recoverLog, recoverState } from './recovery.ts';
import { Requests } from './requests.ts';
import type { ClusterStatus, Failure, Service, Settled } from './service.ts';
import { StateSaver } from './state-saver.ts';
import { Transfers, type TransferResult } from './transfers.ts';
import { Vacancies } from './vacancies.ts';

const STARTING: Failure = { definite: true, code: 'no-leader', detail: 'This node is still reading its state. Ask again, or another one.' };
const STOPPING: Failure = { definite: true, code: 'stopping', detail: 'This node is stopping. Ask another one.' };

export class Replica implements Service {
  readonly #env: Env;
  readonly #config: ReplicaConfig;
  readonly #limits: ReplicaLimits;
  readonly #raft: RawNode;
  readonly #view: ClusterView;
  readonly #requests: Requests;
  readonly #inbox: Inbox;
  readonly #reads: Reads;
  readonly #vacancies = new Vacancies();
  readonly #lessor: PrimaryLessor;
  readonly #applier: Applier;
  readonly #writer: LogWriter;
  readonly #saver: StateSaver;
  readonly #imageSender: ImageSender;
  readonly #imageReceiver: ImageReceiver;
  readonly #handover: Handover;
  readonly #transfers: Transfers;

  /** Messages of peers that wait for the next turn. */
  #arrived: PeerMessage[] = [];
  #receivedImage: ReceivedImage | null = null;
  /** Role, leader and term as this layer has last acted on them. */
  #noticed: { readonly role: Role; readonly leader: NodeId; readonly term: Term } = { role: 'follower', leader: NONE, term: -1 };
  #turnPending = false;
  #ticks = 0;
  #tickTimer: Cancel | null = null;
  #phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';

  constructor(env: Env, config: ReplicaConfig) {
    this.#env = env;
    this.#config = config;
    this.#limits = { ...DEFAULT_LIMITS, ...config.limits };
    const { image, incarnation } = env.store.recovered;
    const origin = { node: config.node, incarnation };
    const storage = recoverLog(env, config.members);
    this.#raft = new RawNode(raftConfig(env, config, this.#limits, storage));
    this.#view = new ClusterView(config, config.members, env.clock);
    this.#requests = new Requests(env.codec, origin);
    this.#inbox = new Inbox(this.#limits.maxInboxRequests);
    this.#reads = new Reads({
      requestBarrier: (id) => this.#requestBarrier(id),
      appliedIndex: () => this.#applier.index,
      serve: (answer, index, timeMs) => this.#serve(answer, index, timeMs ?? this.#lessor.now()),
    });
    this.#lessor = new PrimaryLessor(
      env.clock,
      { state: () => this.#applier.state, propose: (command, done) => this.#add(command, true, done) },
      config.electionTimeoutMs,
      this.#limits.maxExpiryBatch,
    );
    this.#applier = new Applier(
      env.codec,
      origin,
      this.#requests,
      { applyConfChange: (change) => this.#raft.applyConfChange(change), termApplied: (term) => this.#termApplied(term) },
      this.#newState(),
      image.term,
    );
    this.#writer = new LogWriter(env.store, storage, {
      release: (messages) => this.#release(messages),
      install: (snapshot, hardState, done) => this.#install(snapshot, hardState, done),
      fatal: (error) => this.#fatal(error),
    });
    this.#saver = new StateSaver(env, storage, image, this.#limits, (error) => this.#fatal(error));
    const { imagePieceBytes } = this.#limits;
    this.#imageSender = new ImageSender(
      env.store,
      env.clock,
      { send: (to, frame) => env.transport.send(to, frame), finished: (to, ok) => this.#imageSent(to, ok) },
      imagePieceBytes,
    );
    this.#imageReceiver = new ImageReceiver(env, {
      newState: () => this.#newState(),
      send: (to, frame) => env.transport.send(to, frame),
      received: (from, term, received) => this.#imageReceived(from, term, received),
    });
    this.#handover = new Handover(env.clock, env.random, {
      isLeaderless: () => this.#raft.leader === NONE,
      campaign: () => {
        this.#raft.campaign();
        this.#wake();
      },
    });
    this.#transfers = new Transfers(env.clock, config.electionTimeoutMs * 2, this.#view, this.#raft, () => this.#wake());
  }

  // ---------------------------------------------------------------- life

  /** Reads the saved state, then takes part. `ready` gets the error when the state cannot be read. */
  start(ready: (error?: Error) => void): void {
    recoverState(this.#env, this.#applier.state, (error) => {
      if (error !== undefined) {
        ready(error);
        return;
      }
      this.#phase = 'running';
      this.#env.transport.start({
        frame: (from, frame) => this.#take(from, frame),
        up: (peer) => this.#up(peer),
        down: (peer) => this.#down(peer),
        refused: (peer, reason) => this.#fatal(new Error(`${this.#view.nameOf(peer)} refuses this node: ${reason}`)),
      });
      this.#scheduleTick();
      // Alone there is nobody to wait for.
      if (this.#config.members.length === 1) this.#raft.campaign();
      this.#wake();
      ready();
    });
  }

  /** Hands leadership over, answers or fails what waits, saves the state, closes. Bounded in time. */
  stop(done: () => void): void {
    if (this.#phase !== 'running') {
      this.#close(done);
      return;
    }
    this.#phase = 'stopping';
    this.#requests.failUnsent(STOPPING);
    this.#reads.failAll(STOPPING);
    this.#vacancies.failAll(STOPPING);
    const finish = () => this.#drain(() => this.#saveLast(() => this.#close(done)));
    if (this.#raft.role === 'leader' && this.#config.members.length > 1) this.#transfers.start(null, finish);
    else finish();
    this.#wake();
  }

  /** Gives requests that stand in the log a moment to be decided. */
  #drain(done: () => void): void {
    const endMs = this.#env.clock.now() + this.#config.electionTimeoutMs;
    const look = () => {
      if (this.#requests.count > 0 && this.#phase === 'stopping' && this.#env.clock.now() < endMs) {
        this.#env.clock.after(5, look);
        return;
      }
      this.#requests.failAll(STOPPING);
      done();
    };
    look();
  }

  #saveLast(done: () => void): void {
    if (this.#phase !== 'stopping' || this.#saver.isSaving) done();
    else this.#saver.save(this.#applier.state, this.#applier.term, this.#raft.conf, done);
  }

  #close(done: () => void): void {
    if (this.#phase === 'stopped') {
      done();
      return;
    }
    this.#halt();
    this.#env.transport.close(() => this.#env.store.close(() => done()));
  }

  #halt(): void {
    this.#phase = 'stopped';
    this.#tickTimer?.();
    this.#handover.stop();
    this.#lessor.demote();
    this.#imageSender.stopAll();
    this.#imageReceiver.stop();
    this.#requests.failAll(STOPPING);
    this.#reads.failAll(STOPPING);
    this.#vacancies.failAll(STOPPING);
    this.#transfers.failAll();
  }

  /** Nothing may be promised any more: what has been sent out may not be on the disk. */
  #fatal(error: Error): void {
    if (this.#phase === 'stopped') return;
    this.#halt();
    this.#config.onFatal(error);
  }

  get #isAlive(): boolean {
    return this.#phase === 'running' || this.#phase === 'stopping';
  }

  // ---------------------------------------------------------------- the service

  get node(): string {
    return this.#config.name;
  }

  get leader(): string {
    return this.#view.nameOf(this.#raft.leader);
  }

  get term(): Term {
    return this.#raft.term;
  }

  get appliedIndex(): Index {
    return this.#applier.index;
  }

  submit(command: Command, settle: (settled: Settled) => void): void {
    if (this.#phase !== 'running') {
      settle({ kind: 'failed', failure: this.#phase === 'new' ? STARTING : STOPPING });
      return;
    }
    const { maxPendingRequests } = this.#limits;
    const keepsAlive = command.kind === 'renew' || command.kind === 'extend';
    if (this.#requests.count >= (keepsAlive ? maxPendingRequests : (maxPendingRequests * 7) / 8)) {
      settle({
        kind: 'failed',
        failure: { definite: true, code: 'overloaded', detail: 'This node has too many requests under way. Try again later, with fewer at a time.' },
      });
      return;
    }
    this.#requests.add(command, this.#env.clock.now(), false, settle);
    this.#wake();
  }

  read(consistency: 'linearizable' | 'stale', answer: ReadAnswer): void {
    if (this.#phase !== 'running') {
      answer({ kind: 'failed', failure: this.#phase === 'new' ? STARTING : STOPPING });
    } else if (consistency === 'stale') {
      this.#serve(answer, this.#applier.index, this.#lessor.now());
    } else {
      this.#reads.add(answer, this.#env.clock.now());
      this.#wake();
    }
  }

  waitVacant(key: LeaseKey, vacant: (index: number) => void, failed: (failure: Failure) => void): () => void {
    let cancel: (() => void) | null = null;
    let isCancelled = false;
    this.read('linearizable', (result) => {
      if (isCancelled) return;
      if (result.kind === 'failed') failed(result.failure);
      else if (result.view.state.claim(key, result.view.nowMs) === null) vacant(result.view.index);
      else cancel = this.#vacancies.add({ key, vacant, failed });
    });
    return () => {
      isCancelled = true;
      cancel?.();
    };
  }

  status(): ClusterStatus {
    return this.#view.status(this.#raft.status());
  }

  transfer(to: string | null, done: (result: TransferResult) => void): void {
    if (this.#phase !== 'running') done({ ok: false, code: 'no-leader', detail: STOPPING.detail });
    else this.#transfers.start(to, done);
    this.#wake();
  }

  /** For tests and the simulator. */
  raftStatus(): RaftStatus {
    return this.#raft.status();
  }

  /** For tests and the simulator: the applied state. Not to be changed. */
  get state(): StateMachine {
    return this.#applier.state;
  }

  #add(command: Command, once: boolean, settle: (settled: Settled) => void): void {
    this.#requests.add(command, this.#env.clock.now(), once, settle);
    this.#wake();
  }

  #serve(answer: ReadAnswer, index: Index, nowMs: number): void {
    answer({ kind: 'view', view: { state: this.#applier.state, index, nowMs } });
  }

  // ---------------------------------------------------------------- inputs

  #take(from: NodeId, frame: PeerFrame): void {
    if (!this.#isAlive) return;
    this.#view.heard(from);
    switch (frame.kind) {
      case 'raft':
        this.#arrived.push(frame.message);
        this.#wake();
        return;
      case 'forward':
        this.#takeForwarded(from, frame.term, frame.commands);
        return;
      case 'refuse':
        this.#requests.refused(frame.sequences);
        return;
      case 'barrier':
        // A stale asker finds out by itself that there is another leader.
        if (this.#raft.role !== 'leader' || frame.term !== this.#raft.term) return;
        this.#raft.readIndex(this.#reads.adoptRemote({ from, id: frame.id }));
        this.#wake();
        return;
      case 'barrier-reply':
        this.#reads.confirmed(frame.id, frame.index, frame.timeMs);
        return;
      case 'image':
        this.#imageReceiver.take(from, frame);
        return;
      case 'image-ack':
        this.#imageSender.acknowledged(from, frame.id, frame.position);
        return;
      default:
        unreachable(frame);
    }
  }

  #takeForwarded(from: NodeId, term: Term, envelopes: readonly Uint8Array[]): void {
    this.#noticeLeadership();
    if (this.#raft.role !== 'leader' || term !== this.#raft.term) return;
    const refused = this.#inbox.add(from, envelopes);
    if (refused.length > 0) this.#env.transport.send(from, { kind: 'refuse', term, sequences: refused, code: 'overloaded' });
    this.#wake();
  }

  #up(peer: PeerInfo): void {
    if (!this.#isAlive) return;
    this.#view.up(peer);
    // The connection to the leader is new: what went over the old one may have been lost, and it takes nothing twice.
    if (peer.node === this.#raft.leader) {
      const lost = this.#requests.sentIn(this.#raft.term);
      if (lost.length > 0) this.#forward(peer.node, lost);
      this.#reads.restart();
    }
    this.#wake();
  }

  #down(peer: NodeId): void {
    if (!this.#isAlive) return;
    this.#view.down(peer);
    this.#imageSender.stop(peer);
    this.#raft.reportUnreachable(peer);
    if (this.#raft.leader === peer) {
      this.#raft.forgetLeader();
      this.#handover.leaderLost(this.#rankWithout(peer));
    }
    this.#wake();
  }

  /** This node's place among the voters other than `gone`, by number. */
  #rankWithout(gone: NodeId): number {
    return this.#raft.conf.voters.filter((node) => node !== gone && node < this.#config.node).length;
  }

  #scheduleTick(): void {
    this.#tickTimer = this.#env.clock.after(this.#config.heartbeatMs, () => {
      this.#scheduleTick();
      this.#raft.tick();
      this.#lessor.tick();
      this.#lessor.watch();
      if (++this.#ticks % 4 === 0) this.#expireWaiting();
      this.#wake();
    });
  }

  #expireWaiting(): void {
    const { leaderWaitMs, requestTimeoutMs } = this.#limits;
    const nowMs = this.#env.clock.now();
    this.#requests.expire(nowMs, leaderWaitMs, requestTimeoutMs);
    this.#reads.expire(nowMs, this.#config.electionTimeoutMs, leaderWaitMs + this.#config.electionTimeoutMs);
  }

  // ---------------------------------------------------------------- the loop

  #wake(): void {
    if (this.#turnPending || !this.#isAlive) return;
    this.#turnPending = true;
    this.#env.clock.soon(() => {
      this.#turnPending = false;
      if (this.#isAlive) this.#turn();
    });
  }

  /** One turn: everything that has arrived goes in, everything that is wanted goes out. */
  #turn(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const message of arrived) this.#raft.step(message);
    this.#noticeLeadership();
    this.#pass();
    this.#reads.pump(this.#raft.term, this.#env.clock.now());
    let applied = 0;
    // Each pass of storage answers can make more ready. Applying is what may take long, so only so much of it in one turn.
    while (this.#isAlive && this.#raft.hasReady()) {
      if (applied >= this.#limits.maxApplyBytes) {
        this.#wake();
        break;
      }
      applied += this.#handle(this.#raft.ready());
      this.#writer.pump();
    }
    if (!this.#isAlive) return;
    this.#reads.serveApplied();
    this.#lessor.watch();
    this.#saver.maybeSave(this.#applier.state, this.#applier.term, () => this.#raft.conf);
  }

  /** Requests go to where they can be proposed: into the log here, or to the leader. */
  #pass(): void {
    if (this.#raft.role === 'leader') this.#propose();
    else if (this.#raft.leader !== NONE && this.#requests.hasUnsent && this.#view.isReachable(this.#raft.leader)) {
      const { maxBatchRequests, maxBatchBytes } = this.#limits;
      const envelopes = this.#requests.takeUnsent(this.#raft.term, maxBatchRequests, maxBatchBytes);
      if (!this.#forward(this.#raft.leader, envelopes)) this.#requests.putBack(envelopes);
      else if (this.#requests.hasUnsent) this.#wake();
    }
  }

  /** One proposal for all that waits, while no write is under way: what arrives during a sync shares the next one. */
  #propose(): void {
    if (this.#writer.isWriting || (this.#inbox.isEmpty && !this.#requests.hasUnsent)) return;
    const { maxBatchRequests, maxBatchBytes } = this.#limits;
    const own = this.#requests.takeUnsent(this.#raft.term, maxBatchRequests, maxBatchBytes);
    const passed = this.#inbox.take(maxBatchRequests, maxBatchBytes);
    const batch = [...own, ...passed];
    const timeMs = this.#lessor.now();
    for (const envelope of batch) stampTime(envelope, timeMs);
    if (this.#raft.propose(batch) === 'ok') return;
    // Leadership is being handed over, or too much is not yet committed: neither lasts.
    this.#requests.putBack(own);
    this.#inbox.putBack(passed);
  }

  #forward(to: NodeId, commands: readonly Uint8Array[]): boolean {
    return this.#env.transport.send(to, { kind: 'forward', term: this.#raft.term, commands });
  }

  /** Carries out a Ready; returns how many bytes were applied. */
  #handle(ready: Ready): number {
    this.#noticeLeadership();
    let append: StorageAppend | null = null;
    let apply: StorageApply | null = null;
    const votes: VoteRequest[] = [];
    for (const message of ready.messages) {
      switch (message.kind) {
        case 'storage-append':
          append = message;
          break;
        case 'storage-apply':
          apply = message;
          break;
        case 'vote':
        case 'pre-vote':
          votes.push(message);
          break;
        case 'snapshot':
          this.#imageSender.start(message.to, message.term);
          break;
        default:
          this.#send(message);
      }
    }
    if (append !== null) this.#writer.queue(append, votes);
    for (const { context, index } of ready.readStates) this.#barrierConfirmed(context, index);
    return apply === null ? 0 : this.#apply(apply);
  }

  #apply({ entries, responses }: StorageApply): number {
    this.#applier.apply(entries);
    for (const response of responses) this.#raft.step(response);
    let bytes = 0;
    for (const entry of entries) bytes += entry.kind === 'normal' ? entry.data.length : 0;
    return bytes;
  }

  #send(message: Message): void {
    const sent = this.#env.transport.send(message.to, { kind: 'raft', message: message as PeerMessage });
    if (!sent && message.kind === 'append') this.#raft.reportUnreachable(message.to);
  }

  /** Promises whose ground is durable now, and requests for votes. Those to this node itself count from here. */
  #release(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.#config.node) this.#raft.step(message);
      else this.#send(message);
    }
    this.#wake();
  }

  // ---------------------------------------------------------------- leadership

  /** To be called before anything is taken for the leader's role: what an earlier leadership had collected is void in a new one. */
  #noticeLeadership(): void {
    const { role, leader, term } = this.#raft;
    const noticed = this.#noticed;
    if (role === noticed.role && leader === noticed.leader && term === noticed.term) return;
    this.#noticed = { role, leader, term };
    const leaderlessMs = this.#view.leaderIs(leader);
    this.#inbox.clear();
    this.#reads.restart();
    if (leader !== NONE) this.#handover.stop();
    if (role === 'leader') {
      this.#lessor.elected(this.#lastEntryTimeMs());
    } else {
      this.#lessor.demote();
      this.#imageSender.stopAll();
    }
    this.#transfers.leaderIs(leader);
    this.#config.onEvent?.({
      kind: 'role',
      role: role === 'pre-candidate' ? 'candidate' : role,
      term,
      leader: this.#view.nameOf(leader),
      leaderlessMs,
    });
  }

  /** Times never decrease along the log, so the last stamped entry has the greatest. */
  #lastEntryTimeMs(): number {
    const entries = this.#raft.unapplied();
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i];
      const envelope = entry?.kind === 'normal' ? open(entry.data) : null;
      if (envelope !== null) return Math.max(envelope.timeMs, this.#applier.state.timeMs);
    }
    return this.#applier.state.timeMs;
  }

  #termApplied(term: Term): void {
    if (this.#raft.role === 'leader' && term === this.#raft.term) this.#lessor.promote(term);
  }

  // ---------------------------------------------------------------- reads

  #requestBarrier(id: number): boolean {
    const { leader, role, term } = this.#raft;
    if (role === 'leader') {
      this.#raft.readIndex(id);
      return true;
    }
    return leader !== NONE && this.#env.transport.send(leader, { kind: 'barrier', term, id });
  }

  #barrierConfirmed(context: number, index: Index): void {
    const remote = this.#reads.takeRemote(context);
    if (remote === undefined) this.#reads.confirmed(context, index, null);
    else this.#env.transport.send(remote.from, { kind: 'barrier-reply', id: remote.id, index, timeMs: this.#lessor.now() });
  }

  // ---------------------------------------------------------------- images

  #newState(): StateMachine {
    return new StateMachine({ vacated: (key, index) => this.#vacancies.vacated(key, index) });
  }

  #imageSent(to: NodeId, ok: boolean): void {
    this.#raft.reportSnapshot(to, ok);
    this.#wake();
  }

  #imageReceived(from: NodeId, term: Term, received: ReceivedImage): void {
    this.#receivedImage?.writer.abort();
    this.#receivedImage = received;
    const { index, term: lastTerm, conf } = received.meta;
    this.#arrived.push({ kind: 'snapshot', from, to: this.#config.node, term, snapshot: { index, term: lastTerm, conf } });
    this.#wake();
  }

  #install(snapshot: SnapshotMeta, hardState: HardState | null, done: (error?: Error) => void): void {
    const received = this.#receivedImage;
    this.#receivedImage = null;
    if (received === null || received.meta.index !== snapshot.index) {
      done(new Error(`the state at ${snapshot.index} was to be installed, but another one was received`));
      return;
    }
    const meta: ImageMeta = received.meta;
    this.#env.store.installImage(meta, received.writer, hardState, (error) => {
      if (error === undefined) {
        this.#applier.replace(received.state, meta.term);
        this.#saver.replaced(meta);
        this.#vacancies.recheck(received.state);
        this.#config.onEvent?.({ kind: 'image-received', index: meta.index, records: meta.count });
      }
      done(error);
    });
  }
}
