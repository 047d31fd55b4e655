// Writes entries, messages and Readys in the notation of etcd's data files.
import { unreachable } from '../../src/assert.ts';
import { APPEND_THREAD, APPLY_THREAD, type Message } from '../../src/raft/messages.ts';
import type { Ready } from '../../src/raft/ready.ts';
import {
  type Entry,
  type HardState,
  type Index,
  NONE,
  type NodeId,
  type Role,
  type SnapshotMeta,
  type Term,
} from '../../src/raft/types.ts';
import { formatChanges } from './confchange-text.ts';

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

export const MESSAGE_NAMES: Readonly<Record<Message['kind'], string>> = {
  append: 'MsgApp',
  'append-response': 'MsgAppResp',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-response': 'MsgHeartbeatResp',
  vote: 'MsgVote',
  'vote-response': 'MsgVoteResp',
  'pre-vote': 'MsgPreVote',
  'pre-vote-response': 'MsgPreVoteResp',
  snapshot: 'MsgSnap',
  'timeout-now': 'MsgTimeoutNow',
  'transfer-leader': 'MsgTransferLeader',
  'read-index': 'MsgReadIndex',
  'read-index-response': 'MsgReadIndexResp',
  propose: 'MsgProp',
  'storage-append': 'MsgStorageAppend',
  'storage-append-response': 'MsgStorageAppendResp',
  'storage-apply': 'MsgStorageApply',
  'storage-apply-response': 'MsgStorageApplyResp',
};

export function formatReady(ready: Ready): string {
  let text = '';
  if (ready.softState !== null) text += `Lead:${ready.softState.leader} State:${ROLE_NAMES[ready.softState.role]}\n`;
  if (ready.hardState !== null) text += `HardState ${formatHardState(ready.hardState)}\n`;
  for (const { context, index } of ready.readStates) text += `ReadState Context:${context} Index:${index}\n`;
  if (ready.entries.length > 0) text += `Entries:\n${formatEntries(ready.entries)}`;
  if (ready.snapshot !== null) text += `Snapshot ${formatSnapshot(ready.snapshot)}\n`;
  if (ready.committedEntries.length > 0) text += `CommittedEntries:\n${formatEntries(ready.committedEntries)}`;
  if (ready.messages.length > 0) text += `Messages:\n${ready.messages.map((message) => `${formatMessage(message)}\n`).join('')}`;
  return text === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${text}`;
}

function formatHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === NONE ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

export function formatEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${formatEntry(entry)}\n`).join('');
}

function formatEntry(entry: Entry): string {
  const position = `${entry.term}/${entry.index}`;
  if (entry.kind === 'normal') return `${position} EntryNormal ${quote(entry.data)}`;
  const changes = formatChanges(entry.change.changes);
  return `${position} ${entry.change.v1 ? 'EntryConfChange' : 'EntryConfChangeV2'}${changes === '' ? '' : ` ${changes}`}`;
}

/** The files hold printable text only; a quote in it is escaped. */
function quote(data: Uint8Array): string {
  return `"${new TextDecoder().decode(data).replace(/["\\]/g, '\\$&')}"`;
}

function formatSnapshot({ index, term, conf }: SnapshotMeta): string {
  const list = (ids: readonly NodeId[]): string => `[${ids.join(' ')}]`;
  return (
    `Index:${index} Term:${term} ConfState:Voters:${list(conf.voters)} VotersOutgoing:${list(conf.votersOutgoing)} ` +
    `Learners:${list(conf.learners)} LearnersNext:${list(conf.learnersNext)} AutoLeave:${conf.autoLeave}`
  );
}

/** What a message prints beside its kind and term, whichever kind it is: etcd has one shape for all. */
interface Fields {
  readonly logTerm?: Term;
  readonly index?: Index;
  readonly rejectHint?: Index;
  /** Of a read, or of a heartbeat round that confirms reads. etcd does not print it; its files hold none. */
  readonly context?: number;
  readonly hardState?: HardState;
  readonly commit?: Index;
  readonly entries?: readonly Entry[];
  readonly snapshot?: SnapshotMeta | null;
  readonly responses?: readonly Message[];
}

export function formatMessage(message: Message, indent = ''): string {
  const {
    logTerm = 0,
    index = 0,
    rejectHint,
    context = 0,
    hardState,
    commit = 0,
    entries = [],
    snapshot = null,
    responses = [],
  } = fieldsOf(message);
  const shown = hardState ?? { term: message.term, vote: NONE, commit };
  let text = `${indent}${formatEnd(message.from)}->${formatEnd(message.to)} ${MESSAGE_NAMES[message.kind]} Term:${shown.term} Log:${logTerm}/${index}`;
  if (rejectHint !== undefined) text += ` Rejected (Hint: ${rejectHint})`;
  if (shown.commit > 0) text += ` Commit:${shown.commit}`;
  if (shown.vote !== NONE) text += ` Vote:${shown.vote}`;
  if (context !== 0) text += ` Context:${context}`;
  if (entries.length === 1) text += ` Entries:[${formatEntry(entries[0] as Entry)}]`;
  if (entries.length > 1) text += ` Entries:[${entries.map((entry) => `\n${indent}  ${formatEntry(entry)}`).join('')}\n${indent}]`;
  if (snapshot !== null && snapshot.index !== 0) text += `\n${indent}  Snapshot: ${formatSnapshot(snapshot)}`;
  if (responses.length > 0)
    text += ` Responses:[${responses.map((each) => `\n${formatMessage(each, `${indent}  `)}`).join('')}\n${indent}]`;
  return text;
}

function fieldsOf(message: Message): Fields {
  switch (message.kind) {
    case 'append':
      return { logTerm: message.logTerm, index: message.index, entries: message.entries, commit: message.commit };
    case 'append-response':
      return { logTerm: message.logTerm, index: message.index, ...(message.rejected ? { rejectHint: message.rejectHint } : {}) };
    case 'heartbeat':
      return { commit: message.commit, context: message.context };
    case 'vote':
    case 'pre-vote':
      return { logTerm: message.logTerm, index: message.index };
    case 'vote-response':
    case 'pre-vote-response':
      return message.rejected ? { rejectHint: 0 } : {};
    case 'snapshot':
      return { snapshot: message.snapshot };
    case 'read-index-response':
      return { index: message.index, context: message.context };
    case 'propose':
      return { entries: message.payloads.map((payload) => ({ ...payload, term: 0, index: 0 })) };
    case 'storage-append':
      return {
        entries: message.entries,
        snapshot: message.snapshot,
        responses: message.responses,
        ...(message.hardState === null ? {} : { hardState: message.hardState }),
      };
    case 'storage-append-response':
      return { logTerm: message.logTerm, index: message.index, snapshot: message.snapshot };
    case 'storage-apply':
      return { entries: message.entries, responses: message.responses };
    case 'storage-apply-response':
      return { entries: message.entries };
    case 'heartbeat-response':
    case 'read-index':
      return { context: message.context };
    case 'timeout-now':
    case 'transfer-leader':
      return {};
    default:
      return unreachable(message);
  }
}

function formatEnd(id: NodeId): string {
  if (id === NONE) return 'None';
  if (id === APPEND_THREAD) return 'AppendThread';
  return id === APPLY_THREAD ? 'ApplyThread' : id.toString(16);
}
