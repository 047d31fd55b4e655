// Everything in which a real node and a simulated one may differ: time, chance, disk and network.
// `src/io` holds the real ones, `test/sim` the simulated twins. The replica is written against these alone.
import type { PeerMessage } from './raft/messages.ts';
import type { Entry, HardState, Index, NodeId, SnapshotMeta, Term } from './raft/types.ts';

/** Ends what a call began; calling it late or twice does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Monotonic milliseconds with fraction; the zero is arbitrary. Never wall time. */
  now(): number;
  /** Runs `run` once, no earlier than `delayMs` from now. A longer delay than a timer can take is cut to that. */
  after(delayMs: number, run: () => void): Cancel;
  /** Runs `run` after the inputs that are waiting already, before any timer: lets one turn's arrivals share its cost. */
  soon(run: () => void): void;
}

export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
}

/** Turns plain data (null, booleans, numbers, well-formed strings, byte arrays, arrays) into bytes and back, the same on every node. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  /** Throws on bytes that `encode` did not make. */
  decode(bytes: Uint8Array): unknown;
}

// ---------------------------------------------------------------- disk

/** Told once, later, never during the call. An error is final: nothing can be written any more and the node must stop. */
export type Done = (error?: Error) => void;

/** What one group commit makes durable. */
export interface LogWrite {
  readonly hardState: HardState | null;
  /** Contiguous; they replace whatever stands at their indexes and behind. May be empty. */
  readonly entries: readonly Entry[];
}

/** One record of the state machine: its name, and its encoded content or null when it is gone. */
export type StateRecord = readonly [name: string, content: Uint8Array | null];

/** Where a state image stands in the log. */
export interface ImageMeta extends SnapshotMeta {
  /** Who the members are, as `replica/roster.ts` encodes it; empty for those of the first start. */
  readonly roster: Uint8Array;
  /** Number of records, and the sum of their checksums modulo 2^48: together they show a lost or altered record. */
  readonly count: number;
  readonly sum: number;
}

/** A consistent image of the last saved state, read while newer states are saved. */
export interface ImageReader {
  readonly meta: ImageMeta;
  /** The next records, about `maxBytes` of them; none when all have been read. Called again only after the answer. */
  next(maxBytes: number, done: (error: Error | null, records: readonly StateRecord[]) => void): void;
  close(): void;
}

/** Takes a received image beside the present state. Nothing of it counts before `LogStore.installImage`. */
export interface ImageWriter {
  write(records: readonly StateRecord[], done: Done): void;
  /** Drops what was written. */
  abort(): void;
}

/** What a store held when it was opened. Everything in it has been checked. */
export interface Recovered {
  readonly hardState: HardState;
  /** The saved state image; index 0 when there is none yet. */
  readonly image: ImageMeta;
  /** Contiguous from at most image.index + 1 on. */
  readonly entries: readonly Entry[];
  /** Term of the entry before the first of `entries`. */
  readonly precedingTerm: Term;
  /** Grows with every opening of this data directory; 1 at the first. */
  readonly incarnation: number;
}

/**
 * The durable half of a node. One of each kind of write may be under way at a time (one `append` or `probe`, one `saveState`, one image),
 * and each is durable when its `done` is called without an error, not before.
 */
export interface LogStore {
  readonly recovered: Recovered;
  /** Reads the saved state at start, in any order of records, in pieces that are short work for a turn of the event loop. */
  readState(each: (records: readonly StateRecord[]) => void, done: Done): void;
  append(write: LogWrite, done: Done): void;
  /** Makes a small write durable that changes nothing. Never while an `append` is under way. */
  probe(done: Done): void;
  /** Writes changed records and moves the image to `meta`, all or nothing. However many they are, no turn of the event loop is long. */
  saveState(meta: ImageMeta, records: readonly StateRecord[], done: Done): void;
  /** Forgets the entries up to and including `index`, at some time. Never behind the saved image. */
  compact(index: Index): void;
  openImage(): ImageReader;
  beginImage(): ImageWriter;
  /**
   * Makes a fully written image the state and drops the whole log, all or nothing, with `hardState`.
   * Fails without effect if count or sum do not fit what was written.
   */
  installImage(meta: ImageMeta, writer: ImageWriter, hardState: HardState | null, done: Done): void;
  close(done: Done): void;
}

/** The checksum that `ImageMeta.sum` adds up; the same function on every node. */
export type RecordChecksum = (name: string, content: Uint8Array) => number;

// ---------------------------------------------------------------- network

/**
 * What a node reports about itself to its peers. Whole numbers; 0 also means "not measured". `syncPendingMs` is the age of the oldest
 * unfinished sync, `freeBytes` the free space of the disk that holds the data directory.
 */
export interface NodeHealth {
  readonly syncPendingMs: number;
  readonly syncP99Ms: number;
  readonly loopP99Ms: number;
  readonly freeBytes: number;
  /** Names of the alarms that are raised, such as `disk-stall`. */
  readonly alarms: readonly string[];
  readonly stopping: boolean;
}

