// Raft's messages as bytes: whole numbers one behind the other, entries last. What has no business on the network has no number here.
import type { Append, PeerMessage } from '../raft/messages.ts';
import type { ConfState, NodeId, SnapshotMeta } from '../raft/types.ts';
import { type ByteReader, MalformedBytesError } from './bytes.ts';
import { decodeEntries } from './entries.ts';

/**
 * Greatest term and index that are accepted: half of the numbers that have a form, so the next ones always have one. With an entry every
 * microsecond a log reaches it in 142 years.
 */
export const POSITION_MAX = 2 ** 52;
/** Greatest number of a member. Numbers are given one after the other. */
export const MEMBER_NUMBER_MAX = 2 ** 31 - 1;

/** `propose` is missing on purpose: a node that does not lead forwards commands, never raft's own proposals. */
export type SentMessage = Exclude<PeerMessage, { readonly kind: 'propose' }>;

/** The kind bytes of raft's frames. They are part of the protocol: change none, add behind. */
const RAFT_KINDS = {
  append: 32,
  'append-response': 33,
  heartbeat: 34,
  'heartbeat-response': 35,
  vote: 36,
  'pre-vote': 37,
  'vote-response': 38,
  'pre-vote-response': 39,
  snapshot: 40,
  'timeout-now': 41,
  'transfer-leader': 42,
  'read-index': 43,
  'read-index-response': 44,
} as const satisfies Record<SentMessage['kind'], number>;

const NAMES = new Map<number, SentMessage['kind']>(
  (Object.keys(RAFT_KINDS) as SentMessage['kind'][]).map((name) => [RAFT_KINDS[name], name]),
);

export function raftKind(message: SentMessage): number {
  return RAFT_KINDS[message.kind];
}

export function isRaftKind(kind: number): boolean {
  return NAMES.has(kind);
}

/** The whole numbers that stand for `message`, its entries apart; 1 is true and 0 false. {@link readMessage} is its mirror. */
export function messageNumbers(message: SentMessage): number[] {
  const { from, to, term } = message;
  switch (message.kind) {
    case 'append':
      return [from, to, term, message.logTerm, message.index, message.commit];
    case 'append-response':
      return [from, to, term, message.index, flag(message.rejected), message.rejectHint, message.logTerm];
    case 'heartbeat':
      return [from, to, term, message.commit, message.context];
    case 'heartbeat-response':
      return [from, to, term, message.context];
    case 'vote':
    case 'pre-vote':
      return [from, to, term, message.logTerm, message.index, flag(message.transfer)];
    case 'vote-response':
    case 'pre-vote-response':
      return [from, to, term, flag(message.rejected)];
    case 'snapshot':
      return [from, to, term, message.snapshot.index, message.snapshot.term, ...confNumbers(message.snapshot.conf)];
    case 'timeout-now':
      return [from, to, term];
    case 'transfer-leader':
      return [from, to, term, message.transferee];
    case 'read-index':
      return [from, to, term, message.context];
    case 'read-index-response':
      return [from, to, term, message.index, message.context];
  }
}

/**
 * The message of {@link messageNumbers}, read to the end. Throws `MalformedBytesError` on anything else, and on a message that is not
 * `from` the peer at the other end or not `to` this node.
 */
export function readMessage(kind: number, reader: ByteReader, from: NodeId, to: NodeId): SentMessage {
  const name = NAMES.get(kind);
  if (name === undefined) throw new MalformedBytesError(`no raft message is of kind ${kind}`);
  if (reader.varint() !== from) throw new MalformedBytesError(`a ${name} that does not come from its sender ${from}`);
  if (reader.varint() !== to) throw new MalformedBytesError(`a ${name} that is not for ${to}`);
  const message = readBody(name, reader, { from, to, term: position(reader) });
  reader.end();
  return message;
}

