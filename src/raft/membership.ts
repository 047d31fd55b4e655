// Configuration changes take effect when they are applied (section 6): what a node does when its membership switches.
import { assert } from '../assert.ts';
import { Changer, type Membership } from './confchange.ts';
import { releasePostponedReads } from './read-index.ts';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.ts';
import type { State, Transition } from './state.ts';
import { type ConfChange, type Entry, NONE } from './types.ts';

/** Applies a committed change. The transition, if any, is the step-down of a leader that is no longer a voter. */
export function applyConfChange(state: State, change: ConfChange): Transition | null {
  const changer = new Changer(state.membership, state.log.lastIndex(), state.config.inflights);
  const result = changer.change(change);
  // Refused changes never reach the log as changes, so one that does not fit here would divide the cluster.
  assert(result.kind === 'changed', `raft: committed change ${JSON.stringify(change)} does not fit ${JSON.stringify(state.conf)}`);
  return switchMembership(state, result.membership);
}

export function switchMembership(state: State, membership: Membership): Transition | null {
  adoptMembership(state, membership);
  if (state.role.kind !== 'leader') return null;
  const own = state.progressOf(state.id);
  if (own === undefined || own.isLearner) {
    return state.config.stepDownOnRemoval ? { to: 'follower', term: state.term, leader: NONE } : null;
  }
  if (membership.configuration.voters.size === 0) return null;
  // A smaller quorum may have committed more, and a newcomer wants to be found.
  if (maybeCommit(state)) {
    releasePostponedReads(state);
    broadcastAppend(state);
  } else {
    for (const to of state.peers) maybeSendAppend(state, to, false);
  }
  const { voters, votersOutgoing } = membership.configuration;
  const { role } = state;
  if (role.transferee !== NONE && !voters.has(role.transferee) && !votersOutgoing.has(role.transferee)) role.transferee = NONE;
  return null;
}

/** Takes over a membership without acting on it. */
export function adoptMembership(state: State, membership: Membership): void {
  state.membership = membership;
  state.peers = [...membership.progress.keys()].filter((id) => id !== state.id).sort((a, b) => a - b);
  state.trace({ kind: 'configuration-switched', conf: state.conf });
}

/** Whether a change is committed but not yet applied: this node does not know by which configuration it would be elected. */
export function hasUnappliedConfChange(state: State): boolean {
  const { log } = state;
  return log.slice(log.applied + 1, log.committed + 1).some((entry: Entry) => entry.kind === 'conf-change');
}
