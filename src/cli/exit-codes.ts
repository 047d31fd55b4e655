// The exit codes of the command line, one for each way in which a call can end. Programs rely on them.
import type { LeaseholdError } from '../client/errors.ts';

export const EXIT = {
  /** Applied, or answered. */
  done: 0,
  /** Decided against: denied, not held, not found, or a wait that ran out. Also: a node or cluster that could not start or failed. */
  refused: 1,
  /** The command line or its values are wrong; nothing was sent, or the server said so. */
  usage: 2,
  /** It surely did not happen: no leader, overloaded, no room, nobody reachable. Try again. */
  notAccepted: 3,
  /** It may or may not have happened. Look (get, check) before trying again. */
  unknown: 4,
} as const;

/** For --help. */
export const EXIT_HELP = `
Exit codes:
  0  done
  1  refused: held by another, not held, not found, or the wait ran out
  2  bad usage
  3  not accepted, it surely did not happen: no leader, overloaded, no room, unreachable
  4  unknown: it may or may not have happened`;

/** Codes that say the request itself was wrong. */
const USAGE_CODES = new Set(['invalid-argument', 'not-found', 'method-not-allowed', 'too-large', 'unsupported-media-type', 'misdirected']);

/** The exit code for a failed call. */
export function exitCodeOf(error: LeaseholdError): number {
  if (error.failure === 'refused') return EXIT.refused;
  if (error.failure === 'unknown') return EXIT.unknown;
  return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.notAccepted;
}