function readBody(kind: SentMessage['kind'], reader: ByteReader, to: { from: NodeId; to: NodeId; term: number }): SentMessage {
  switch (kind) {
    case 'append':
      return readAppend(reader, to);
    case 'append-response':
      return {
        kind,
        ...to,
        index: position(reader),
        rejected: readFlag(reader),
        rejectHint: position(reader),
        logTerm: position(reader),
      };
    case 'heartbeat':
      return { kind, ...to, commit: position(reader), context: reader.varint() };
    case 'heartbeat-response':
      return { kind, ...to, context: reader.varint() };
    case 'vote':
    case 'pre-vote':
      return { kind, ...to, logTerm: termUpTo(reader, to.term), index: position(reader), transfer: readFlag(reader) };
    case 'vote-response':
    case 'pre-vote-response':
      return { kind, ...to, rejected: readFlag(reader) };
    case 'snapshot':
      return { kind, ...to, snapshot: readSnapshot(reader, to.term) };
    case 'timeout-now':
      return { kind, ...to };
    case 'transfer-leader':
      return { kind, ...to, transferee: memberNumber(reader.varint()) };
    case 'read-index':
      return { kind, ...to, context: reader.varint() };
    case 'read-index-response':
      return { kind, ...to, index: position(reader), context: reader.varint() };
  }
}

/** An append whose entries do not follow on its index, or are of a later term than its sender, is no append of a correct node. */
function readAppend(reader: ByteReader, to: { from: NodeId; to: NodeId; term: number }): Append {
  const logTerm = position(reader);
  const index = position(reader);
  const commit = position(reader);
  const entries = decodeEntries(reader.view(reader.remaining));
  let lastIndex = index;
  let lastTerm = logTerm;
  for (const entry of entries) {
    if (entry.index !== lastIndex + 1) throw new MalformedBytesError(`entry ${entry.index} behind ${lastIndex}`);
    if (entry.term < lastTerm) throw new MalformedBytesError(`term ${entry.term} behind ${lastTerm}`);
    lastIndex = entry.index;
    lastTerm = entry.term;
    if (entry.kind === 'conf-change') for (const { node } of entry.change.changes) memberNumber(node);
  }
  if (lastIndex > POSITION_MAX) throw new MalformedBytesError(`entry ${lastIndex}, above ${POSITION_MAX}`);
  if (lastTerm > to.term) throw new MalformedBytesError(`entries of term ${lastTerm} in an append of term ${to.term}`);
  return { kind: 'append', ...to, logTerm, index, entries, commit };
}

function confNumbers(conf: ConfState): number[] {
  const numbers: number[] = [];
  for (const ids of [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext]) numbers.push(ids.length, ...ids);
  numbers.push(flag(conf.autoLeave));
  return numbers;
}

function readConf(reader: ByteReader): ConfState {
  return {
    voters: readIds(reader),
    votersOutgoing: readIds(reader),
    learners: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: readFlag(reader),
  };
}

function readIds(reader: ByteReader): NodeId[] {
  const count = reader.varint();
  if (count > reader.remaining) throw new MalformedBytesError(`${count} members promised in ${reader.remaining} bytes`);
  const ids: NodeId[] = [];
  let previous = 0;
  for (let left = count; left > 0; left--) {
    const id = memberNumber(reader.varint());
    if (id <= previous) throw new MalformedBytesError(`member ${id} behind ${previous}`);
    ids.push(id);
    previous = id;
  }
  return ids;
}

/** A term or an index: the ones that follow must have a form, too. */
export function checkedPosition(value: number): number {
  if (value > POSITION_MAX) throw new MalformedBytesError(`term or index ${value}, above ${POSITION_MAX}`);
  return value;
}

function position(reader: ByteReader): number {
  return checkedPosition(reader.varint());
}

/** The term of an entry that a node of `term` holds. */
function termUpTo(reader: ByteReader, term: number): number {
  const own = position(reader);
  if (own > term) throw new MalformedBytesError(`an entry of term ${own} at a node of term ${term}`);
  return own;
}

export function memberNumber(value: number): NodeId {
  if (value < 1 || value > MEMBER_NUMBER_MAX) throw new MalformedBytesError(`member number ${value}, outside of 1..${MEMBER_NUMBER_MAX}`);
  return value;
}

function readSnapshot(reader: ByteReader, term: number): SnapshotMeta {
  const index = position(reader);
  if (index === 0) throw new MalformedBytesError('a snapshot of nothing');
  return { index, term: termUpTo(reader, term), conf: readConf(reader) };
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

function readFlag(reader: ByteReader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new MalformedBytesError(`${byte} is neither true nor false`);
  return byte === 1;
}
