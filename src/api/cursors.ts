// Cursors of lists: where the next page starts, as text that survives a URL and tells callers nothing to rely on.
import { isUtf8 } from 'node:buffer';
import { isName } from '../contract/names.ts';
import { claimIdOf, type Scope, scopePrefix } from '../lease/lease-key.ts';
import { type ApiError, invalidArgument } from './errors.ts';

/** The opaque form of a place in a list. */
export function writeCursor(place: string): string {
  return Buffer.from(place, 'utf8').toString('base64url');
}

/** The place that a cursor stands for. Throws an invalid-argument error on what `writeCursor` did not make. */
export function readCursor(cursor: string): string {
  const place = decode(cursor);
  if (place === null) throw notACursor();
  return place;
}

/**
 * The place in a list of claims. In the list of one model a lease's own name is taken too, for whoever goes on from the last item
 * rather than from `next`. Throws an invalid-argument error on anything else.
 */
export function readClaimCursor(cursor: string, scope: Scope | null): string {
  const place = decode(cursor);
  if (place?.startsWith(scopePrefix(scope)) === true) return place;
  if (scope === null || !isName(cursor)) throw notACursor();
  return claimIdOf({ ...scope, lease: cursor });
}

/** The error for a cursor that is none. */
export function notACursor(): ApiError {
  return invalidArgument('after is not a cursor of this list');
}

function decode(cursor: string): string | null {
  const bytes = Buffer.from(cursor, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === cursor && isUtf8(bytes) ? bytes.toString('utf8') : null;
}
