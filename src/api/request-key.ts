// The headers `idempotency-key` and `idempotency-since`: a change under a key is carried out once, and a repeat is told what is true of that.
import type { IncomingHttpHeaders } from 'node:http';
import { isRequestKey, REQUEST_KEY_RULE } from '../contract/names.ts';
import type { BareCommand, Command } from '../lease/commands.ts';
import { invalidArgument } from './errors.ts';

/** The header of an answer to a repeat: the log index at which the first was decided. */
export const REPLAYED_HEADER = 'idempotency-replayed';

export interface RequestKey {
  readonly key: string;
  /** A log index that the caller had seen before its first attempt; `null` if it does not say. */
  readonly since: number | null;
}

/** The key of a request, `null` without one. */
export function readRequestKey(headers: IncomingHttpHeaders): RequestKey | null {
  const key = headers['idempotency-key'];
  const since = headers['idempotency-since'];
  if (key === undefined) {
    if (since !== undefined) throw invalidArgument('idempotency-since needs an idempotency-key');
    return null;
  }
  if (typeof key !== 'string' || !isRequestKey(key)) throw invalidArgument(`idempotency-key must have ${REQUEST_KEY_RULE}`);
  return { key, since: since === undefined ? null : readSince(since) };
}

/** The key of an operation in a batch: no request of its own can have it, as it has a space. */
export function keyOfOperation(key: RequestKey | null, place: number): RequestKey | null {
  return key === null ? null : { key: `${key.key} ${place}`, since: key.since };
}

/** The command as it goes into the log. */
export function once(key: RequestKey | null, command: BareCommand): Command {
  return key === null ? command : { kind: 'once', key: key.key, command, since: key.since };
}

function readSince(text: string | string[]): number {
  const since = typeof text === 'string' && /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(since)) throw invalidArgument('idempotency-since must be one log index, as in leasehold-index');
  return since;
}
