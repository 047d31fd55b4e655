// How large an entry counts for the limits on messages, windows and memory, and how ranges are cut by it.
import type { Entry } from './types.ts';

/** Counted for every entry beside its payload, so that empty ones cannot add up to nothing. */
const ENTRY_OVERHEAD_BYTES = 16;

export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + payloadBytes(entry);
}

/** Bytes of what the proposer put in; 0 for the entry that opens a term. */
export function payloadBytes(entry: Entry): number {
  return entry.kind === 'normal' ? entry.data.length : 8 * (entry.change.changes.length + 1) + (entry.change.context?.length ?? 0);
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/** `entries[start, end)`, cut where `maxBytes` would be passed, but never to nothing. */
export function entriesWithin(entries: readonly Entry[], start: number, end: number, maxBytes: number): readonly Entry[] {
  let bytes = 0;
  let stop = start;
  while (stop < end) {
    bytes += entryBytes(entries[stop] as Entry);
    if (bytes > maxBytes && stop > start) break;
    stop++;
  }
  return entries.slice(start, stop);
}
