// State images: read record by record from one generation of the state, and written beside it into another.
import type { Codec, Done, ImageMeta, ImageReader, ImageWriter, RecordChecksum, StateRecord } from '../env.ts';
import { MalformedBytesError } from './bytes.ts';
import type { Batch } from './head-writer.ts';
import { SUM_MODULUS } from './image-meta.ts';
import { type Generation, stateKey, stateName, stateRange } from './keys.ts';
import type { Database } from './log-recovery.ts';

const CHECKSUM_BYTES = 4;
/** What is handed on at once when the state is read at start. */
const STATE_CHUNK_BYTES = 64 * 1024;
const READ_RECORDS = 1000;
/** One read of the database; a chunk takes several. */
const READ_BYTES = 64 * 1024;

export type Snapshot = ReturnType<Database['snapshot']>;

/** The part of LevelDB's iterator that is used here. */
interface AsyncRecords {
  nextv(size: number): Promise<[key: Buffer, value: Buffer][]>;
  close(): Promise<void>;
}

/** What a store lends to its images. */
export interface ImageHost {
  readonly database: Database;
  readonly codec: Codec;
  readonly checksum: RecordChecksum;
  /** Told of every error; answers with the one to hand on. */
  failed(error: unknown): Error;
  /** The error that ended the store, or null. */
  failure(): Error | null;
  /** Clears a generation in the background. */
  clear(generation: Generation): void;
}

/** Adds one record to `batch`, or takes it out when its content is null. Each carries its own checksum. */
export function putRecord(batch: Batch, generation: Generation, checksum: RecordChecksum, [name, content]: StateRecord): void {
  const key = stateKey(generation, name);
  if (content === null) {
    batch.del(key);
    return;
  }
  const value = Buffer.allocUnsafe(CHECKSUM_BYTES + content.length);
  value.writeUInt32LE(checksum(name, content), 0);
  value.set(content, CHECKSUM_BYTES);
  batch.put(key, value);
}

/** Streams a generation and holds it against its meta. */
export class StateStream {
  readonly #checksum: RecordChecksum;
  readonly #meta: ImageMeta;
  readonly #iterator: AsyncRecords;
  #count = 0;
  #sum = 0;
  #ended = false;

  constructor(host: ImageHost, generation: Generation, meta: ImageMeta, snapshot: Snapshot | undefined) {
    this.#checksum = host.checksum;
    this.#meta = meta;
    this.#iterator = host.database.iterator<Buffer, Buffer>({
      ...stateRange(generation),
      highWaterMarkBytes: READ_BYTES,
      fillCache: false,
      snapshot,
    });
  }

  /** The next records, about `maxBytes` of them; none at the end. Throws `MalformedBytesError` when one is altered or, at the end, missing. */
  async next(maxBytes: number): Promise<StateRecord[]> {
    const records: StateRecord[] = [];
    for (let bytes = 0; bytes < maxBytes && !this.#ended; ) {
      const batch = await this.#iterator.nextv(READ_RECORDS);
      for (const [key, value] of batch) {
        records.push(this.#record(key, value));
        bytes += key.length + value.length;
      }
      if (batch.length === 0) this.#end();
    }
    return records;
  }

  async close(): Promise<void> {
    await this.#iterator.close();
  }

  #record(key: Buffer, value: Buffer): StateRecord {
    const name = stateName(key);
    const content = value.subarray(CHECKSUM_BYTES);
    const sum = this.#checksum(name, content);
    if (value.length < CHECKSUM_BYTES || sum !== value.readUInt32LE(0))
      throw new MalformedBytesError(`the state record ${JSON.stringify(name)} is altered`);
    this.#count++;
    this.#sum = (this.#sum + sum) % SUM_MODULUS;
    return [name, content];
  }

  #end(): void {
    this.#ended = true;
    const { count, sum } = this.#meta;
    if (this.#count !== count) throw new MalformedBytesError(`the state has ${this.#count} records, ${count} were saved`);
    if (this.#sum !== sum) throw new MalformedBytesError('a state record is not the one that was saved last');
  }
}

/** Hands everything in `stream` to `each`, piece by piece, and closes it. */
export function streamState(stream: StateStream, each: (records: readonly StateRecord[]) => void, done: Done): void {
  stream.next(STATE_CHUNK_BYTES).then((records) => {
    if (records.length === 0) {
      stream.close().then(() => done(), done);
      return;
    }
    each(records);
    streamState(stream, each, done);
  }, done);
}

/** An image as it stood when the reader was made. */
export class LevelImageReader implements ImageReader {
  readonly meta: ImageMeta;
  readonly #host: ImageHost;
  readonly #snapshot: Snapshot;
  readonly #stream: StateStream;
  #closed = false;

  constructor(host: ImageHost, generation: Generation, meta: ImageMeta, snapshot: Snapshot) {
    this.meta = meta;
    this.#host = host;
    this.#snapshot = snapshot;
    this.#stream = new StateStream(host, generation, meta, snapshot);
  }

  next(maxBytes: number, done: (error: Error | null, records: readonly StateRecord[]) => void): void {
    this.#stream.next(maxBytes).then(
      (records) => done(null, records),
      // A reader that was closed meanwhile, by its owner or with the store, fails without meaning anything.
      (error: unknown) => done(this.#closed ? new Error('the image reader is closed') : this.#host.failed(error), []),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Errors while closing concern nobody: nothing is read from here any more.
    this.#stream.close().catch(() => {});
    this.#snapshot.close().catch(() => {});
  }
}

/** Writes records into a generation that does not count yet. */
export class LevelImageWriter implements ImageWriter {
  readonly generation: Generation;
  readonly #host: ImageHost;
  #count = 0;
  #sum = 0;
  #ended = false;

  constructor(host: ImageHost, generation: Generation) {
    this.#host = host;
    this.generation = generation;
  }

  /**
   * Every batch is synced. LevelDB syncs only its current log file: a synced record that makes these count can be in a later file, and would
   * survive a power failure that takes the end of an earlier one.
   */
  write(records: readonly StateRecord[], done: Done): void {
    const failure = this.#host.failure();
    if (failure !== null || this.#ended) {
      setImmediate(() => done(failure ?? new Error('the image writer has been ended')));
      return;
    }
    const batch = this.#host.database.batch();
    for (const record of records) {
      const [name, content] = record;
      if (content === null) continue;
      this.#count++;
      this.#sum = (this.#sum + this.#host.checksum(name, content)) % SUM_MODULUS;
      putRecord(batch, this.generation, this.#host.checksum, record);
    }
    batch.write({ sync: true }).then(
      () => done(),
      (error: unknown) => done(this.#host.failed(error)),
    );
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.clear(this.generation);
  }

  /** Whether count and sum of what was written are those of `meta`. */
  fits(meta: ImageMeta): boolean {
    return !this.#ended && this.#count === meta.count && this.#sum === meta.sum;
  }

  /** The image counts now, or is about to: nothing more may be written to it. */
  seal(): void {
    this.#ended = true;
  }
}

/** The image that was to be installed is not the one that was written. The store goes on as if it had not been sent. */
export class ImageMismatchError extends Error {
  override readonly name = 'ImageMismatchError';
  readonly code = 'image-mismatch';

  constructor(meta: ImageMeta) {
    super(`the received image at ${meta.index} has not the ${meta.count} records, or not the sum, that its sender announced`);
  }
}
