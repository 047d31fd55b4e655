// Raft's messages as bytes: whole numbers one behind the other, entries last. What has no business on the network has no number here.
import type { Append, PeerMessage } from '../raft/messages.ts';
import type { ConfState, NodeId } from '../raft/types.ts';
import { type ByteReader, MalformedBytesError } from './bytes.ts';
import { decodeEntries } from './entries.ts';

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
  const message = readBody(name, reader, { from, to, term: reader.varint() });
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
        index: reader.varint(),
        rejected: readFlag(reader),
        rejectHint: reader.varint(),
        logTerm: reader.varint(),
      };
    case 'heartbeat':
      return { kind, ...to, commit: reader.varint(), context: reader.varint() };
    case 'heartbeat-response':
      return { kind, ...to, context: reader.varint() };
    case 'vote':
    case 'pre-vote':
      return { kind, ...to, logTerm: reader.varint(), index: reader.varint(), transfer: readFlag(reader) };
    case 'vote-response':
    case 'pre-vote-response':
      return { kind, ...to, rejected: readFlag(reader) };
    case 'snapshot':
      return { kind, ...to, snapshot: { index: readIndex(reader), term: reader.varint(), conf: readConf(reader) } };
    case 'timeout-now':
      return { kind, ...to };
    case 'transfer-leader':
      return { kind, ...to, transferee: reader.varint() };
    case 'read-index':
      return { kind, ...to, context: reader.varint() };
    case 'read-index-response':
      return { kind, ...to, index: reader.varint(), context: reader.varint() };
  }
}

/** An append whose entries do not follow on its index, or are of a later term than its sender, is no append of a correct node. */
function readAppend(reader: ByteReader, to: { from: NodeId; to: NodeId; term: number }): Append {
  const logTerm = reader.varint();
  const index = reader.varint();
  const commit = reader.varint();
  const entries = decodeEntries(reader.view(reader.remaining));
  let lastIndex = index;
  let lastTerm = logTerm;
  for (const entry of entries) {
    if (entry.index !== lastIndex + 1) throw new MalformedBytesError(`entry ${entry.index} behind ${lastIndex}`);
    if (entry.term < lastTerm) throw new MalformedBytesError(`term ${entry.term} behind ${lastTerm}`);
    lastIndex = entry.index;
    lastTerm = entry.term;
  }
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
    const id = reader.varint();
    if (id <= previous) throw new MalformedBytesError(`member ${id} behind ${previous}`);
    ids.push(id);
    previous = id;
  }
  return ids;
}

/** An index of a real entry: 1 and up. */
function readIndex(reader: ByteReader): number {
  const index = reader.varint();
  if (index === 0) throw new MalformedBytesError('a snapshot of nothing');
  return index;
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

function readFlag(reader: ByteReader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new MalformedBytesError(`${byte} is neither true nor false`);
  return byte === 1;
}
