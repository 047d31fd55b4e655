// The conformance suite on LevelDB, and how a data directory tells its owner.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checksum, codec } from '../../src/io/codec.ts';
import { DataDirectoryError, type DirectoryLogStore, openLogStore } from '../../src/io/log-store.ts';
import type { Entry } from '../../src/raft/types.ts';
import { answered, entriesOf, logStoreSuite, shown } from './log-store.suite.ts';

const OWNER = { cluster: 'n1,n2,n3', node: 'n1', codec };

logStoreSuite({
  name: 'LevelDB',
  checksum,
  async make() {
    const directory = await mkdtemp(join(tmpdir(), 'log-store-'));
    return {
      open: () => openLogStore({ ...OWNER, directory }),
      dispose: () => rm(directory, { recursive: true }),
    };
  },
});

describe('a data directory', () => {
  let parent: string;
  let directory: string;
  const stores: DirectoryLogStore[] = [];

  const open = async (changes: Partial<typeof OWNER> = {}): Promise<DirectoryLogStore> => {
    const store = await openLogStore({ ...OWNER, ...changes, directory });
    stores.push(store);
    return store;
  };
  const close = (store: DirectoryLogStore): Promise<void> => answered((done) => store.close(done));
  const append = (store: DirectoryLogStore, first: number, last: number): Promise<void> =>
    answered((done) => store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entriesOf(first, last, 1) }, done));

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'log-store-'));
    directory = join(parent, 'deep', 'data');
  });

  afterEach(async () => {
    for (const store of stores.splice(0)) await close(store).catch(() => {});
    await rm(parent, { recursive: true });
  });

  test('is made when it is missing, for this user alone', async () => {
    await close(await open());
    expect((await readdir(directory)).sort()).toEqual(['db', 'identity', 'mark']);
  });

  test('of another node or another cluster is refused, and stays usable for its owner', async () => {
    const store = await open();
    await append(store, 1, 3);
    await close(store);
    await expect(open({ node: 'n2' })).rejects.toMatchObject({
      code: 'other-node',
      message: expect.stringContaining('belongs to node n1, not to n2'),
    });
    await expect(open({ cluster: 'n1,n2' })).rejects.toMatchObject({
      code: 'other-cluster',
      message: expect.stringContaining('another cluster'),
    });
    expect((await open()).recovered.entries.length).toBe(3);
  });

  test('that is open already is refused to a second one, and the first goes on', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'in-use', message: expect.stringContaining('in use by another process') });
    await append(store, 1, 2);
    await close(store);
    expect(shown((await open()).recovered.entries)).toEqual(shown(entriesOf(1, 2, 1)));
  });

  test('opened for the first time by two at once belongs to one of them', async () => {
    const results = await Promise.allSettled([open(), open(), open()]);
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(refusals.map((error: { code: string }) => error.code)).toEqual(['in-use', 'in-use']);
    const [store] = stores;
    if (store === undefined) throw new Error('nobody got it');
    await append(store, 1, 1);
    await close(store);
    expect((await open()).disk).toBe(store.disk);
  });

  test('keeps its disk name, and an emptied one comes back as another disk with nothing in it', async () => {
    const store = await open();
    await append(store, 1, 2);
    await close(store);
    const again = await open();
    expect(again.disk).toBe(store.disk);
    await close(again);
    await rm(directory, { recursive: true });
    const emptied = await open();
    expect(emptied.disk).not.toBe(store.disk);
    expect(emptied.recovered).toMatchObject({ entries: [], incarnation: 1 });
  });

  test('remembers the disks of peers over a restart', async () => {
    const store = await open();
    expect(await Promise.all([store.rememberPeer('n2', 'a'), store.rememberPeer('n2', 'a'), store.rememberPeer('__proto__', 'b')])).toEqual(
      ['new', 'same', 'new'],
    );
    await append(store, 1, 1);
    await close(store);
    const again = await open();
    expect(await again.rememberPeer('n2', 'a')).toBe('same');
    expect(await again.rememberPeer('n2', 'c')).toBe('different');
    expect(await again.rememberPeer('n2', 'a')).toBe('same');
    expect(await again.rememberPeer('__proto__', 'a')).toBe('different');
    expect(await again.rememberPeer('n3', 'a')).toBe('new');
  });

  test('that fails while it is written fails for good, with the same error for every later call', async () => {
    const store = await open();
    await append(store, 1, 3);
    // LevelDB finds its directory gone when it begins its next file.
    await rm(join(directory, 'db'), { recursive: true });
    const large = Buffer.alloc(3 * 1024 * 1024, 'x');
    let failure: unknown;
    for (let index = 4; index < 40 && failure === undefined; index++) {
      const entries: Entry[] = [{ kind: 'normal', term: 1, index, data: large }];
      failure = await answered((done) => store.append({ hardState: null, entries }, done)).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(failure).toBeInstanceOf(DataDirectoryError);
    await mkdir(join(directory, 'db'));
    await expect(append(store, 1, 3)).rejects.toBe(failure);
    await expect(answered((done) => store.readState(() => {}, done))).rejects.toBe(failure);
    await expect(store.rememberPeer('n2', 'a')).rejects.toBe(failure);
    expect(() => store.openImage()).toThrow(failure as Error);
    await expect(close(store)).rejects.toBe(failure);
    await expect(open()).rejects.toMatchObject({ code: 'damaged' });
  });

  test('that cannot be made or written is refused with what to do', async () => {
    await writeFile(join(parent, 'deep'), 'a file');
    await expect(open()).rejects.toMatchObject({ code: 'not-writable', message: expect.stringContaining('cannot be written') });
    if (process.getuid?.() === 0) return;
    await rm(join(parent, 'deep'));
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o500);
    await expect(open()).rejects.toMatchObject({ code: 'not-writable' });
    await chmod(directory, 0o700);
  });

  test('whose first start was cut off at any point starts again cleanly', async () => {
    await close(await open());
    const identity = (await readFile(join(directory, 'identity'), 'utf8')).split('\n');
    expect(identity.length).toBeGreaterThan(3);
    await rm(directory, { recursive: true });
    // Nothing but the beginning of an identity file, a database without a log, a mark without a database.
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'identity.new'), '{ "form');
    await close(await open());
    const { newIdentity, writeIdentity } = await import('../../src/io/identity.ts');
    for (const cut of [['db'], ['mark'], ['db', 'mark'], [], ['CURRENT'], ['MANIFEST']]) {
      await writeIdentity(directory, newIdentity(OWNER.cluster, OWNER.node));
      for (const name of cut) {
        if (name === 'MANIFEST')
          for (const file of await readdir(join(directory, 'db')))
            if (file.startsWith(name)) await writeFile(join(directory, 'db', file), '');
        if (name === 'CURRENT') await writeFile(join(directory, 'db', name), 'MANIFEST-');
        if (name === 'db' || name === 'mark') await rm(join(directory, name), { recursive: true });
      }
      const store = await open();
      expect(store.recovered, cut.join()).toMatchObject({ entries: [], incarnation: 1 });
      await append(store, 1, 1);
      await close(store);
      const again = await open();
      expect(again.recovered).toMatchObject({ incarnation: 2 });
      await close(again);
    }
  });
});
