// The log is cut behind the saved state, but not from under a follower that is being sent an image.
import { beforeEach, expect, test } from 'vitest';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { LogCutter } from '../../src/replica/log-cutter.ts';

const LIMITS = {
  keepEntries: 80,
  keepBytes: 1_000_000,
  mostKeptEntries: 400,
  mostKeptBytes: 5_000_000,
  saveAfterBytes: 500_000,
  maxUncommittedBytes: 500_000,
  maxLogBytes: 7_000_000,
};

let storage: MemoryStorage;
let compacted: number[];
let matched: Map<number, number>;
let shares: Map<number, number>;
let nowMs: number;
let cutter: LogCutter;

beforeEach(() => {
  storage = new MemoryStorage();
  storage.installSnapshot({ index: 0, term: 1, conf: EMPTY_CONF_STATE });
  storage.append(Array.from({ length: 2_000 }, (_, at) => ({ kind: 'normal', index: at + 1, term: 1, data: new Uint8Array() })));
  compacted = [];
  matched = new Map();
  cutter = cutterWith(LIMITS);
  shares = new Map();
  nowMs = 0;
});

function cutterWith(limits: typeof LIMITS): LogCutter {
  const store = { compact: (index: number) => void compacted.push(index) };
  const progress = { match: (peer: number) => matched.get(peer) ?? 0, imageShare: (peer: number) => shares.get(peer) ?? null };
  return new LogCutter(store, { now: () => nowMs }, storage, limits, progress);
}

function savedAt(index: number): void {
  cutter.cut(index);
}

test('so many entries are kept behind the saved state, and cut in steps', () => {
  savedAt(85);
  expect(compacted).toEqual([]);
  savedAt(90);
  savedAt(95);
  savedAt(100);
  expect(compacted).toEqual([10, 20]);
  expect(storage.firstIndex()).toBe(21);
});

test('while a follower is sent an image, the entries behind the image are kept for it', () => {
  cutter.imageBegun(2, 100);
  savedAt(300);
  expect(compacted).toEqual([100]);
  // It has the image, and goes on by the log.
  matched.set(2, 250);
  savedAt(400);
  expect(compacted).toEqual([100, 250]);
  matched.set(2, 500);
  savedAt(500);
  expect(compacted).toEqual([100, 250, 420]);
  matched.set(2, 0);
  savedAt(600);
  expect(compacted).toEqual([100, 250, 420, 520]);
});

test('no more than the most is kept, for however slow a follower', () => {
  cutter.imageBegun(2, 100);
  savedAt(1_000);
  expect(compacted).toEqual([600]);
});

test('nothing is kept for a follower that is gone, nor by a node that no longer leads', () => {
  cutter.imageBegun(2, 100);
  cutter.imageBegun(3, 100);
  cutter.lost(2);
  savedAt(300);
  cutter.forgetAll();
  savedAt(310);
  expect(compacted).toEqual([100, 230]);
});

/** Entries of 1,000 bytes each, counted with their overhead. */
function fillBytes(count: number): void {
  storage.installSnapshot({ index: 0, term: 1, conf: EMPTY_CONF_STATE });
  appendBytes(count);
}

function appendBytes(count: number): void {
  const first = storage.lastIndex() + 1;
  storage.append(Array.from({ length: count }, (_, at) => ({ kind: 'normal', index: first + at, term: 1, data: new Uint8Array(984) })));
}

test('the log is kept by bytes where entries are large, and cut in steps of an eighth', () => {
  const small = { keepEntries: 1_000, keepBytes: 40_000, mostKeptEntries: 1_000, mostKeptBytes: 100_000 };
  cutter = cutterWith({ ...small, saveAfterBytes: 20_000, maxUncommittedBytes: 20_000, maxLogBytes: 200_000 });
  fillBytes(44);
  savedAt(44);
  expect([compacted, storage.bytes]).toEqual([[], 44_000]);
  appendBytes(56);
  savedAt(100);
  expect([compacted, storage.bytes]).toEqual([[60], 40_000]);
  cutter.imageBegun(2, 100);
  appendBytes(150);
  savedAt(250);
  expect([compacted.at(-1), storage.bytes]).toEqual([150, 100_000]);
});

test('a log that has reached its bytes is full until it is compacted', () => {
  cutter = cutterWith({
    keepEntries: 1_000,
    keepBytes: 40_000,
    mostKeptEntries: 1_000,
    mostKeptBytes: 100_000,
    saveAfterBytes: 20_000,
    maxUncommittedBytes: 20_000,
    maxLogBytes: 150_000,
  });
  fillBytes(149);
  expect([cutter.isFull, cutter.holdsProposals]).toEqual([false, false]);
  appendBytes(1);
  expect([cutter.isFull, cutter.holdsProposals]).toEqual([true, true]);
  savedAt(150);
  expect([cutter.isFull, cutter.holdsProposals]).toEqual([false, false]);
});

test('limits with which a full log could never be compacted are a bug', () => {
  expect(() => cutterWith({ ...LIMITS, maxLogBytes: LIMITS.mostKeptBytes })).toThrow('maxLogBytes');
});

test('proposals wait for a follower that gets its image, in step with it, and not for one that does not come further', () => {
  fillBytes(100);
  cutter.imageBegun(2, 100);
  shares.set(2, 0.01);
  appendBytes(200);
  expect(cutter.holdsProposals).toBe(false);
  appendBytes(10);
  expect(cutter.holdsProposals).toBe(true);
  nowMs += 500;
  shares.set(2, 0.1);
  expect(cutter.holdsProposals).toBe(false);
  appendBytes(170);
  expect(cutter.holdsProposals).toBe(true);
  nowMs += 999;
  expect(cutter.holdsProposals).toBe(true);
  nowMs += 2;
  expect(cutter.holdsProposals).toBe(false);
  // It has the image, and catches up by the log.
  shares.delete(2);
  matched.set(2, 100);
  expect(cutter.holdsProposals).toBe(false);
  appendBytes(30);
  expect(cutter.holdsProposals).toBe(true);
  matched.set(2, 200);
  expect(cutter.holdsProposals).toBe(false);
});

test('by bytes too, and for no longer than two minutes in all', () => {
  cutter = cutterWith({ ...LIMITS, keepBytes: 40_000, mostKeptBytes: 100_000 });
  fillBytes(100);
  cutter.imageBegun(2, 100);
  shares.set(2, 0);
  appendBytes(49);
  expect(cutter.holdsProposals).toBe(false);
  appendBytes(10);
  expect(cutter.holdsProposals).toBe(true);
  for (let share = 0.01; nowMs <= 120_000; share += 0.000_1) {
    nowMs += 900;
    shares.set(2, share);
    expect(cutter.holdsProposals).toBe(nowMs <= 120_000);
  }
});
