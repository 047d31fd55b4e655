// Which messages a node lets in at all: what a peer may say, and what only the node's own storage may.
import { APPEND_THREAD, APPLY_THREAD, type Message } from './messages.ts';
import type { NodeId, Term } from './types.ts';

/**
 * Whether `message` has a sender and a term that its kind can have. Anything else is a bug or an attack: an append without a term
 * would pass for one of any term, and a storage response from a peer would declare entries durable that are not.
 */
export function isAdmissible(message: Message, self: NodeId): boolean {
  const { from, term } = message;
  switch (message.kind) {
    case 'storage-append-response':
      return from === APPEND_THREAD;
    case 'storage-apply-response':
      return from === APPLY_THREAD;
    case 'storage-append':
    case 'storage-apply':
      return false;
    case 'append-response':
    case 'vote-response':
    case 'pre-vote-response':
      // In asynchronous mode the node's own promises come back as messages.
      return from > 0 && term > 0;
    case 'propose':
    case 'read-index':
      return from > 0;
    default:
      return from > 0 && from !== self && term > 0;
  }
}

/** Answers are taken from members only: to whoever is not one, nothing has been sent. */
export function isFromMemberOnly(message: Message): boolean {
  switch (message.kind) {
    case 'append-response':
    case 'heartbeat-response':
    case 'vote-response':
    case 'pre-vote-response':
    case 'read-index-response':
      return true;
    default:
      return false;
  }
}

/**
 * The largest step from this node's term to a message's term. A term is spent only on an election that a quorum agreed to hold (pre-vote),
 * and an election takes tens of milliseconds at least: a node that was away for a year of nothing but elections is less than 2^30 terms
 * behind. A larger step is a fault or an attack. Adopted once and written to the disk, a term near the end of the number range would
 * leave the cluster without a leader for ever.
 */
export const TERM_JUMP_MAX = 2 ** 30;

export function hasPlausibleTerm(message: Message, term: Term): boolean {
  return message.term - term <= TERM_JUMP_MAX;
}
