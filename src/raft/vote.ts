// RequestVote at the receiver (Figure 2; sections 5.2 and 5.4.1), and its dry run.
import type { VoteRequest } from './messages.ts';
import type { State } from './state.ts';
import { NONE } from './types.ts';

/**
 * A node that hears from a leader gives no vote and does not even take the term over, unless that leader asked for the election
 * (thesis 4.2.3): a node that was cut off cannot depose a leader that everybody else follows.
 */
export function ignoresVoteRequest(state: State, message: VoteRequest): boolean {
  const { config, leader, electionElapsed } = state;
  const hearsLeader = config.checkQuorum && leader !== NONE && electionElapsed < config.electionTicks;
  if (!hearsLeader || message.transfer) return false;
  state.trace({ kind: 'vote-ignored', ...facts(state, message), remainingTicks: config.electionTicks - electionElapsed });
  return true;
}

/** The request's term is the own one, or for a pre-vote a later one. */
export function answerVoteRequest(state: State, message: VoteRequest): void {
  const { from, kind, term } = message;
  const preVote = kind === 'pre-vote';
  const isFree = state.vote === from || (state.vote === NONE && state.leader === NONE) || (preVote && term > state.term);
  const response = preVote ? 'pre-vote-response' : 'vote-response';
  if (!isFree || !state.log.isUpToDate({ term: message.logTerm, index: message.index })) {
    refuseVote(state, message);
    return;
  }
  // Learners vote too: one that was promoted may not know it yet.
  state.trace({ kind: 'vote-cast', ...facts(state, message) });
  state.sendVoteResponse(response, from, term, false);
  if (preVote) return;
  state.electionElapsed = 0;
  state.vote = from;
}

export function refuseVote(state: State, message: VoteRequest): void {
  state.trace({ kind: 'vote-rejected', ...facts(state, message) });
  state.sendVoteResponse(message.kind === 'pre-vote' ? 'pre-vote-response' : 'vote-response', message.from, state.term, true);
}

function facts(state: State, message: VoteRequest) {
  return {
    preVote: message.kind === 'pre-vote',
    candidate: message.from,
    theirs: { term: message.logTerm, index: message.index },
    own: state.log.last(),
    vote: state.vote,
    term: state.term,
  };
}
