// Reads and writes configurations, changes and progress in the notation of etcd's data files.
import type { Progress } from '../../src/raft/progress.ts';
import type { ConfChangeItem, ConfState, NodeId } from '../../src/raft/types.ts';

const TYPES: Readonly<Record<string, ConfChangeItem['type']>> = { v: 'add-voter', l: 'add-learner', r: 'remove', u: 'update' };

/** `v1 l2 r3 u4`; empty text is no changes. */
export function parseChanges(text: string): ConfChangeItem[] {
  const tokens = text.split(/\s+/).filter((token) => token !== '');
  return tokens.map((token) => {
    const type = TYPES[token[0] as string];
    if (type === undefined) throw new Error(`unknown change ${token}`);
    return { type, node: Number(token.slice(1)) };
  });
}

export function formatChanges(changes: readonly ConfChangeItem[]): string {
  const letters = { 'add-voter': 'v', 'add-learner': 'l', remove: 'r', update: 'u' };
  return changes.map(({ type, node }) => `${letters[type]}${node}`).join(' ');
}

export function formatConfiguration(conf: ConfState): string {
  let text = `voters=${formatIds(conf.voters)}`;
  if (conf.votersOutgoing.length > 0) text += `&&${formatIds(conf.votersOutgoing)}`;
  if (conf.learners.length > 0) text += ` learners=${formatIds(conf.learners)}`;
  if (conf.learnersNext.length > 0) text += ` learners_next=${formatIds(conf.learnersNext)}`;
  return conf.autoLeave ? `${text} autoleave` : text;
}

function formatIds(ids: readonly NodeId[]): string {
  return `(${ids.map((id) => id.toString(16)).join(' ')})`;
}

const STATES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' };

export function formatProgress(progress: Progress): string {
  let text = `${STATES[progress.state]} match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) text += ' learner';
  if (progress.isPaused) text += ' paused';
  if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) text += ' inactive';
  if (progress.inflights.count > 0) text += ` inflight=${progress.inflights.count}${progress.inflights.isFull ? '[full]' : ''}`;
  return text;
}

/** One line for each member, ids ascending. */
export function formatProgressMap(progress: ReadonlyMap<NodeId, Progress>): string {
  const members = [...progress].sort(([left], [right]) => left - right);
  return members.map(([id, each]) => `${id}: ${formatProgress(each)}\n`).join('');
}
