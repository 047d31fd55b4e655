// Every limit of the HTTP contract, with its unit: the server refuses beyond it, the client may rely on it.

/** UTF-8 bytes of a namespace, model, lease, holder or entity. */
export const NAME_MAX_BYTES = 256;

/** UTF-8 bytes of a key of the store. */
export const KEY_MAX_BYTES = 1024;

/** UTF-8 bytes of a value of the store; more is `413 too-large`. */
export const VALUE_MAX_BYTES = 64 * 1024;

/** Bytes of a request's body; more is `413 too-large`. */
export const BODY_MAX_BYTES = 1024 * 1024;

/** Bytes of the body of a batch, and operations in one; more is `413 too-large`. */
export const BATCH_BODY_MAX_BYTES = 4 * 1024 * 1024;
export const BATCH_OPS_MAX = 1000;

/** Shortest and longest duration, in milliseconds. The longest is the greatest integer that a JSON number carries exactly. */
export const DURATION_MIN_MS = 1;
export const DURATION_MAX_MS = Number.MAX_SAFE_INTEGER;

/** Longest wait that one request may ask for (`waitMs`, `timeoutMs`), in milliseconds. */
export const WAIT_MAX_MS = 300_000;

/** How long `GET L/expired` waits when it is not told, in milliseconds. */
export const WAIT_DEFAULT_MS = 30_000;

/** Items on one page of a list: the default and the most. */
export const PAGE_MAX_ITEMS = 1000;

/** Bytes of values after which a page of the store ends early, so that one read cannot hold up the node. */
export const PAGE_MAX_VALUE_BYTES = 1024 * 1024;

/** Assertions of one request, comparisons of one transaction, and operations of each of its branches. */
export const ASSERTIONS_MAX = 100;
export const COMPARISONS_MAX = 100;
export const TXN_OPS_MAX = 1000;

/** Levels of nesting in a JSON body. */
export const BODY_MAX_DEPTH = 16;

/** Fields of one object of a JSON body: more than any call takes; more is `400`. */
export const OBJECT_MAX_FIELDS = 32;

/** Fields of all objects of one JSON body together, and items of all its lists; more is `413 too-large`. */
export const BODY_MAX_FIELDS = 20_000;
export const BODY_MAX_ITEMS = 20_000;

/** Bytes of a request line with its headers; more is `431`. It bounds names, query parameters, and headers as well. */
export const HEAD_MAX_BYTES = 16 * 1024;

/** Bytes of a body from which it is parsed in an event-loop turn of its own. */
export const LARGE_BODY_BYTES = 64 * 1024;

/** Least value of a `Retry-After` header, in seconds. */
export const RETRY_AFTER_MIN_S = 1;

/** A watch is never silent for longer than this, in milliseconds. */
export const WATCH_SILENCE_MAX_MS = 15_000;

/** Outcomes remembered by `idempotency-key`: at most so many, and none longer than this in milliseconds of lease time. */
export const REMEMBERED_MAX = 100_000;
export const REMEMBERED_FOR_MS = 600_000;

/** Claims that wait for one lease, and in all; one more is `429 overloaded`. */
export const LEASE_WAITERS_MAX = 10_000;
export const WAITERS_MAX = 65_536;

/** Pins on one lease, leases with pins, and keys and claims that live by one granted lease; one more is `429 overloaded`. */
export const LEASE_PINS_MAX = 1_000;
export const PINNED_LEASES_MAX = 100_000;
export const LEASE_KEYS_MAX = 100_000;

/** Keys that one transaction reads, characters of their values in all, and keys that it deletes by prefixes; more is `413 too-large`. */
export const TXN_READ_KEYS_MAX = 10_000;
export const TXN_READ_MAX_CHARACTERS = 4 * 1024 * 1024;
export const TXN_DELETED_KEYS_MAX = 10_000;

/** Keys of an ended lease, not removed yet, that one transaction passes over with its prefixes; more is `429 overloaded`. */
export const TXN_PASSED_KEYS_MAX = 10_000;
