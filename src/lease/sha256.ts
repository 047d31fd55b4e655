// SHA-256 (FIPS 180-4) in plain arithmetic: this folder imports nothing of Node's.

const ROUNDS = 64;
const BLOCK_BYTES = 64;
/** The message's length in bits is in the last 8 bytes of the last block. */
const LENGTH_BYTES = 8;

const [START, K] = constants();

/** The first `words` (1 to 8) of the hash's 32-bit words, as hexadecimal. Hashes the UTF-8 form of `text`; a lone surrogate counts as its own code. */
export function sha256(text: string, words = 8): string {
  const bytes = bytesOf(text);
  const hash = START.slice();
  const schedule = new Int32Array(ROUNDS);
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) addBlock(hash, bytes, at, schedule);
  let hex = '';
  for (const word of hash.subarray(0, words)) hex += (word >>> 0).toString(16).padStart(8, '0');
  return hex;
}

/** The message with its padding: a multiple of a block. */
function bytesOf(text: string): Uint8Array {
  const padded = new Uint8Array(Math.ceil((3 * text.length + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      padded[end++] = unit;
      continue;
    }
    const code = text.codePointAt(at) as number;
    if (code < 0x800) padded[end++] = 0xc0 | (code >> 6);
    else if (code < 0x10000) {
      padded[end++] = 0xe0 | (code >> 12);
      padded[end++] = 0x80 | ((code >> 6) & 0x3f);
    } else {
      at += 1;
      padded[end++] = 0xf0 | (code >> 18);
      padded[end++] = 0x80 | ((code >> 12) & 0x3f);
      padded[end++] = 0x80 | ((code >> 6) & 0x3f);
    }
    padded[end++] = 0x80 | (code & 0x3f);
  }
  padded[end] = 0x80;
  const length = Math.ceil((end + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
  const message = padded.subarray(0, length);
  const view = new DataView(message.buffer, 0, length);
  view.setUint32(length - 8, Math.floor(end / 2 ** 29));
  view.setUint32(length - 4, (end << 3) >>> 0);
  return message;
}

function addBlock(hash: Int32Array, bytes: Uint8Array, start: number, w: Int32Array): void {
  for (let at = 0; at < 16; at += 1) {
    const from = start + 4 * at;
    w[at] =
      ((bytes[from] as number) << 24) |
      ((bytes[from + 1] as number) << 16) |
      ((bytes[from + 2] as number) << 8) |
      (bytes[from + 3] as number);
  }
  for (let at = 16; at < ROUNDS; at += 1) {
    const early = w[at - 15] as number;
    const late = w[at - 2] as number;
    const s0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3);
    const s1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10);
    w[at] = ((w[at - 16] as number) + s0 + (w[at - 7] as number) + s1) | 0;
  }
  let a = hash[0] as number;
  let b = hash[1] as number;
  let c = hash[2] as number;
  let d = hash[3] as number;
  let e = hash[4] as number;
  let f = hash[5] as number;
  let g = hash[6] as number;
  let h = hash[7] as number;
  for (let at = 0; at < ROUNDS; at += 1) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + choice + (K[at] as number) + (w[at] as number)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + majority) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  add(hash, 0, a);
  add(hash, 1, b);
  add(hash, 2, c);
  add(hash, 3, d);
  add(hash, 4, e);
  add(hash, 5, f);
  add(hash, 6, g);
  add(hash, 7, h);
}

function add(hash: Int32Array, at: number, word: number): void {
  hash[at] = ((hash[at] as number) + word) | 0;
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits of the fractions of the square roots of the first 8 primes, and of the cube roots of the first 64. */
function constants(): readonly [start: Int32Array, rounds: Int32Array] {
  const start = new Int32Array(8);
  const rounds = new Int32Array(ROUNDS);
  let found = 0;
  for (let candidate = 2; found < ROUNDS; candidate += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) isPrime = false;
    if (!isPrime) continue;
    if (found < 8) start[found] = fraction(candidate ** (1 / 2));
    rounds[found] = fraction(candidate ** (1 / 3));
    found += 1;
  }
  return [start, rounds];
}

function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}
