// The log is cut behind the saved state, but not from under a follower that is being sent an image.
import { beforeEach, expect, test } from 'vitest';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { LogCutter } from '../../src/replica/log-cutter.ts';

const LIMITS = { keepEntries: 80, mostKeptEntries: 400 };

let storage: MemoryStorage;
let compacted: number[];
let matched: Map<number, number>;
let cutter: LogCutter;

beforeEach(() => {
  storage = new MemoryStorage();
  storage.installSnapshot({ index: 0, term: 1, conf: EMPTY_CONF_STATE });
  storage.append(Array.from({ length: 2_000 }, (_, at) => ({ kind: 'normal', index: at + 1, term: 1, data: new Uint8Array() })));
  compacted = [];
  matched = new Map();
  cutter = new LogCutter({ compact: (index) => compacted.push(index) }, storage, LIMITS);
});

function savedAt(index: number): void {
  cutter.cut(index, (peer) => matched.get(peer) ?? 0);
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
