// Writes the decisions that a node traced in the words of etcd's log, each with its level.
import { unreachable } from '../../src/assert.ts';
import type { TraceEvent } from '../../src/raft/trace.ts';
import type { ConfChange, ConfChangeItem, EntryId } from '../../src/raft/types.ts';
import { formatConfiguration, formatProgress } from './confchange-text.ts';
import { MESSAGE_NAMES } from './message-text.ts';

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'] as const;
export type Level = (typeof LEVELS)[number];

/** What etcd says that depends on how it is written in Go. We have nothing to compare it with. */
export const GO_INTERNALS: readonly RegExp[] = [
  /^\s*INFO newRaft /,
  /^\s*INFO log \[committed=.*\] starts to restore snapshot/,
  /^\s*INFO (replace|truncate) the unstable entries /,
  /^\s*INFO entry at index \d+ missing from unstable log; ignoring/,
  /^\s*INFO entry at \(index,term\)=\(\d+,\d+\) mismatched with entry at /,
];

/** The lines, with level, that etcd logs at this decision. */
export function formatTrace(event: TraceEvent): readonly { level: Level; text: string }[] {
  const level = LEVEL_BY_KIND[event.kind] ?? 'INFO';
  if (event.kind === 'campaign-ignored') {
    return [{ level: event.reason === 'already-leader' ? 'DEBUG' : 'WARN', text: describe(event) }];
  }
  if (event.kind === 'snapshot-restored') {
    const snapshot = `restored snapshot ${snapshotAt(event.snapshot)}`;
    const x = event.node.toString(16);
    return [
      { level, text: `${x} [commit: ${event.commit}, ${lastOf(event.last)}] ${snapshot}` },
      { level, text: `${x} [commit: ${event.commit}] ${snapshot}` },
    ];
  }
  return [{ level, text: describe(event) }];
}

const LEVEL_BY_KIND: Partial<Record<TraceEvent['kind'], Level>> = {
  'quorum-lost': 'WARN',
  'forget-leader-refused': 'ERROR',
  'append-rejected': 'DEBUG',
  'append-rejection-received': 'DEBUG',
  'progress-decreased': 'DEBUG',
  'peer-recovered-from-snapshot': 'DEBUG',
  'peer-unreachable': 'DEBUG',
  'snapshot-sent': 'DEBUG',
  'peer-paused-for-snapshot': 'DEBUG',
  'snapshot-reported': 'DEBUG',
  'transfer-to-self': 'DEBUG',
  'transfer-to-learner': 'DEBUG',
  'timeout-now-ignored': 'DEBUG',
  'proposal-dropped-in-transfer': 'DEBUG',
};

