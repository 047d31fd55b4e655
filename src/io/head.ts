// The head of the log: what the last durable write left, in one record of fixed size. It stands in the database and, as witness, in the mark.
import { crc32 } from 'node:zlib';
import type { HardState, Index, Term } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';

const VERSION = 1;
export const HEAD_BYTES = 65;

export interface Head {
  /** Number of this write; grows with each. 0 before the first. */
  readonly sequence: number;
  /** Openings of the directory so far. */
  readonly incarnation: number;
  readonly hardState: HardState;
  /** The last entry, or the installed image when there is none behind it. */
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Checksum of the last log record; 0 when there is none. */
  readonly lastChecksum: number;
}

export const EMPTY_HEAD: Head = {
  sequence: 0,
  incarnation: 0,
  hardState: { term: 0, vote: 0, commit: 0 },
  lastIndex: 0,
  lastTerm: 0,
  lastChecksum: 0,
};

// crc u32, version u8, sequence, incarnation, term, vote, commit, last index, last term (f64 each), last checksum u32
export function encodeHead(head: Head): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes[4] = VERSION;
  bytes.writeDoubleLE(head.sequence, 5);
  bytes.writeDoubleLE(head.incarnation, 13);
  bytes.writeDoubleLE(head.hardState.term, 21);
  bytes.writeDoubleLE(head.hardState.vote, 29);
  bytes.writeDoubleLE(head.hardState.commit, 37);
  bytes.writeDoubleLE(head.lastIndex, 45);
  bytes.writeDoubleLE(head.lastTerm, 53);
  bytes.writeUInt32LE(head.lastChecksum, 61);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** Throws `MalformedBytesError` on bytes that {@link encodeHead} did not make. */
export function decodeHead(bytes: Buffer): Head {
  if (bytes.length !== HEAD_BYTES || crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0))
    throw new MalformedBytesError('the head is altered');
  if (bytes[4] !== VERSION) throw new MalformedBytesError(`the head has format ${bytes[4]}, this version reads ${VERSION}`);
  return {
    sequence: bytes.readDoubleLE(5),
    incarnation: bytes.readDoubleLE(13),
    hardState: { term: bytes.readDoubleLE(21), vote: bytes.readDoubleLE(29), commit: bytes.readDoubleLE(37) },
    lastIndex: bytes.readDoubleLE(45),
    lastTerm: bytes.readDoubleLE(53),
    lastChecksum: bytes.readUInt32LE(61),
  };
}
