// The meta record of the state: which generation counts, where it stands in the log, and how much must be in it.
import { crc32 } from 'node:zlib';
import type { Codec, ImageMeta } from '../env.ts';
import { EMPTY_CONF_STATE } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';
import type { Generation } from './keys.ts';

const VERSION = 2;
/** Had no roster: the members were those of the first start. */
const VERSION_WITHOUT_ROSTER = 1;
const CRC_BYTES = 4;

/** `ImageMeta.sum` counts modulo this. */
export const SUM_MODULUS = 2 ** 48;

export interface StoredMeta {
  readonly generation: Generation;
  readonly meta: ImageMeta;
}

/** Before the first save: no records, position 0. */
export const NO_IMAGE: StoredMeta = {
  generation: 0,
  meta: { index: 0, term: 0, conf: EMPTY_CONF_STATE, roster: new Uint8Array(0), count: 0, sum: 0 },
};

export function encodeMeta(codec: Codec, { generation, meta }: StoredMeta): Buffer {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = meta.conf;
  const conf = [voters, votersOutgoing, learners, learnersNext, autoLeave];
  const body = codec.encode([VERSION, generation, meta.index, meta.term, conf, meta.count, meta.sum, meta.roster]);
  const bytes = Buffer.allocUnsafe(CRC_BYTES + body.length);
  bytes.writeUInt32LE(crc32(body), 0);
  bytes.set(body, CRC_BYTES);
  return bytes;
}

/** Throws `MalformedBytesError` on bytes that {@link encodeMeta} did not make. */
export function decodeMeta(codec: Codec, bytes: Buffer): StoredMeta {
  const body = bytes.subarray(CRC_BYTES);
  if (bytes.length < CRC_BYTES || crc32(body) !== bytes.readUInt32LE(0))
    throw new MalformedBytesError('the meta record of the state is altered');
  const fields = codec.decode(body);
  if (!Array.isArray(fields) || (fields[0] !== VERSION && fields[0] !== VERSION_WITHOUT_ROSTER) || !Array.isArray(fields[4])) {
    throw new MalformedBytesError('the meta record of the state has a format that this version does not read');
  }
  const [version, generation, index, term, conf, count, sum] = fields as [number, Generation, number, number, unknown[], number, number];
  const roster = version === VERSION ? new Uint8Array(fields[7] as Uint8Array) : new Uint8Array(0);
  const [voters, votersOutgoing, learners, learnersNext, autoLeave] = conf as [number[], number[], number[], number[], boolean];
  return { generation, meta: { index, term, conf: { voters, votersOutgoing, learners, learnersNext, autoLeave }, roster, count, sum } };
}
