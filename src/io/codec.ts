// Plain data as bytes: MessagePack without maps, extensions or 64-bit integers, read as if an enemy had written it.
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { Codec, RecordChecksum } from '../env.ts';
import { MalformedBytesError } from './bytes.ts';

/** Arrays within arrays that `decode` follows; ours nest three or four deep. */
export const DEPTH_MAX = 32;

const packr = new Packr({ useRecords: false });

/**
 * Encodes with msgpackr: integers up to 2^32 in as few bytes as they need, other numbers as float64, strings as UTF-8.
 * Minus zero becomes zero. Decodes by itself, because a general reader makes room for whatever length a header promises and knows maps, dates and
 * extensions that none of us writes. Decoded byte arrays are views into the bytes given.
 */
export const codec: Codec = {
  encode: (value: unknown): Uint8Array => packr.encode(value),
  decode(bytes: Uint8Array): unknown {
    const reader = new Reader(bytes);
    const value = reader.value(0);
    reader.end();
    return value;
  },
};

/** CRC-32 of a record: of its content's length, name and content. The length keeps name and content apart. */
export const checksum: RecordChecksum = (name, content) => crc32(content, crc32(name, content.length >>> 0));

class Reader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): unknown {
    const tag = this.#unsigned(1);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag >= 0xa0 && tag < 0xc0) return this.#string(tag & 0x1f);
    if (tag >= 0x90 && tag < 0xa0) return this.#array(tag & 0x0f, depth);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#view(this.#unsigned(1));
      case 0xc5:
        return this.#view(this.#unsigned(2));
      case 0xc6:
        return this.#view(this.#unsigned(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8));
      case 0xcc:
        return this.#unsigned(1);
      case 0xcd:
        return this.#unsigned(2);
      case 0xce:
        return this.#unsigned(4);
      case 0xd0:
        return this.#bytes.readInt8(this.#take(1));
      case 0xd1:
        return this.#bytes.readInt16BE(this.#take(2));
      case 0xd2:
        return this.#bytes.readInt32BE(this.#take(4));
      case 0xd9:
        return this.#string(this.#unsigned(1));
      case 0xda:
        return this.#string(this.#unsigned(2));
      case 0xdb:
        return this.#string(this.#unsigned(4));
      case 0xdc:
        return this.#array(this.#unsigned(2), depth);
      case 0xdd:
        return this.#array(this.#unsigned(4), depth);
      default:
        throw new MalformedBytesError(`no value of ours begins with byte ${tag}`);
    }
  }

  end(): void {
    if (this.#position !== this.#bytes.length) throw new MalformedBytesError(`${this.#bytes.length - this.#position} bytes too many`);
  }

  #array(length: number, depth: number): unknown[] {
    if (depth >= DEPTH_MAX) throw new MalformedBytesError(`arrays nested deeper than ${DEPTH_MAX}`);
    // Every element takes a byte at least, so no array can be longer than the bytes that are left.
    if (length > this.#bytes.length - this.#position) throw new MalformedBytesError(`${length} elements promised, bytes end before`);
    const array: unknown[] = [];
    for (let left = length; left > 0; left--) array.push(this.value(depth + 1));
    return array;
  }

  #string(length: number): string {
    const start = this.#take(length);
    const text = this.#bytes.toString('utf8', start, start + length);
    // What is not UTF-8 shows as U+FFFD, which a string may contain rightfully.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, start + length)))
      throw new MalformedBytesError('string is not UTF-8');
    return text;
  }

  #view(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #unsigned(bytes: 1 | 2 | 4): number {
    const at = this.#take(bytes);
    return bytes === 1 ? (this.#bytes[at] as number) : this.#bytes.readUIntBE(at, bytes);
  }

  #take(bytes: number): number {
    const at = this.#position;
    if (bytes > this.#bytes.length - at)
      throw new MalformedBytesError(`${bytes} bytes promised at byte ${at}, ${this.#bytes.length - at} there`);
    this.#position = at + bytes;
    return at;
  }
}
