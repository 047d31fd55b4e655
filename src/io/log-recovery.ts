// Reads the whole log at start and believes nothing: each record whole, linked to the one before, and the last one that of the head.
import type { Level } from 'level';
import type { ImageMeta } from '../env.ts';
import type { Entry, Index, Term } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';
import type { Head } from './head.ts';
import { LOG_RANGE } from './keys.ts';
import { decodeRecord, type LogRecord } from './log-records.ts';
import { LogShape } from './log-shape.ts';

export type Database = Level<Buffer, Buffer>;

const READ_RECORDS = 1000;
const READ_BYTES = 128 * 1024;
/** Entries at or before the image are kept for followers alone: up to so many bytes of them. The others are checked and dropped. */
const KEPT_BYTES = 32 * 1024 * 1024;

export interface RecoveredLog {
  readonly entries: Entry[];
  readonly precedingTerm: Term;
  readonly shape: LogShape;
}

/**
 * The log between `image` and `head`. Throws `MalformedBytesError` when a record is missing or altered, or the ends do not meet.
 * Records at or below the image may still stand, since compaction is not synced; those that do are checked like the others.
 */
export async function recoverLog(database: Database, head: Head, image: ImageMeta): Promise<RecoveredLog> {
  const log = new LogReader(image.index);
  const iterator = database.iterator({ ...LOG_RANGE, highWaterMarkBytes: READ_BYTES });
  try {
    for (let batch = await iterator.nextv(READ_RECORDS); batch.length > 0; batch = await iterator.nextv(READ_RECORDS)) {
      for (const [key, value] of batch) log.add(decodeRecord(key, value));
    }
  } finally {
    await iterator.close();
  }
  return log.finish(head, image);
}

/** Takes the records in order of their keys, as they come. */
export class LogReader {
  readonly #imageIndex: Index;
  readonly #keptBytes: number;
  #entries: Entry[] = [];
  /** Of the entries at or before the image. */
  #bytes = 0;
  #precedingTerm: Term = 0;
  #shape: LogShape | null = null;
  #previous: LogRecord | null = null;

  /** Of the entries up to `imageIndex` about the last `keptBytes` are kept. */
  constructor(imageIndex: Index, keptBytes = KEPT_BYTES) {
    this.#imageIndex = imageIndex;
    this.#keptBytes = keptBytes;
  }

  /** Throws `MalformedBytesError` when the record cannot follow the one before. */
  add(record: LogRecord): void {
    const { first, entries } = record;
    const shape = this.#shape ?? new LogShape({ index: first - 1, term: record.previousTerm });
    const previous = this.#previous;
    if (previous === null) {
      this.#precedingTerm = record.previousTerm;
    } else {
      if (first > shape.last.index + 1) throw new MalformedBytesError(`the log has a hole from ${shape.last.index + 1} to ${first - 1}`);
      if (record.previousChecksum !== previous.checksum || record.sequence <= previous.sequence) {
        throw new MalformedBytesError(`the log record at ${first} does not follow the one at ${previous.first}`);
      }
      shape.truncate(first);
      this.#truncate(record);
    }
    let term = shape.last.term;
    if (term !== record.previousTerm)
      throw new MalformedBytesError(`the log record at ${first} follows term ${record.previousTerm}, there stands ${term}`);
    for (const entry of entries) {
      if (entry.term < term) throw new MalformedBytesError(`term ${entry.term} of entry ${entry.index} follows term ${term}`);
      term = entry.term;
      this.#entries.push(entry);
    }
    shape.append(entries, record.checksum);
    this.#dropOld(entries);
    this.#shape = shape;
    this.#previous = record;
  }

  /** A record replaces what was written before at its indexes and after them, also where that was dropped here. */
  #truncate({ first, previousTerm }: LogRecord): void {
    const start = this.#entries[0]?.index ?? first;
    this.#entries.length = Math.max(0, first - start);
    if (first >= start) return;
    this.#precedingTerm = previousTerm;
    this.#bytes = 0;
  }

  /** Drops the older half of the entries before the image when there are too many bytes of them. */
  #dropOld(added: readonly Entry[]): void {
    for (const entry of added) if (entry.index <= this.#imageIndex) this.#bytes += dataBytes(entry);
    if (this.#bytes <= 2 * this.#keptBytes) return;
    let count = 0;
    for (; this.#bytes > this.#keptBytes; count++) {
      const entry = this.#entries[count];
      if (entry === undefined || entry.index >= this.#imageIndex) break;
      this.#bytes -= dataBytes(entry);
    }
    this.#precedingTerm = this.#entries[count - 1]?.term ?? this.#precedingTerm;
    this.#entries = this.#entries.slice(count);
  }

  /** Throws `MalformedBytesError` when the log does not reach from `image` to `head`. */
  finish(head: Head, image: ImageMeta): RecoveredLog {
    const shape = this.#shape ?? new LogShape({ index: image.index, term: image.term });
    const first = this.#entries[0]?.index ?? image.index + 1;
    const { last } = shape;
    if (first > image.index + 1) throw new MalformedBytesError(`the state stands at ${image.index}, the log begins at ${first}`);
    if (last.index < image.index) throw new MalformedBytesError(`the state stands at ${image.index}, the log ends at ${last.index}`);
    if (shape.termAt(image.index) !== image.term) {
      throw new MalformedBytesError(
        `the state stands at ${image.index} in term ${image.term}, the log has term ${shape.termAt(image.index)} there`,
      );
    }
    if (last.index !== head.lastIndex || last.term !== head.lastTerm) {
      throw new MalformedBytesError(
        `the log ends at ${last.index} in term ${last.term}, it was written up to ${head.lastIndex} in term ${head.lastTerm}`,
      );
    }
    if (this.#previous !== null && this.#previous.checksum !== head.lastChecksum)
      throw new MalformedBytesError('the last log record is not the one that was written last');
    if (head.hardState.commit > last.index)
      throw new MalformedBytesError(`entries up to ${head.hardState.commit} were committed, the log ends at ${last.index}`);
    return { entries: this.#entries, precedingTerm: this.#shape === null ? image.term : this.#precedingTerm, shape };
  }
}

function dataBytes(entry: Entry): number {
  return entry.kind === 'normal' ? entry.data.length : 0;
}
