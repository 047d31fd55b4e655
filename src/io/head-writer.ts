// Makes writes durable: one synced LevelDB batch with the head in it, and behind it the mark, which tells that it was made.
import type { Done } from '../env.ts';
import { Histogram } from '../histogram.ts';
import { encodeHead, type Head } from './head.ts';
import { HEAD_KEY } from './keys.ts';
import type { Database } from './log-recovery.ts';
import type { Mark } from './mark.ts';

/** How long the mark may be behind on the disk itself. A crash of the process alone loses nothing of it. */
const SYNC_AFTER_MS = 20;

/** A batch that takes more operations. */
export type Batch = ReturnType<Database['batch']>;

/** What the head needs of its batch. */
export type HeadBatch = { put(key: Buffer, value: Buffer): unknown; write(options: { readonly sync: boolean }): Promise<void> };

/** Writes one head after the other. One write at a time may be under way. */
export class HeadWriter {
  /** How long the disk took for each synced batch. */
  readonly syncs = new Histogram();
  readonly #mark: Pick<Mark, 'tell' | 'sync'>;
  readonly #fail: (error: Error) => void;
  #head: Head;
  #timer: NodeJS.Timeout | null = null;

  /** `head` is the one in the database. `fail` is told of an error for which no caller waits. */
  constructor(mark: Pick<Mark, 'tell' | 'sync'>, head: Head, fail: (error: Error) => void) {
    this.#mark = mark;
    this.#head = head;
    this.#fail = fail;
  }

  /** The newest head, also while it is being written. */
  get head(): Head {
    return this.#head;
  }

  /**
   * Writes `batch` with `head` in it. The batch is durable and the mark told when `done` is called without an error; where term or
   * vote change the mark is synced as well, since a vote that is lost and not missed could be given twice.
   */
  write(batch: HeadBatch, head: Head, done: Done): void {
    const { term, vote } = this.#head.hardState;
    const isPromise = head.hardState.term !== term || head.hardState.vote !== vote;
    const bytes = encodeHead(head);
    this.#head = head;
    batch.put(HEAD_KEY, bytes);
    const startMs = performance.now();
    batch.write({ sync: true }).then(() => {
      this.syncs.observe(performance.now() - startMs);
      this.#told(bytes, isPromise, done);
    }, done);
  }

  /** Writes the mark once more as it is, and syncs it. No write may be under way. */
  probe(done: Done): void {
    this.#mark.tell(encodeHead(this.#head), (error) => {
      if (error === undefined) this.sync(done);
      else done(error);
    });
  }

  /** Makes durable what the mark tells. */
  sync(done: Done): void {
    this.stop();
    this.#mark.sync(done);
  }

  /** Ends the syncs by time; what is under way goes on. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #told(bytes: Buffer, isPromise: boolean, done: Done): void {
    this.#mark.tell(bytes, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      if (isPromise) {
        this.sync(done);
        return;
      }
      this.#timer ??= setTimeout(() => this.sync((failed) => failed && this.#fail(failed)), SYNC_AFTER_MS).unref();
      done();
    });
  }
}
