// Strangers: processes that are not members, reach every peer port, and send what could harm. What they may send follows from what
// src/raft/README.md promises without proof of identity.
//
// Not drawn, since a process without proof of identity can do it and the design only bounds it:
// - Posing as a member, by its number and data directory: that is a Byzantine member. The number of a founder is therefore never drawn,
//   not even of a removed one: a node that has never met it would take whoever comes first for it. Later members have their data
//   directory in the log; their numbers are drawn once they have ended.
// - To a node that has had no linked member or no leader for a while, what replaces its entries or its state, or commits for it: appends
//   with entries, heartbeats with a commit index, images. Such a node may have to take these from the leader of a newer configuration.
//   They are sent only to a node that knows a leader and has a link to a member, and it must ignore every one of them. They arrive without
//   delay, since meanwhile it could lose both.
// - To a node without a leader, a step of the term near 2^30, or many large ones: it adopts each of them, and a node that is more than 2^30
//   terms ahead of another one is never heard by it again. Steps above 2^30 are drawn, and must be ignored.

import type { PeerFrame } from '../../src/env.ts';
import { MalformedBytesError } from '../../src/io/bytes.ts';
import { codec } from '../../src/io/codec.ts';
import { FrameReader } from '../../src/io/frame.ts';
import { TRANSPORT_LIMITS } from '../../src/io/transport-limits.ts';
import { Wire } from '../../src/io/wire.ts';
import { POSITION_MAX } from '../../src/io/wire-raft.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Cluster, Life } from './cluster.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { type HostileMessage, hostileMessages, Stranger } from './stranger.ts';

/** One stranger that speaks. */
interface Speaker {
  readonly stranger: Stranger;
  /** Nodes that knew a leader and had a linked member when they were last spoken to. */
  readonly led: Set<NodeId>;
  isGone: boolean;
}

export class Strangers {
  readonly #founders: number;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #cluster: Cluster;
  readonly #speakers: Speaker[] = [];
  /** What was said to nodes that had let a stranger in. */
  frames = 0;

  constructor(founders: number, scheduler: Scheduler, random: SeededRandom, cluster: Cluster) {
    this.#founders = founders;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#cluster = cluster;
  }

  /** A stranger comes, for a while or for good: then it goes on after everything has been healed. Returns what it calls itself. */
  come(): string | null {
    if (this.#speakers.filter(({ isGone }) => !isGone).length >= SPEAKERS_MOST) return null;
    const number = this.#number();
    // Names prove nothing either.
    const name = this.#random.chance(0.3) ? this.#cluster.name(this.#random.pick(this.#cluster.ids)) : `x${number}`;
    const info = { node: number, name, http: `${name}:http`, disk: `disk-of-stranger-${number}` };
    const speaker: Speaker = { stranger: new Stranger(info, this.#cluster.network), led: new Set(), isGone: false };
    this.#speakers.push(speaker);
    const restMs = this.#random.pick([5, 20, 100]);
    this.#speakLater(speaker, restMs);
    const staysMs = this.#random.pick([500, 2_000, 5_000, Number.POSITIVE_INFINITY]);
    if (staysMs < Number.POSITIVE_INFINITY) this.#scheduler.after(staysMs, () => this.#leave(speaker));
    return `${name} (number ${number})`;
  }

  /** A number that a newer member could have or will have, or one that a member had. */
  #number(): NodeId {
    const { known } = this.#cluster;
    const gone = known.filter((id) => id > this.#founders && !this.#cluster.ids.includes(id));
    const taken = new Set([...known, ...this.#speakers.filter(({ isGone }) => !isGone).map(({ stranger }) => stranger.info.node)]);
    const greatest = Math.max(...taken);
    return gone.length > 0 && this.#random.chance(0.3) ? this.#random.pick(gone) : greatest + this.#random.pick([1, 1, 2, 50]);
  }

  #leave(speaker: Speaker): void {
    speaker.isGone = true;
    speaker.stranger.leave();
  }

  #speakLater(speaker: Speaker, restMs: number): void {
    this.#scheduler.after(this.#random.between(0, 2 * restMs), () => {
      // A member was started under its number: that one's address is the one that the others dial.
      if (speaker.isGone || speaker.stranger.isDisplaced) return;
      for (const to of speaker.stranger.linked) this.#speak(speaker, to);
      this.#speakLater(speaker, restMs);
    });
  }

  #speak({ stranger, led }: Speaker, to: NodeId): void {
    const life = this.#cluster.has(to) ? this.#cluster.life(to) : null;
    if (life === null) return;
    const isLed = this.#isLed(life);
    // Twice in a row: the node itself may notice a new leader only in its next turn.
    const wasLed = led.has(to);
    if (isLed) led.add(to);
    else led.delete(to);
    const { term } = life.replica.raftStatus();
    // What is durable; the log in memory may be longer by a few entries.
    const { lastIndex } = this.#cluster.disk(to);
    const frame =
      isLed && wasLed && this.#random.chance(0.7)
        ? this.#ignored(stranger, to, term, lastIndex)
        : this.#bounded(stranger, to, term, lastIndex);
    this.#thrust(stranger, to, frame);
  }

