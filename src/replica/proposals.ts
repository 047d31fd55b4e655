// Brings requests to where they can be proposed: into the log here when this node leads, else to the leader, once.
import type { Clock, Codec, Env, NoRoom, RoomResource, Transport } from '../env.ts';
import { fromTuple } from '../lease/command-codec.ts';
import type { RawNode } from '../raft/raw-node.ts';
import { NONE, type NodeId, type Term } from '../raft/types.ts';
import type { Alarms } from './alarms.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import { open, stampTime } from './envelope.ts';
import { Inbox } from './inbox.ts';
import { isPreferred } from './lanes.ts';
import type { LogCutter } from './log-cutter.ts';
import type { LogWriter } from './log-writer.ts';
import type { Loop } from './loop.ts';
import type { PrimaryLessor } from './primary-lessor.ts';
import type { Requests } from './requests.ts';
import { DEFAULT_ROOM, Room } from './room.ts';

export class Proposals {
  readonly #raft: RawNode;
  readonly #writer: LogWriter;
  readonly #cutter: LogCutter;
  readonly #requests: Requests;
  readonly #limits: ReplicaLimits;
  readonly #transport: Transport;
  readonly #view: ClusterView;
  readonly #lessor: PrimaryLessor;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #wake: () => void;
  readonly #inbox: Inbox;
  readonly #self: NodeId;
  readonly room: Room;

  constructor(
    env: Env,
    loop: Loop,
    requests: Requests,
    config: ReplicaConfig,
    limits: ReplicaLimits,
    view: ClusterView,
    lessor: PrimaryLessor,
    alarms: Alarms,
  ) {
    this.#raft = loop.raft;
    this.#writer = loop.writer;
    this.#cutter = loop.cutter;
    this.#requests = requests;
    this.#limits = limits;
    this.#transport = env.transport;
    this.#view = view;
    this.#lessor = lessor;
    this.#clock = env.clock;
    this.#wake = () => loop.wake();
    this.#inbox = new Inbox(limits.maxInboxRequests, limits.maxInboxBytes, (command) => isPreferredCommand(command, env.codec));
    this.#self = config.node;
    this.room = new Room({ ...DEFAULT_ROOM, ...config.room }, env.room ?? null, limits, env, alarms, {
      state: () => loop.applier.state,
      warn: (usage) => config.onEvent?.({ kind: 'room', ...usage }),
      peers: () => loop.raft.conf.voters.filter((node) => node !== config.node),
    });
  }

