// Numbers and byte strings inside a buffer, read with every bound checked: whatever the bytes say, reading ends or throws.

/** Bytes that no encoder of ours made: cut short, altered, or of another version. */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
  readonly code = 'malformed-bytes';
}

/** Bytes that {@link writeVarint} takes for `value`, an integer in 0..2^53-1. Throws a RangeError for anything else. */
export function varintBytes(value: number): number {
  if (value < 0x80 && value >= 0 && Number.isInteger(value)) return 1;
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an integer in 0..2^53-1: ${value}`);
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Writes `value` at `offset`, seven bits a byte, low ones first; returns the offset behind it. `value` must have passed {@link varintBytes}. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}

/** Walks through bytes that may be hostile. Every method throws {@link MalformedBytesError} rather than read outside of them. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#position = position;
  }

  /** Bytes that have not been read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new MalformedBytesError(`cut short at byte ${this.#position}`);
    this.#position++;
    return byte;
  }

  /** An integer in 0..2^53-1 in its shortest form. */
  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (scale > 2 ** 49 || value > Number.MAX_SAFE_INTEGER)
        throw new MalformedBytesError(`number above 2^53-1 before byte ${this.#position}`);
      scale *= 0x80;
    } while (byte >= 0x80);
    if (byte === 0) throw new MalformedBytesError(`number not in its shortest form before byte ${this.#position}`);
    return value;
  }

  /** The next `length` bytes: a view, not a copy. */
  view(length: number): Uint8Array {
    if (length > this.remaining)
      throw new MalformedBytesError(`${length} bytes promised at byte ${this.#position}, ${this.remaining} there`);
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  /** Throws unless everything has been read. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedBytesError(`${this.remaining} bytes too many at byte ${this.#position}`);
  }
}
