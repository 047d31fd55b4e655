// A LevelDB as it was measured: batches that are whole or missing, an end that a loss of power takes, and damage of which it says nothing.
import { crc32 } from 'node:zlib';
import type { SeededRandom } from './random.ts';

/** One change: a key, and what stands there from now on; null when nothing does. */
export type Change = readonly [key: string, value: Buffer | null];

interface Batch {
  readonly changes: readonly Change[];
  /** With all before it in the same log file. */
  readonly synced: boolean;
  /** The number of its log file. */
  readonly file: number;
}

/**
 * RELIABILITY 3.1, as it was seen on classic-level: a torn batch is dropped at the next opening; a flipped byte in the log makes batches
 * vanish from the middle or the end without a word; one in a table comes back as another value.
 */
export class SimDatabase {
  /** False is a fault that a test plants: the first half of a torn batch is there. */
  isAtomic = true;
  /** What stands in tables. */
  readonly #tables = new Map<string, Buffer>();
  /** The log in front of them. */
  #log: Batch[] = [];
  /** The log file that is being written, and how many batches it has. */
  #file = 0;
  #fileBatches = 0;
  #cells = new Map<string, Buffer>();

  get(key: string): Buffer | undefined {
    return this.#cells.get(key);
  }

  /** Keys that begin with `prefix`, in order, with their values. */
  list(prefix: string): (readonly [key: string, value: Buffer])[] {
    const found: (readonly [string, Buffer])[] = [];
    for (const [key, value] of this.#cells) if (key.startsWith(prefix)) found.push([key, value]);
    return found.sort(([one], [other]) => (one < other ? -1 : 1));
  }

  write(changes: readonly Change[], synced: boolean): void {
    if (this.#fileBatches >= FILE_BATCHES_MAX) {
      this.#file += 1;
      this.#fileBatches = 0;
    }
    this.#fileBatches += 1;
    this.#log.push({ changes, synced, file: this.#file });
    put(this.#cells, changes);
    if (this.#log.length > LOG_BATCHES_MOST) put(this.#tables, (this.#log.shift() as Batch).changes);
  }

  /** The file ends within the batch of `changes`, which was being written: what there is of it is read as at an opening. */
  tear(changes: readonly Change[], bytes: number): void {
    if (!this.isAtomic) {
      this.write(changes.slice(0, Math.ceil(changes.length / 2)), true);
      return;
    }
    const whole = readBatch(batchBytes(changes).subarray(0, bytes));
    if (whole !== null) this.write(whole, true);
  }

  /**
   * Forgets batches at the end of each log file that were not synced. LevelDB syncs only its current log file, so a batch in an earlier file
   * can be lost although a later one survives.
   */
  losePower(random: SeededRandom): void {
    const kept: Batch[] = [];
    for (let file = this.#log[0]?.file ?? 0; file <= this.#file; file += 1) {
      const batches = this.#log.filter((batch) => batch.file === file);
      while (batches.at(-1)?.synced === false && random.chance(0.7)) batches.pop();
      kept.push(...batches);
    }
    this.#log = kept;
    this.#replay();
  }

  /** Drops `count` batches of the log, `behind` of them staying at its end. Answers how many it dropped. */
  drop(count: number, behind: number): number {
    const dropped = this.#log.splice(
      Math.max(0, this.#log.length - behind - count),
      Math.min(count, Math.max(0, this.#log.length - behind)),
    );
    this.#replay();
    return dropped.length;
  }

  /** Batches in the log: those that {@link drop} can take. */
  get logLength(): number {
    return this.#log.length;
  }

  /** Flips one bit of one value. Answers whose; null when there is nothing. */
  flipBit(random: SeededRandom): string | null {
    const keys = [...this.#cells.keys()].sort();
    if (keys.length === 0) return null;
    const key = random.pick(keys);
    const value = Buffer.from(this.#cells.get(key) as Buffer);
    if (value.length === 0) return null;
    const place = random.below(value.length);
    value[place] = (value[place] as number) ^ (1 << random.below(8));
    this.#cells.set(key, value);
    this.#tables.set(key, value);
    this.#log = this.#log.map((batch) => ({ ...batch, changes: batch.changes.filter(([changed]) => changed !== key) }));
    return key;
  }

  /** A copy of the whole database as it is now. */
  copy(): SimDatabase {
    const copy = new SimDatabase();
    copy.write([...this.#cells], true);
    return copy;
  }

  #replay(): void {
    this.#cells = new Map(this.#tables);
    for (const { changes } of this.#log) put(this.#cells, changes);
  }
}

function put(cells: Map<string, Buffer>, changes: readonly Change[]): void {
  for (const [key, value] of changes) {
    if (value === null) cells.delete(key);
    else cells.set(key, value);
  }
}

// crc u32, length u32, then for each change: key length u32, value length u32 (all ones for none), key, value
/** A batch as it stands in the log's file. */
export function batchBytes(changes: readonly Change[]): Buffer {
  const parts = changes.flatMap(([key, value]) => {
    const name = Buffer.from(key);
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(name.length, 0);
    lengths.writeUInt32LE(value === null ? NO_VALUE : value.length, 4);
    return [lengths, name, value ?? Buffer.alloc(0)];
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(crc32(body), 0);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** The batch that stands there; null when it is not whole. */
function readBatch(bytes: Buffer): Change[] | null {
  if (bytes.length < 8 || bytes.length < 8 + bytes.readUInt32LE(4)) return null;
  const body = bytes.subarray(8, 8 + bytes.readUInt32LE(4));
  if (crc32(body) !== bytes.readUInt32LE(0)) return null;
  const changes: Change[] = [];
  for (let at = 0; at < body.length; ) {
    const keyBytes = body.readUInt32LE(at);
    const valueBytes = body.readUInt32LE(at + 4);
    const key = body.toString('utf8', at + 8, at + 8 + keyBytes);
    at += 8 + keyBytes;
    changes.push([key, valueBytes === NO_VALUE ? null : body.subarray(at, at + valueBytes)]);
    if (valueBytes !== NO_VALUE) at += valueBytes;
  }
  return changes;
}

const NO_VALUE = 2 ** 32 - 1;
const LOG_BATCHES_MOST = 64;
/** LevelDB begins another log file after 8 MiB; here that happens often. */
const FILE_BATCHES_MAX = 6;
