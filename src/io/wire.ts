// What nodes say to each other as frames and back. Reading is strict: whatever an honest peer cannot have sent throws.
import {
  type Codec,
  HEALTH_ALARM_NAME,
  HEALTH_ALARMS_MAX,
  type ImageMeta,
  type NodeHealth,
  type NoRoom,
  type PeerFrame,
  ROOM_RESOURCES,
  type StateRecord,
} from '../env.ts';
import type { ConfState, Entry, NodeId } from '../raft/types.ts';
import { ByteReader, MalformedBytesError, varintBytes, writeVarint } from './bytes.ts';
import { encodeEntries } from './entries.ts';
import { FRAME_HEAD_BYTES, FRAME_LENGTH_BYTES, writeFrameHead } from './frame.ts';
import { checkedPosition, isRaftKind, memberNumber, messageNumbers, raftKind, readMessage } from './wire-raft.ts';

/** The kind bytes of the service's frames. They are part of the protocol: change none, add behind. */
const SERVICE_KINDS = {
  forward: 16,
  refuse: 17,
  barrier: 18,
  'barrier-reply': 19,
  image: 20,
  'image-ack': 21,
  'member-change': 22,
  'member-reply': 23,
  health: 24,
} as const;
const SERVICE_NUMBERS: ReadonlySet<number> = new Set(Object.values(SERVICE_KINDS));
/** Blocks of entries kept for the next follower: one per follower that may be at another place in the log. */
const BLOCKS_MAX = 4;

/** One frame, in one or more pieces that are sent one behind the other and never change. */
export type FramePieces = readonly Uint8Array[];

interface Block {
  readonly first: Entry;
  readonly last: Entry;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Writes and reads the frames of one node. */
export class Wire {
  readonly #self: NodeId;
  readonly #codec: Codec;
  readonly #frameMaxBytes: number;
  /** The blocks of entries that were encoded last: two followers at the same place share one. */
  readonly #blocks: Block[] = [];
  #nextBlock = 0;

  constructor(self: NodeId, codec: Codec, frameMaxBytes: number) {
    this.#self = self;
    this.#codec = codec;
    this.#frameMaxBytes = frameMaxBytes;
  }

  /** Throws on a frame that has no form on the network: a proposal of raft's own, a number that is none, more bytes than a frame may have. */
  encode(frame: PeerFrame): FramePieces {
    if (frame.kind === 'raft') {
      const { message } = frame;
      if (message.kind === 'propose') throw new RangeError('a proposal never crosses the network; commands are forwarded');
      const numbers = messageNumbers(message);
      if (message.kind !== 'append') return [headed(raftKind(message), numbers, 0)];
      const block = this.#block(message.entries);
      const head = headed(raftKind(message), numbers, block.length);
      this.#judge(head.length - FRAME_LENGTH_BYTES + block.length);
      return [head, block];
    }
    const body = this.#codec.encode(serviceFields(frame));
    this.#judge(1 + body.length);
    const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
    writeFrameHead(head, SERVICE_KINDS[frame.kind], body.length);
    return [head, body];
  }

