// A power failure takes what LevelDB did not sync, in every one of its log files: it syncs only the current one.
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StateRecord } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { type DirectoryLogStore, openLogStore } from '../../src/io/log-store.ts';
import type { Index } from '../../src/raft/types.ts';
import { answered, entriesOf, StateModel, shown } from './log-store.suite.ts';

/** The smallest that LevelDB accepts: a batch of so many bytes makes the next write begin another log file. */
const LOG_FILE_BYTES = 64 * 1024;
/** The deletes of so many log records fill a log file. */
const RECORDS = 2_500;

/** The database directory as a power failure leaves it: its tables from when the witness began, and of each log file what was synced. */
class PowerWitness {
  readonly #directory: string;
  readonly #base: string;
  readonly #synced = new Map<string, Buffer>();
  readonly #logs = new Set<string>();

  constructor(directory: string, base: string) {
    this.#directory = directory;
    this.#base = base;
    cpSync(directory, base, { recursive: true });
    // What the opening left has been synced.
    for (const name of this.#names()) this.#synced.set(name, readFileSync(this.#path(name)));
  }

  /** A write has been made: with `sync`, LevelDB has synced the log file to which it went, the newest. */
  written(sync: boolean): void {
    const names = this.#names();
    for (const name of names) this.#logs.add(name);
    const current = names.at(-1);
    if (sync && current !== undefined) this.#synced.set(current, readFileSync(this.#path(current)));
  }

  /** How many log files have been begun since. */
  get logs(): number {
    return this.#logs.size;
  }

  /** The directory after a power failure that took all that was not synced. LevelDB may not have made a table of any log file by then. */
  lose(target: string): void {
    cpSync(this.#base, target, { recursive: true });
    copyFileSync(join(this.#directory, 'mark'), join(target, 'mark'));
    for (const name of this.#logs) writeFileSync(join(target, 'db', name), this.#synced.get(name) ?? Buffer.alloc(0));
  }

  #names(): string[] {
    return readdirSync(join(this.#directory, 'db'))
      .filter((name) => name.endsWith('.log'))
      .sort();
  }

  #path(name: string): string {
    return join(this.#directory, 'db', name);
  }
}

let parent: string;
let directory: string;
let store: DirectoryLogStore;
let witness: PowerWitness | null = null;
let last: Index = 0;

const openAt = (path: string): Promise<DirectoryLogStore> =>
  openLogStore({ directory: path, cluster: 'c', node: 'n1', codec, writeBufferBytes: LOG_FILE_BYTES });
const close = (open: DirectoryLogStore): Promise<void> => answered((done) => open.close(done));
const append = async (count: number): Promise<void> => {
  const entries = entriesOf(last + 1, last + count, 1);
  last += count;
  await answered((done) => store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries }, done));
};
const save = (model: StateModel, index: Index, changes: readonly StateRecord[]): Promise<void> => {
  model.change(changes);
  return answered((done) => store.saveState(model.meta(index, 1), changes, done));
};
const recordsOf = (count: number, bytes: number, note: string): StateRecord[] =>
  Array.from({ length: count }, (_, at) => [`lease/${at}`, Buffer.alloc(bytes, note)]);
const install = async (model: StateModel, index: Index, pieces: readonly StateRecord[][]): Promise<void> => {
  const writer = store.beginImage();
  for (const piece of pieces) {
    model.change(piece);
    await answered((done) => writer.write(piece, done));
  }
  await answered((done) => store.installImage(model.meta(index, 1), writer, { term: 1, vote: 1, commit: index }, done));
  last = index;
};
const stateOf = async (open: DirectoryLogStore): Promise<[string, string][]> => {
  const found: [string, string][] = [];
  await answered((done) =>
    open.readState((records) => found.push(...records.map(([name, content]): [string, string] => [name, String(content)])), done),
  );
  return found.sort();
};
/** Watches from here on what is synced. */
const watch = (): PowerWitness => {
  witness = new PowerWitness(directory, join(parent, 'base'));
  return witness;
};
/** Opens what a power failure leaves: the state and log must be those of the running store. */
const expectToSurvive = async (model: StateModel): Promise<void> => {
  const lost = join(parent, 'lost');
  mkdirSync(lost);
  expect(witness?.logs, 'LevelDB has changed its log file at least once').toBeGreaterThan(1);
  witness?.lose(lost);
  const found = await openAt(lost);
  try {
    expect(await stateOf(found)).toEqual(model.shown());
    const { image, entries } = found.recovered;
    expect(shown(entries.filter((entry) => entry.index > image.index))).toEqual(shown(entriesOf(image.index + 1, last, 1)));
  } finally {
    await close(found);
  }
};

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'log-store-power-'));
  directory = join(parent, 'data');
  last = 0;
  const probe = new Level<Buffer, Buffer>(join(parent, 'probe'));
  await probe.open();
  // The class of all batches, below the one of this database.
  const batches = Object.getPrototypeOf(Object.getPrototypeOf(probe.batch())) as { write(options: { sync: boolean }): Promise<void> };
  const { write } = batches;
  await probe.close();
  // One after the other, as LevelDB itself makes them: only then is it known to which log file each one went.
  let before: Promise<unknown> = Promise.resolve();
  vi.spyOn(batches, 'write').mockImplementation(function observed(this: typeof batches, options) {
    const written = before.then(() => write.call(this, options)).then(() => witness?.written(options.sync));
    before = written.catch(() => {});
    return written;
  });
  store = await openAt(directory);
});

