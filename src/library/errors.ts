// Every error of the library, each with a stable code, and the predicates that find them behind `cause` and in an AggregateError.
import type { Assertion } from '../lease/commands.ts';

/** What decided, where something did. */
export interface ErrorFacts {
  /** Who holds the lease; null for nobody, absent where that is not what the error is about. */
  readonly holder?: string | null;
  /** Log index that began that holder's tenure; null for nobody. */
  readonly fence?: number | null;
  /** Log index that decided. */
  readonly index?: number;
  /** Lease time left of the tenure that stands in the way, in milliseconds; null while it is pinned. */
  readonly remainingMs?: number | null;
  /** The assertion that does not hold, as it was given. */
  readonly failed?: Assertion;
  /** Revision of the key that a condition spoke of; null where there is no such key. */
  readonly modRevision?: number | null;
  /** What there is no room for, how much of it is in use, and the quota. */
  readonly resource?: string;
  readonly used?: number;
  readonly limit?: number;
  /** What brought it about. */
  readonly cause?: unknown;
}

/** The common form. Tell errors apart by `code` or the predicates, never by message. */
export class LeaseError extends Error {
  /** Stable name of the kind. */
  readonly code: string;
  /** True: it surely did not happen and never will. False: it may or may not be carried out. */
  readonly definite: boolean;
  readonly facts: ErrorFacts;

  constructor(code: string, message: string, facts: ErrorFacts = {}, definite = true) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.definite = definite;
    this.facts = facts;
  }
}

/** The latest state makes a store's operation impossible. From a `Store` only: look at its `leases()` and decide anew (Juju ErrInvalid). */
export class Invalid extends LeaseError {
  override readonly name = 'Invalid';
  constructor(message: string, facts?: ErrorFacts) {
    super('invalid', message, facts);
  }
}

/** No answer in time. Worth trying again; `definite` tells whether the operation can still be carried out (Juju ErrTimeout). */
export class Timeout extends LeaseError {
  override readonly name = 'Timeout';
  constructor(message: string, definite: boolean, facts?: ErrorFacts) {
    super('timeout', message, facts, definite);
  }
}

/** The caller's signal came first; `definite` tells whether it had not begun (Juju ErrAborted). */
export class Aborted extends LeaseError {
  override readonly name = 'Aborted';
  constructor(message: string, definite: boolean, facts?: ErrorFacts) {
    super('aborted', message, facts, definite);
  }
}

/** Somebody else holds the lease, on proof: `facts` say who, by which fence, at which index (Juju ErrClaimDenied). */
export class ClaimDenied extends LeaseError {
  override readonly name = 'ClaimDenied';
  constructor(message: string, facts?: ErrorFacts) {
    super('claim-denied', message, facts);
  }
}

/** The holder does not hold the lease; `facts` say who does (Juju ErrNotHeld). */
export class NotHeld extends LeaseError {
  override readonly name = 'NotHeld';
  constructor(message: string, facts?: ErrorFacts) {
    super('not-held', message, facts);
  }
}

/** A wait was ended by the caller's signal (Juju ErrWaitCancelled). */
export class WaitCancelled extends LeaseError {
  override readonly name = 'WaitCancelled';
  constructor(message: string, facts?: ErrorFacts) {
    super('wait-cancelled', message, facts);
  }
}

/** An argument is not valid; nothing was tried. */
export class BadArgument extends LeaseError {
  override readonly name = 'BadArgument';
  constructor(message: string, facts?: ErrorFacts) {
    super('invalid-argument', message, facts);
  }
}

/** The node, manager or lessor has stopped, or is about to. */
export class Stopped extends LeaseError {
  override readonly name = 'Stopped';
  constructor(message: string, definite = true, facts?: ErrorFacts) {
    super('stopping', message, facts, definite);
  }
}

/** There is no room for more: a quota, the heap or a disk of the leader is full. Nothing was changed; `facts` name the resource. */
export class NoRoom extends LeaseError {
  override readonly name = 'NoRoom';
  constructor(message: string, facts?: ErrorFacts) {
    super('no-room', message, facts);
  }
}

/** A plain duration was given for a claim that lives by a session. */
export class Conflict extends LeaseError {
  override readonly name = 'Conflict';
  constructor(message: string, facts?: ErrorFacts) {
    super('conflict', message, facts);
  }
}

