// Plain data survive their bytes, on every node alike, and hostile bytes end in an error at once.
import { expect, test } from 'vitest';
import { MalformedBytesError } from '../../src/io/bytes.ts';
import { checksum, codec, DEPTH_MAX } from '../../src/io/codec.ts';
import { newSeed, seeded } from './seeded.ts';

const VALUES: unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  127,
  128,
  -32,
  -33,
  -128,
  -129,
  255,
  256,
  65535,
  65536,
  -32769,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  0.5,
  1e300,
  Number.POSITIVE_INFINITY,
  '',
  'a',
  'n1',
  'ä',
  '€',
  '😀',
  '\ufffd',
  '\0',
  '__proto__',
  'x'.repeat(31),
  'x'.repeat(32),
  'ü'.repeat(200),
  'y'.repeat(70_000),
  [],
  [[]],
  new Uint8Array(),
  Uint8Array.of(1, 2, 3),
  new Uint8Array(300),
  new Uint8Array(70_000),
  new Array(15).fill(1),
  new Array(16).fill('two'),
  new Array(70_000).fill(null),
];

test('null, booleans, numbers, strings, byte arrays and arrays come back as they were', () => {
  for (const value of [...VALUES, VALUES]) expect(plain(codec.decode(codec.encode(value)))).toEqual(plain(value));
});

test('random nested values come back as they were', () => {
  const { below } = seeded(newSeed('codec'));
  for (let round = 0; round < 2000; round++) {
    const value = randomValue(below, 0);
    expect(plain(codec.decode(codec.encode(value)))).toEqual(plain(value));
  }
});

test('bytes of one encoding are not changed by the next', () => {
  const first = codec.encode(['a', 1]);
  const copy = Buffer.from(first);
  for (let round = 0; round < 10_000; round++) codec.encode(['b', round]);
  expect(Buffer.from(first)).toEqual(copy);
});

test('integers up to 2^32 take few bytes, larger ones nine, so that every node writes the same bytes', () => {
  expect([1, 200, 60_000, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1].map((value) => codec.encode(value).length)).toEqual([1, 2, 3, 5, 9, 9]);
});

test('length bombs, depth bombs, maps, extensions, 64-bit integers, bad UTF-8 and left-over bytes are refused', () => {
  const hostile: (number | number[])[][] = [
    [[]],
    [[0xdd, 0xff, 0xff, 0xff, 0xff]],
    [[0xc6, 0xff, 0xff, 0xff, 0xff, 0]],
    [[0xdb, 0xff, 0xff, 0xff, 0xff]],
    [[0xda, 0xff]],
    [[0x81, 0xa1, 0x61, 1]],
    [[0xdf, 0xff, 0xff, 0xff, 0xff]],
    [[0xc1]],
    [[0xc7, 0, 1]],
    [[0xd4, 0x72, 0x40]],
    [[0xd6, 0xff, 0, 0, 0, 0]],
    [[0xca, 0, 0, 0, 0]],
    [[0xcf, 0, 0, 0, 0, 0, 0, 0, 1]],
    [[0xd3, 0, 0, 0, 0, 0, 0, 0, 1]],
    [[0xa2, 0xc3, 0x28]],
    [[0xa3, 0xed, 0xa0, 0x80]],
    [[1, 1]],
    [[0x92, 1]],
    [[0xcb, 1]],
  ];
  for (const [bytes] of hostile) expect(() => codec.decode(Uint8Array.from(bytes as number[])), String(bytes)).toThrow(MalformedBytesError);
  expect(() => codec.decode(Buffer.alloc(1_000_000, 0x91))).toThrow(MalformedBytesError);
  expect(() => codec.decode(Buffer.concat([Buffer.alloc(DEPTH_MAX + 1, 0x91), Buffer.from([1])]))).toThrow(MalformedBytesError);
  expect(codec.decode(Buffer.concat([Buffer.alloc(DEPTH_MAX, 0x91), Buffer.from([1])]))).toBeDefined();
  // Many promises of many elements: memory follows the bytes that are there, not the promises.
  expect(() => codec.decode(Buffer.alloc(1_000_000, Buffer.from([0xdd, 0, 1, 0, 0])))).toThrow(MalformedBytesError);
});

test('random byte strings of up to 24 bytes decode or are refused, and never anything else', () => {
  const { below } = seeded(newSeed('codec'));
  const bytes = Buffer.alloc(24);
  for (let round = 0; round < 200_000; round++) {
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(below(2 ** 32), at);
    try {
      codec.decode(bytes.subarray(0, below(bytes.length + 1)));
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
    }
  }
});

test('the checksum is an unsigned 32-bit number that depends on name, content and where one ends', () => {
  const text = (value: string) => Buffer.from(value);
  const sums = [
    checksum('ab', text('c')),
    checksum('a', text('bc')),
    checksum('abc', text('')),
    checksum('', text('abc')),
    checksum('ab', text('d')),
  ];
  expect(new Set(sums).size).toBe(sums.length);
  for (const sum of sums) expect(Number.isInteger(sum) && sum >= 0 && sum < 2 ** 32).toBe(true);
  expect(checksum('ä', text('x'))).toBe(checksum('ä', Uint8Array.of(0x78)));
});

function randomValue(below: (bound: number) => number, depth: number): unknown {
  switch (below(depth < 4 ? 7 : 5)) {
    case 0:
      return below(2) === 0 ? null : below(2) === 0;
    case 1:
      return below(2 ** (1 + below(52))) - below(2 ** (1 + below(52)));
    case 2:
      return below(2 ** 40) / 1024;
    case 3:
      return String.fromCodePoint(
        ...Array.from({ length: below(60) }, () => [below(0x80), below(0xd800), 0x10000 + below(0x100000)][below(3)] ?? 0),
      );
    case 4:
      return Uint8Array.from({ length: below(300) }, () => below(256));
    default:
      return Array.from({ length: below(20) }, () => randomValue(below, depth + 1));
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  return Array.isArray(value) ? value.map(plain) : value;
}
