// What the checks at the start see that LevelDB's own cannot: a database that is whole, but does not hold what was written.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checksum, codec } from '../../src/io/codec.ts';
import { decodeHead, encodeHead } from '../../src/io/head.ts';
import { HEAD_KEY, logKey, stateKey } from '../../src/io/keys.ts';
import { decodeRecord, encodeRecord, recordChecksum } from '../../src/io/log-records.ts';
import { DataDirectoryError, type DirectoryLogStore, openLogStore } from '../../src/io/log-store.ts';
import { answered, entriesOf, StateModel } from './log-store.suite.ts';

type Database = Level<Buffer, Buffer>;

/** The store below: entries 1 to 4, each a record, and the state at 1 in two records. */
const LAST = 4;

let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'log-recovery-'));
  directory = join(parent, 'data');
  const store = await open();
  for (let index = 1; index <= LAST; index++) {
    await answered((done) => store.append({ hardState: { term: 1, vote: 2, commit: 1 }, entries: entriesOf(index, index, 1) }, done));
  }
  const model = new StateModel(checksum);
  for (const note of ['old', 'new']) {
    const changes = model.change([
      ['a', Buffer.from(`a ${note}`)],
      ['b', Buffer.from('b')],
    ]);
    await answered((done) => store.saveState(model.meta(1, 1), changes, done));
  }
  await close(store);
});

afterEach(() => rm(parent, { recursive: true }));

function open(): Promise<DirectoryLogStore> {
  return openLogStore({ directory, cluster: 'c', node: 'n1', codec });
}

function close(store: DirectoryLogStore): Promise<void> {
  return answered((done) => store.close(done));
}

/** Changes the database behind the store's back. */
async function tamper(change: (database: Database) => Promise<void>): Promise<void> {
  const database: Database = new Level(join(directory, 'db'), { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false });
  await database.open();
  await change(database);
  await database.close();
}

/** What opening says, `opened` when it says nothing. */
async function opening(): Promise<string> {
  try {
    await close(await open());
    return 'opened';
  } catch (error) {
    if (!(error instanceof DataDirectoryError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

async function recordAt(database: Database, index: number) {
  const key = logKey(index);
  return { key, value: Buffer.from((await database.get(key)) as Buffer) };
}

test('the log and the state as they were written are taken', async () => {
  await tamper(async () => {});
  expect(await opening()).toBe('opened');
});

describe('a log is refused', () => {
  test('that has an altered record', async () => {
    await tamper(async (database) => {
      const { key, value } = await recordAt(database, 2);
      value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1);
      await database.put(key, value);
    });
    expect(await opening()).toMatch(/^damaged: .*the log record at 2 is altered/);
  });

  test('that has another whole record in the place of one', async () => {
    await tamper(async (database) => {
      const { key, value } = await recordAt(database, 2);
      await database.put(key, encodeRecord(decodeRecord(key, value), entriesOf(2, 2, 1, 'other')));
    });
    expect(await opening()).toMatch(/^damaged: .*the log record at 3 does not follow the one at 2/);
  });

  test('that has a record of an older write behind a newer one', async () => {
    await tamper(async (database) => {
      const { key, value } = await recordAt(database, LAST);
      const older = encodeRecord({ ...decodeRecord(key, value), sequence: 1 }, entriesOf(LAST, LAST, 1));
      const head = decodeHead(Buffer.from((await database.get(HEAD_KEY)) as Buffer));
      await database.batch([
        { type: 'put', key, value: older },
        { type: 'put', key: HEAD_KEY, value: encodeHead({ ...head, sequence: head.sequence + 1, lastChecksum: recordChecksum(older) }) },
      ]);
    });
    expect(await opening()).toMatch(/^damaged: .*the log record at 4 does not follow the one at 3/);
  });

  test('that has a hole', async () => {
    await tamper((database) => database.del(logKey(3)));
    expect(await opening()).toMatch(/^damaged: .*a hole from 3 to 3/);
  });

  test('that lacks its last record, or all of them', async () => {
    await tamper((database) => database.del(logKey(LAST)));
    expect(await opening()).toMatch(/^damaged: .*the log ends at 3 .* it was written up to 4/);
    await tamper((database) => database.batch([1, 2, 3].map((index) => ({ type: 'del', key: logKey(index) }))));
    expect(await opening()).toMatch(/^damaged: .*the log ends at 1 .* it was written up to 4/);
  });

  test('that begins behind the saved state', async () => {
    await tamper((database) => database.batch([1, 2].map((index) => ({ type: 'del', key: logKey(index) }))));
    expect(await opening()).toMatch(/^damaged: .*the state stands at 1, the log begins at 3/);
  });

  test('under an altered head, also where the alteration looks newer than the mark', async () => {
    await tamper(async (database) => {
      const head = Buffer.from((await database.get(HEAD_KEY)) as Buffer);
      const newer = encodeHead({ ...decodeHead(head), sequence: decodeHead(head).sequence + 1 });
      head.copy(newer, 0, 0, 4);
      await database.put(HEAD_KEY, newer);
    });
    expect(await opening()).toMatch(/^damaged: .*the head is altered/);
  });
});

describe('a saved state is refused when it is read', () => {
  async function reading(): Promise<string> {
    const store = await open();
    const names: string[] = [];
    const end = await answered((done) => store.readState((records) => names.push(...records.map(([name]) => name)), done)).then(
      () => 'read',
      (error: Error) => error.message,
    );
    await close(store).catch(() => {});
    return end;
  }

  test('that has an altered record', async () => {
    await tamper(async (database) => {
      const value = Buffer.from((await database.get(stateKey(0, 'b'))) as Buffer);
      value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1);
      await database.put(stateKey(0, 'b'), value);
    });
    expect(await reading()).toContain('the state record "b" is altered');
  });

  test('that has an earlier version of a record', async () => {
    await tamper(async (database) => {
      const content = Buffer.from('a old');
      const value = Buffer.alloc(4 + content.length);
      value.writeUInt32LE(checksum('a', content), 0);
      value.set(content, 4);
      await database.put(stateKey(0, 'a'), value);
    });
    expect(await reading()).toContain('a state record is not the one that was saved last');
  });

  test('that lacks a record', async () => {
    await tamper((database) => database.del(stateKey(0, 'a')));
    expect(await reading()).toContain('the state has 1 records, 2 were saved');
  });
});

test('a mark of which either slot is torn in the middle still tells by the other', async () => {
  const path = join(directory, 'mark');
  const whole = await readFile(path);
  for (const slot of [0, 4096]) {
    const torn = Buffer.from(whole);
    // The version in front is new, the head behind it half of another one.
    torn.fill(0x5a, slot + 8 + 30, slot + 512);
    await writeFile(path, torn);
    expect(await opening(), `slot at ${slot}`).toBe('opened');
    await writeFile(path, whole);
  }
});
