// The loop of one node: inbox → Raft → one Ready for all that arrived → send → sync → send promises → apply.
import type { Env, ImageMeta, PeerFrame } from '../env.ts';
import type { Outcome } from '../lease/outcomes.ts';
import { StateMachine, type StateObserver } from '../lease/state-machine.ts';
import type { Message, PeerMessage, StorageAppend, VoteRequest } from '../raft/messages.ts';
import { RawNode } from '../raft/raw-node.ts';
import type { Ready } from '../raft/ready.ts';
import type { HardState, Index, NodeId, SnapshotMeta, Term } from '../raft/types.ts';
import { Applier } from './applier.ts';
import { ApplyQueue } from './apply-queue.ts';
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import { lastStamp } from './envelope.ts';
import type { ReceivedImage } from './image-receiver.ts';
import { Images } from './images.ts';
import { LogCutter } from './log-cutter.ts';
import { LogWriter } from './log-writer.ts';
import { raftConfig } from './raft-config.ts';
import { recoverLog, recoverRoster, recoverState } from './recovery.ts';
import type { Requests } from './requests.ts';
import { type Founder, Roster } from './roster.ts';
import type { SnapshotProgress } from './service.ts';
import { type SavedMembership, StateSaver } from './state-saver.ts';
import { TurnBudget } from './turn-budget.ts';

/** Also told what the state does as it is applied. */
export interface LoopHost extends Required<StateObserver> {
  /** Everything that arrived has been stepped; role, leader and term may be others now. Proposals and reads go in here. */
  stepped(): void;
  /** A message of the leader that this node follows has been stepped; `stampedMs` is the time of its last stamped entry, null for none. */
  heardLeader(stampedMs: number | null): void;
  /** A Ready is about to be carried out. */
  leadershipMayHaveChanged(): void;
  /** A turn is over: the state may have moved on. */
  turned(): void;
  barrierConfirmed(context: number, index: Index): void;
  /** The first entry of a term has been applied. */
  termApplied(term: Term): void;
  /** A request of this life was applied that nobody waits for any more. */
  orphaned(outcome: Outcome): void;
  /** The members are others, by the entry at `index`, or by a received state. */
  membersChanged(index: Index, term: Term): void;
  /** A state received from the leader has taken the place of this node's own. */
  stateReplaced(meta: ImageMeta): void;
  /** Nothing may be promised any more: what has been sent out may not be on the disk. */
  fatal(error: Error): void;
}

export class Loop {
  readonly raft: RawNode;
  readonly applier: Applier;
  readonly writer: LogWriter;
  readonly #env: Env;
  readonly #self: NodeId;
  readonly #founders: readonly Founder[];
  readonly #limits: ReplicaLimits;
  readonly #host: LoopHost;
  readonly #saver: StateSaver;
  readonly cutter: LogCutter;
  readonly images: Images;
  readonly budget: TurnBudget;
  readonly #toApply: ApplyQueue;
  /** The members as of the save that was begun last. */
  #savedRoster: Roster;
  /** Messages of peers that wait for the next turn. */
  #arrived: PeerMessage[] = [];
  #isAlive = false;
  #turnPending = false;

