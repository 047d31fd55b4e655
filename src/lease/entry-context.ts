// What applying an entry is given besides the command, and whom it tells.
import type { LeaseKey } from './commands.ts';
import type { StateEvent } from './events.ts';
import type { TurnEnd } from './queueing.ts';
import type { Life } from './waiters.ts';

/** Told what happened, during `apply`. */
export interface StateObserver {
  /** Nobody holds the lease after the entry at `index` (also when the same entry lets somebody else in). */
  vacated(key: LeaseKey, index: number): void;
  /** Every event, in order. Absent: nobody wants to know, and none is made. */
  event?(event: StateEvent): void;
  /** A claim that waited has its outcome, or lost its place, by the entry at `index`. At the end of that entry. */
  turnEnded?(turn: TurnEnd, index: number): void;
}

/** What each entry brings from outside the command. */
export interface EntryContext {
  readonly index: number;
  readonly term: number;
  /** Lease time stamped by the leader, in whole milliseconds. */
  readonly timeMs: number;
  /** The life of the node that took the request; absent where nobody can wait for its turn. */
  readonly origin?: Life;
}

/** The origin of an entry that tells none: no node is that one. */
export const NOWHERE: Life = { node: 0, incarnation: 0 };
