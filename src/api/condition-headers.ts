// Refuses every condition that a route does not honor, so that no call is carried out without a condition that its caller set.
import type { IncomingMessage } from 'node:http';
import { invalidArgument } from './errors.ts';

/** The conditions that some route honors; a route names its own in `config.conditions`. */
export type Condition = 'lease-if' | 'if-match' | 'if-none-match';

/** Of a write of one key. */
export const KEY_CONDITIONS: readonly Condition[] = ['lease-if', 'if-match', 'if-none-match'];
/** Of a write that is not about one key. */
export const LEASE_CONDITIONS: readonly Condition[] = ['lease-if'];
/** Of all other routes, reads included. */
export const NO_CONDITIONS: readonly Condition[] = [];

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Names of the conditions that the route honors; none when absent. */
    readonly conditions?: readonly Condition[];
  }
}

/**
 * Throws an invalid-argument error for a condition that is not among `honored`. A condition is `lease-if`, and every header whose name is `if` or begins with `if-`: those of HTTP, of its extensions, and misspelled ones.
 */
export function checkConditionHeaders({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, honored: readonly string[]): void {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const first = name.charCodeAt(0) | 0x20;
    // Names that begin with neither i nor l are most of them, and cost no more than this look.
    if (first !== 0x69 && first !== 0x6c) continue;
    const lower = name.toLowerCase();
    if (isCondition(lower) && !honored.includes(lower)) throw notHonored(lower, honored);
  }
}

/** The error for a condition among the trailers of a body that has been read, none of which is honored; undefined without one. */
export function conditionInTrailers({ rawTrailers }: { readonly rawTrailers?: readonly string[] }): Error | undefined {
  // The simulated requests of tests have none.
  const name = rawTrailers?.find((text, at) => at % 2 === 0 && isCondition(text.toLowerCase()));
  return name === undefined ? undefined : invalidArgument(`the condition ${name.slice(0, 64)} must be a header, not a trailer`);
}

function isCondition(name: string): boolean {
  return name === 'lease-if' || name === 'if' || name.startsWith('if-');
}

function notHonored(name: string, honored: readonly string[]): Error {
  const taken = honored.length === 0 ? 'no condition' : `only ${honored.join(', ')}`;
  return invalidArgument(`this call does not honor the condition ${name.slice(0, 64)}: it takes ${taken}`);
}