  /** Once a turn: what waits goes on its way if it can. */
  pass(): void {
    this.room.look();
    const { role, leader } = this.#raft;
    if (role === 'leader') this.#propose();
    else if (leader !== NONE && this.#requests.hasUnsent && this.#view.isReachable(leader)) this.#forward(leader);
  }

  /** A follower passes its requests on. A stale one finds out by the log that this is not their leader. */
  takePassed(from: NodeId, term: Term, envelopes: readonly Uint8Array[]): void {
    if (this.#raft.role !== 'leader' || term !== this.#raft.term) return;
    const refused = this.#inbox.add(from, envelopes);
    if (refused.length > 0) this.#transport.send(from, { kind: 'refuse', term, sequences: refused, noRoom: null });
    this.#wake();
  }

  /** The connection to the leader is new: what went over the old one may have been lost, and it takes nothing twice. */
  passAgain(): void {
    const { leader, term } = this.#raft;
    let commands: Uint8Array[] = [];
    let bytes = 0;
    for (const command of this.#requests.sentIn(term)) {
      commands.push(command);
      bytes += command.length;
      if (bytes < this.#limits.maxBatchBytes) continue;
      this.#transport.send(leader, { kind: 'forward', term, commands });
      commands = [];
      bytes = 0;
    }
    if (commands.length > 0) this.#transport.send(leader, { kind: 'forward', term, commands });
  }

  /** Leadership moved: whoever passed requests on to this node finds that out by the log and tries again. */
  forgetPassed(): void {
    this.#inbox.clear();
  }

  /**
   * One proposal for all that waits, once the one before is committed: what arrives meanwhile shares the next group commit, whose
   * cost hardly depends on its size. It also keeps requests out of the log of a leader that has lost its quorum. Nothing goes behind a
   * change of members: with more entries than the others, a member that it removes could not vote for any of them (`Roster.leaving`).
   */
  #propose(): void {
    const raft = this.#raft;
    const { hasExpiry } = this.#lessor;
    if (this.#inbox.isEmpty && !this.#requests.hasUnsent && !hasExpiry) return;
    if (this.#writer.isWriting || raft.hasUncommitted || raft.mayBeChangingMembers || this.#cutter.holdsProposals) return;
    const isNear = this.room.isNear;
    if (isNear && raft.hasUnapplied) {
      // Requests are compared with the state, so that must be up to date. It is, in one of the next turns.
      this.#wake();
      return;
    }
    const { maxBatchRequests, maxBatchBytes } = this.#limits;
    let own = this.#requests.takeUnsent(this.#raft.term, maxBatchRequests, maxBatchBytes);
    let passed = this.#inbox.take(maxBatchRequests, maxBatchBytes);
    if (isNear) {
      this.room.begin();
      own = this.#admit(own);
      passed = this.#admit(passed);
    }
    const expiry = hasExpiry ? this.#takeExpiry() : null;
    const batch = expiry === null ? [...own, ...passed] : [...own, ...passed, expiry];
    if (batch.length === 0) {
      // All that was taken was refused; what is left need not wait for a tick.
      if (this.#requests.hasUnsent || !this.#inbox.isEmpty) this.#wake();
      return;
    }
    const timeMs = this.#lessor.now();
    for (const envelope of batch) stampTime(envelope, timeMs);
    if (this.#raft.propose(batch) === 'ok') return;
    // Leadership is being handed over, or too much is not yet committed: neither lasts.
    this.#requests.putBack(own);
    this.#inbox.putBack(passed);
    if (expiry === null) return;
    this.#requests.withdraw(expiry);
    this.#lessor.putBack();
  }

  /** An expiry is taken only when it can be appended at once: while it waits, the quorum may be lost. */
  #takeExpiry(): Uint8Array | null {
    const taken = this.#lessor.takeExpiry(this.#requests.hasUnsent || !this.#inbox.isEmpty);
    return taken === null ? null : this.#requests.addSent(taken.command, this.#clock.now(), this.#raft.term, taken.done);
  }

  /** The requests for which there is room. Those who sent the others are told that these never enter the log. */
  #admit(envelopes: readonly Uint8Array[]): Uint8Array[] {
    const refused = new Map<string, { readonly node: NodeId; readonly noRoom: NoRoom; readonly sequences: number[] }>();
    const admitted = envelopes.filter((envelope) => {
      const noRoom = this.room.refusal(envelope);
      const header = noRoom === null ? null : open(envelope);
      if (noRoom === null || header === null) return true;
      const { node, sequence } = header;
      const name: `${NodeId} ${RoomResource}` = `${node} ${noRoom.resource}`;
      const others = refused.get(name);
      if (others === undefined) refused.set(name, { node, noRoom, sequences: [sequence] });
      else others.sequences.push(sequence);
      return false;
    });
    const { term } = this.#raft;
    for (const { node, noRoom, sequences } of refused.values()) {
      if (node === this.#self) this.#requests.refused(sequences, noRoom);
      else this.#transport.send(node, { kind: 'refuse', term, sequences, noRoom });
    }
    return admitted;
  }

  #forward(leader: NodeId): void {
    const { maxBatchRequests, maxBatchBytes } = this.#limits;
    const { term } = this.#raft;
    const commands = this.#requests.takeUnsent(term, maxBatchRequests, maxBatchBytes);
    if (commands.length === 0) return;
    if (!this.#transport.send(leader, { kind: 'forward', term, commands })) this.#requests.putBack(commands);
    else if (this.#requests.hasUnsent) this.#wake();
  }
}

function isPreferredCommand(encoded: Uint8Array, codec: Codec): boolean {
  try {
    const command = fromTuple(codec.decode(encoded));
    return command !== null && isPreferred(command);
  } catch {
    return false;
  }
}