  /** The frame that `from` sent. Throws on anything but what {@link Wire.encode} makes. Byte arrays in it may be views of `body`. */
  decode(kind: number, body: Uint8Array, from: NodeId): PeerFrame {
    if (isRaftKind(kind)) return { kind: 'raft', message: readMessage(kind, new ByteReader(body), from, this.#self) };
    if (!SERVICE_NUMBERS.has(kind)) throw new MalformedBytesError(`no frame is of kind ${kind}`);
    return readService(kind, this.#codec.decode(body));
  }

  #judge(length: number): void {
    if (length > this.#frameMaxBytes) throw new RangeError(`a frame of ${length} bytes, above ${this.#frameMaxBytes}`);
  }

  /**
   * Entries are told by identity: they never change, and a log hands the same ones to every follower. The first, the last and the count
   * then determine those between (log matching, paper section 5.3).
   */
  #block(entries: readonly Entry[]): Uint8Array {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return encodeEntries(entries);
    for (const block of this.#blocks) {
      if (block.first === first && block.last === last && block.count === entries.length) return block.bytes;
    }
    const bytes = encodeEntries(entries);
    this.#blocks[this.#nextBlock] = { first, last, count: entries.length, bytes };
    this.#nextBlock = (this.#nextBlock + 1) % BLOCKS_MAX;
    return bytes;
  }
}

/** A frame's head and `numbers`, for a body that goes on with `moreBytes` bytes. */
function headed(kind: number, numbers: readonly number[], moreBytes: number): Buffer {
  let bytes = 0;
  for (const number of numbers) bytes += varintBytes(number);
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bytes);
  writeFrameHead(head, kind, bytes + moreBytes);
  let at = FRAME_HEAD_BYTES;
  for (const number of numbers) at = writeVarint(head, at, number);
  return head;
}

// ---------------------------------------------------------------- the service's frames

function serviceFields(frame: Exclude<PeerFrame, { readonly kind: 'raft' }>): unknown[] {
  switch (frame.kind) {
    case 'forward':
      return [frame.term, frame.commands];
    case 'refuse':
      return [frame.term, frame.sequences, frame.noRoom === null ? null : [frame.noRoom.resource, frame.noRoom.used, frame.noRoom.limit]];
    case 'barrier':
      return [frame.term, frame.id];
    case 'barrier-reply':
      return [frame.id, frame.index, frame.timeMs];
    case 'image':
      return [frame.term, frame.id, frame.position, frame.records, frame.last === null ? null : metaFields(frame.last)];
    case 'image-ack':
      return [frame.id, frame.position];
    case 'member-change':
      return [frame.term, frame.id, frame.change];
    case 'member-reply':
      return [frame.id, frame.reply];
    case 'health': {
      const { syncPendingMs, syncP99Ms, loopP99Ms, freeBytes, alarms, stopping } = frame.health;
      return [frame.leader, syncPendingMs, syncP99Ms, loopP99Ms, freeBytes, alarms, stopping];
    }
  }
}

function readService(kind: number, fields: unknown): PeerFrame {
  switch (kind) {
    case SERVICE_KINDS.forward: {
      const [term, commands] = list(fields, 2);
      return { kind: 'forward', term: logPosition(term), commands: list(commands).map(byteArray) };
    }
    case SERVICE_KINDS.refuse: {
      const [term, sequences, noRoom] = list(fields, 3);
      return {
        kind: 'refuse',
        term: logPosition(term),
        sequences: list(sequences).map(whole),
        noRoom: noRoom === null ? null : readNoRoom(noRoom),
      };
    }
    case SERVICE_KINDS.barrier: {
      const [term, id] = list(fields, 2);
      return { kind: 'barrier', term: logPosition(term), id: whole(id) };
    }
    case SERVICE_KINDS['barrier-reply']: {
      const [id, index, timeMs] = list(fields, 3);
      return { kind: 'barrier-reply', id: whole(id), index: logPosition(index), timeMs: time(timeMs) };
    }
    case SERVICE_KINDS.image: {
      const [term, id, position, records, last] = list(fields, 5);
      return {
        kind: 'image',
        term: logPosition(term),
        id: whole(id),
        position: whole(position),
        records: list(records).map(record),
        last: last === null ? null : readMeta(last),
      };
    }
    case SERVICE_KINDS['image-ack']: {
      const [id, position] = list(fields, 2);
      return { kind: 'image-ack', id: whole(id), position: position === -1 ? -1 : whole(position) };
    }
    case SERVICE_KINDS['member-change']: {
      const [term, id, change] = list(fields, 3);
      return { kind: 'member-change', term: logPosition(term), id: whole(id), change: byteArray(change) };
    }
    case SERVICE_KINDS['member-reply']: {
      const [id, reply] = list(fields, 2);
      return { kind: 'member-reply', id: whole(id), reply: byteArray(reply) };
    }
    case SERVICE_KINDS.health:
      return readHealth(list(fields, 7));
    default:
      throw new MalformedBytesError(`no frame is of kind ${kind}`);
  }
}

function readNoRoom(value: unknown): NoRoom {
  const [name, used, limit] = list(value, 3);
  const resource = ROOM_RESOURCES.find((each) => each === name);
  if (resource === undefined) throw new MalformedBytesError('no room for an unknown resource');
  return { resource, used: whole(used), limit: whole(limit) };
}

function readHealth(fields: readonly unknown[]): PeerFrame {
  const [leader, syncPendingMs, syncP99Ms, loopP99Ms, freeBytes, alarms, stopping] = fields;
  const names = list(alarms);
  if (names.length > HEALTH_ALARMS_MAX) throw new MalformedBytesError(`${names.length} alarms, above ${HEALTH_ALARMS_MAX}`);
  if (typeof stopping !== 'boolean') throw new MalformedBytesError('neither true nor false');
  const health: NodeHealth = {
    syncPendingMs: whole(syncPendingMs),
    syncP99Ms: whole(syncP99Ms),
    loopP99Ms: whole(loopP99Ms),
    freeBytes: whole(freeBytes),
    alarms: names.map(alarmName),
    stopping,
  };
  return { kind: 'health', health, leader: whole(leader) };
}

function metaFields({ index, term, conf, roster, count, sum }: ImageMeta): unknown[] {
  return [index, term, [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext, conf.autoLeave], roster, count, sum];
}

function readMeta(value: unknown): ImageMeta {
  const [index, term, conf, roster, count, sum] = list(value, 6);
  return {
    index: logPosition(index),
    term: logPosition(term),
    conf: readConfFields(conf),
    // A copy: it outlives the frame.
    roster: byteArray(roster).slice(),
    count: whole(count),
    sum: whole(sum),
  };
}

function readConfFields(value: unknown): ConfState {
  const [voters, votersOutgoing, learners, learnersNext, autoLeave] = list(value, 5);
  if (typeof autoLeave !== 'boolean') throw new MalformedBytesError('neither true nor false');
  return {
    voters: ids(voters),
    votersOutgoing: ids(votersOutgoing),
    learners: ids(learners),
    learnersNext: ids(learnersNext),
    autoLeave,
  };
}

// ---------------------------------------------------------------- what may stand in a field

function list(value: unknown, length?: number): unknown[] {
  if (!Array.isArray(value)) throw new MalformedBytesError('not a list');
  if (length !== undefined && value.length !== length) throw new MalformedBytesError(`${value.length} fields instead of ${length}`);
  return value;
}

/** An integer in 0..2^53-1. */
function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new MalformedBytesError('not a whole number');
  return value;
}

/** Lease time may have a fraction. */
function time(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new MalformedBytesError('not a time');
  return value;
}

function logPosition(value: unknown): number {
  return checkedPosition(whole(value));
}

function byteArray(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new MalformedBytesError('not a byte array');
  return value;
}

function alarmName(value: unknown): string {
  if (typeof value !== 'string' || !HEALTH_ALARM_NAME.test(value)) throw new MalformedBytesError('not the name of an alarm');
  return value;
}

function record(value: unknown): StateRecord {
  const [name, content] = list(value, 2);
  if (typeof name !== 'string') throw new MalformedBytesError('not a text');
  return [name, content === null ? null : byteArray(content)];
}

function ids(value: unknown): NodeId[] {
  let previous = 0;
  return list(value).map((id) => {
    const node = memberNumber(whole(id));
    if (node <= previous) throw new MalformedBytesError(`member ${node} behind ${previous}`);
    previous = node;
    return node;
  });
}
