// Opens a data directory: whose it is, whether everything that was durable is there, and only then a store.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Level } from 'level';
import type { Codec, RecordChecksum, Recovered } from '../env.ts';
import { MalformedBytesError } from './bytes.ts';
import { checksum as standardChecksum } from './codec.ts';
import { DataDirectoryError, damaged, translateDiskError } from './data-directory-error.ts';
import type { DirectoryLogStore } from './directory-log-store.ts';
import { syncDirectory, UNFINISHED } from './durable-file.ts';
import { decodeHead, EMPTY_HEAD, type Head } from './head.ts';
import { HeadWriter } from './head-writer.ts';
import { checkOwner, createIdentity, type Identity, newIdentity, readIdentity, type Seat, writeIdentity } from './identity.ts';
import { decodeMeta, NO_IMAGE, type StoredMeta } from './image-meta.ts';
import { type Generation, HEAD_KEY, type KeyRange, META_KEY, STATE_RANGE, stateGeneration, stateRange } from './keys.ts';
import { checkTables } from './level-files.ts';
import { LevelLogStore } from './level-log-store.ts';
import { type Database, recoverLog } from './log-recovery.ts';
import { holdsMark, Mark } from './mark.ts';

/** LevelDB's log before it becomes a table. Uncompressed like the tables: what is written here is soon deleted, and CPU is dearer than disk. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;

export { DataDirectoryError } from './data-directory-error.ts';
export type { DirectoryLogStore } from './directory-log-store.ts';

export interface LogStoreOptions {
  /** Made when it is missing. Holds `identity`, `mark` and the LevelDB in `db`. */
  readonly directory: string;
  /** Derived from the member list, the same on all nodes. */
  readonly cluster: string;
  /** The member's name. */
  readonly node: string;
  /** Its place in the cluster; kept when the directory has none yet. */
  readonly seat?: Seat;
  /** For the meta of the state. */
  readonly codec: Codec;
  /** As in `Env`; the standard one unless given. */
  readonly checksum?: RecordChecksum;
  /** Bytes after which LevelDB begins another log file, 64 KiB or more; 8 MiB unless given. */
  readonly writeBufferBytes?: number;
}

/**
 * Opens the store in a directory, formatting it when it is new.
 * Throws a {@link DataDirectoryError} when the directory is another's, in use, damaged, full or not writable. A refusal leaves the mark as it was.
 */
export async function openLogStore(options: LogStoreOptions): Promise<DirectoryLogStore> {
  const directory = resolve(options.directory);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const identity = await claimDirectory(directory, options);
    if (!identity.formed) return await format(directory, identity, options);
    const store = await open(directory, identity, options);
    // Only the process that has the directory open writes there.
    if ((await readIdentity(directory))?.seat === null && identity.seat !== null) await writeIdentity(directory, identity);
    return store;
  } catch (error) {
    throw translateDiskError(directory, error);
  }
}

/**
 * The identity of a directory before it is opened; a new one is that of a node that has not joined yet, so that it asks to join under the
 * same name of its disk however often it has to. Throws as {@link openLogStore}.
 */
export async function reserveDirectory(path: string, node: string): Promise<Identity> {
  const directory = resolve(path);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return (await readIdentity(directory)) ?? (await claimDirectory(directory, { cluster: '', node }));
  } catch (error) {
    throw translateDiskError(directory, error);
  }
}

/** The identity of the directory, new when there is nothing in it. */
async function claimDirectory(directory: string, options: Pick<LogStoreOptions, 'cluster' | 'node' | 'seat'>): Promise<Identity> {
  const { cluster, node, seat = null } = options;
  const known = await readIdentity(directory);
  if (known !== null) {
    checkOwner(directory, known, cluster, node);
    return known.seat === null && seat !== null ? { ...known, cluster, seat } : known;
  }
  const names = (await readdir(directory)).filter((name) => !name.endsWith(UNFINISHED));
  const ours = names.filter((name) => name === 'db' || name === 'mark');
  if (ours.length > 0) throw damaged(directory, `it holds ${ours.join(' and ')}, but its identity file is missing`);
  const identity = newIdentity(cluster, node, seat);
  // Another process may be making its first start here at the same moment.
  return (await createIdentity(directory, identity)) ? identity : claimDirectory(directory, options);
}