/** Bounds of the alarms in a health frame: a peer that exceeds them is disconnected. */
export const HEALTH_ALARMS_MAX = 16;
export const HEALTH_ALARM_NAME = /^[a-z][a-z-]{0,31}$/;

/** What there can be no room for: see `replica/room.ts`. */
export const ROOM_RESOURCES = ['claims', 'keys', 'sessions', 'state', 'namespace', 'heap', 'disk', 'disks'] as const;
export type RoomResource = (typeof ROOM_RESOURCES)[number];

/** Why a command is refused before the log: of `resource`, `used` is in use, and `limit` is the quota. Whole numbers. */
export interface NoRoom {
  readonly resource: RoomResource;
  readonly used: number;
  readonly limit: number;
}

/** One message from node to node. Raft's own, and those of the service above it. */
export type PeerFrame =
  | { readonly kind: 'raft'; readonly message: PeerMessage }
  /** Commands to be proposed by the leader of `term`; see `replica/forwarding.ts`. */
  | { readonly kind: 'forward'; readonly term: Term; readonly commands: readonly Uint8Array[] }
  /**
   * The leader of `term` did not and will not propose these (sequence numbers of the sender): it is overloaded (`noRoom` null), or there is no
   * room for them.
   */
  | { readonly kind: 'refuse'; readonly term: Term; readonly sequences: readonly number[]; readonly noRoom: NoRoom | null }
  /** A read barrier asked of the leader, and its answer: read at `index`, where lease time is `timeMs`. */
  | { readonly kind: 'barrier'; readonly term: Term; readonly id: number }
  | { readonly kind: 'barrier-reply'; readonly id: number; readonly index: Index; readonly timeMs: number }
  /** A state image in pieces, in order; `last` ends it and carries its meta. `term` is the leader's. */
  | {
      readonly kind: 'image';
      readonly term: Term;
      readonly id: number;
      readonly position: number;
      readonly records: readonly StateRecord[];
      readonly last: ImageMeta | null;
    }
  /** The receiver has taken the pieces before `position` and waits for that one; -1 when it gives the image up. */
  | { readonly kind: 'image-ack'; readonly id: number; readonly position: number }
  /** A change of members asked of the leader of `term`, and its answer; both as `replica/member-codec.ts` writes them. */
  | { readonly kind: 'member-change'; readonly term: Term; readonly id: number; readonly change: Uint8Array }
  | { readonly kind: 'member-reply'; readonly id: number; readonly reply: Uint8Array }
  /** Sent on every link at a fixed interval, so a working link is never silent. `leader` is the member that the sender follows, 0 for none. */
  | { readonly kind: 'health'; readonly health: NodeHealth; readonly leader: NodeId };

/** What a node tells its peers of itself when they meet. */
export interface PeerInfo {
  readonly node: NodeId;
  /** The member's name, `n1`. */
  readonly name: string;
  /** Where it answers clients, `127.0.0.1:7801`. */
  readonly http: string;
  /** The random name of its data directory: another one under the same number has lost what that member promised. */
  readonly disk: string;
}

/** A member as the others must know it to find it, and to know it again. */
export interface MemberAddress {
  readonly node: NodeId;
  readonly name: string;
  /** Where it listens for its peers, `127.0.0.1:7901`. */
  readonly peer: string;
  /** Its data directory; null while that is not known. */
  readonly disk: string | null;
}

export interface TransportEvents {
  frame(from: NodeId, frame: PeerFrame): void;
  /** A connection to the peer stands: frames can reach it. */
  up(peer: PeerInfo): void;
  /** The connection was closed by the other side or broke; frames that were on their way may be lost. */
  down(peer: NodeId): void;
  /** The peer refuses this node for a reason that no retry mends. */
  refused(peer: NodeId, reason: string): void;
}

export interface Transport {
  /**
   * Who the members are from now on, this node among them or not. Peers that are none any more are let go, after what is queued for
   * them, and told so when they come again. A stranger with a number above `greatest`, the greatest that this node knows of, is let in
   * without being dialled: it may have been added by a part of the log that this node does not have yet.
   */
  setMembers(members: readonly MemberAddress[], greatest: NodeId): void;
  /** Begins to listen and to connect. Events come only after this call. */
  start(events: TransportEvents): void;
  /** Queues a frame. False when the queue is full or no connection stands: the frame is dropped. Never blocks, never throws. */
  send(to: NodeId, frame: PeerFrame): boolean;
  /** Stops listening, sends what is queued within a short bound, closes. */
  close(done: () => void): void;
}

// ---------------------------------------------------------------- room

/** Memory and disk space of the machine. Each is null while it is not known. */
export interface RoomProbe {
  /** The heap in use and its limit, in bytes. */
  heap(): { readonly usedBytes: number; readonly limitBytes: number } | null;
  /** The disk that holds the data directory, as it was measured last. */
  disk(): { readonly freeBytes: number; readonly totalBytes: number } | null;
}

/** Everything injected into a replica. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: LogStore;
  readonly transport: Transport;
  readonly codec: Codec;
  readonly checksum: RecordChecksum;
  /** Without it neither memory nor disk space is watched. */
  readonly room?: RoomProbe;
}