function describe(event: TraceEvent): string {
  const x = event.node.toString(16);
  switch (event.kind) {
    case 'became':
      return `${x} became ${event.role} at term ${event.term}`;
    case 'election-started':
      return `${x} is starting a new election at term ${event.term}`;
    case 'forced-election-started':
      return `${x} [term ${event.term}] received MsgTimeoutNow from ${hex(event.from)} and starts an election to get leadership.`;
    case 'vote-request-sent':
      return `${x} ${logAt(event.last)} sent ${voteName(event)} request to ${hex(event.to)} at term ${event.term}`;
    case 'vote-cast':
      return `${x} ${ownVote(event)} cast ${voteName(event)} for ${hex(event.candidate)} ${logAt(event.theirs)} at term ${event.term}`;
    case 'vote-rejected':
      return `${x} ${ownVote(event)} rejected ${voteName(event)} from ${hex(event.candidate)} ${logAt(event.theirs)} at term ${event.term}`;
    case 'vote-ignored':
      return (
        `${x} ${ownVote(event)} ignored ${voteName(event)} from ${hex(event.candidate)} ${logAt(event.theirs)} at term ${event.term}: ` +
        `lease is not expired (remaining ticks: ${event.remainingTicks})`
      );
    case 'vote-received':
      return `${x} received ${voteName(event)}Resp ${event.rejected ? 'rejection ' : ''}from ${hex(event.from)} at term ${event.term}`;
    case 'votes-counted':
      return `${x} has received ${event.granted} ${voteName(event)}Resp votes and ${event.rejected} vote rejections`;
    case 'campaign-ignored':
      if (event.reason === 'already-leader') return `${x} ignoring MsgHup because already leader`;
      if (event.reason === 'abstaining') return `${x} abstains from elections`;
      if (event.reason === 'unpromotable') return `${x} is unpromotable and can not campaign`;
      return `${x} cannot campaign at term ${event.term} since there are still pending configuration changes to apply`;
    case 'higher-term-received':
      return `${x} [term: ${event.term}] received a ${MESSAGE_NAMES[event.message]} message with higher term from ${hex(event.from)} [term: ${event.theirTerm}]`;
    case 'lower-term-ignored':
      return `${x} [term: ${event.term}] ignored a ${MESSAGE_NAMES[event.message]} message with lower term from ${hex(event.from)} [term: ${event.theirTerm}]`;
    case 'implausible-term-ignored':
      return `${x} [term: ${event.term}] ignored a ${MESSAGE_NAMES[event.message]} message with an implausible term from ${hex(event.from)} [term: ${event.theirTerm}]`;
    case 'stale-storage-response-ignored':
      return `${x} [term: ${event.term}] ignored entry appends from a MsgStorageAppendResp message with lower term [term: ${event.theirTerm}]`;
    case 'quorum-lost':
      return `${x} stepped down to follower since quorum is not active`;
    case 'stepped-down':
      return `${x} stepped down to follower at term ${event.term}`;
    case 'leader-forgotten':
      return `${x} forgetting leader ${hex(event.leader)} at term ${event.term}`;
    case 'forget-leader-refused':
      return 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased';
    case 'no-leader':
      return `${x} no leader at term ${event.term}; dropping ${droppedName(event.dropped)}`;
    case 'read-not-passed-on':
      return `${x} not passing on to leader ${hex(event.leader)} at term ${event.term}; dropping index reading msg from ${hex(event.from)}`;
    case 'proposal-not-forwarded':
      return `${x} not forwarding to leader ${hex(event.leader)} at term ${event.term}; dropping proposal`;
    case 'proposal-dropped-in-transfer':
      return `${x} [term ${event.term}] transfer leadership to ${hex(event.transferee)} is in progress; dropping proposal`;
    case 'transfer-started':
      return `${x} [term ${event.term}] starts to transfer leadership to ${hex(event.transferee)}`;
    case 'transfer-already-under-way':
      return `${x} [term ${event.term}] transfer leadership to ${hex(event.transferee)} is in progress, ignores request to same node ${hex(event.transferee)}`;
    case 'transfer-replaced':
      return `${x} [term ${event.term}] abort previous transferring leadership to ${hex(event.previous)}`;
    case 'transfer-to-self':
      return `${x} is already leader. Ignored transferring leadership to self`;
    case 'transfer-to-learner':
      return `${x} is learner. Ignored transferring leadership`;
    case 'transfer-target-up-to-date':
      return `${x} sends MsgTimeoutNow to ${hex(event.transferee)} immediately as ${hex(event.transferee)} already has up-to-date log`;
    case 'transfer-reported-caught-up':
      return `${x} sent MsgTimeoutNow to ${hex(event.transferee)} after received MsgAppResp`;
    case 'timeout-now-ignored':
      return `${x} [term ${event.term}] ignored MsgTimeoutNow from ${hex(event.from)}`;
    case 'configuration-switched':
      return `${x} switched to configuration ${formatConfiguration(event.conf)}`;
    case 'auto-leave-started':
      return `initiating automatic transition out of joint configuration ${formatConfiguration(event.conf)}`;
    case 'conf-change-ignored':
      return `${x} ignoring conf change ${spellChange(event.change)} at config ${formatConfiguration(event.conf)}: ${refusalOf(event)}`;
    case 'conflict-found':
      return `found conflict at index ${event.index} [existing term: ${event.existingTerm}, conflicting term: ${event.newTerm}]`;
    case 'append-rejected':
      return (
        `${x} [logterm: ${event.existingTerm}, index: ${event.index}] rejected MsgApp ` +
        `[logterm: ${event.logTerm}, index: ${event.index}] from ${hex(event.from)}`
      );
    case 'append-rejection-received':
      return (
        `${x} received MsgAppResp(rejected, hint: (index ${event.hint.index}, term ${event.hint.term})) ` +
        `from ${hex(event.from)} for index ${event.index}`
      );
    case 'progress-decreased':
      return `${x} decreased progress of ${hex(event.peer)} to [${formatProgress(event.progress)}]`;
    case 'peer-recovered-from-snapshot':
      return `${x} recovered from needing snapshot, resumed sending replication messages to ${hex(event.peer)} [${formatProgress(event.progress)}]`;
    case 'peer-unreachable':
      return `${x} failed to send message to ${hex(event.peer)} because it is unreachable [${formatProgress(event.progress)}]`;
    case 'snapshot-sent':
      return (
        `${x} [firstindex: ${event.first}, commit: ${event.commit}] sent snapshot${snapshotAt(event.snapshot)} ` +
        `to ${hex(event.to)} [${formatProgress(event.progress)}]`
      );
    case 'peer-paused-for-snapshot':
      return `${x} paused sending replication messages to ${hex(event.peer)} [${formatProgress(event.progress)}]`;
    case 'snapshot-reported':
      return `${x} snapshot ${event.ok ? 'succeeded' : 'failed'}, resumed sending replication messages to ${hex(event.peer)} [${formatProgress(event.progress)}]`;
    case 'snapshot-ignored':
      return `${x} [commit: ${event.commit}] ignored snapshot ${snapshotAt(event.snapshot)}`;
    case 'snapshot-fast-forwarded':
      return `${x} [commit: ${event.commit}, ${lastOf(event.last)}] fast-forwarded commit to snapshot ${snapshotAt(event.snapshot)}`;
    case 'snapshot-restored':
      return `${x} [commit: ${event.commit}] restored snapshot ${snapshotAt(event.snapshot)}`;
    default:
      return unreachable(event);
  }
}