  /** Whether the node knows a leader among the members and has a link to one, and takes in what arrives at once. */
  #isLed({ process, replica, transport }: Life): boolean {
    return (
      !process.paused &&
      replica.leader !== '' &&
      transport.linked.some((peer) => this.#cluster.has(peer) && this.#isMemberOf(replica, peer))
    );
  }

  #isMemberOf(replica: Life['replica'], peer: NodeId): boolean {
    const { voters, votersOutgoing, learners, learnersNext } = replica.raftStatus().conf;
    return [voters, votersOutgoing, learners, learnersNext].some((members) => members.includes(peer));
  }

  /** What a node that has a leader and a linked member ignores, whatever it is. */
  #ignored(stranger: Stranger, to: NodeId, term: number, lastIndex: number): PeerFrame {
    const far = term + this.#random.pick([0, 1, 2, 1_000, 2 ** 30 - 1, 2 ** 30, 2 ** 30 + 1, POSITION_MAX - term]);
    if (this.#random.chance(0.15)) {
      const last = { index: lastIndex + 100, term: far, conf: CONF, roster: new Uint8Array(), count: 0, sum: 0 };
      return { kind: 'image', term: far, id: this.#random.below(1_000), position: 0, records: [], last };
    }
    return raft(stranger, to, this.#random.pick(hostileMessages(far, lastIndex)));
  }

  /** What any node withstands: it is ignored, or takes leadership away for no longer than a window. */
  #bounded(stranger: Stranger, to: NodeId, term: number, lastIndex: number): PeerFrame {
    const random = this.#random;
    const claimed = term + random.pick([0, 1, 1, 2, 3, 2 ** 30 + 1, POSITION_MAX - term]);
    const index = random.pick([lastIndex + 1_000, POSITION_MAX]);
    const id = random.below(1_000);
    const junk = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    const message = (rest: HostileMessage): PeerFrame => raft(stranger, to, { term: claimed, ...rest });
    return random.pick<() => PeerFrame>([
      () => message({ kind: 'heartbeat', commit: 0, context: id }),
      () => message({ kind: 'append', logTerm: claimed, index, commit: index, entries: [] }),
      () => message({ kind: 'pre-vote', logTerm: claimed, index, transfer: random.chance(0.5) }),
      () => message({ kind: 'vote', logTerm: claimed, index, transfer: random.chance(0.5) }),
      () => message({ kind: 'timeout-now' }),
      () => message({ kind: 'transfer-leader', transferee: stranger.info.node }),
      () => message({ kind: 'append-response', index, rejected: random.chance(0.5), rejectHint: 0, logTerm: 0 }),
      () => message({ kind: 'heartbeat-response', context: id }),
      () => message({ kind: 'vote-response', rejected: random.chance(0.5) }),
      () => message({ kind: 'pre-vote-response', rejected: random.chance(0.5) }),
      () => message({ kind: 'read-index', context: id }),
      () => message({ kind: 'read-index-response', index, context: id }),
      () => ({ kind: 'forward', term, commands: [junk, junk] }),
      () => ({ kind: 'refuse', term, sequences: [id, id + 1], noRoom: { resource: 'disks', used: 2, limit: 2 } }),
      () => ({ kind: 'barrier', term, id }),
      () => ({ kind: 'barrier-reply', id, index: random.below(lastIndex + 1), timeMs: POSITION_MAX }),
      () => ({ kind: 'image-ack', id, position: random.pick([-1, 0, id]) }),
      () => ({ kind: 'member-change', term, id, change: junk }),
      () => ({ kind: 'member-reply', id, reply: junk }),
      () => ({ kind: 'health', health: { ...HEALTH, freeBytes: random.pick([1, POSITION_MAX]) }, leader: stranger.info.node }),
    ])();
  }

  /** By way of the bytes that it is on the network: what has no form there, or closes the connection, has no effect here. */
  #thrust(stranger: Stranger, to: NodeId, frame: PeerFrame): void {
    const read = acrossTheWire(stranger.info.node, to, frame);
    if (read === null) {
      this.#cluster.network.reset(stranger.info.node, to);
      return;
    }
    this.frames += 1;
    stranger.thrust(to, read);
  }
}

function raft(stranger: Stranger, to: NodeId, message: HostileMessage): PeerFrame {
  return { kind: 'raft', message: { from: stranger.info.node, to, ...message } } as unknown as PeerFrame;
}

function acrossTheWire(from: NodeId, to: NodeId, frame: PeerFrame): PeerFrame | null {
  const found: PeerFrame[] = [];
  const pieces = new Wire(from, codec, TRANSPORT_LIMITS.frameMaxBytes).encode(frame);
  const wire = new Wire(to, codec, TRANSPORT_LIMITS.frameMaxBytes);
  try {
    new FrameReader(TRANSPORT_LIMITS.frameMaxBytes).push(Buffer.concat(pieces), (kind, body) => {
      found.push(wire.decode(kind, body, from));
      return true;
    });
  } catch (error) {
    if (error instanceof MalformedBytesError) return null;
    throw error;
  }
  return found[0] ?? null;
}

const SPEAKERS_MOST = 2;
const CONF = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const HEALTH = { syncPendingMs: 0, syncP99Ms: 0, loopP99Ms: 0, freeBytes: 0, alarms: ['disk-stall', 'stopping'], stopping: true };
