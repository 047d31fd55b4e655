// The durable half of a node on LevelDB. What it writes and in which order; opening and checking is in `log-store.ts`.
import { assert } from '../assert.ts';
import type { Done, ImageMeta, ImageReader, ImageWriter, LogWrite, Recovered, StateRecord } from '../env.ts';
import type { Histogram } from '../histogram.ts';
import type { HardState, Index } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';
import { DataDirectoryError, damaged, translateDiskError } from './data-directory-error.ts';
import type { DirectoryLogStore } from './directory-log-store.ts';
import type { HeadWriter } from './head-writer.ts';
import { type ImageHost, ImageMismatchError, LevelImageReader, LevelImageWriter, putRecord, StateStream, streamState } from './image.ts';
import { decodeMeta, encodeMeta, NO_IMAGE, type StoredMeta } from './image-meta.ts';
import { type Generation, logKey, META_KEY, stateRange } from './keys.ts';
import { encodeRecord, recordChecksum } from './log-records.ts';
import type { OpenedDirectory } from './opened-directory.ts';
import { type PeerDisk, PeerDisks } from './peer-disks.ts';
import { inPieces } from './pieces.ts';
import { Turns } from './turns.ts';

/** The store of one opened directory. The first error ends it: every later call answers with that error. */
export class LevelLogStore implements DirectoryLogStore {
  readonly syncs: Histogram;
  readonly #opened: OpenedDirectory;
  readonly #writer: HeadWriter;
  readonly #turns = new Turns();
  readonly #host: ImageHost;
  readonly #peers: PeerDisks;
  #recovered: Recovered;
  #image: StoredMeta;
  /** Newer than the head's only in its commit, which waits for the next record. */
  #hardState: HardState;
  #appending = false;
  #failure: Error | null = null;
  #lastGeneration: Generation;
  /** Settles when the generations given so far are cleared; never rejects. */
  #background: Promise<unknown> = Promise.resolve();

