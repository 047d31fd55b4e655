// The one error that a caller of Leasehold sees: a stable code, what it proves about the call, and the facts that came with it.

/**
 * What an error proves (the outcome classes of the HTTP contract):
 * `refused`: the log decided against the call, the facts say why. `not-accepted`: it surely never entered the log.
 * `unknown`: it may have been applied, or may still be.
 */
export type FailureClass = 'refused' | 'not-accepted' | 'unknown';

/** A failed call. `code` is one of the contract's codes, or `unreachable` when no endpoint could be spoken to. */
export class LeaseholdError extends Error {
  override readonly name: string = 'LeaseholdError';
  readonly code: string;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  readonly failure: FailureClass;
  /** The members of the problem document beyond the standard ones: `holder`, `fence`, `remainingMs`, `index`, `failed`, … */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    status: number | null,
    failure: FailureClass,
    detail: string,
    facts: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.failure = failure;
    this.facts = facts;
  }
}

/**
 * Why a lease is not held any more, as far as its client can tell. `ended`: the cluster says so, and `facts` say who has it now.
 * `not-confirmed`: no renewal was confirmed in time, so holding can no longer be guaranteed. `stalled`: this program did not run when
 * a renewal was due (a blocked event loop, a stopped process). `released`: it was given back here.
 */
export type LossReason = 'ended' | 'not-confirmed' | 'stalled' | 'released';

/** A lease that was held is not, or not surely. The reason of its `signal`, and what `assertHeld` throws. Its `code` is `not-held`. */
export class LeaseLostError extends LeaseholdError {
  override readonly name = 'LeaseLostError';
  readonly reason: LossReason;

  constructor(reason: LossReason, what: string, facts: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super('not-held', null, 'refused', `${what} ${LOSS_TEXTS[reason]}`, facts, cause);
    this.reason = reason;
  }
}

const LOSS_TEXTS: Readonly<Record<LossReason, string>> = {
  ended: 'is held no longer: the cluster has ended the tenure',
  'not-confirmed': 'may be held no longer: no renewal was confirmed in time',
  stalled: 'may be held no longer: this program did not run when it should have renewed',
  released: 'was released',
};

/** The class of an error answer. Whatever is not surely one of the first two is `unknown`. */
export function classify(status: number, code: string): FailureClass {
  switch (status) {
    case 408:
    case 409:
    case 412:
      return 'refused';
    case 404:
      return code === 'not-found' ? 'not-accepted' : 'refused';
    case 400:
    case 405:
    case 413:
    case 415:
    case 421:
    case 429:
    case 431:
    case 503:
      return 'not-accepted';
    default:
      return 'unknown';
  }
}

const STANDARD_MEMBERS = new Set(['type', 'title', 'status', 'detail', 'instance', 'code']);

/** Turns an answer's body into an error; a body that is no problem document (a stranger on that port) gives `unexpected-answer`. */
export function problemOf(status: number, body: unknown, endpoint: string): LeaseholdError {
  const problem = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  if (typeof problem.code !== 'string') {
    return new LeaseholdError(
      'unexpected-answer',
      status,
      'unknown',
      `${endpoint} answered ${status} in a way that Leasehold does not; is it another program's port?`,
    );
  }
  const facts = Object.fromEntries(Object.entries(problem).filter(([name]) => !STANDARD_MEMBERS.has(name)));
  const detail = [problem.detail, problem.title].find((text): text is string => typeof text === 'string' && text !== '') ?? problem.code;
  return new LeaseholdError(problem.code, status, classify(status, problem.code), detail, facts);
}
