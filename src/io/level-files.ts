// Checks LevelDB's own files before LevelDB opens them. It reads its tables without checking their checksums, and a flipped bit there
// makes it abort the process, or answer wrongly, instead of saying so. Its logs need no such check: what they lose, the mark knows.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ByteReader, MalformedBytesError } from './bytes.ts';
import { crc32c } from './crc32c.ts';

const LOG_BLOCK_BYTES = 32 * 1024;
const LOG_HEADER_BYTES = 7;
const FOOTER_BYTES = 48;
/** Kind of compression and checksum, behind each block of a table. */
const TRAILER_BYTES = 5;
const TABLE_MAGIC = Buffer.from('57fb808b247547db', 'hex');

/**
 * Throws `MalformedBytesError` when a table that the database uses is missing, cut short or altered.
 * Tables that a crash left unfinished are in no manifest and do not matter.
 */
export async function checkTables(location: string): Promise<void> {
  for (const [number, size] of await liveTables(location)) {
    const name = `${String(number).padStart(6, '0')}.ldb`;
    const bytes = await readFile(join(location, name)).catch((error: unknown) => {
      throw new MalformedBytesError(`the table ${name} cannot be read (${String(error)})`);
    });
    if (bytes.length !== size) throw new MalformedBytesError(`the table ${name} has ${bytes.length} bytes, ${size} were written`);
    try {
      checkTable(bytes);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      throw new MalformedBytesError(`the table ${name} is altered: ${error.message}`);
    }
  }
}

/** Size by number of the tables in the manifest. None when that cannot be read: LevelDB itself refuses it then. */
async function liveTables(location: string): Promise<Map<number, number>> {
  const tables = new Map<number, number>();
  try {
    const current = (await readFile(join(location, 'CURRENT'), 'utf8')).trim();
    if (!/^MANIFEST-\d+$/.test(current)) return tables;
    for (const edit of logRecords(await readFile(join(location, current)))) applyEdit(new ByteReader(edit), tables);
    return tables;
  } catch (error) {
    if (error instanceof MalformedBytesError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return new Map();
    throw error;
  }
}

/** The records of a file in LevelDB's log format, up to its end or the first that is not whole. */
function logRecords(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let at = 0; at + LOG_HEADER_BYTES <= bytes.length; ) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES);
    if (left < LOG_HEADER_BYTES) {
      at += left;
      continue;
    }
    const end = at + LOG_HEADER_BYTES + bytes.readUInt16LE(at + 4);
    if (end > bytes.length || !hasChecksum(bytes, at + 6, end, at)) break;
    const type = bytes[at + 6];
    parts.push(bytes.subarray(at + LOG_HEADER_BYTES, end));
    // 1 is a whole record, 2 its first part, 3 one in the middle, 4 the last.
    if (type === 1 || type === 4) {
      records.push(Buffer.concat(parts));
      parts = [];
    }
    at = end;
  }
  return records;
}

/** One change of the set of tables ("version edit"). */
function applyEdit(edit: ByteReader, tables: Map<number, number>): void {
  const skipBytes = (): Uint8Array => edit.view(edit.varint());
  while (edit.remaining > 0) {
    const tag = edit.varint();
    if (tag === 1) {
      skipBytes();
    } else if (tag === 2 || tag === 3 || tag === 4 || tag === 9) {
      edit.varint();
    } else if (tag === 5) {
      edit.varint();
      skipBytes();
    } else if (tag === 6) {
      edit.varint();
      tables.delete(edit.varint());
    } else if (tag === 7) {
      edit.varint();
      const number = edit.varint();
      tables.set(number, edit.varint());
      skipBytes();
      skipBytes();
    } else {
      throw new MalformedBytesError(`the manifest has an unknown tag ${tag}`);
    }
  }
}

function checkTable(bytes: Buffer): void {
  if (bytes.length < FOOTER_BYTES || !bytes.subarray(-TABLE_MAGIC.length).equals(TABLE_MAGIC))
    throw new MalformedBytesError('it does not end like a table');
  const footer = new ByteReader(bytes.subarray(-FOOTER_BYTES));
  // The blocks of other kinds (a filter of keys), then those of data.
  checkBlocksOf(bytes, checkBlock(bytes, footer));
  checkBlocksOf(bytes, checkBlock(bytes, footer));
}

/** Checks the blocks to which the values of `index` point. */
function checkBlocksOf(bytes: Buffer, index: Buffer): void {
  // Entries of (shared key bytes, further key bytes, value bytes, key, value), then the restart points and their number.
  const restarts = index.length >= 4 ? index.readUInt32LE(index.length - 4) : 0;
  const entriesEnd = index.length - 4 * (restarts + 1);
  if (entriesEnd < 0) throw new MalformedBytesError('an index is too short');
  const entries = new ByteReader(index.subarray(0, entriesEnd));
  while (entries.remaining > 0) {
    entries.varint();
    const keyBytes = entries.varint();
    const valueBytes = entries.varint();
    entries.view(keyBytes);
    checkBlock(bytes, new ByteReader(entries.view(valueBytes)));
  }
}

/** The content of the block to which `handle` points: offset and size. */
function checkBlock(bytes: Buffer, handle: ByteReader): Buffer {
  const offset = handle.varint();
  const end = offset + handle.varint();
  if (end + TRAILER_BYTES > bytes.length) throw new MalformedBytesError(`a block ends at ${end} of ${bytes.length}`);
  if (!hasChecksum(bytes, offset, end + 1, end + 1)) throw new MalformedBytesError(`the block at ${offset} has another checksum`);
  if (bytes[end] !== 0) throw new MalformedBytesError(`the block at ${offset} is compressed, which this version never does`);
  return bytes.subarray(offset, end);
}

/** LevelDB stores checksums turned and shifted, so that a checksum over bytes with checksums in them stays useful. */
function hasChecksum(bytes: Buffer, start: number, end: number, storedAt: number): boolean {
  const crc = crc32c(bytes, start, end);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  return masked === bytes.readUInt32LE(storedAt);
}