  /** `makeWriter` gets the function to tell of errors for which nobody waits. */
  constructor(opened: OpenedDirectory, makeWriter: (fail: (error: Error) => void) => HeadWriter) {
    this.#opened = opened;
    this.#recovered = opened.recovered;
    this.#peers = new PeerDisks(opened.directory, opened.identity);
    this.#image = opened.image;
    this.#hardState = opened.recovered.hardState;
    this.#lastGeneration = opened.lastGeneration;
    this.#writer = makeWriter((error) => this.#fail(error));
    this.syncs = this.#writer.syncs;
    this.#host = {
      database: opened.database,
      codec: opened.codec,
      checksum: opened.checksum,
      failed: (error) => this.#fail(error),
      failure: () => this.#failure,
      clear: (generation) => this.#clear(generation),
    };
  }

  get disk(): string {
    return this.#opened.identity.disk;
  }

  /** Its entries are let go with the first compaction. */
  get recovered(): Recovered {
    return this.#recovered;
  }

  readState(each: (records: readonly StateRecord[]) => void, done: Done): void {
    if (this.#refused(done)) return;
    const { generation, meta } = this.#image;
    streamState(new StateStream(this.#host, generation, meta, undefined), each, (error) => done(error && this.#fail(error)));
  }

  append(write: LogWrite, done: Done): void {
    if (this.#refused(done)) return;
    assert(!this.#appending, 'log store: an append began before the last one was done');
    const hardState = write.hardState ?? this.#hardState;
    const { term, vote } = this.#hardState;
    this.#hardState = hardState;
    if (write.entries.length === 0 && hardState.term === term && hardState.vote === vote) {
      // Only the commit index moved. It may be lost, so it waits for the next record.
      setImmediate(done);
      return;
    }
    this.#appending = true;
    this.#turns.together((leave) => {
      this.#append(write, (error) => {
        this.#appending = false;
        leave();
        done(error);
      });
    });
  }

  probe(done: Done): void {
    if (this.#refused(done)) return;
    assert(!this.#appending, 'log store: a probe during an append');
    this.#appending = true;
    this.#turns.together((leave) => {
      this.#writer.probe((error) => {
        this.#appending = false;
        leave();
        done(error && this.#fail(error));
      });
    });
  }

  saveState(meta: ImageMeta, records: readonly StateRecord[], done: Done): void {
    if (this.#refused(done)) return;
    this.#turns.together((leave) => {
      if (this.#refused(done)) {
        leave();
        return;
      }
      const { database, codec, checksum } = this.#opened;
      const image: StoredMeta = { generation: this.#image.generation, meta };
      const batch = database.batch();
      const put = (record: StateRecord): void => putRecord(batch, image.generation, checksum, record);
      inPieces(records, put, () => {
        batch.put(META_KEY, encodeMeta(codec, image));
        this.#settle(batch.write({ sync: true }), (error) => {
          if (error === undefined) this.#image = image;
          leave();
          done(error);
        });
      });
    });
  }

  compact(index: Index): void {
    if (this.#failure !== null) return;
    assert(index <= this.#image.meta.index, `log store: compacting to ${index}, the image stands at ${this.#image.meta.index}`);
    this.#recovered = { ...this.#recovered, entries: [] };
    this.#turns.together((leave) => {
      // It may have been closed, or have failed, before it came to this.
      const gone = this.#failure === null ? this.#opened.log.shape.compact(index) : [];
      if (gone.length === 0) return leave();
      const batch = this.#opened.database.batch();
      for (const first of gone) batch.del(logKey(first));
      // Synced: the log would have a hole if these deletes were lost and later ones in another log file survived.
      this.#settle(batch.write({ sync: true }), leave);
    });
  }

  /** Throws when the store has failed or its meta record cannot be read. */
  openImage(): ImageReader {
    if (this.#failure !== null) throw this.#failure;
    const { database, codec } = this.#opened;
    const snapshot = database.snapshot();
    // Read from the snapshot itself: a save that is under way may be in it already.
    const stored = database.getSync(META_KEY, { snapshot });
    try {
      const { generation, meta } = stored === undefined ? NO_IMAGE : decodeMeta(codec, stored);
      return new LevelImageReader(this.#host, generation, meta, snapshot);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  beginImage(): ImageWriter {
    this.#lastGeneration++;
    return new LevelImageWriter(this.#host, this.#lastGeneration);
  }

  installImage(meta: ImageMeta, writer: ImageWriter, hardState: HardState | null, done: Done): void {
    if (this.#refused(done)) return;
    assert(writer instanceof LevelImageWriter, 'log store: the image was written to another store');
    if (!writer.fits(meta)) {
      writer.abort();
      setImmediate(() => done(new ImageMismatchError(meta)));
      return;
    }
    writer.seal();
    if (hardState !== null) this.#hardState = hardState;
    this.#turns.alone((leave) => {
      const old = this.#image.generation;
      const image: StoredMeta = { generation: writer.generation, meta };
      this.#install(image, (error) => {
        if (error === undefined) {
          this.#image = image;
          this.#clear(old);
        }
        leave();
        done(error);
      });
    });
  }

  rememberPeer(name: string, disk: string): Promise<PeerDisk> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return this.#peers.remember(name, disk).catch((error: unknown) => {
      throw this.#fail(error);
    });
  }

  /** Writes what waits, syncs the mark and lets go of the directory; that also after a failure, which it answers with. */
  close(done: Done): void {
    this.#turns.alone((leave) => {
      const saved = this.#writer.head.hardState;
      const { directory } = this.#opened;
      const finish: Done = (error) => {
        const ended = this.#failure ?? error;
        this.#failure ??= new DataDirectoryError('closed', `the data directory ${directory} is closed`);
        this.#release(() => {
          leave();
          done(ended);
        });
      };
      if (this.#failure !== null) finish();
      else if (saved.commit === this.#hardState.commit) this.#syncMark(finish);
      else this.#append({ hardState: null, entries: [] }, (error) => (error === undefined ? this.#syncMark(finish) : finish(error)));
    });
  }

  #append({ entries }: LogWrite, done: Done): void {
    if (this.#refused(done)) return;
    const { database, log } = this.#opened;
    const { shape } = log;
    const { head } = this.#writer;
    const sequence = head.sequence + 1;
    const batch = database.batch();
    let lastChecksum = head.lastChecksum;
    const first = entries[0]?.index;
    if (first !== undefined) {
      assert(
        first > this.#image.meta.index && first <= shape.last.index + 1,
        `log store: entry ${first} cannot follow ${shape.last.index}`,
      );
      if (first <= shape.last.index) for (const gone of shape.truncate(first)) if (gone !== first) batch.del(logKey(gone));
      const record = encodeRecord({ sequence, previousTerm: shape.last.term, previousChecksum: shape.lastChecksum }, entries);
      lastChecksum = recordChecksum(record);
      shape.append(entries, lastChecksum);
      batch.put(logKey(first), record);
    }
    const { index: lastIndex, term: lastTerm } = shape.last;
    const next = { ...head, sequence, hardState: this.#hardState, lastIndex, lastTerm, lastChecksum };
    this.#writer.write(batch, next, (error) => done(error && this.#fail(error)));
  }

  #install(image: StoredMeta, done: Done): void {
    if (this.#refused(done)) return;
    const { database, codec, log } = this.#opened;
    const { head } = this.#writer;
    const { index, term } = image.meta;
    const batch = database.batch();
    const remove = (first: Index): unknown => batch.del(logKey(first));
    inPieces(log.shape.reset({ index, term }), remove, () => {
      batch.put(META_KEY, encodeMeta(codec, image));
      const next = { ...head, sequence: head.sequence + 1, hardState: this.#hardState, lastIndex: index, lastTerm: term, lastChecksum: 0 };
      this.#writer.write(batch, next, (error) => done(error && this.#fail(error)));
    });
  }

  #syncMark(done: Done): void {
    this.#writer.sync((error) => done(error && this.#fail(error)));
  }

  /** Not synced: the next start clears what a power failure brings back, and no later image has this number. */
  #clear(generation: Generation): void {
    this.#background = this.#background.then(async () => {
      if (this.#failure === null) await this.#opened.database.clear(stateRange(generation)).catch((error: unknown) => this.#fail(error));
    });
  }

  #release(done: () => void): void {
    this.#writer.stop();
    const { database, mark } = this.#opened;
    const closed = (): void => mark.close(done);
    // An error while closing changes nothing: what was acknowledged is durable, and LevelDB lets go of its lock.
    Promise.all([this.#background, this.#peers.idle()])
      .then(() => database.close())
      .then(closed, closed);
  }

  #settle(written: Promise<void>, done: Done): void {
    written.then(
      () => done(),
      (error: unknown) => done(this.#fail(error)),
    );
  }

  /** Answers with the failure, later, when there is one. */
  #refused(done: Done): boolean {
    const failure = this.#failure;
    if (failure === null) return false;
    setImmediate(done, failure);
    return true;
  }

  /** Keeps the first error. */
  #fail(error: unknown): Error {
    const { directory } = this.#opened;
    if (error instanceof MalformedBytesError) this.#failure ??= damaged(directory, error.message, error);
    this.#failure ??= translateDiskError(directory, error);
    return this.#failure;
  }
}
