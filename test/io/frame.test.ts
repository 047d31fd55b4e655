// Frames come out of a byte stream as they went in, however it is cut; and no length makes the reader keep more than has arrived.
import { expect, test } from 'vitest';
import { FRAME_HEAD_BYTES, FrameError, FrameReader, frameOf } from '../../src/io/frame.ts';
import { newSeed, seeded } from './seeded.ts';

const MAX_BYTES = 300_000;

interface Told {
  readonly kind: number;
  readonly body: Buffer;
}

function reading(frameMaxBytes = MAX_BYTES): { reader: FrameReader; told: Told[]; push: (chunk: Buffer) => void } {
  const reader = new FrameReader(frameMaxBytes);
  const told: Told[] = [];
  return { reader, told, push: (chunk) => reader.push(chunk, (kind, body) => told.push({ kind, body }) > 0) };
}

test('frames come out in order and unchanged, however the stream is cut', () => {
  const random = seeded(newSeed('frame'));
  for (let round = 0; round < 60; round++) {
    const sent: Told[] = [];
    for (let count = random.below(20); count >= 0; count--) {
      const body = Buffer.alloc(random.below(10) === 0 ? random.below(MAX_BYTES - 1) : random.below(40));
      for (let at = 0; at < body.length; at += 97) body[at] = random.below(256);
      sent.push({ kind: random.below(256), body });
    }
    const stream = Buffer.concat(sent.map(({ kind, body }) => frameOf(kind, body)));
    const { reader, told, push } = reading();
    const cutMost = [1, 7, 5_000, 70_000, stream.length + 1][random.below(5)] as number;
    for (let at = 0; at < stream.length; ) {
      const end = Math.min(stream.length, at + 1 + random.below(cutMost));
      push(stream.subarray(at, end));
      at = end;
    }
    expect(reader.unfinished).toBe(false);
    expect(told.map(({ kind }) => kind)).toEqual(sent.map(({ kind }) => kind));
    for (const [at, { body }] of told.entries()) expect(body.equals(sent[at]?.body ?? Buffer.alloc(0)), `body ${at}`).toBe(true);
  }
});

test('a frame within one chunk is a view of it', () => {
  const { told, push } = reading();
  const chunk = Buffer.concat([frameOf(1, Buffer.from('a')), frameOf(2, Buffer.from('bc'))]);
  push(chunk);
  expect(told.map(({ body }) => body.buffer === chunk.buffer)).toEqual([true, true]);
  expect(told[1]?.body.byteOffset).toBe(chunk.byteOffset + 2 * FRAME_HEAD_BYTES + 1);
});

test('a length of 0 or above the greatest is refused as soon as its four bytes are there, and the greatest is taken', () => {
  for (const length of [0, MAX_BYTES + 1, 0x7fff_ffff, 0xffff_ffff]) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    expect(() => reading().push(head), `length ${length}`).toThrow(FrameError);
    const { push } = reading();
    for (const byte of head.subarray(0, 3)) push(Buffer.of(byte));
    expect(() => push(head.subarray(3)), `length ${length} byte by byte`).toThrow(FrameError);
  }
  const { told, push } = reading();
  push(frameOf(9, Buffer.alloc(MAX_BYTES - 1)));
  expect(told.length).toBe(1);
});

test('a great length alone takes no memory: the reader keeps what has arrived', () => {
  const readers: FrameReader[] = [];
  const head = Buffer.alloc(5);
  head.writeUInt32BE(2 ** 30);
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 100; count++) {
    const { reader, push } = reading(2 ** 31);
    push(head);
    readers.push(reader);
  }
  expect(readers.every((reader) => reader.unfinished)).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 70_000);
});

test('a large frame in small chunks takes time in proportion to its size', () => {
  const timeMs = (bytes: number): number => {
    const { told, push } = reading(2 ** 31);
    const frame = frameOf(1, Buffer.alloc(bytes));
    const startedMs = performance.now();
    for (let at = 0; at < frame.length; at += 1_000) push(frame.subarray(at, at + 1_000));
    expect(told.length).toBe(1);
    return performance.now() - startedMs;
  };
  timeMs(1_000_000);
  const small = Math.min(timeMs(1_000_000), timeMs(1_000_000), timeMs(1_000_000));
  const large = Math.min(timeMs(16_000_000), timeMs(16_000_000));
  // Sixteen times as many bytes; a reader that joins at every chunk would take 256 times as long.
  expect(large).toBeLessThan(Math.max(small, 0.5) * 100);
});

test('nothing is handed out behind a frame whose taker says stop', () => {
  const told: number[] = [];
  const reader = new FrameReader(MAX_BYTES);
  const chunk = Buffer.concat([frameOf(1, Buffer.alloc(0)), frameOf(2, Buffer.alloc(0)), frameOf(3, Buffer.alloc(0))]);
  reader.push(chunk, (kind) => told.push(kind) < 2);
  expect(told).toEqual([1, 2]);
});
