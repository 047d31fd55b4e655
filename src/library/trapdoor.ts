// The trapdoor: from "this holder has this lease" to an assertion that gates other writes, evaluated when those are applied.
import type { Assertion } from '../lease/commands.ts';
import { BadArgument } from './errors.ts';
import type { Key } from './key.ts';

/**
 * Hands something of the store's inside to whoever brings a fitting key (Juju Trapdoor). `attempt` counts from 0: from 1 on the last
 * try failed or its outcome is not known. Throws what the caller of `check` shall get.
 */
export type Trapdoor = (attempt: number, key: unknown) => void | Promise<void>;

/** "The holder has the lease", as it was seen at a log index. */
export interface HeldFact extends Key {
  readonly holder: string;
  /** Log index that began the tenure. */
  readonly fence: number;
  /** Log index at which it was seen; with `attempt` from 1 on, that of a barrier which began after the call. */
  readonly index: number;
}

/** For whoever does not want to give anything away: fine without a key, a {@link BadArgument} with one (Juju LockedTrapdoor). */
export const lockedTrapdoor: Trapdoor = (_attempt, key) => {
  if (key !== undefined && key !== null) throw new BadArgument('what is inside the store is off limits');
};

/**
 * The key is an assertion list, an array. What it holds is replaced by exactly one assertion, which names key, holder and fence, and
 * from attempt 1 on the barrier's index too. Any other key is a {@link BadArgument}. It writes nothing: the second copy of the truth
 * that Juju's trapdoor repaired is not there.
 */
export function logTrapdoor({ namespace, model, lease, holder, fence, index }: HeldFact): Trapdoor {
  return (attempt, key) => {
    if (key === undefined || key === null) return;
    if (!isAssertionList(key)) throw new BadArgument(`the trapdoor takes a list of assertions that can be changed, not ${typeName(key)}`);
    key.splice(0, key.length, { namespace, model, lease, holder, fence, ...(attempt > 0 ? { minIndex: index } : {}) });
  };
}

/** Any array that can be changed: what stands in it is going to be replaced. */
function isAssertionList(key: unknown): key is Assertion[] {
  return Array.isArray(key) && Object.isExtensible(key);
}

function typeName(key: unknown): string {
  if (Array.isArray(key)) return 'a frozen one';
  return typeof key === 'object' ? `an object (${key?.constructor?.name ?? 'of no class'})` : `a ${typeof key}`;
}