  constructor(env: Env, config: ReplicaConfig, limits: ReplicaLimits, requests: Requests, host: LoopHost) {
    this.#env = env;
    this.#self = config.node;
    this.#limits = limits;
    this.#host = host;
    const { image, incarnation } = env.store.recovered;
    const storage = recoverLog(env, config.founders);
    this.#founders = config.founders;
    this.raft = new RawNode(raftConfig(env, config, limits, storage));
    this.applier = new Applier(
      env.codec,
      { node: config.node, incarnation },
      requests,
      {
        applyConfChange: (change) => this.raft.applyConfChange(change),
        membersChanged: (index, term) => host.membersChanged(index, term),
        termApplied: (term) => host.termApplied(term),
        orphaned: (outcome) => host.orphaned(outcome),
      },
      { state: this.#newState(), term: image.term, roster: recoverRoster(env, config.founders) },
    );
    this.#savedRoster = this.applier.roster;
    this.budget = new TurnBudget(env.clock, limits.turnWorkMs);
    this.#toApply = new ApplyQueue(config.node, this.budget, {
      apply: (entry) => this.applier.apply(entry),
      step: (response) => void this.raft.step(response),
      applied: (bytes) => this.#saver.applied(bytes),
    });
    this.writer = new LogWriter(env, storage, {
      release: (messages) => this.#release(messages),
      install: (snapshot, hardState, done) => this.#install(snapshot, hardState, done),
      fatal: (error) => host.fatal(error),
    });
    this.cutter = new LogCutter(env.store, env.clock, storage, limits, {
      match: (peer) => this.raft.status().progress?.get(peer)?.match ?? 0,
      imageShare: (peer) => this.images.sentShare(peer),
    });
    this.#saver = new StateSaver(env, storage, image, limits, {
      saved: (index) => this.cutter.cut(index),
      fatal: (error) => host.fatal(error),
    });
    this.images = new Images(env, limits, config.founders, {
      newState: () => this.#newState(),
      sent: (to, ok) => this.#imageSent(to, ok),
      isInstalling: () => this.writer.isInstalling,
      received: (from, term, snapshot) => {
        this.#arrived.push({ kind: 'snapshot', from, to: this.#self, term, snapshot });
        this.wake();
      },
      installed: (received) => this.#installed(received),
    });
  }

  /** Reads the saved state; turns begin after it. */
  start(ready: (error?: Error) => void): void {
    recoverState(this.#env, this.applier.state, (error) => {
      this.#isAlive = error === undefined;
      ready(error);
    });
  }

  /** No turn begins after this. */
  halt(): void {
    this.#isAlive = false;
    this.#saver.giveUp();
    this.images.stop();
  }

  /** Writes the state down before the end, so that the next start need not apply so much. */
  saveLast(done: () => void): void {
    if (!this.#isAlive || this.#saver.isSaving || this.writer.isInstalling) done();
    else this.#saver.save(this.applier.state, this.applier.term, this.#membership(), done);
  }

  take(from: NodeId, frame: PeerFrame & { readonly kind: 'raft' | 'image' | 'image-ack' }): void {
    if (frame.kind === 'raft') {
      this.#arrived.push(frame.message);
      this.wake();
    } else {
      this.images.take(from, frame);
    }
  }

  peerLost(peer: NodeId): void {
    this.images.peerLost(peer);
    this.cutter.lost(peer);
    this.raft.reportUnreachable(peer);
    this.wake();
  }

  /** How far `node` is with an image: told by the sender and, of itself, by the receiver. Null when none is under way. */
  snapshotProgress(node: NodeId): SnapshotProgress | null {
    return node === this.#self ? this.images.receiving : this.images.sending(node);
  }

  /** Leadership moved. What a leader was sending is wanted of the present one only. */
  leadershipMoved(): void {
    const isSelf = this.raft.role === 'leader';
    this.images.leaderIs(this.raft.leader, isSelf);
    if (!isSelf) this.cutter.forgetAll();
  }

  /** Something has arrived or is wanted: a turn follows, shared by all that comes until then. */
  wake(): void {
    if (this.#turnPending || !this.#isAlive) return;
    this.#turnPending = true;
    this.#env.clock.soon(() => {
      this.#turnPending = false;
      if (this.#isAlive) this.#turn();
    });
  }

  #turn(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const message of arrived) this.#step(message);
    this.#host.stepped();
    this.budget.begin();
    let applied = 0;
    // Each pass of storage answers can make more ready. Applying is what may take long, so only so much of it in one turn.
    while (this.#isAlive && (this.raft.hasReady() || this.#canApply)) {
      const isOver = applied > 0 && (applied >= this.#limits.maxApplyBytes || this.budget.isSpent);
      if (isOver) this.wake();
      if (isOver) break;
      if (this.raft.hasReady()) this.#handle(this.raft.ready());
      this.writer.pump();
      if (this.#canApply) applied += this.#toApply.run();
    }
    if (!this.#isAlive) return;
    // An append that waited for the previous write starts also if nothing else is ready.
    this.writer.pump();
    if (!this.writer.isInstalling) this.images.dropUnwanted();
    this.#host.turned();
    if (!this.writer.isInstalling) this.#maybeSave();
  }

  /** A change of members is saved at once: who forgot in a crash that it was committed would wait for the vote of a member that has left. */
  #maybeSave(): void {
    const { state, term, roster } = this.applier;
    const isNews = roster !== this.#savedRoster && !this.#saver.isSaving;
    if (isNews) this.#savedRoster = roster;
    // A full log blocks all entries. After a restart it can hold what was saved, but not compacted, before the crash.
    const isFull = this.cutter.isFull && !this.#saver.isSaving;
    if (isFull && this.#saver.savedIndex === state.appliedIndex) this.cutter.cut(state.appliedIndex);
    else if (isNews || isFull) this.#saver.save(state, term, this.#membership(), () => {});
    else this.#saver.maybeSave(state, term, () => this.#membership());
  }

  #step(message: PeerMessage): void {
    const { kind, from, term } = message;
    // As if it had been lost: the leader sends it again, while heartbeats go on and what is committed is applied, saved and compacted.
    if (kind === 'append' && message.entries.length > 0 && this.cutter.isFull) return;
    this.raft.step(message);
    if (kind !== 'append' && kind !== 'heartbeat') return;
    if (from === this.raft.leader && term === this.raft.term) this.#host.heardLeader(kind === 'append' ? lastStamp(message.entries) : null);
  }

  /** Entries before a received state are not applied any more: the members are already those of that state. */
  get #canApply(): boolean {
    return !this.#toApply.isEmpty && !this.writer.isInstalling;
  }

  /** Carries out a Ready. What it wants applied is only queued. */
  #handle(ready: Ready): void {
    this.#host.leadershipMayHaveChanged();
    let append: StorageAppend | null = null;
    const votes: VoteRequest[] = [];
    for (const message of ready.messages) {
      switch (message.kind) {
        case 'storage-append':
          append = message;
          break;
        case 'storage-apply':
          this.#toApply.add(message);
          break;
        case 'vote':
        case 'pre-vote':
          votes.push(message);
          break;
        case 'snapshot':
          this.cutter.imageBegun(message.to, this.images.begin(message.to, message.term));
          break;
        default:
          this.#send(message);
      }
    }
    if (append !== null) this.writer.queue(append, votes);
    for (const { context, index } of ready.readStates) this.#host.barrierConfirmed(context, index);
  }

  #membership(): SavedMembership {
    return { conf: this.raft.conf, roster: this.applier.roster };
  }

  #send(message: Message): void {
    const sent = this.#env.transport.send(message.to, { kind: 'raft', message: message as PeerMessage });
    if (!sent && message.kind === 'append') this.raft.reportUnreachable(message.to);
  }

  /** Promises whose ground is durable now, and requests for votes. Those to this node itself count from here. */
  #release(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.#self) this.raft.step(message);
      else this.#send(message);
    }
    this.wake();
  }

  #newState(): StateMachine {
    return new StateMachine(this.#host, this.#limits.entryWorkMax);
  }

  #imageSent(to: NodeId, ok: boolean): void {
    this.raft.reportSnapshot(to, ok);
    this.wake();
  }

  #install(snapshot: SnapshotMeta, hardState: HardState, done: (error?: Error) => void): void {
    this.#saver.giveUp();
    this.images.install(snapshot, hardState, done);
  }

  #installed({ state, meta }: ReceivedImage): void {
    const roster = Roster.decode(meta.roster, this.#founders, this.#env.codec);
    this.applier.replace({ state, term: meta.term, roster });
    this.#toApply.drop();
    this.#savedRoster = roster;
    this.#saver.replaced(meta);
    this.#host.membersChanged(meta.index, meta.term);
    this.#host.stateReplaced(meta);
  }
}
