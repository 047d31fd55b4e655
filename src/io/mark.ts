// The mark: a witness outside LevelDB of what was made durable, because LevelDB does not tell when it has lost the end of its log.
import { close, constants, open, write } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Done } from '../env.ts';
import { replaceFile } from './durable-file.ts';
import { decodeHead, encodeHead, HEAD_BYTES, type Head } from './head.ts';

const VERSION = 1;
/** What is written at once: a sector, which disks write whole or not at all. */
const SLOT_BYTES = 512;
/** The two slots lie in different blocks of the file system. */
const SLOT_SPACING_BYTES = 4096;
const FILE_BYTES = 2 * SLOT_SPACING_BYTES;
// slot: crc u32, version u8, kind u8, head before at 8, head after behind it
const BEFORE_OFFSET = 8;
const AFTER_OFFSET = BEFORE_OFFSET + HEAD_BYTES;

/**
 * What a slot says of one write.
 * `pending`: written beside it, so the one before is durable and this one may be.
 * `confirmed`: written after it, so it is durable.
 */
export interface Slot {
  readonly kind: 'pending' | 'confirmed';
  readonly before: Buffer;
  readonly after: Buffer;
}

/**
 * Whether a database with `stored` as its head holds everything that `slot` knows to be durable. The database may be one write further,
 * since the slot of that write may have been lost in a crash before either was acknowledged.
 */
export function holdsMark(slot: Slot, stored: Buffer): boolean {
  if (stored.equals(slot.after)) return true;
  if (slot.kind === 'pending' && stored.equals(slot.before)) return true;
  const head = decodeHead(stored);
  const marked = decodeHead(slot.after);
  if (head.sequence <= marked.sequence) return false;
  return head.previous === marked.sequence || (slot.kind === 'pending' && head.previous === decodeHead(slot.before).sequence);
}

/** The file with its two slots, written in turn. One write at a time may be under way, beside one confirmation. */
export class Mark {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(SLOT_BYTES);
  #place: 0 | 1;
  #slot: Slot;
  #writing = false;
  #waiting: (() => void) | null = null;

  private constructor(descriptor: number, place: 0 | 1, slot: Slot) {
    this.#descriptor = descriptor;
    this.#place = place;
    this.#slot = slot;
  }

  /** Makes the file anew, with `head` as confirmed. Durable when it settles. */
  static async create(path: string, head: Head): Promise<Mark> {
    const bytes = Buffer.alloc(FILE_BYTES);
    const slot: Slot = { kind: 'confirmed', before: encodeHead(head), after: encodeHead(head) };
    writeSlot(bytes, slot);
    await replaceFile(path, bytes);
    return new Mark(await openSynced(path), 0, slot);
  }

  /** Opens the file. Null when it is missing, has another size, or neither slot is whole. Changes nothing. */
  static async open(path: string): Promise<Mark | null> {
    const newest = newestSlot(await readWhole(path));
    return newest === null ? null : new Mark(await openSynced(path), newest.place, newest.slot);
  }

  /** The newest slot. */
  get newest(): Slot {
    return this.#slot;
  }

  /** Writes the slot of a write that begins now, over the older of the two. */
  begin(before: Buffer, after: Buffer, done: Done): void {
    this.#place = this.#place === 0 ? 1 : 0;
    this.#slot = { kind: 'pending', before, after };
    this.#write(done);
  }

  /** Rewrites the newest slot as confirmed: its write is durable. */
  confirm(done: Done): void {
    this.#slot = { ...this.#slot, kind: 'confirmed' };
    this.#write(done);
  }

  /** Closes the file behind what is under way. What waits is dropped: nobody was told that it is durable. */
  close(done: () => void): void {
    if (this.#writing) {
      this.#waiting = () => this.close(done);
      return;
    }
    close(this.#descriptor, () => done());
  }

  #write(done: Done): void {
    if (this.#writing) {
      // At most one can wait: a confirmation never begins while a write is under way.
      this.#waiting = () => this.#write(done);
      return;
    }
    this.#writing = true;
    writeSlot(this.#buffer, this.#slot);
    // The descriptor is O_DSYNC: one call writes and syncs.
    write(this.#descriptor, this.#buffer, 0, SLOT_BYTES, this.#place * SLOT_SPACING_BYTES, (error, written) => {
      this.#writing = false;
      const next = this.#waiting;
      this.#waiting = null;
      next?.();
      if (error !== null) done(error);
      else if (written !== SLOT_BYTES) done(new Error(`the mark took ${written} of ${SLOT_BYTES} bytes`));
      else done();
    });
  }
}

function writeSlot(target: Buffer, slot: Slot): void {
  target[4] = VERSION;
  target[5] = slot.kind === 'confirmed' ? 1 : 0;
  target.set(slot.before, BEFORE_OFFSET);
  target.set(slot.after, AFTER_OFFSET);
  target.writeUInt32LE(crc32(target.subarray(4, SLOT_BYTES)), 0);
}

function readSlot(bytes: Buffer): Slot | null {
  if (crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0) || bytes[4] !== VERSION) return null;
  const before = Buffer.from(bytes.subarray(BEFORE_OFFSET, AFTER_OFFSET));
  const after = Buffer.from(bytes.subarray(AFTER_OFFSET, AFTER_OFFSET + HEAD_BYTES));
  return { kind: bytes[5] === 1 ? 'confirmed' : 'pending', before, after };
}

function newestSlot(bytes: Buffer | null): { place: 0 | 1; slot: Slot } | null {
  if (bytes?.length !== FILE_BYTES) return null;
  const slots = ([0, 1] as const).flatMap((place) => {
    const slot = readSlot(bytes.subarray(place * SLOT_SPACING_BYTES, place * SLOT_SPACING_BYTES + SLOT_BYTES));
    return slot === null ? [] : [{ place, slot, sequence: sequenceOf(slot) }];
  });
  slots.sort((a, b) => b.sequence - a.sequence);
  return slots[0] ?? null;
}

function sequenceOf(slot: Slot): number {
  return decodeHead(slot.after).sequence;
}

async function readWhole(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function openSynced(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, constants.O_RDWR | constants.O_DSYNC, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error)));
  });
}