afterEach(async () => {
  witness = null;
  vi.restoreAllMocks();
  await close(store);
  await rm(parent, { recursive: true });
});

test('an installed image survives a power failure after LevelDB changed its log file between the pieces and the meta record', async () => {
  await append(10);
  watch();
  const model = new StateModel(checksum);
  const pieces = Array.from({ length: 5 }, (_, piece): StateRecord[] => [[`lease/${piece}`, Buffer.alloc(LOG_FILE_BYTES, 'x')]]);
  await install(model, 1_000, pieces);
  await expectToSurvive(model);
});

test('a log that was compacted twice has no hole after a power failure between the two', async () => {
  for (let written = 0; written < RECORDS + 100; written++) await append(1);
  const model = new StateModel(checksum);
  await save(model, last, recordsOf(3, 10, 'a'));
  watch();
  store.compact(RECORDS);
  await append(1);
  store.compact(RECORDS + 90);
  await append(1);
  await expectToSurvive(model);
}, 60_000);

test('a log that was compacted before an image was installed does not return below it', async () => {
  for (let written = 0; written < RECORDS + 100; written++) await append(1);
  const model = new StateModel(checksum);
  await save(model, last, recordsOf(3, 10, 'a'));
  watch();
  store.compact(RECORDS + 90);
  const received = new StateModel(checksum);
  await install(received, 9_000, [recordsOf(4, 10, 'b')]);
  await append(1);
  await expectToSurvive(received);
}, 60_000);

test('records of an image that was abandoned before a restart do not return in the next image', async () => {
  await append(10);
  const abandoned = store.beginImage();
  await answered((done) => abandoned.write(recordsOf(RECORDS, 10, 'abandoned'), done));
  await close(store);
  const { clear } = Level.prototype;
  // The clears of the opening are not synced: the power fails before LevelDB has made a table of them.
  vi.spyOn(Level.prototype, 'clear').mockImplementation(async function observed(this: Level<Buffer, Buffer>, ...options: unknown[]) {
    if (witness === null) watch();
    await Reflect.apply(clear, this, options);
    witness?.written(false);
  });
  store = await openAt(directory);
  const model = new StateModel(checksum);
  await install(model, 1_000, [recordsOf(4, 10, 'b')]);
  await append(1);
  await expectToSurvive(model);
});

test('a save of more bytes than a log file holds is there as a whole', async () => {
  await append(10);
  watch();
  const model = new StateModel(checksum);
  await save(model, 5, recordsOf(300, 1_024, 'a'));
  await save(model, 8, recordsOf(300, 1_024, 'b'));
  await append(1);
  await expectToSurvive(model);
});
