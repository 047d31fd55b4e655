// The key space of the database: `h` the head, `m` the image's meta, `l` + index the log, `s` + generation + name the state.
import type { Index } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';

/** One generation of the state: a received image is written beside the present one. */
export type Generation = number;

/** Half-open range of keys, as LevelDB takes it. */
export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

export const HEAD_KEY = Buffer.from('h');
export const META_KEY = Buffer.from('m');

const LOG = 'l'.charCodeAt(0);
const STATE = 's'.charCodeAt(0);
const LOG_KEY_BYTES = 9;
const STATE_PREFIX_BYTES = 5;
const GENERATION_MAX = 2 ** 32 - 1;

export const LOG_RANGE: KeyRange = { gte: Buffer.of(LOG), lt: Buffer.of(LOG + 1) };
export const STATE_RANGE: KeyRange = { gte: Buffer.of(STATE), lt: Buffer.of(STATE + 1) };

/** Big-endian, so that the order of keys is the order of indexes. */
export function logKey(first: Index): Buffer {
  const key = Buffer.allocUnsafe(LOG_KEY_BYTES);
  key[0] = LOG;
  key.writeUInt32BE(Math.floor(first / 2 ** 32), 1);
  key.writeUInt32BE(first % 2 ** 32, 5);
  return key;
}

/** The index in a key of {@link LOG_RANGE}. Throws `MalformedBytesError` on another key. */
export function logIndex(key: Buffer): Index {
  if (key.length !== LOG_KEY_BYTES) throw new MalformedBytesError(`log key of ${key.length} bytes`);
  return key.readUInt32BE(1) * 2 ** 32 + key.readUInt32BE(5);
}

export function stateKey(generation: Generation, name: string): Buffer {
  const key = Buffer.allocUnsafe(STATE_PREFIX_BYTES + Buffer.byteLength(name));
  key[0] = STATE;
  key.writeUInt32BE(generation, 1);
  key.write(name, STATE_PREFIX_BYTES);
  return key;
}

/** The generation in a key of {@link STATE_RANGE}. */
export function stateGeneration(key: Buffer): Generation {
  return key.readUInt32BE(1);
}

/** The name in a key of {@link stateRange}. */
export function stateName(key: Buffer): string {
  return key.toString('utf8', STATE_PREFIX_BYTES);
}

/** All names of `generation`. */
export function stateRange(generation: Generation): KeyRange {
  return { gte: stateKey(generation, ''), lt: generation < GENERATION_MAX ? stateKey(generation + 1, '') : STATE_RANGE.lt };
}
