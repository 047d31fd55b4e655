// What a call without an answer proves: whether a byte of the request was sent.
import { LeaseholdError } from './errors.ts';

/** Errors that say no byte of the request was sent. A browser does not tell them apart from others. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOENT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The error of a call to `endpoint` that failed with `error`. `isTooLate`: it was aborted because its time was up. */
export function lost(endpoint: string, isRead: boolean, error: unknown, isTooLate: boolean): LeaseholdError {
  const code = codeOf(error);
  if (!isTooLate && NEVER_SENT.has(code))
    return new LeaseholdError('unreachable', null, 'not-accepted', `${endpoint} cannot be reached (${code})`, {}, error);
  const what = isTooLate ? 'did not answer in time' : `broke the connection (${code})`;
  if (isRead) return new LeaseholdError('unreachable', null, 'not-accepted', `${endpoint} ${what}`, {}, error);
  return new LeaseholdError('outcome-unknown', null, 'unknown', `${endpoint} ${what} after the request was sent`, {}, error);
}

/**
 * `fetch` hides the reason in causes; a connection tried on several addresses fails with an `AggregateError`, and was never sent if
 * no address could be reached.
 */
function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  for (const nested of error instanceof AggregateError ? error.errors : [cause]) {
    if (nested === undefined || nested === null) continue;
    const found = codeOf(nested);
    if (found !== NO_REASON) return found;
  }
  return NO_REASON;
}

const NO_REASON = 'no reason given';
