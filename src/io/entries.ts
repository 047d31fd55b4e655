// Log entries as bytes: the same form on disk and between nodes. Only the first entry carries its index, and only a change of term a term.
import type { ConfChange, ConfChangeItem, Entry, Term } from '../raft/types.ts';
import { ByteReader, MalformedBytesError, varintBytes, writeVarint } from './bytes.ts';

// entries   count, then, unless 0: index of the first, entry…
// entry     tag (kind, plus NEW_TERM when a term follows), [term], body
// normal    length, bytes
// change    v1, transition, count, (type, node)…
// change with context    the same, then length, bytes
const NORMAL = 0;
const CONF_CHANGE = 1;
const CONF_CHANGE_WITH_CONTEXT = 2;
const NEW_TERM = 0x10;
/** Tag and length: no entry is shorter, so a count can be checked before anything is made of it. */
const ENTRY_MIN_BYTES = 2;
const CHANGE_ITEM_MIN_BYTES = 2;

const TRANSITIONS: readonly ConfChange['transition'][] = ['auto', 'implicit', 'explicit'];
const ITEM_TYPES: readonly ConfChangeItem['type'][] = ['add-voter', 'add-learner', 'remove', 'update'];

/** The bytes of `entries`, which are contiguous; may be empty. */
export function encodeEntries(entries: readonly Entry[]): Buffer {
  const bytes = Buffer.allocUnsafe(entriesBytes(entries));
  writeEntries(entries, bytes, 0);
  return bytes;
}

/**
 * The entries of {@link encodeEntries}. Their data are views into `bytes`, which must not change afterwards.
 * Throws `MalformedBytesError` on any other bytes, however hostile, before it has made more objects than there are bytes.
 */
export function decodeEntries(bytes: Uint8Array): Entry[] {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count * ENTRY_MIN_BYTES > reader.remaining) throw new MalformedBytesError(`${count} entries promised in ${reader.remaining} bytes`);
  const entries: Entry[] = [];
  if (count > 0) {
    const first = reader.varint();
    if (first + count > Number.MAX_SAFE_INTEGER) throw new MalformedBytesError(`entries at ${first} and behind pass 2^53-1`);
    let term: Term = 0;
    for (let index = first; index < first + count; index++) {
      const tag = reader.byte();
      if ((tag & NEW_TERM) !== 0) term = reader.varint();
      const kind = tag & ~NEW_TERM;
      if (kind === NORMAL) entries.push({ kind: 'normal', term, index, data: reader.view(reader.varint()) });
      else if (kind === CONF_CHANGE) entries.push({ kind: 'conf-change', term, index, change: readChange(reader) });
      else if (kind === CONF_CHANGE_WITH_CONTEXT) entries.push({ kind: 'conf-change', term, index, change: readWithContext(reader) });
      else throw new MalformedBytesError(`no entry begins with ${tag}`);
    }
  }
  reader.end();
  return entries;
}

/** Bytes that {@link writeEntries} takes for `entries`. Throws a RangeError for an index, term or node that is no integer in 0..2^53-1. */
export function entriesBytes(entries: readonly Entry[]): number {
  const first = entries[0];
  let bytes = varintBytes(entries.length);
  if (first === undefined) return bytes;
  bytes += varintBytes(first.index);
  let term: Term = 0;
  for (const entry of entries) {
    bytes += 1;
    if (entry.term !== term) {
      term = entry.term;
      bytes += varintBytes(term);
    }
    bytes += entry.kind === 'normal' ? varintBytes(entry.data.length) + entry.data.length : changeBytes(entry.change);
  }
  return bytes;
}

/** Writes `entries` at `offset` and returns the offset behind them. `target` must have {@link entriesBytes} of room. */
export function writeEntries(entries: readonly Entry[], target: Uint8Array, offset: number): number {
  const first = entries[0];
  let at = writeVarint(target, offset, entries.length);
  if (first === undefined) return at;
  at = writeVarint(target, at, first.index);
  let term: Term = 0;
  for (const entry of entries) {
    const kind = kindOf(entry);
    if (entry.term === term) {
      target[at++] = kind;
    } else {
      target[at++] = kind | NEW_TERM;
      term = entry.term;
      at = writeVarint(target, at, term);
    }
    if (entry.kind === 'normal') {
      at = writeVarint(target, at, entry.data.length);
      target.set(entry.data, at);
      at += entry.data.length;
    } else {
      at = writeChange(entry.change, target, at);
    }
  }
  return at;
}

function kindOf(entry: Entry): number {
  if (entry.kind === 'normal') return NORMAL;
  return entry.change.context === undefined ? CONF_CHANGE : CONF_CHANGE_WITH_CONTEXT;
}

function changeBytes({ changes, context }: ConfChange): number {
  let bytes = 2 + varintBytes(changes.length);
  for (const item of changes) bytes += 1 + varintBytes(item.node);
  return context === undefined ? bytes : bytes + varintBytes(context.length) + context.length;
}

function writeChange(change: ConfChange, target: Uint8Array, offset: number): number {
  let at = offset;
  target[at++] = change.v1 ? 1 : 0;
  target[at++] = TRANSITIONS.indexOf(change.transition);
  at = writeVarint(target, at, change.changes.length);
  for (const item of change.changes) {
    target[at++] = ITEM_TYPES.indexOf(item.type);
    at = writeVarint(target, at, item.node);
  }
  if (change.context === undefined) return at;
  at = writeVarint(target, at, change.context.length);
  target.set(change.context, at);
  return at + change.context.length;
}

function readChange(reader: ByteReader): ConfChange {
  const v1 = reader.byte();
  const transition = TRANSITIONS[reader.byte()];
  const count = reader.varint();
  if (v1 > 1 || transition === undefined) throw new MalformedBytesError('no such kind of configuration change');
  if (count * CHANGE_ITEM_MIN_BYTES > reader.remaining)
    throw new MalformedBytesError(`${count} changes promised in ${reader.remaining} bytes`);
  const changes: ConfChangeItem[] = [];
  for (let left = count; left > 0; left--) {
    const type = ITEM_TYPES[reader.byte()];
    if (type === undefined) throw new MalformedBytesError('no such change of a member');
    changes.push({ type, node: reader.varint() });
  }
  return { v1: v1 === 1, transition, changes };
}

function readWithContext(reader: ByteReader): ConfChange {
  const change = readChange(reader);
  return { ...change, context: reader.view(reader.varint()) };
}
