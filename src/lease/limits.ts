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

/** Outcomes that are remembered by their callers' keys: this many, of so many characters in all, for so long in lease time (milliseconds). */
export const REMEMBERED_MAX = 100_000;
export const REMEMBERED_BYTES_MAX = 32 * 1024 * 1024;
export const REMEMBERED_FOR_MS = 600_000;
/** Characters of one of them beyond which what it only read is left out. */
export const REMEMBERED_OUTCOME_MAX_BYTES = 16 * 1024;
/** Bytes of a caller's key; that of an operation in a batch has its place behind a space. */
export const REQUEST_KEY_MAX_BYTES = 256;

/** Pins on one lease, and leases with pins in all; one more is refused as overloaded. */
export const LEASE_PINS_MAX = 1_000;
export const PINNED_LEASES_MAX = 100_000;
/** Keys and claims that live by one granted lease; one more is refused as overloaded. */
export const LEASE_KEYS_MAX = 100_000;

/** Keys that one transaction reads, and characters of their values, in all; and keys that it deletes by prefixes. More is refused as too large. */
export const TXN_READ_KEYS_MAX = 10_000;
export const TXN_READ_MAX_CHARACTERS = 4 * 1024 * 1024;
export const TXN_DELETED_KEYS_MAX = 10_000;
/**
 * Keys that one transaction passes over with its prefixes because they ended with their lease and only their records are left. More is
 * refused as overloaded: later entries remove them.
 */
export const TXN_PASSED_KEYS_MAX = 10_000;
