// A peer's progress in one line, for trace events and status.
import type { Progress } from './progress.ts';

const STATES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const;

export function describeProgress(progress: Progress): string {
  const parts = [`${STATES[progress.state]} match=${progress.match} next=${progress.next}`];
  if (progress.isLearner) parts.push('learner');
  if (progress.isPaused) parts.push('paused');
  if (progress.pendingSnapshot > 0) parts.push(`pendingSnap=${progress.pendingSnapshot}`);
  if (!progress.recentActive) parts.push('inactive');
  const inflight = progress.inflights.count;
  if (inflight > 0) parts.push(`inflight=${inflight}${progress.inflights.isFull ? '[full]' : ''}`);
  return parts.join(' ');
}
