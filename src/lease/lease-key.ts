// Claims as keys: the reserved part of the key space, `\0namespace\0model\0lease`, which no key of a user can reach.
import type { LeaseKey } from './commands.ts';

/** One (namespace, model). */
export interface Scope {
  readonly namespace: string;
  readonly model: string;
}

/** The key under which a claim is held; also the id of the lease that a plain claim makes for itself. */
export function claimIdOf(key: LeaseKey): string {
  return `\0${key.namespace}\0${key.model}\0${key.lease}`;
}

/** The inverse of {@link claimIdOf}. */
export function leaseKeyOf(claimId: string): LeaseKey {
  const model = claimId.indexOf('\0', 1) + 1;
  const lease = claimId.indexOf('\0', model) + 1;
  return { namespace: claimId.slice(1, model - 1), model: claimId.slice(model, lease - 1), lease: claimId.slice(lease) };
}

/** Whether a key stands in the part that is reserved for claims. */
export function isClaimId(key: string): boolean {
  return key.charCodeAt(0) === 0;
}

/** What the ids of all claims in the scope begin with; null: of all claims. */
export function scopePrefix(scope: Scope | null): string {
  return scope === null ? '\0' : `\0${scope.namespace}\0${scope.model}\0`;
}
