// What a request is told that the log did not decide: why it was not accepted, or why nobody can tell.
import type { NoRoom } from '../env.ts';
import { noRoomDetail } from './room.ts';
import type { Failure } from './service.ts';

/** Its state is not read yet. */
export const STARTING: Failure = {
  definite: true,
  code: 'no-leader',
  detail: 'This node is still reading its state. Ask again, or another one.',
};
/** It was told to stop. */
export const STOPPING: Failure = { definite: true, code: 'stopping', detail: 'This node is stopping. Ask another one.' };
/** Its limit of requests under way is reached. */
export const OVERLOADED: Failure = {
  definite: true,
  code: 'overloaded',
  detail: 'This node has too many requests under way. Try again later, with fewer at a time.',
};
/** The leader has too much to do. */
export const LEADER_OVERLOADED: Failure = {
  definite: true,
  code: 'overloaded',
  detail: 'The leader has too many requests waiting. Try again later, with fewer at a time.',
};
/** Its leader could not append it: the entry before is not committed yet, or the log has reached its limit of bytes. */
export const LOG_FULL: Failure = {
  definite: true,
  code: 'overloaded',
  detail:
    'The log takes no more entries at present: earlier ones must be committed, saved, or sent to a new member first. Try again later.',
};
export const NO_LEADER: Failure = {
  definite: true,
  code: 'no-leader',
  detail: 'No leader is known: a majority of the nodes must be running and reach each other.',
};
/** For what is worth something only in the term in which it was proposed. */
export const LEADER_CHANGED: Failure = { definite: true, code: 'no-leader', detail: 'The leader changed.' };
export const UNKNOWN: Failure = {
  definite: false,
  code: 'outcome-unknown',
  detail: 'The leader was lost while the request was in its log. It may or may not be applied: read, or repeat it.',
};
/** For a claim that waited. */
export const WAIT_UNKNOWN: Failure = {
  definite: false,
  code: 'outcome-unknown',
  detail: 'The wait ended before the log could say whether its turn had come.',
};

/** Its leader is known, and far ahead of what it has applied. */
export const LAGGING: Failure = {
  definite: true,
  code: 'no-leader',
  detail: 'This node is too far behind the leader to answer. Ask another one, or read with consistency=stale.',
};

/** The leader refused it before the log: a quota, its heap, or a disk is full. */
export function noRoomFailure(noRoom: NoRoom): Failure {
  return { definite: true, code: 'no-room', detail: noRoomDetail(noRoom), noRoom };
}
