// The full name of a lease, a map by such names, and what a request for a lease must be.
import { claimIdOf } from '../lease/lease-key.ts';
import { nameProblem } from '../lease/names.ts';
import { BadArgument } from './errors.ts';

/** Namespace of leadership among an application's units (Juju ApplicationLeadershipNamespace). */
export const applicationLeadershipNamespace = 'application-leadership';

/** Namespace of the one controller or model worker (Juju SingularControllerNamespace). */
export const singularControllerNamespace = 'singular-controller';

/** Fully names a lease: the same `lease` under another namespace or model is another lease (Juju Key; `model` is its ModelUUID). */
export interface Key {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
}

/** What is asked of a lease (Juju Request). */
export interface Request {
  readonly holder: string;
  /** How long the lease is wanted, in whole milliseconds from 1 to 2^53 - 1. */
  readonly durationMs: number;
}

/** Says what is wrong with requests. */
export const Request = {
  /** Throws {@link BadArgument} unless the holder is a valid string and the duration one that can be granted (Juju Request.Validate). */
  validate(request: Request): void {
    const problem = nameProblem(request.holder);
    if (problem !== null) throw new BadArgument(`holder ${JSON.stringify(request.holder)} ${problem}`);
    const durationProblem = whatIsWrongWithDuration(request.durationMs);
    if (durationProblem !== null) throw new BadArgument(durationProblem);
  },
};

/** A sentence if the duration cannot be granted, else null. Juju's store let negative ones through; nothing here does. */
export function whatIsWrongWithDuration(durationMs: number): string | null {
  if (Number.isSafeInteger(durationMs) && durationMs >= 1) return null;
  return `duration ${String(durationMs)} must be a whole number of milliseconds from 1 to 2^53 - 1`;
}

/**
 * Throws {@link BadArgument} if the text is empty, has white space of any kind, control characters, `.`, `#` or `$`, half a surrogate
 * pair, or more than 256 bytes (Juju ValidateString, which overlooked Unicode's white space).
 */
export function validateString(text: string): void {
  const problem = nameProblem(text);
  if (problem !== null) throw new BadArgument(`${JSON.stringify(text)} ${problem}`);
}

/** Throws {@link BadArgument} naming the first part of the key that is not valid. */
export function validateKey(key: Key): void {
  for (const part of ['namespace', 'model', 'lease'] as const) {
    const problem = nameProblem(key[part]);
    if (problem !== null) throw new BadArgument(`${part} ${JSON.stringify(key[part])} ${problem}`);
  }
}

/** A read-only map by key. A `Map` would tell equal keys apart, as they are different objects. */
export class KeyMap<Value> implements Iterable<readonly [Key, Value]> {
  readonly #entries = new Map<string, readonly [Key, Value]>();

  constructor(entries: Iterable<readonly [Key, Value]>) {
    for (const entry of entries) this.#entries.set(claimIdOf(entry[0]), entry);
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(claimIdOf(key));
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(claimIdOf(key))?.[1];
  }

  /** In the order in which they were given: by namespace, model and name. */
  [Symbol.iterator](): Iterator<readonly [Key, Value]> {
    return this.#entries.values();
  }
}
