// Entries survive their bytes unchanged, and no other bytes pass for entries.
import { expect, test } from 'vitest';
import { MalformedBytesError } from '../../src/io/bytes.ts';
import { decodeEntries, encodeEntries } from '../../src/io/entries.ts';
import type { ConfChange, Entry } from '../../src/raft/types.ts';
import { newSeed, seeded } from './seeded.ts';

const TRANSITIONS = ['auto', 'implicit', 'explicit'] as const;
const TYPES = ['add-voter', 'add-learner', 'remove', 'update'] as const;

test('entries of any kind come back as they were, with data that are views into the bytes', () => {
  const seed = newSeed('entries');
  const random = seeded(seed);
  for (let round = 0; round < 300; round++) {
    const entries = randomEntries(random.below);
    const bytes = encodeEntries(entries);
    const decoded = decodeEntries(bytes);
    expect(decoded.map(plain)).toEqual(entries.map(plain));
    for (const entry of decoded) if (entry.kind === 'normal') expect(entry.data.buffer).toBe(bytes.buffer);
  }
});

test('a hundred entries of one term cost two bytes each beside their data', () => {
  const entries: Entry[] = [];
  for (let index = 1; index <= 100; index++) entries.push({ kind: 'normal', term: 7, index, data: new Uint8Array(100) });
  expect(encodeEntries(entries).length).toBe(100 * 102 + 3);
});

test('entries cut short, lengthened or altered either throw MalformedBytesError or decode to other entries, never anything else', () => {
  const seed = newSeed('entries');
  const random = seeded(seed);
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(encodeEntries(randomEntries(random.below)));
    const cut = bytes.subarray(0, random.below(bytes.length));
    expect(() => decodeEntries(cut), `cut to ${cut.length}`).toThrow(MalformedBytesError);
    expect(() => decodeEntries(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(MalformedBytesError);
    const at = random.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
    try {
      decodeEntries(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedBytesError);
    }
  }
});

test('a count or length bomb is refused at once', () => {
  const bombs = [
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [1, 1, 0x10, 1, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [1, 1, 0x11, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [...new Array<number>(200).fill(0x80), 1],
    [1, ...new Array<number>(200).fill(0x80), 1],
    [],
  ];
  for (const bomb of bombs) expect(() => decodeEntries(Uint8Array.from(bomb))).toThrow(MalformedBytesError);
});

test('an index or term that is no whole number is refused when it is written', () => {
  for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    expect(() => encodeEntries([{ kind: 'normal', term: 1, index: wrong, data: new Uint8Array() }])).toThrow(RangeError);
    expect(() => encodeEntries([{ kind: 'normal', term: wrong, index: 1, data: new Uint8Array() }])).toThrow(RangeError);
  }
});

function randomEntries(below: (bound: number) => number): Entry[] {
  const magnitude = () => below(2 ** (1 + below(45)));
  const first = 1 + magnitude();
  let term = magnitude();
  const entries: Entry[] = [];
  for (let index = first, end = first + below(8); index < end; index++) {
    if (below(3) === 0) term += 1 + below(1000);
    if (below(4) === 0) entries.push({ kind: 'conf-change', term, index, change: randomChange(below) });
    else entries.push({ kind: 'normal', term, index, data: Uint8Array.from({ length: below(300) }, () => below(256)) });
  }
  return entries;
}

function randomChange(below: (bound: number) => number): ConfChange {
  const changes = Array.from({ length: below(4) }, () => ({ type: TYPES[below(4)] ?? 'update', node: below(2 ** 20) }));
  const change: ConfChange = { v1: below(2) === 0, transition: TRANSITIONS[below(3)] ?? 'auto', changes };
  return below(2) === 0 ? change : { ...change, context: Buffer.from(Array.from({ length: below(20) }, () => below(256))) };
}

function plain(entry: Entry): unknown {
  return entry.kind === 'normal' ? { ...entry, data: [...entry.data] } : entry;
}
