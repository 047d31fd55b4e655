// Checks that stay on in production: a broken invariant ends the process rather than the guarantee.

/** A broken invariant: a bug in Leasehold, never a caller's mistake. Nothing may catch it and go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws {@link InvariantError} with `message` unless `condition` holds. Put the numbers into the message. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The default branch of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