function voteName({ preVote }: { readonly preVote: boolean }): string {
  return preVote ? 'MsgPreVote' : 'MsgVote';
}

function hex(id: number): string {
  return id.toString(16);
}

function logAt({ term, index }: EntryId): string {
  return `[logterm: ${term}, index: ${index}]`;
}

function ownVote({ own, vote }: { readonly own: EntryId; readonly vote: number }): string {
  return `[logterm: ${own.term}, index: ${own.index}, vote: ${hex(vote)}]`;
}

function snapshotAt({ term, index }: EntryId): string {
  return `[index: ${index}, term: ${term}]`;
}

function lastOf({ term, index }: EntryId): string {
  return `lastindex: ${index}, lastterm: ${term}`;
}

function droppedName(kind: keyof typeof MESSAGE_NAMES): string {
  if (kind === 'transfer-leader') return 'leader transfer msg';
  return kind === 'read-index' ? 'index reading msg' : 'proposal';
}

const TRANSITIONS = { auto: 'Auto', implicit: 'JointImplicit', explicit: 'JointExplicit' };
const CHANGES: Readonly<Record<ConfChangeItem['type'], string>> = {
  'add-voter': 'ConfChangeAddNode',
  'add-learner': 'ConfChangeAddLearnerNode',
  remove: 'ConfChangeRemoveNode',
  update: 'ConfChangeUpdateNode',
};

function spellChange({ transition, changes }: ConfChange): string {
  const spelled = changes.map(({ type, node }) => ` changes:{type:${CHANGES[type]} node_id:${node}}`);
  return `transition:ConfChangeTransition${TRANSITIONS[transition]}${spelled.join('')}`;
}

function refusalOf(event: TraceEvent & { kind: 'conf-change-ignored' }): string {
  if (event.reason === 'must-leave-joint') return 'must transition out of joint config first';
  if (event.reason === 'not-joint') return 'not in joint state; refusing empty conf change';
  if (event.reason === 'does-not-fit') return 'it does not fit';
  return `possible unapplied conf change at index ${event.pendingIndex} (applied to ${event.applied})`;
}
