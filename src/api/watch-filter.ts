// Which events a watch wants: those of some claims, those of some keys, or all.
import { isName, isStorePrefix, NAME_RULE } from '../contract/names.ts';
import type { StateEvent } from '../lease/events.ts';
import { leaseKeyOf } from '../lease/lease-key.ts';
import type { ApiRequest } from './api.ts';
import { invalidArgument } from './errors.ts';
import { readText } from './query.ts';

export type Filter = (event: StateEvent) => boolean;

/** The query parameters that make a filter. */
export const FILTER_PARAMETERS = ['namespace', 'model', 'lease', 'prefix'];

/**
 * Any of `namespace`, `model` and `lease` gives claim events only, those that fit all that are given; `prefix` key events only; both
 * give both, nothing gives all. Throws when a value can be no name or prefix.
 */
export function readFilter(request: ApiRequest): Filter {
  const claims = claimFilter(readName(request, 'namespace'), readName(request, 'model'), readName(request, 'lease'));
  const prefix = readText(request, 'prefix');
  if (prefix !== null && !isStorePrefix(prefix)) throw invalidArgument('prefix can begin no key');
  if (claims === null && prefix === null) return () => true;
  return (event) => ('key' in event ? prefix !== null && event.key.startsWith(prefix) : claims?.(event.claimId) === true);
}

function claimFilter(namespace: string | null, model: string | null, lease: string | null): ((claimId: string) => boolean) | null {
  if (namespace === null && model === null && lease === null) return null;
  return (claimId) => {
    const key = leaseKeyOf(claimId);
    return (
      (namespace === null || key.namespace === namespace) &&
      (model === null || key.model === model) &&
      (lease === null || key.lease === lease)
    );
  };
}

function readName(request: ApiRequest, parameter: string): string | null {
  const text = readText(request, parameter);
  if (text !== null && !isName(text)) throw invalidArgument(`${parameter} must be ${NAME_RULE}`);
  return text;
}
