// The header `idempotency-key`: under it a change is carried out once, and a repeat is told what the first was told.
import type { IncomingHttpHeaders } from 'node:http';
import { isRequestKey, REQUEST_KEY_RULE } from '../contract/names.ts';
import type { BareCommand, Command } from '../lease/commands.ts';
import { invalidArgument } from './errors.ts';

/** The key of a request, null without one. */
export function readRequestKey(headers: IncomingHttpHeaders): string | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !isRequestKey(key)) throw invalidArgument(`idempotency-key must have ${REQUEST_KEY_RULE}`);
  return key;
}

/** The key of an operation in a batch: no request of its own can have it, as it has a space. */
export function keyOfOperation(key: string | null, place: number): string | null {
  return key === null ? null : `${key} ${place}`;
}

/** The command as it goes into the log. */
export function once(key: string | null, command: BareCommand): Command {
  return key === null ? command : { kind: 'once', key, command };
}
