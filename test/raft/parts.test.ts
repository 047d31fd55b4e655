// The parts of the core by themselves: window, progress, storage, log and its tail that is not durable yet.
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/assert.ts';
import { Inflights } from '../../src/raft/inflights.ts';
import { RaftLog } from '../../src/raft/log.ts';
import { Progress } from '../../src/raft/progress.ts';
import { entryBytes } from '../../src/raft/sizes.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import type { Entry } from '../../src/raft/types.ts';
import { Unstable } from '../../src/raft/unstable.ts';
import { entriesOf } from './network.ts';

const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const ignoreConflict = (): void => undefined;

describe('inflights', () => {
  test('the window is full by count, and by bytes once one message reaches them', () => {
    const byCount = new Inflights({ maxMessages: 2, maxBytes: 0 });
    byCount.add(1, 1000);
    expect(byCount.isFull).toBe(false);
    byCount.add(2, 1000);
    expect(byCount.isFull).toBe(true);
    expect(() => byCount.add(3, 1)).toThrow(InvariantError);
    const byBytes = new Inflights({ maxMessages: 10, maxBytes: 100 });
    byBytes.add(1, 99);
    expect(byBytes.isFull).toBe(false);
    byBytes.add(2, 500);
    expect(byBytes.isFull).toBe(true);
  });

  test('an acknowledgement frees what is at or before it, a stale one nothing', () => {
    const window = new Inflights({ maxMessages: 3000, maxBytes: 0 });
    for (let index = 1; index <= 3000; index++) window.add(index, 1);
    for (const [index, left] of [
      [0, 3000],
      [1, 2999],
      [1, 2999],
      [2000, 1000],
      [1500, 1000],
      [3000, 0],
    ] as const) {
      window.freeUpTo(index);
      expect(window.count).toBe(left);
    }
    expect(window.isFull).toBe(false);
  });

  test('freed bytes count no more', () => {
    const window = new Inflights({ maxMessages: 10, maxBytes: 100 });
    window.add(5, 60);
    window.add(6, 60);
    expect(window.isFull).toBe(true);
    window.freeUpTo(5);
    expect(window.isFull).toBe(false);
    window.reset();
    expect(window.count).toBe(0);
  });
});

describe('progress', () => {
  function progress(match: number, next: number): Progress {
    return new Progress(match, next, false, { maxMessages: 2, maxBytes: 0 });
  }

  test('a probing peer gets one append with entries, then waits', () => {
    const peer = progress(0, 1);
    peer.sentEntries(0, 0);
    expect(peer.isPaused).toBe(false);
    peer.sentEntries(1, 10);
    expect([peer.isPaused, peer.next]).toEqual([true, 1]);
    peer.resume();
    expect(peer.isPaused).toBe(false);
  });

  test('a replicating peer is streamed to until the window is full', () => {
    const peer = progress(3, 4);
    peer.becomeReplicate();
    peer.sentEntries(2, 10);
    expect([peer.next, peer.isPaused]).toEqual([6, false]);
    peer.sentEntries(1, 10);
    expect([peer.next, peer.isPaused]).toEqual([7, true]);
    peer.maybeUpdate(5);
    peer.inflights.freeUpTo(5);
    expect([peer.match, peer.next, peer.isPaused]).toEqual([5, 7, false]);
  });

  test('after a snapshot probing goes on behind it, after its failure behind what is known', () => {
    for (const [pending, next] of [
      [9, 10],
      [0, 4],
    ] as const) {
      const peer = progress(3, 4);
      peer.becomeSnapshot(9);
      expect([peer.isPaused, peer.pendingSnapshot, peer.next]).toEqual([true, 9, 10]);
      peer.pendingSnapshot = pending;
      peer.becomeProbe();
      expect([peer.next, peer.isPaused]).toEqual([next, false]);
    }
  });

  test('a refusal lowers next, but never to match, and a stale one does nothing', () => {
    const cases: [state: 'probe' | 'replicate', match: number, next: number, rejected: number, hint: number, expected: number | false][] = [
      ['replicate', 5, 10, 5, 5, false],
      ['replicate', 5, 10, 4, 4, false],
      ['replicate', 5, 10, 9, 9, 6],
      ['probe', 0, 0, 0, 0, false],
      ['probe', 0, 10, 5, 5, false],
      ['probe', 0, 10, 9, 9, 9],
      ['probe', 0, 2, 1, 1, 1],
      ['probe', 0, 1, 0, 0, 1],
      ['probe', 0, 10, 9, 2, 3],
      ['probe', 5, 10, 9, 2, 6],
    ];
    for (const [state, match, next, rejected, hint, expected] of cases) {
      const peer = progress(match, next);
      peer.state = state;
      expect(peer.maybeDecrease(rejected, hint), `${cases}`).toBe(expected !== false);
      expect(peer.next).toBe(expected === false ? next : expected);
    }
  });
});

