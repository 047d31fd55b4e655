// Makes writes durable: one synced LevelDB batch with the head in it, and beside it, at the same time, the mark.
import type { Done } from '../env.ts';
import { encodeHead, type Head } from './head.ts';
import { HEAD_KEY } from './keys.ts';
import type { Database } from './log-recovery.ts';
import type { Mark } from './mark.ts';

/** How long the log must rest before its mark is confirmed. Until then the mark knows the last write as one that may have happened. */
const CONFIRM_AFTER_MS = 10;

/** A batch that takes more operations. */
export type Batch = ReturnType<Database['batch']>;

/** What the head needs of its batch. */
export type HeadBatch = { put(key: Buffer, value: Buffer): unknown; write(options: { readonly sync: boolean }): Promise<void> };

/** Writes one head after the other. One write at a time may be under way. */
export class HeadWriter {
  readonly #mark: Pick<Mark, 'begin' | 'confirm'>;
  readonly #fail: (error: Error) => void;
  readonly #rest: NodeJS.Timeout;
  #head: Head;
  #bytes: Buffer;
  #writing = false;
  #confirmed = true;

  /** `head` is the one in the database. `fail` is told of an error for which no caller waits. */
  constructor(mark: Pick<Mark, 'begin' | 'confirm'>, head: Head, fail: (error: Error) => void) {
    this.#mark = mark;
    this.#head = head;
    this.#bytes = encodeHead(head);
    this.#fail = fail;
    this.#rest = setTimeout(() => this.confirm((error) => error && this.#fail(error)), CONFIRM_AFTER_MS);
    this.#rest.unref();
  }

  /** The newest head, also while it is being written. */
  get head(): Head {
    return this.#head;
  }

  /** Writes `batch` with `head` in it. Both it and the mark are durable when `done` is called without an error. */
  write(batch: HeadBatch, head: Head, done: Done): void {
    const before = this.#bytes;
    const after = encodeHead(head);
    this.#head = head;
    this.#bytes = after;
    this.#writing = true;
    this.#confirmed = false;
    let left = 2;
    const settle: Done = (error) => {
      if (left <= 0) return;
      left = error === undefined ? left - 1 : 0;
      if (left > 0) return;
      this.#writing = false;
      if (error === undefined) this.#rest.refresh();
      done(error);
    };
    batch.put(HEAD_KEY, after);
    batch.write({ sync: true }).then(() => settle(), settle);
    this.#mark.begin(before, after, settle);
  }

  /** Confirms the mark unless that has been done or a write is under way. */
  confirm(done: Done): void {
    if (this.#writing || this.#confirmed) {
      setImmediate(done);
      return;
    }
    this.#confirmed = true;
    this.#mark.confirm(done);
  }

  /** Ends the confirmations; what is under way goes on. */
  stop(): void {
    clearTimeout(this.#rest);
  }
}