/** The first start, or one after a first start that was cut off before anything could be acknowledged. */
async function format(directory: string, identity: Identity, options: LogStoreOptions): Promise<DirectoryLogStore> {
  const location = join(directory, 'db');
  const database = await openUnformed(location, options);
  try {
    // Only now that the lock is ours: another process may have formed it, and gone, since the identity was read.
    if ((await readIdentity(directory))?.formed !== false)
      throw new DataDirectoryError('in-use', `the data directory ${directory} was in use: start again`);
    await database.clear();
    const mark = await Mark.create(join(directory, 'mark'), EMPTY_HEAD);
    const formed: Identity = { ...identity, formed: true };
    const store = await start({ directory, identity: formed, database, mark, head: EMPTY_HEAD, image: NO_IMAGE }, options);
    await writeIdentity(directory, formed);
    return store;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function open(directory: string, identity: Identity, options: LogStoreOptions): Promise<DirectoryLogStore> {
  const location = join(directory, 'db');
  const altered = await checkTables(location).then(
    () => null,
    (error: unknown) => error,
  );
  // Before the mark is read, for LevelDB's lock: no other process writes here from now on. One that did could make tables vanish.
  const database = await openDatabase(location, false, options);
  try {
    if (altered instanceof MalformedBytesError) throw damaged(directory, altered.message, altered);
    if (altered !== null) throw altered;
    const mark = await Mark.open(join(directory, 'mark'));
    if (mark === null) throw damaged(directory, 'the mark, which says how far the log was written, is missing or altered');
    try {
      const head = await readHead(directory, database, mark);
      const stored = await database.get(META_KEY);
      const image = stored === undefined ? NO_IMAGE : decodeMeta(options.codec, stored);
      return await start({ directory, identity, database, mark, head, image }, options);
    } catch (error) {
      await new Promise<void>((settle) => mark.close(settle));
      throw error instanceof MalformedBytesError ? damaged(directory, error.message, error) : error;
    }
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** LevelDB itself may have been cut off while it made its files; those mean nothing then. */
async function openUnformed(location: string, options: LogStoreOptions): Promise<Database> {
  try {
    return await openDatabase(location, true, options);
  } catch (error) {
    const { code } = translateDiskError(location, error);
    if (code !== 'damaged' && code !== 'failed') throw error;
    await rm(location, { recursive: true });
    return openDatabase(location, true, options);
  }
}

async function openDatabase(location: string, createIfMissing: boolean, options: LogStoreOptions): Promise<Database> {
  const database: Database = new Level(location, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
  });
  await database.open({ createIfMissing });
  return database;
}

async function readHead(directory: string, database: Database, mark: Mark): Promise<Head> {
  const stored = await database.get(HEAD_KEY);
  if (stored === undefined) throw damaged(directory, 'the head of its log is gone');
  const head = decodeHead(stored);
  if (!holdsMark(mark.newest, stored)) {
    const marked = decodeHead(mark.newest);
    const has = `write ${head.sequence} (entry ${head.lastIndex}, term ${head.hardState.term})`;
    const had = `write ${marked.sequence} (entry ${marked.lastIndex}, term ${marked.hardState.term})`;
    throw damaged(directory, `its database ends with ${has}, the mark says that ${had} was made`);
  }
  return head;
}

interface Found {
  readonly directory: string;
  readonly identity: Identity;
  readonly database: Database;
  readonly mark: Mark;
  readonly head: Head;
  readonly image: StoredMeta;
}

/** Checks the log and writes the head of this opening. */
async function start(found: Found, { codec, checksum = standardChecksum }: LogStoreOptions): Promise<DirectoryLogStore> {
  const { directory, database, mark, head, image } = found;
  const log = await recoverLog(database, head, image.meta);
  const lastGeneration = Math.max(image.generation, await greatestGeneration(database));
  // Not synced. A power failure can bring these records back, so no new image gets a number that one of them has.
  for (const range of leftovers(image)) await database.clear(range);
  const incarnation = head.incarnation + 1;
  const hardState = { ...head.hardState, commit: Math.max(head.hardState.commit, image.meta.index) };
  const sequence = head.sequence + 1;
  const recovered: Recovered = { hardState, image: image.meta, entries: log.entries, precedingTerm: log.precedingTerm, incarnation };
  let fail: (error: Error) => void = () => {};
  const writer = new HeadWriter(mark, head, (error) => fail(error));
  try {
    await new Promise<void>((settle, reject) => {
      writer.write(database.batch(), { ...head, sequence, incarnation, hardState }, (error) => (error ? reject(error) : settle()));
    });
    await syncDirectory(join(directory, 'db'));
    await syncDirectory(directory);
  } catch (error) {
    writer.stop();
    throw error;
  }
  return new LevelLogStore({ ...found, codec, checksum, lastGeneration, log, recovered }, (told) => {
    fail = told;
    return writer;
  });
}

/** The greatest generation with a record in the database; 0 when there is none. Opening has made durable whatever is missing here. */
async function greatestGeneration(database: Database): Promise<Generation> {
  for await (const key of database.keys({ ...STATE_RANGE, reverse: true, limit: 1 })) return stateGeneration(key);
  return 0;
}

/** The generations that do not count: images that were not finished, and old ones that were not cleared. */
function leftovers({ generation }: StoredMeta): KeyRange[] {
  const { gte, lt } = stateRange(generation);
  return [
    { gte: STATE_RANGE.gte, lt: gte },
    { gte: lt, lt: STATE_RANGE.lt },
  ];
}
