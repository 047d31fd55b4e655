// One synced write at a time; nothing that was promised leaves before what it promises is durable.
import { beforeEach, expect, test } from 'vitest';
import type { Done, LogStore, LogWrite } from '../../src/env.ts';
import { ManualClock } from '../../src/io/manual-clock.ts';
import type { Message, StorageAppend, VoteRequest } from '../../src/raft/messages.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE, type Entry, type HardState, type SnapshotMeta } from '../../src/raft/types.ts';
import { LogWriter } from '../../src/replica/log-writer.ts';

let writes: { write: LogWrite; done: Done }[];
let released: Message[];
let probes: Done[];
let clock: ManualClock;
let errors: Error[];
let installs: { snapshot: SnapshotMeta; hardState: HardState; done: Done }[];
let storage: MemoryStorage;
let writer: LogWriter;

beforeEach(() => {
  writes = [];
  released = [];
  errors = [];
  installs = [];
  storage = new MemoryStorage();
  probes = [];
  clock = new ManualClock();
  const store = {
    append: (write: LogWrite, done: Done) => void writes.push({ write, done }),
    probe: (done: Done) => void probes.push(done),
  } as unknown as LogStore;
  writer = new LogWriter({ store, clock }, storage, {
    release: (messages) => released.push(...messages),
    install: (snapshot, hardState, done) => installs.push({ snapshot, hardState, done }),
    fatal: (error) => errors.push(error),
  });
});

const entry = (index: number, term = 1): Entry => ({ kind: 'normal', index, term, data: new Uint8Array([index]) });
const ack = (index: number): Message => ({
  kind: 'append-response',
  from: 1,
  to: 2,
  term: 1,
  index,
  rejected: false,
  rejectHint: 0,
  logTerm: 0,
});

function append(entries: Entry[], hardState: HardState | null = null, snapshot: SnapshotMeta | null = null): void {
  const responses = entries.length > 0 ? [ack((entries.at(-1) as Entry).index)] : [ack(0)];
  const message: StorageAppend = { kind: 'storage-append', from: 1, to: -1, term: 0, hardState, entries, snapshot, responses };
  writer.queue(message, []);
  writer.pump();
}

const acked = () => released.map((message) => (message.kind === 'append-response' ? message.index : message.kind));

test('an acknowledgement leaves when its entries are durable, not before', () => {
  append([entry(1)]);
  expect(released).toEqual([]);
  expect(storage.lastIndex()).toBe(0);
  writes[0]?.done();
  expect(acked()).toEqual([1]);
  expect(storage.lastIndex()).toBe(1);
});

test('what comes up during a write shares the next one, in order', () => {
  append([entry(1)]);
  append([entry(2), entry(3)]);
  append([entry(4)], { term: 1, vote: 2, commit: 0 });
  expect(writes).toHaveLength(1);
  writes[0]?.done();
  writer.pump();
  expect(writes[1]?.write.entries.map(({ index }) => index)).toEqual([2, 3, 4]);
  expect(writes[1]?.write.hardState).toEqual({ term: 1, vote: 2, commit: 0 });
  expect(acked()).toEqual([1]);
  writes[1]?.done();
  expect(acked()).toEqual([1, 3, 4]);
});

test('entries that were replaced while they waited are not written behind those that replaced them', () => {
  append([entry(1)]);
  append([entry(2), entry(3), entry(4)]);
  append([entry(3, 2)]);
  writes[0]?.done();
  writer.pump();
  expect(writes[1]?.write.entries.map(({ index, term }) => [index, term])).toEqual([
    [2, 1],
    [3, 2],
  ]);
  append([entry(2, 3)]);
  append([entry(1, 4), entry(2, 4)]);
  writes[1]?.done();
  writer.pump();
  expect(writes[2]?.write.entries.map(({ index, term }) => [index, term])).toEqual([
    [1, 4],
    [2, 4],
  ]);
});

test('a commit index alone waits for no disk; a vote does, and the request for votes with it', () => {
  append([], { term: 0, vote: 0, commit: 9 });
  expect(writes).toHaveLength(0);
  expect(released).toHaveLength(1);
  const vote: VoteRequest = { kind: 'vote', from: 1, to: 2, term: 5, logTerm: 1, index: 1, transfer: false };
  const hardState = { term: 5, vote: 1, commit: 9 };
  writer.queue({ kind: 'storage-append', from: 1, to: -1, term: 5, hardState, entries: [], snapshot: null, responses: [] }, [vote]);
  writer.pump();
  expect(released).toHaveLength(1);
  writes[0]?.done();
  expect(released[1]).toEqual(vote);
});

