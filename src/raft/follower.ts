// A follower: takes entries, heartbeats and snapshots from the leader of its term (Figure 2, "Followers" and the receivers).
import { considerCampaign } from './candidate.ts';
import type { Append, Heartbeat, Message, ReadIndex } from './messages.ts';
import { handleSnapshot } from './snapshot.ts';
import type { State, Step } from './state.ts';
import { NONE } from './types.ts';

export function stepFollower(state: State, message: Message): Step {
  switch (message.kind) {
    case 'propose':
      return forwardProposal(state, message);
    case 'append':
      hearLeader(state, message);
      handleAppend(state, message);
      return null;
    case 'heartbeat':
      hearLeader(state, message);
      handleHeartbeat(state, message);
      return null;
    case 'snapshot':
      hearLeader(state, message);
      handleSnapshot(state, message);
      return null;
    case 'transfer-leader':
      if (state.leader === NONE) state.trace({ kind: 'no-leader', term: state.term, dropped: message.kind });
      else state.queue({ ...message, from: state.id, to: state.leader, term: state.term });
      return null;
    case 'read-index':
      passReadOn(state, message);
      return null;
    case 'read-index-response':
      state.readStates.push({ index: message.index, context: message.context });
      return null;
    case 'timeout-now':
      // Never with a pre-vote: the leader itself asks, and has stopped taking proposals (thesis 3.10).
      state.trace({ kind: 'forced-election-started', term: state.term, from: message.from });
      return considerCampaign(state, { to: 'candidate', transfer: true });
    default:
      return null;
  }
}

function hearLeader(state: State, message: Message): void {
  state.electionElapsed = 0;
  state.leader = message.from;
}

/**
 * A read asked for here goes to the leader. One from another node does not: the answer would come to this node, where the same
 * context may stand for a later read of its own.
 */
function passReadOn(state: State, message: ReadIndex): void {
  const { leader, term, id } = state;
  if (leader === NONE) state.trace({ kind: 'no-leader', term, dropped: message.kind });
  else if (message.from === NONE || message.from === id) state.queue({ ...message, from: id, to: leader, term: 0 });
  else state.trace({ kind: 'read-not-passed-on', from: message.from, leader, term });
}

function forwardProposal(state: State, message: Message & { kind: 'propose' }): Step {
  if (state.leader === NONE) {
    state.trace({ kind: 'no-leader', term: state.term, dropped: 'propose' });
    return 'proposal-dropped';
  }
  if (!state.config.forwardProposals) {
    state.trace({ kind: 'proposal-not-forwarded', leader: state.leader, term: state.term });
    return 'proposal-dropped';
  }
  state.queue({ ...message, to: state.leader });
  return null;
}

/** AppendEntries at the receiver. Steps 2 to 5 are the log's; step 1, the lower term, was refused before. */
export function handleAppend(state: State, message: Append): void {
  const { log } = state;
  const { from, index, logTerm } = message;
  if (index < log.committed) {
    state.sendAppendResponse(from, log.committed);
    return;
  }
  const committedBefore = log.committed;
  const matched = log.maybeAppend({ index, term: logTerm }, message.entries, message.commit, (at, existingTerm, newTerm) =>
    state.trace({ kind: 'conflict-found', index: at, existingTerm, newTerm }),
  );
  if (matched !== undefined) {
    const isNotice = message.entries.length === 0 && log.committed > committedBefore && matched === state.acknowledged;
    // Only news of a commit goes without an answer: an append that looks for the place where the logs meet brings none, and waits for one.
    if (isNotice && !state.config.answerCommitNotices) return;
    state.acknowledged = matched;
    state.sendAppendResponse(from, matched);
    return;
  }
  state.trace({ kind: 'append-rejected', term: state.term, index, logTerm, from, existingTerm: log.term(index) ?? 0 });
  // The furthest place where the logs can still agree, so that the leader need not step back entry by entry.
  const hint = log.findConflictByTerm(Math.min(index, log.lastIndex()), logTerm);
  state.send({ kind: 'append-response', to: from, index, rejected: true, rejectHint: hint.index, logTerm: hint.term });
}

export function handleHeartbeat(state: State, message: Heartbeat): void {
  state.log.commitTo(message.commit);
  state.send({ kind: 'heartbeat-response', to: message.from, context: message.context });
}