function storageOf(compactedTo: number, ...terms: number[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entriesOf(terms));
  storage.compact(compactedTo);
  return storage;
}

describe('storage', () => {
  test('compaction keeps the term before the first entry, and all behind', () => {
    const storage = storageOf(3, 1, 1, 2, 2, 3);
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([4, 5]);
    expect([2, 3, 4, 5, 6].map((index) => storage.term(index))).toEqual([undefined, 2, 2, 3, undefined]);
    storage.compact(2);
    expect(storage.firstIndex()).toBe(4);
    expect(() => storage.compact(9)).toThrow(InvariantError);
    expect(() => storage.entries(3, 5, NO_LIMIT)).toThrow(InvariantError);
    expect(() => storage.entries(4, 7, NO_LIMIT)).toThrow(InvariantError);
  });

  test('an append replaces what stands there and behind, and leaves no hole', () => {
    const storage = storageOf(2, 1, 1, 1, 1, 1);
    storage.append(entriesOf([2], 4));
    expect(storage.entries(3, 5, NO_LIMIT).map(({ term }) => term)).toEqual([1, 2]);
    storage.append(entriesOf([3, 3, 3, 3], 1));
    expect(storage.entries(3, 5, NO_LIMIT).map(({ term }) => term)).toEqual([3, 3]);
    expect(() => storage.append(entriesOf([3], 6))).toThrow(InvariantError);
  });

  test('a range is cut to the bytes, but never to nothing', () => {
    const storage = storageOf(0, 1, 1, 1);
    expect(storage.entries(1, 4, NO_LIMIT)).toHaveLength(3);
    expect(storage.entries(1, 4, 45)).toHaveLength(2);
    expect(storage.entries(1, 4, 0)).toHaveLength(1);
  });
});

