// Elections, the asking side (sections 5.2 and 5.4.1, thesis 9.6 for the dry run): campaign, count, win or give up.
import { hasUnappliedConfChange } from './membership.ts';
import type { Message, VoteResponse } from './messages.ts';
import { jointVoteResult } from './quorum.ts';
import type { CandidateRole, State, Step, Transition } from './state.ts';
import { NONE } from './types.ts';

/** What a node does whose election timeout has passed, or that was told to stand. Null when it may not. */
export function considerCampaign(state: State, wanted: Transition & { to: 'pre-candidate' | 'candidate' }): Transition | null {
  const { term } = state;
  if (state.role.kind === 'leader') {
    state.trace({ kind: 'campaign-ignored', reason: 'already-leader', term });
    return null;
  }
  if (state.abstains) {
    state.trace({ kind: 'campaign-ignored', reason: 'abstaining', term });
    return null;
  }
  if (!state.isPromotable) {
    state.trace({ kind: 'campaign-ignored', reason: 'unpromotable', term });
    return null;
  }
  if (hasUnappliedConfChange(state)) {
    state.trace({ kind: 'campaign-ignored', reason: 'pending-conf-change', term });
    return null;
  }
  state.trace({ kind: 'election-started', term });
  return wanted;
}

/** Asks everybody for a vote; the own one counts like the others, when it is durable. The role has been taken already. */
export function requestVotes(state: State, transfer: boolean): void {
  const preVote = state.role.kind === 'pre-candidate';
  const term = preVote ? state.term + 1 : state.term;
  const { voters, votersOutgoing } = state.membership.configuration;
  const ids = [...new Set([...voters, ...votersOutgoing])].sort((a, b) => a - b);
  for (const to of ids) {
    if (to === state.id) {
      state.sendVoteResponse(preVote ? 'pre-vote-response' : 'vote-response', to, term, false);
      continue;
    }
    const last = state.log.last();
    state.trace({ kind: 'vote-request-sent', preVote, to, last, term: state.term });
    state.queue({ kind: preVote ? 'pre-vote' : 'vote', from: state.id, to, term, index: last.index, logTerm: last.term, transfer });
  }
}

export function stepCandidate(state: State, role: CandidateRole, message: Message): Step {
  switch (message.kind) {
    case 'propose':
      state.trace({ kind: 'no-leader', term: state.term, dropped: 'propose' });
      return 'proposal-dropped';
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      // Of this term, so somebody else has won it.
      return { to: 'follower', term: message.term, leader: message.from, followUp: message };
    case 'vote-response':
      return role.kind === 'candidate' ? countVote(state, role, message) : null;
    case 'pre-vote-response':
      if (role.kind !== 'pre-candidate') return null;
      // A grant is for the term that was asked for; a late one for this term says nothing of the next.
      return message.rejected || message.term === state.term + 1 ? countVote(state, role, message) : null;
    case 'timeout-now':
      state.trace({ kind: 'timeout-now-ignored', term: state.term, from: message.from });
      return null;
    default:
      return null;
  }
}

function countVote(state: State, { kind, votes }: CandidateRole, message: VoteResponse): Transition | null {
  const preVote = kind === 'pre-candidate';
  const { from, rejected } = message;
  state.trace({ kind: 'vote-received', preVote, from, rejected, term: state.term });
  if (!votes.has(from)) votes.set(from, !rejected);
  const { voters, votersOutgoing } = state.membership.configuration;
  let granted = 0;
  let refused = 0;
  for (const [id, vote] of votes) {
    if (!voters.has(id) && !votersOutgoing.has(id)) continue;
    if (vote) granted++;
    else refused++;
  }
  state.trace({ kind: 'votes-counted', preVote, granted, rejected: refused });
  switch (jointVoteResult(voters, votersOutgoing, (id) => votes.get(id))) {
    case 'won':
      if (preVote && state.abstains) return { to: 'follower', term: state.term, leader: NONE };
      return preVote ? { to: 'candidate', transfer: false } : { to: 'leader' };
    case 'lost':
      return { to: 'follower', term: state.term, leader: NONE };
    default:
      return null;
  }
}
