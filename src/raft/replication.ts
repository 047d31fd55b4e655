// Leaders send entries, and learn from the answers what each peer has (Figure 2, AppendEntries at the sender; section 5.3).
import type { AppendResponse, HeartbeatResponse } from './messages.ts';
import type { Progress } from './progress.ts';
import { jointCommittedIndex } from './quorum.ts';
import { answerRead, releasePostponedReads } from './read-index.ts';
import { entriesBytes } from './sizes.ts';
import type { State } from './state.ts';
import type { NodeId } from './types.ts';

export function broadcastAppend(state: State): void {
  for (const to of state.peers) sendAppend(state, to);
}

/** One append to a peer, empty if there is nothing new: it carries the commit index and finds out where the peer stands. */
export function sendAppend(state: State, to: NodeId): boolean {
  return maybeSendAppend(state, to, true);
}

/** False when nothing was sent: the peer is paused, or there is nothing new and `evenIfEmpty` is false. */
export function maybeSendAppend(state: State, to: NodeId, evenIfEmpty: boolean): boolean {
  const progress = state.progressOf(to);
  if (progress === undefined || progress.isPaused) return false;
  const { log } = state;
  const index = progress.next - 1;
  const logTerm = log.term(index);
  if (logTerm === undefined) return maybeSendSnapshot(state, to, progress);
  // With a full window only an empty append goes out; its refusal is how lost ones are noticed.
  const isThrottled = progress.state === 'replicate' && progress.inflights.isFull;
  const entries = isThrottled ? [] : log.entriesFrom(progress.next, state.config.maxBytesPerMessage);
  if (entries === undefined) return maybeSendSnapshot(state, to, progress);
  if (entries.length === 0 && !evenIfEmpty) return false;
  state.send({ kind: 'append', to, index, logTerm, entries, commit: log.committed });
  progress.sentEntries(entries.length, entriesBytes(entries));
  progress.sentCommit = log.committed;
  return true;
}

/** The entries that the peer needs are gone, so it gets the state instead (section 7). Not while it seems to be away. */
function maybeSendSnapshot(state: State, to: NodeId, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const snapshot = state.log.snapshot();
  state.trace({
    kind: 'snapshot-sent',
    to,
    snapshot: { index: snapshot.index, term: snapshot.term },
    first: state.log.firstIndex(),
    commit: state.log.committed,
    progress,
  });
  progress.becomeSnapshot(snapshot.index);
  state.trace({ kind: 'peer-paused-for-snapshot', peer: to, progress });
  state.send({ kind: 'snapshot', to, snapshot });
  return true;
}

/** Advances the commit index to what a quorum has, of this term only (section 5.4.2). */
export function maybeCommit(state: State): boolean {
  const { voters, votersOutgoing } = state.membership.configuration;
  const index = jointCommittedIndex(voters, votersOutgoing, (id) => state.progressOf(id)?.match);
  return state.log.maybeCommit({ index, term: state.term });
}

/** An answer to an append, also the leader's own when its entries have become durable. */
export function handleAppendResponse(state: State, message: AppendResponse, progress: Progress): void {
  progress.recentActive = true;
  if (message.rejected) handleRejection(state, message, progress);
  else handleAcknowledgement(state, message, progress);
}

function handleRejection(state: State, message: AppendResponse, progress: Progress): void {
  const { from, index, rejectHint, logTerm } = message;
  state.trace({ kind: 'append-rejection-received', from, index, hint: { index: rejectHint, term: logTerm } });
  // The peer has `logTerm` at the hint; nothing here with a larger term can match it, so all of that is skipped at once.
  const probe = logTerm > 0 ? state.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!progress.maybeDecrease(index, probe)) return;
  state.trace({ kind: 'progress-decreased', peer: from, progress });
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(state, from);
}

function handleAcknowledgement(state: State, { from, index }: AppendResponse, progress: Progress): void {
  const isNews = progress.maybeUpdate(index);
  // A probing peer that turns out to have all it was asked for may be streamed to again.
  if (!isNews && !(progress.match === index && progress.state === 'probe')) return;
  if (progress.state === 'probe') {
    progress.becomeReplicate();
  } else if (progress.state === 'snapshot' && progress.match + 1 >= state.log.firstIndex()) {
    state.trace({ kind: 'peer-recovered-from-snapshot', peer: from, progress });
    progress.becomeProbe();
    progress.becomeReplicate();
  } else if (progress.state === 'replicate') {
    progress.inflights.freeUpTo(index);
  }
  if (maybeCommit(state)) {
    releasePostponedReads(state);
    broadcastAppend(state);
  } else if (from !== state.id && state.log.committed > progress.sentCommit && progress.sentCommit < progress.next - 1) {
    sendAppend(state, from);
  }
  if (from === state.id) return;
  while (maybeSendAppend(state, from, false));
  const { transferee } = state.leadership();
  if (from === transferee && progress.match === state.log.lastIndex()) {
    state.trace({ kind: 'transfer-reported-caught-up', term: state.term, transferee, previous: transferee });
    state.send({ kind: 'timeout-now', to: from });
  }
}

export function handleHeartbeatResponse(state: State, message: HeartbeatResponse, progress: Progress): void {
  progress.recentActive = true;
  progress.resume();
  if (progress.match < state.log.lastIndex() || progress.state === 'probe') sendAppend(state, message.from);
  if (message.context === 0) return;
  for (const read of state.leadership().reads.confirm(state, message.from, message.context)) {
    answerRead(state, read.from, read.context, read.index);
  }
}