describe('log', () => {
  /** Entries 1 to 3 of the given terms durable, the rest not. */
  function logOf(...terms: number[]): RaftLog {
    const log = new RaftLog(storageOf(0, ...terms.slice(0, 3)), NO_LIMIT);
    log.append(entriesOf(terms).slice(3));
    return log;
  }

  test('an append is taken where it matches, cuts off a conflict, and bounds the commit index', () => {
    const cases: [
      term: number,
      index: number,
      sent: number[],
      commit: number,
      last: number | undefined,
      committed: number,
      log: number[],
    ][] = [
      [2, 3, [4], 3, undefined, 1, [1, 2, 3, 4]],
      [3, 4, [4], 3, undefined, 1, [1, 2, 3, 4]],
      [3, 3, [], 3, 3, 3, [1, 2, 3, 4]],
      [3, 3, [], 4, 3, 3, [1, 2, 3, 4]],
      [3, 3, [], 2, 3, 2, [1, 2, 3, 4]],
      [0, 0, [], 3, 0, 1, [1, 2, 3, 4]],
      [3, 3, [5], 4, 4, 4, [1, 2, 3, 5]],
      [2, 2, [5], 3, 3, 3, [1, 2, 5]],
      [1, 1, [2, 3], 3, 3, 3, [1, 2, 3, 4]],
      [3, 3, [4, 4, 4], 9, 6, 6, [1, 2, 3, 4, 4, 4]],
    ];
    for (const [term, index, sent, commit, last, committed, expected] of cases) {
      const log = logOf(1, 2, 3, 4);
      log.commitTo(1);
      expect(log.maybeAppend({ term, index }, entriesOf(sent, index + 1), commit, ignoreConflict)).toBe(last);
      expect([log.committed, log.slice(1, log.lastIndex() + 1).map((entry) => entry.term)]).toEqual([committed, expected]);
    }
  });

  test('a conflict with a committed entry ends the process rather than the guarantee', () => {
    const log = logOf(1, 2, 3, 4);
    log.commitTo(3);
    expect(() => log.maybeAppend({ term: 2, index: 2 }, entriesOf([5], 3), 4, ignoreConflict)).toThrow(InvariantError);
    expect(() => log.append(entriesOf([5], 3))).toThrow(InvariantError);
  });

  test('the commit index never decreases, and never passes the last entry', () => {
    const log = logOf(1, 2, 3);
    log.commitTo(2);
    log.commitTo(1);
    expect(log.committed).toBe(2);
    expect(() => log.commitTo(4)).toThrow(InvariantError);
  });

  test('compaction leaves terms, matches and the tail as they were', () => {
    const storage = storageOf(0, 1, 1, 2, 2);
    const log = new RaftLog(storage, NO_LIMIT);
    log.append(entriesOf([3, 3], 5));
    log.commitTo(4);
    log.appliedTo(4, 0);
    storage.compact(3);
    expect([log.firstIndex(), log.lastIndex()]).toEqual([4, 6]);
    expect([2, 3, 4, 5, 6, 7].map((index) => log.term(index))).toEqual([undefined, 2, 2, 3, 3, undefined]);
    for (const [term, index] of [
      [2, 4],
      [3, 5],
      [3, 6],
    ] as const) {
      expect(log.matches({ term, index })).toBe(true);
    }
    expect(log.unstable.nextEntries()).toEqual(entriesOf([3, 3], 5));
    expect(log.entriesFrom(3, NO_LIMIT)).toBeUndefined();
    expect(log.entriesFrom(4, NO_LIMIT)?.map(({ index }) => index)).toEqual([4, 5, 6]);
    log.append(entriesOf([3], 7));
    expect(log.lastIndex()).toBe(7);
  });

  test('a range over durable and other entries is cut to the bytes as one, but never to nothing', () => {
    const log = logOf(1, 1, 1, 2, 2);
    const [entry] = log.slice(1, 2);
    const each = entryBytes(entry as Entry);
    for (let bytes = 0; bytes <= 6 * each; bytes++) {
      const count = Math.min(5, Math.max(1, Math.floor(bytes / each)));
      expect(log.entriesFrom(1, bytes)?.length, `${bytes} bytes`).toBe(count);
    }
  });

  test('the search for a common point takes the last index whose term is not later', () => {
    const storage = storageOf(2, 1, 1, 2, 2, 4, 4);
    const log = new RaftLog(storage, NO_LIMIT);
    for (const [index, term, found] of [
      [6, 9, { index: 6, term: 4 }],
      [6, 3, { index: 4, term: 2 }],
      [6, 2, { index: 4, term: 2 }],
      [3, 2, { index: 3, term: 2 }],
      [6, 1, { index: 2, term: 1 }],
      [6, 0, { index: 1, term: 0 }],
    ] as const) {
      expect(log.findConflictByTerm(index, term)).toEqual(found);
    }
  });
});

describe('unstable', () => {
  test('what is durable goes, unless another entry stands there by now', () => {
    const unstable = new Unstable(5);
    unstable.truncateAndAppend(entriesOf([1, 1, 1], 5));
    unstable.acceptInProgress();
    for (const [index, term, left] of [
      [4, 1, 3],
      [6, 2, 3],
      [9, 1, 3],
      [6, 1, 1],
      [5, 1, 1],
      [7, 1, 0],
    ] as const) {
      unstable.stableTo({ index, term });
      expect(unstable.entries).toHaveLength(left);
    }
    expect([unstable.offset, unstable.lastIndex()]).toEqual([8, undefined]);
  });

  test('entries that replace others are to be written again, and slices handed out before stay as they were', () => {
    const unstable = new Unstable(5);
    unstable.truncateAndAppend(entriesOf([1, 1, 1], 5));
    const handedOut = unstable.nextEntries();
    unstable.acceptInProgress();
    expect(unstable.hasNextEntries()).toBe(false);
    unstable.truncateAndAppend(entriesOf([2], 6));
    expect(unstable.nextEntries().map(({ term, index }) => [term, index])).toEqual([[2, 6]]);
    expect(handedOut).toEqual(entriesOf([1, 1, 1], 5));
    unstable.truncateAndAppend(entriesOf([3, 3], 4));
    expect([unstable.offset, unstable.nextEntries().length]).toEqual([4, 2]);
    expect(() => unstable.truncateAndAppend(entriesOf([3], 9))).toThrow(InvariantError);
  });
});
