// What stands before a command in the log: the lease time at which it was appended, and whose request it is.
import type { Entry, NodeId } from '../raft/types.ts';

/*
 * 0   time       float64  lease time in whole milliseconds, written by the leader when it appends
 * 8   origin     uint32   member number of the node that took the request
 * 12  incarnation uint32  that node's count of starts, so that numbers of an earlier life mean nothing now
 * 16  sequence   float64  the request's number in that life
 * 24  command    as the codec wrote it
 */
export const ENVELOPE_BYTES = 24;

/** Names one request for ever: no two requests of the cluster's life are the same. */
export interface Origin {
  readonly node: NodeId;
  readonly incarnation: number;
}

/** An envelope around `command`, without its time. */
export function seal(origin: Origin, sequence: number, command: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(ENVELOPE_BYTES + command.length);
  bytes.writeDoubleBE(0, 0);
  bytes.writeUInt32BE(origin.node, 8);
  bytes.writeUInt32BE(origin.incarnation, 12);
  bytes.writeDoubleBE(sequence, 16);
  bytes.set(command, ENVELOPE_BYTES);
  return bytes;
}

/** The same command as a new request. */
export function reseal(envelope: Uint8Array, sequence: number): Uint8Array {
  const bytes = Buffer.from(envelope);
  bytes.writeDoubleBE(sequence, 16);
  return bytes;
}

/** Stamps the envelope in place; only before it has been appended. */
export function stampTime(envelope: Uint8Array, timeMs: number): void {
  view(envelope).setFloat64(0, timeMs);
}

export interface OpenedEnvelope {
  readonly timeMs: number;
  readonly node: NodeId;
  readonly incarnation: number;
  readonly sequence: number;
  readonly command: Uint8Array;
}

/** Null for bytes that are too short to be one. */
export function open(envelope: Uint8Array): OpenedEnvelope | null {
  if (envelope.length < ENVELOPE_BYTES) return null;
  const header = view(envelope);
  return {
    timeMs: header.getFloat64(0),
    node: header.getUint32(8),
    incarnation: header.getUint32(12),
    sequence: header.getFloat64(16),
    command: envelope.subarray(ENVELOPE_BYTES),
  };
}

/** Time of the last stamped entry among `entries`, null if there is none. Times never decrease along the log, so it is the greatest. */
export function lastStamp(entries: readonly Entry[]): number | null {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i];
    const envelope = entry?.kind === 'normal' ? open(entry.data) : null;
    if (envelope !== null) return envelope.timeMs;
  }
  return null;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, ENVELOPE_BYTES);
}
