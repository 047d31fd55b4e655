// Finds a value whose saved record has the checksum 0, as a caller can: CRC-32 is linear in the bits of what it covers.
import { checksum, codec } from '../../src/io/codec.ts';

/** Each character of the value is one of these two, which differ in one bit. */
const ZERO = 'a';
const ONE = 'c';
/** Free bits. 32 equations need 32 independent ones; 8 more make a solution all but certain. */
const FREE_BITS = 40;

/** A value for a new key `key` so that its record has checksum 0 if the entry at `index` puts it. */
export function valueOfChecksumZero(key: string, index: number): string {
  const checksumOf = (bits: bigint): number => checksum(`k${key}`, Buffer.from(codec.encode([textOf(bits), index, index, 1, null])));
  const base = checksumOf(0n);
  // Gaussian elimination over single bits: each row is a set of characters and what changing them does to the checksum.
  const rows: { bits: bigint; change: number }[] = [];
  for (let bit = 0; bit < FREE_BITS; bit++) {
    const row = { bits: 1n << BigInt(bit), change: (checksumOf(1n << BigInt(bit)) ^ base) >>> 0 };
    reduce(row, rows);
    if (row.change !== 0) rows.push(row);
  }
  const solution = { bits: 0n, change: base };
  reduce(solution, rows);
  if (solution.change !== 0 || checksumOf(solution.bits) !== 0) throw new Error(`no value of ${FREE_BITS} characters has checksum 0`);
  return textOf(solution.bits);
}

function reduce(row: { bits: bigint; change: number }, rows: readonly { readonly bits: bigint; readonly change: number }[]): void {
  for (const { bits, change } of rows) {
    if (31 - Math.clz32(change) < 0 || ((row.change >>> (31 - Math.clz32(change))) & 1) === 0) continue;
    row.change = (row.change ^ change) >>> 0;
    row.bits ^= bits;
  }
}

function textOf(bits: bigint): string {
  return Array.from({ length: FREE_BITS }, (_, bit) => (((bits >> BigInt(bit)) & 1n) === 1n ? ONE : ZERO)).join('');
}
