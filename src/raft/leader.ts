// A leader: takes proposals, counts acknowledgements, checks its quorum (Figure 2, "Leaders").
import { assert } from '../assert.ts';
import { Changer, isJoint } from './confchange.ts';
import type { Message, Payload } from './messages.ts';
import { jointVoteResult } from './quorum.ts';
import { requestRead } from './read-index.ts';
import { broadcastAppend, handleAppendResponse, handleHeartbeatResponse } from './replication.ts';
import { payloadBytes } from './sizes.ts';
import type { State, Step, Transition } from './state.ts';
import { transferLeadership } from './transfer.ts';
import { type ConfChange, type Entry, NONE } from './types.ts';

export function stepLeader(state: State, message: Message): Step {
  switch (message.kind) {
    case 'propose':
      return propose(state, message.payloads);
    case 'read-index':
      requestRead(state, message.from, message.context);
      return null;
    case 'transfer-leader':
      transferLeadership(state, message.transferee);
      return null;
    default:
  }
  const progress = state.progressOf(message.from);
  if (progress === undefined) return null;
  switch (message.kind) {
    case 'append-response':
      handleAppendResponse(state, message, progress);
      return null;
    case 'heartbeat-response':
      handleHeartbeatResponse(state, message, progress);
      return null;
    default:
      return null;
  }
}

/** Appends `payloads` as entries of this term and sends them at once, while they are being written here. */
function propose(state: State, payloads: readonly Payload[]): Step {
  assert(payloads.length > 0, 'raft: an empty proposal');
  const role = state.leadership();
  // A removed leader must not add to a log that it is no part of.
  if (state.progressOf(state.id) === undefined) return 'proposal-dropped';
  if (role.transferee !== NONE) {
    state.trace({ kind: 'proposal-dropped-in-transfer', transferee: role.transferee, term: state.term });
    return 'proposal-dropped';
  }
  const first = state.log.lastIndex() + 1;
  const { pendingConfIndex } = role;
  const admitted = payloads.map((payload, i) => (payload.kind === 'conf-change' ? admitConfChange(state, payload, first + i) : payload));
  if (!appendEntries(state, admitted)) {
    // What found no room is not under way.
    role.pendingConfIndex = pendingConfIndex;
    return 'proposal-dropped';
  }
  broadcastAppend(state);
  return null;
}

const EMPTY: Payload = { kind: 'normal', data: new Uint8Array(0) };

/** At most one change under way (section 6): one that may not be made now becomes an empty entry. */
function admitConfChange(state: State, payload: Payload & { kind: 'conf-change' }, index: number): Payload {
  const role = state.leadership();
  const { applied } = state.log;
  const reason = role.pendingConfIndex > applied ? 'unapplied-change' : misfitOf(state, payload.change);
  if (reason !== null && state.config.validateConfChanges) {
    state.trace({
      kind: 'conf-change-ignored',
      change: payload.change,
      conf: state.conf,
      reason,
      pendingIndex: role.pendingConfIndex,
      applied,
    });
    return EMPTY;
  }
  role.pendingConfIndex = index;
  return payload;
}

/**
 * Why `change` does not fit the configuration, which is the one that it will be applied to: nothing else is under way.
 * In the log it would stop every node that applies it.
 */
function misfitOf(state: State, change: ConfChange): 'must-leave-joint' | 'not-joint' | 'does-not-fit' | null {
  const joint = isJoint(state.membership.configuration);
  const wantsToLeave = change.changes.length === 0;
  if (joint !== wantsToLeave) return joint ? 'must-leave-joint' : 'not-joint';
  const changer = new Changer(state.membership, state.log.lastIndex(), state.config.inflights);
  return changer.change(change).kind === 'refused' ? 'does-not-fit' : null;
}

/** False when the leader holds too much that is not committed. The own acknowledgement is queued like a peer's, until the disk has it. */
export function appendEntries(state: State, payloads: readonly Payload[]): boolean {
  const role = state.leadership();
  const { term, log } = state;
  let index = log.lastIndex();
  const entries = payloads.map((payload): Entry => ({ ...payload, term, index: ++index }));
  let bytes = 0;
  for (const entry of entries) bytes += payloadBytes(entry);
  const limit = state.config.maxUncommittedBytes;
  // The first one always fits, and so does an empty one: a new leader must be able to open its term.
  if (limit > 0 && bytes > 0 && role.uncommittedBytes > 0 && role.uncommittedBytes + bytes > limit) return false;
  role.uncommittedBytes += bytes;
  log.append(entries);
  state.sendAppendResponse(state.id, index);
  return true;
}

/** CheckQuorum (thesis 6.2): steps down unless a quorum has answered since the last check. */
export function checkQuorum(state: State): Transition | null {
  const { voters, votersOutgoing } = state.membership.configuration;
  const result = jointVoteResult(voters, votersOutgoing, (id) => id === state.id || state.progressOf(id)?.recentActive === true);
  for (const id of state.peers) {
    const progress = state.progressOf(id);
    if (progress !== undefined) progress.recentActive = false;
  }
  if (result === 'won') return null;
  state.trace({ kind: 'quorum-lost' });
  return { to: 'follower', term: state.term, leader: NONE };
}