test('a vote in a term that is on the disk already waits for the disk too', () => {
  append([], { term: 5, vote: 0, commit: 0 });
  writes[0]?.done();
  append([], { term: 5, vote: 2, commit: 0 });
  expect(writes[1]?.write.hardState).toEqual({ term: 5, vote: 2, commit: 0 });
  expect(released).toHaveLength(1);
  writes[1]?.done();
  expect(released).toHaveLength(2);
});

test('a received state is installed in its turn, and the log goes on behind it', () => {
  append([entry(1)]);
  const snapshot = { index: 10, term: 2, conf: EMPTY_CONF_STATE };
  append([], null, snapshot);
  append([entry(11, 2)]);
  expect(writer.isInstalling).toBe(true);
  expect(installs).toHaveLength(0);
  writes[0]?.done();
  writer.pump();
  expect(installs[0]?.snapshot).toEqual(snapshot);
  expect(writes).toHaveLength(1);
  expect(writer.isInstalling).toBe(true);
  installs[0]?.done();
  expect(writer.isInstalling).toBe(false);
  writer.pump();
  expect(storage.firstIndex()).toBe(11);
  expect(writes[1]?.write.entries.map(({ index }) => index)).toEqual([11]);
});

test('the entries of a Ready that also has a snapshot are written after its installation and acknowledged only then', () => {
  const snapshot = { index: 10, term: 2, conf: EMPTY_CONF_STATE };
  append([entry(11, 2), entry(12, 2)], { term: 2, vote: 0, commit: 11 }, snapshot);
  append([entry(13, 2)]);
  installs[0]?.done();
  expect(acked()).toEqual([]);
  expect(writes.map(({ write }) => write.entries.map(({ index }) => index))).toEqual([[11, 12, 13]]);
  expect(storage.lastIndex()).toBe(10);
  writes[0]?.done();
  expect(acked()).toEqual([12, 13]);
  expect(storage.lastIndex()).toBe(13);
});

test('an installation writes no commit index after its snapshot: the log on the disk ends there', () => {
  const snapshot = { index: 10, term: 2, conf: EMPTY_CONF_STATE };
  append([entry(11, 2)], { term: 2, vote: 1, commit: 11 }, snapshot);
  expect(installs[0]?.hardState).toEqual({ term: 2, vote: 1, commit: 10 });
  installs[0]?.done();
  expect(writes[0]?.write.hardState).toEqual({ term: 2, vote: 1, commit: 11 });
});

test('no promise leaves if the installation before its entries fails', () => {
  append([entry(11, 2)], null, { index: 10, term: 2, conf: EMPTY_CONF_STATE });
  installs[0]?.done(new Error('EIO'));
  expect([errors.length, released.length, writes.length]).toEqual([1, 0, 0]);
});

test('the first failed write is final: nothing that waited for it is ever promised', () => {
  append([entry(1)]);
  writes[0]?.done(new Error('EIO'));
  expect(errors.map((error) => error.message)).toEqual(['EIO']);
  expect(released).toEqual([]);
  expect(storage.lastIndex()).toBe(0);
});

test('promises that repeat while a disk hangs do not pile up, and each of them leaves in the end', () => {
  append([entry(1)]);
  append([entry(2)]);
  for (let n = 0; n < 1_000; n += 1) {
    writer.queue(
      { kind: 'storage-append', from: 1, to: -1, term: 0, hardState: null, entries: [], snapshot: null, responses: [ack(2)] },
      [],
    );
  }
  writer.queue({ kind: 'storage-append', from: 1, to: -1, term: 0, hardState: null, entries: [], snapshot: null, responses: [ack(1)] }, []);
  writes[0]?.done();
  writer.pump();
  writes[1]?.done();
  expect(acked()).toEqual([1, 2, 1]);
});

test('a probe is a write of its own: appends wait for it, and it waits for none', () => {
  append([entry(1)]);
  writer.probe();
  expect(probes).toHaveLength(0);
  writes[0]?.done();
  writer.probe();
  writer.probe();
  expect(probes).toHaveLength(1);
  expect(writer.isWriting).toBe(true);
  append([entry(2)]);
  expect(writes).toHaveLength(1);
  probes[0]?.();
  writer.pump();
  expect(writes).toHaveLength(2);
  writer.probe();
  expect(probes).toHaveLength(1);
  writes[1]?.done();
  writer.probe();
  probes[1]?.(new Error('EIO'));
  expect(errors.map((error) => error.message)).toEqual(['EIO']);
});

test('the age of the write under way is known', async () => {
  append([entry(1)]);
  await clock.advance(70);
  writer.watch.tick(1_000);
  expect(writer.watch.pendingMs).toBe(70);
  writes[0]?.done();
  expect(writer.watch.pendingMs).toBe(0);
});
