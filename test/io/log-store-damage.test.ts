// Damage to a stopped data directory, in any of its files: what was acknowledged is there, or the store refuses and says so. Never a third way.
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageMeta } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { decodeHead } from '../../src/io/head.ts';
import { checkTables } from '../../src/io/level-files.ts';
import { DataDirectoryError, type DirectoryLogStore, openLogStore } from '../../src/io/log-store.ts';
import type { Entry, HardState, Index } from '../../src/raft/types.ts';
import { answered, entriesOf, StateModel, shown } from './log-store.suite.ts';
import { newSeed, type SeededRandom, seeded } from './seeded.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 160);

/** What was acknowledged. An image before the last is as good, together with all entries behind it: the log makes the newer one of it again. */
interface Acknowledged {
  readonly log: readonly Entry[];
  readonly hardState: HardState;
  readonly images: ReadonlyMap<Index, { readonly meta: ImageMeta; readonly state: [string, string][] }>;
}

describe('a stopped data directory', () => {
  let parent: string;
  let original: string;
  let acknowledged: Acknowledged;

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'log-store-damage-'));
    original = join(parent, 'original');
    acknowledged = await fill(original);
  }, 60_000);

  afterAll(() => rm(parent, { recursive: true }));

  /** A copy of the directory, damaged by `harm`, and what came of opening it. */
  async function attempt(harm: (copy: string) => Promise<void>): Promise<'whole' | string> {
    const copy = join(parent, 'copy');
    await rm(copy, { recursive: true, force: true });
    await cp(original, copy, { recursive: true });
    await harm(copy);
    let store: DirectoryLogStore | undefined;
    const mark = await readFile(join(copy, 'mark')).catch(() => null);
    try {
      store = await open(copy);
      await expectWhole(store, acknowledged);
      return 'whole';
    } catch (error) {
      if (!(error instanceof DataDirectoryError)) throw error;
      expect(error.message).toContain(copy);
      if (store === undefined)
        expect(await readFile(join(copy, 'mark')).catch(() => null), 'a refusal leaves the mark alone').toEqual(mark);
      return error.code;
    } finally {
      const opened = store;
      if (opened !== undefined) await answered((done) => opened.close(done)).catch(() => {});
    }
  }

  test('with one bit flipped, or cut short, anywhere in any file, has everything or is refused', async () => {
    const { below } = seeded(newSeed('log-store-damage'));
    const results = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      let what = '';
      const result = await attempt(async (copy) => {
        what = await harmAnyFile(copy, below);
      }).catch((error: unknown) => {
        throw new Error(`round ${round}: ${what}`, { cause: error });
      });
      const kind = `${what.replace(/ .*/, '').replace(/\d+/, '')} ${result}`;
      results.set(kind, (results.get(kind) ?? 0) + 1);
    }
    process.stdout.write(`damage: ${JSON.stringify(Object.fromEntries([...results].sort()))}\n`);
    const seen = [...results.keys()].join();
    expect(seen).toContain('whole');
    expect(seen).toContain('damaged');
  }, 300_000);

  test('with any one file missing has everything or is refused', async () => {
    for (const file of await filesOf(original)) {
      const result = await attempt((copy) => rm(join(copy, file)));
      if (/identity|mark|CURRENT|MANIFEST|ldb$/.test(file)) expect(result, file).toBe('damaged');
    }
  }, 60_000);

  test('with any byte of a table altered is refused with the name of the table, before LevelDB reads it', async () => {
    const { below } = seeded(newSeed('log-store-damage'));
    const tables = (await filesOf(original)).filter((file) => file.endsWith('.ldb'));
    expect(tables.length).toBeGreaterThan(1);
    for (let round = 0; round < 60; round++) {
      const file = tables[below(tables.length)] ?? '';
      const bytes = await readFile(join(original, file));
      const copy = join(parent, 'tables');
      await cp(join(original, 'db'), copy, { recursive: true });
      await checkTables(copy);
      // The footer's last words are padding and magic; the bytes before them all count.
      const at = below(bytes.length - 48);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + below(255)), at);
      await writeFile(join(copy, file.slice(3)), bytes);
      await expect(checkTables(copy), `byte ${at} of ${file}`).rejects.toThrow(file.slice(3));
      await rm(copy, { recursive: true });
    }
  }, 60_000);

  test('that lost its LevelDB log, which LevelDB itself does not notice, is refused', async () => {
    let head = 0;
    const result = await attempt(async (copy) => {
      for (const file of await filesOf(copy)) if (/\d+\.log$/.test(file)) await rm(join(copy, file));
      const database = new Level<Buffer, Buffer>(join(copy, 'db'), { keyEncoding: 'buffer', valueEncoding: 'buffer' });
      await database.open();
      head = decodeHead(await database.get(Buffer.from('h'))).sequence;
      await database.close();
    });
    expect(head).toBeGreaterThan(0);
    expect(result).toBe('damaged');
  });

  test('with an old database under its new mark, or no database at all, is refused', async () => {
    const old = join(parent, 'old');
    await cp(original, old, { recursive: true });
    const store = await open(old);
    await answered((done) => store.append({ hardState: { term: 9, vote: 3, commit: 0 }, entries: [] }, done));
    await answered((done) => store.close(done));
    expect(await attempt((copy) => cp(join(old, 'mark'), join(copy, 'mark')))).toBe('damaged');
    expect(await attempt((copy) => rm(join(copy, 'db'), { recursive: true }))).toBe('damaged');
    expect(await attempt((copy) => rm(join(copy, 'identity')))).toBe('damaged');
    await rm(old, { recursive: true });
  });

  test('with one slot of its mark destroyed has everything, with both it is refused', async () => {
    const zero = (offsets: number[]) => async (copy: string) => {
      const bytes = await readFile(join(copy, 'mark'));
      for (const offset of offsets) bytes.fill(0, offset, offset + 512);
      await writeFile(join(copy, 'mark'), bytes);
    };
    expect(await attempt(zero([0]))).toBe('whole');
    expect(await attempt(zero([4096]))).toBe('whole');
    expect(await attempt(zero([0, 4096]))).toBe('damaged');
  });

  test('whose last write was cut off before it was acknowledged has everything: batch without mark, twice, torn batch', async () => {
    const openAndClose = async (copy: string) => {
      const store = await open(copy);
      await answered((done) => store.close(done));
    };
    const batchWithoutMark = async (copy: string) => {
      const mark = await readFile(join(copy, 'mark'));
      await openAndClose(copy);
      await writeFile(join(copy, 'mark'), mark);
    };
    expect(await attempt(batchWithoutMark), 'batch without mark').toBe('whole');
    const twice = async (copy: string) => {
      const mark = await readFile(join(copy, 'mark'));
      await openAndClose(copy);
      await openAndClose(copy);
      await writeFile(join(copy, 'mark'), mark);
    };
    expect(await attempt(twice), 'a mark that is several writes behind').toBe('whole');
    const torn = async (copy: string) => {
      for (const file of await filesOf(copy))
        if (/\d+\.log$/.test(file)) await appendFile(join(copy, file), Buffer.from('0badc0de400001', 'hex'));
    };
    expect(await attempt(torn), 'torn batch').toBe('whole');
  });
});

