// One log record per append: all its entries in one value, linked to the record before by that one's checksum.
import { crc32 } from 'node:zlib';
import type { Entry, Index, Term } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';
import { decodeEntries, entriesBytes, writeEntries } from './entries.ts';
import { logIndex } from './keys.ts';

const VERSION = 1;
const HEADER_BYTES = 25;

/** What a record says of itself beside its entries. */
export interface RecordHeader {
  /** Number of the write that made it. */
  readonly sequence: number;
  /** Term of the entry before its first. */
  readonly previousTerm: Term;
  /** Checksum of the record that holds the entry before its first; 0 when that record was compacted or there is none. */
  readonly previousChecksum: number;
}

/** A record as it was read. */
export interface LogRecord extends RecordHeader {
  readonly first: Index;
  /** At least one, contiguous from `first`. */
  readonly entries: readonly Entry[];
  readonly checksum: number;
}

// crc u32, version u8, previous checksum u32, sequence f64, previous term f64, entries
/** The value of a record; its checksum stands in the first four bytes, see {@link recordChecksum}. */
export function encodeRecord(header: RecordHeader, entries: readonly Entry[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + entriesBytes(entries));
  bytes[4] = VERSION;
  bytes.writeUInt32LE(header.previousChecksum, 5);
  bytes.writeDoubleLE(header.sequence, 9);
  bytes.writeDoubleLE(header.previousTerm, 17);
  writeEntries(entries, bytes, HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** The checksum that links the next record to this one. */
export function recordChecksum(bytes: Buffer): number {
  return bytes.readUInt32LE(0);
}

/** Throws `MalformedBytesError` unless `value` is a whole record that belongs under `key`. */
export function decodeRecord(key: Buffer, value: Buffer): LogRecord {
  const first = logIndex(key);
  if (value.length < HEADER_BYTES || crc32(value.subarray(4)) !== value.readUInt32LE(0))
    throw new MalformedBytesError(`the log record at ${first} is altered`);
  if (value[4] !== VERSION)
    throw new MalformedBytesError(`the log record at ${first} has format ${value[4]}, this version reads ${VERSION}`);
  const entries = decodeEntries(value.subarray(HEADER_BYTES));
  if (entries[0]?.index !== first) throw new MalformedBytesError(`the log record at ${first} begins with entry ${entries[0]?.index}`);
  return {
    first,
    entries,
    checksum: recordChecksum(value),
    previousChecksum: value.readUInt32LE(5),
    sequence: value.readDoubleLE(9),
    previousTerm: value.readDoubleLE(17),
  };
}
