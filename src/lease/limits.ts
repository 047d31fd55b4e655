// How much the state takes of each thing that a caller can make. Decided where an entry is applied, so every node must have the same.

/** Claims that wait for one lease; one more is refused as overloaded. */
export const LEASE_WAITERS_MAX = 10_000;
/** Claims that wait in all; one more is refused as overloaded. */
export const WAITERS_MAX = 65_536;
/**
 * How much longer a waiter stands in the queue than its caller waits, in milliseconds of lease time: long enough for the word of its
 * own node, which knows the moment, to come first.
 */
export const WAITER_GRACE_MS = 2_000;