/** Fills a directory over several openings, so that there are tables, a log, superseded entries and an image. */
async function fill(directory: string): Promise<Acknowledged> {
  const model = new StateModel(checksum);
  const log: Entry[] = [];
  const images = new Map<Index, { meta: ImageMeta; state: [string, string][] }>([[0, { meta: model.meta(0, 0), state: [] }]]);
  const append = async (store: DirectoryLogStore, entries: Entry[], hardState: HardState) => {
    await answered((done) => store.append({ hardState, entries }, done));
    if (entries[0] !== undefined) log.length = entries[0].index - 1;
    log.push(...entries);
  };
  const save = async (store: DirectoryLogStore, index: Index, changes: [string, Buffer | null][]) => {
    model.change(changes);
    const meta = model.meta(index, 1);
    await answered((done) => store.saveState(meta, changes, done));
    images.set(index, { meta, state: model.shown() });
  };
  let store = await open(directory);
  for (let first = 1; first < 200; first += 10)
    await append(store, entriesOf(first, first + 9, 1), { term: 1, vote: 1, commit: first - 1 });
  await save(
    store,
    150,
    Array.from({ length: 300 }, (_, at) => [`lease/${at}`, Buffer.from(`holder ${at}`)]),
  );
  await answered((done) => store.close(done));
  store = await open(directory);
  await append(store, entriesOf(195, 197, 2), { term: 2, vote: 2, commit: 160 });
  await save(
    store,
    160,
    Array.from({ length: 20 }, (_, at) => [`lease/${at * 3}`, at % 4 === 0 ? null : Buffer.from('changed')]),
  );
  store.compact(120);
  await append(store, entriesOf(198, 240, 2), { term: 2, vote: 2, commit: 197 });
  await answered((done) => store.close(done));
  store = await open(directory);
  await append(store, entriesOf(235, 236, 3), { term: 3, vote: 0, commit: 197 });
  for (let index = 237; index < 260; index++) await append(store, entriesOf(index, index, 3), { term: 3, vote: 3, commit: index - 1 });
  await save(store, 170, [['lease/new', Buffer.from('new')]]);
  await answered((done) => store.close(done));
  return { log, hardState: { term: 3, vote: 3, commit: 258 }, images };
}

async function expectWhole(store: DirectoryLogStore, { log, hardState, images }: Acknowledged): Promise<void> {
  const state: [string, string][] = [];
  await answered((done) =>
    store.readState(
      (records) => state.push(...records.map(([name, content]): [string, string] => [name, Buffer.from(content ?? []).toString()])),
      done,
    ),
  );
  const { image, entries } = store.recovered;
  const saved = images.get(image.index);
  expect(saved, `an image at ${image.index} was saved`).toBeDefined();
  expect(image).toMatchObject({ term: saved?.meta.term, count: saved?.meta.count, sum: saved?.meta.sum });
  expect(state.sort()).toEqual(saved?.state);
  expect(shown(entries.filter((entry) => entry.index > image.index))).toEqual(shown(log.slice(image.index)));
  expect(store.recovered.hardState).toEqual(hardState);
}

function open(directory: string): Promise<DirectoryLogStore> {
  return openLogStore({ directory, cluster: 'c', node: 'n1', codec });
}

async function filesOf(directory: string): Promise<string[]> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile())
    .map((file) => relative(directory, join(file.parentPath, file.name)))
    .sort();
}

/** Harms one file, each as likely as the other whatever its size; tells what was done. */
async function harmAnyFile(directory: string, below: SeededRandom['below']): Promise<string> {
  const files: string[] = [];
  for (const file of await filesOf(directory)) if ((await stat(join(directory, file))).size > 0) files.push(file);
  const file = files[below(files.length)] ?? '';
  const path = join(directory, file);
  const bytes = await readFile(path);
  const at = below(bytes.length);
  if (below(3) === 0) {
    await truncate(path, at);
    return `${file} cut from ${bytes.length} to ${at} bytes`;
  }
  const bit = below(8);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
  await writeFile(path, bytes);
  return `${file} bit ${bit} of byte ${at} of ${bytes.length} flipped`;
}