/** An assertion was false when the gated write was applied: nothing was written; `facts` say what is true at `index`. */
export class AssertionFailed extends LeaseError {
  override readonly name = 'AssertionFailed';
  constructor(message: string, facts?: ErrorFacts) {
    super('assertion-failed', message, facts);
  }
}

/** The key is not at the revision that the write asked for: nothing was written. */
export class PreconditionFailed extends LeaseError {
  override readonly name = 'PreconditionFailed';
  constructor(message: string, facts?: ErrorFacts) {
    super('precondition-failed', message, facts);
  }
}

/** There is no such key. */
export class KeyNotFound extends LeaseError {
  override readonly name = 'KeyNotFound';
  constructor(message: string, facts?: ErrorFacts) {
    super('key-not-found', message, facts);
  }
}

/** The lessor is not primary: ask the one on the leader (etcd ErrNotPrimary). */
export class NotPrimary extends LeaseError {
  override readonly name = 'NotPrimary';
  constructor(message = 'not a primary lessor', facts?: ErrorFacts) {
    super('not-primary', message, facts);
  }
}

/** There is no lease of that id (etcd ErrLeaseNotFound). */
export class LeaseNotFound extends LeaseError {
  override readonly name = 'LeaseNotFound';
  constructor(message: string, facts?: ErrorFacts) {
    super('lease-not-found', message, facts);
  }
}

/** The id is taken; the lease that has it is as it was (etcd ErrLeaseExists). */
export class LeaseExists extends LeaseError {
  override readonly name = 'LeaseExists';
  constructor(message: string, facts?: ErrorFacts) {
    super('lease-exists', message, facts);
  }
}

/** Whether the error is an {@link Invalid}, or wraps one (Juju IsInvalid). */
export const isInvalid = (error: unknown): boolean => hasCode(error, 'invalid');
/** Whether the error is a {@link Timeout}, or wraps one (Juju IsTimeout). */
export const isTimeout = (error: unknown): boolean => hasCode(error, 'timeout');
/** Whether the error is an {@link Aborted}, or wraps one (Juju IsAborted). */
export const isAborted = (error: unknown): boolean => hasCode(error, 'aborted');
/** Whether the error is a {@link ClaimDenied}, or wraps one. */
export const isClaimDenied = (error: unknown): boolean => hasCode(error, 'claim-denied');
/** Whether the error is a {@link NotHeld}, or wraps one. */
export const isNotHeld = (error: unknown): boolean => hasCode(error, 'not-held');
/** Whether the error is a {@link WaitCancelled}, or wraps one. */
export const isWaitCancelled = (error: unknown): boolean => hasCode(error, 'wait-cancelled');
/** Whether the error is a {@link BadArgument}, or wraps one. */
export const isBadArgument = (error: unknown): boolean => hasCode(error, 'invalid-argument');
/** Whether the error is a {@link Stopped}, or wraps one. */
export const isStopped = (error: unknown): boolean => hasCode(error, 'stopping');
/** Whether the error is a {@link NoRoom}, or wraps one. */
export const isNoRoom = (error: unknown): boolean => hasCode(error, 'no-room');
/** Whether the error is an {@link AssertionFailed}, or wraps one. */
export const isAssertionFailed = (error: unknown): boolean => hasCode(error, 'assertion-failed');
/** Whether the error is a {@link NotPrimary}, or wraps one. */
export const isNotPrimary = (error: unknown): boolean => hasCode(error, 'not-primary');
/** Whether the error is a {@link LeaseNotFound}, or wraps one. */
export const isLeaseNotFound = (error: unknown): boolean => hasCode(error, 'lease-not-found');
/** Whether the error is a {@link LeaseExists}, or wraps one. */
export const isLeaseExists = (error: unknown): boolean => hasCode(error, 'lease-exists');

/** Looks at the error, at what it wraps, and at the parts of an aggregate, each once: causes may run in a circle. */
function hasCode(error: unknown, code: string): boolean {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [error];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (!(next instanceof Error) || seen.has(next)) continue;
    seen.add(next);
    if ('code' in next && next.code === code) return true;
    waiting.push(next.cause);
    if (next instanceof AggregateError) waiting.push(...next.errors);
  }
  return false;
}
