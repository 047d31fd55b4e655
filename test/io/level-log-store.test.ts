// What the store writes together and what it syncs, seen at LevelDB's door: a disk that keeps unsynced writes would not tell.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checksum, codec } from '../../src/io/codec.ts';
import { type DirectoryLogStore, openLogStore } from '../../src/io/log-store.ts';
import { answered, entriesOf, StateModel } from './log-store.suite.ts';

interface Written {
  /** First letters of the keys, in order: `h` the head, `m` the meta, `l` the log, `s` the state. */
  keys: string;
  synced: boolean;
}

interface Chain {
  put(key: Buffer, value: Buffer): Chain;
  del(key: Buffer): Chain;
  write(options?: { readonly sync?: boolean }): Promise<void>;
}

let directory: string;
let store: DirectoryLogStore;
let written: Written[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'level-log-store-'));
  const prototype = Level.prototype as unknown as { batch(): Chain };
  const original = prototype.batch;
  vi.spyOn(prototype, 'batch').mockImplementation(function (this: typeof prototype): Chain {
    return watched(original.call(this));
  });
  written = [];
  store = await openLogStore({ directory: join(directory, 'data'), cluster: 'c', node: 'n1', codec });
  written = [];
});

afterEach(async () => {
  await answered((done) => store.close(done));
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

function watched(chain: Chain): Chain {
  const entry: Written = { keys: '', synced: false };
  const { put, del, write } = chain;
  const note = (key: Buffer): void => {
    entry.keys += key.toString('latin1', 0, 1);
  };
  return Object.assign(chain, {
    put(key: Buffer, value: Buffer) {
      note(key);
      return put.call(chain, key, value);
    },
    del(key: Buffer) {
      note(key);
      return del.call(chain, key);
    },
    write(options?: { readonly sync?: boolean }) {
      entry.synced = options?.sync === true;
      written.push(entry);
      return write.call(chain, options);
    },
  });
}

test('entries and the head that tells of them are one synced batch', async () => {
  await answered((done) => store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entriesOf(1, 3, 1) }, done));
  expect(written).toEqual([{ keys: 'lh', synced: true }]);
});

test('the changed records of the state and where it stands are one synced batch', async () => {
  await answered((done) => store.append({ hardState: null, entries: entriesOf(1, 3, 1) }, done));
  const model = new StateModel(checksum);
  const changes = model.change([
    ['a', Buffer.from('1')],
    ['b', Buffer.from('2')],
  ]);
  written = [];
  await answered((done) => store.saveState(model.meta(2, 1), changes, done));
  expect(written).toEqual([{ keys: 'ssm', synced: true }]);
});

test('a received state counts by one synced batch, which drops the log and moves the head', async () => {
  await answered((done) => store.append({ hardState: null, entries: entriesOf(1, 3, 1) }, done));
  const model = new StateModel(checksum);
  const writer = store.beginImage();
  const changes = model.change([['a', Buffer.from('1')]]);
  await answered((done) => writer.write(changes, done));
  written = [];
  await answered((done) => store.installImage(model.meta(9, 2), writer, { term: 2, vote: 0, commit: 9 }, done));
  expect(written).toEqual([{ keys: 'lmh', synced: true }]);
});
