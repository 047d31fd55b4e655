// What every log store must do, whatever lies beneath it: run against LevelDB here and against the simulated disk in its own test.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Done, ImageMeta, ImageReader, LogStore, LogWrite, RecordChecksum, StateRecord } from '../../src/env.ts';
import type { ConfState, Entry, HardState, Index, Term } from '../../src/raft/types.ts';

/** One disk. */
export interface StoreFixture {
  /** Opens the store on this disk; the one before has been closed. */
  open(): Promise<LogStore>;
  /** Lets simulated time pass until everything that was begun is done. Absent where time passes by itself. */
  run?(): void;
  dispose(): Promise<void>;
}

export interface StoreFactory {
  readonly name: string;
  readonly checksum: RecordChecksum;
  /** A new, empty disk. */
  make(): Promise<StoreFixture>;
}

const ROSTER = Uint8Array.of(1, 2, 3);
export const CONF: ConfState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const SUM_MODULUS = 2 ** 48;

/** Entries `first`..`last` of `term`, each with its own data. */
export function entriesOf(first: Index, last: Index, term: Term, note = ''): Entry[] {
  const entries: Entry[] = [];
  for (let index = first; index <= last; index++)
    entries.push({ kind: 'normal', term, index, data: Buffer.from(`${index}@${term}${note}`) });
  return entries;
}

/** Entries as text, `3@1`, so that failures can be read. */
export function shown(entries: readonly Entry[]): string[] {
  return entries.map((entry) =>
    entry.kind === 'normal' ? Buffer.from(entry.data).toString() : `${entry.index}@${entry.term} ${JSON.stringify(entry.change)}`,
  );
}

/** Settles when the call has been answered. A second answer throws where it is given. */
export function answered(begin: (done: Done) => void, fixture?: StoreFixture): Promise<void> {
  return new Promise((resolve, reject) => {
    let during = true;
    let isAnswered = false;
    begin((error) => {
      if (isAnswered) throw new Error('done was called twice');
      isAnswered = true;
      if (during) reject(new Error('done was called during the call'));
      else if (error === undefined || error === null) resolve();
      else reject(error);
    });
    during = false;
    fixture?.run?.();
  });
}

/** Keeps the records of a state and their count and sum, as the replica does. */
export class StateModel {
  readonly records = new Map<string, Buffer>();
  readonly #checksum: RecordChecksum;
  #sum = 0;

  constructor(checksum: RecordChecksum) {
    this.#checksum = checksum;
  }

  /** Makes the changes and answers them. */
  change(changes: readonly StateRecord[]): readonly StateRecord[] {
    for (const [name, content] of changes) {
      const old = this.records.get(name);
      if (old !== undefined) this.#sum -= this.#checksum(name, old);
      this.records.delete(name);
      if (content === null) continue;
      this.records.set(name, Buffer.from(content));
      this.#sum += this.#checksum(name, content);
    }
    this.#sum = ((this.#sum % SUM_MODULUS) + SUM_MODULUS) % SUM_MODULUS;
    return changes;
  }

  meta(index: Index, term: Term): ImageMeta {
    return { index, term, conf: CONF, roster: ROSTER, count: this.records.size, sum: this.#sum };
  }

  shown(): [string, string][] {
    return [...this.records].map(([name, content]): [string, string] => [name, content.toString()]).sort();
  }
}

/** Small records in one piece of a state that is read; each costs its reader some microseconds. */
const PIECE_RECORDS_MAX = 3_000;

export function logStoreSuite({ name, checksum, make }: StoreFactory): void {
  describe(`a log store (${name})`, () => {
    let fixture: StoreFixture;
    let store: LogStore;
    const fixtures: StoreFixture[] = [];

    const call = (begin: (done: Done) => void): Promise<void> => answered(begin, fixture);
    const append = (entries: readonly Entry[], hardState: HardState | null = null): Promise<void> => {
      const write: LogWrite = { hardState, entries };
      return call((done) => store.append(write, done));
    };
    const save = (
      model: StateModel,
      index: Index,
      term: Term,
      changes: readonly StateRecord[],
      to = store,
      on = fixture,
    ): Promise<void> => {
      model.change(changes);
      return answered((done) => to.saveState(model.meta(index, term), changes, done), on);
    };
    const reopen = async (): Promise<void> => {
      await call((done) => store.close(done));
      store = await fixture.open();
    };
    const newFixture = async (): Promise<StoreFixture> => {
      const made = await make();
      fixtures.push(made);
      return made;
    };
    const stateOf = async (from: LogStore, on: StoreFixture): Promise<[string, string][]> => {
      const records: [string, string][] = [];
      await answered(
        (done) =>
          from.readState(
            (chunk) => records.push(...chunk.map(([key, content]): [string, string] => [key, Buffer.from(content ?? []).toString()])),
            done,
          ),
        on,
      );
      return records.sort();
    };
    const chunk = (reader: ImageReader, maxBytes: number): Promise<readonly StateRecord[]> =>
      new Promise((resolve, reject) => {
        reader.next(maxBytes, (error, records) => (error === null ? resolve(records) : reject(error)));
        fixture.run?.();
      });

    beforeEach(async () => {
      fixture = await newFixture();
      store = await fixture.open();
    });

    afterEach(async () => {
      await call((done) => store.close(done)).catch(() => {});
      for (const made of fixtures.splice(0)) await made.dispose();
    });

    test('a new store holds nothing and its incarnation is 1', async () => {
      expect(store.recovered).toMatchObject({
        hardState: { term: 0, vote: 0, commit: 0 },
        image: { index: 0, term: 0, count: 0, sum: 0 },
        entries: [],
        precedingTerm: 0,
        incarnation: 1,
      });
      expect(await stateOf(store, fixture)).toEqual([]);
    });

    test('the incarnation grows with every opening', async () => {
      for (let incarnation = 2; incarnation < 6; incarnation++) {
        await reopen();
        expect(store.recovered.incarnation).toBe(incarnation);
      }
    });

    test('a probe changes nothing, whatever comes before and after it', async () => {
      await call((done) => store.probe(done));
      await append(entriesOf(1, 2, 1), { term: 1, vote: 2, commit: 1 });
      await call((done) => store.probe(done));
      await call((done) => store.probe(done));
      await append(entriesOf(3, 3, 1));
      await call((done) => store.probe(done));
      await reopen();
      expect(shown(store.recovered.entries)).toEqual(shown(entriesOf(1, 3, 1)));
      expect(store.recovered.hardState).toMatchObject({ term: 1, vote: 2 });
      await call((done) => store.close(done));
      await expect(call((done) => store.probe(done))).rejects.toThrow();
      store = await fixture.open();
    });

    test('appended entries of both kinds, term, vote and commit are there after reopening', async () => {
      const change: Entry = {
        kind: 'conf-change',
        term: 2,
        index: 4,
        change: { v1: true, transition: 'auto', changes: [{ type: 'add-learner', node: 4 }] },
      };
      await append(entriesOf(1, 3, 1), { term: 1, vote: 2, commit: 0 });
      await append([change], { term: 2, vote: 3, commit: 2 });
      await append(entriesOf(5, 70, 2));
      await reopen();
      expect(shown(store.recovered.entries)).toEqual(shown([...entriesOf(1, 3, 1), change, ...entriesOf(5, 70, 2)]));
      expect(store.recovered.hardState).toEqual({ term: 2, vote: 3, commit: 2 });
      expect(store.recovered.precedingTerm).toBe(0);
    });

    test('a term and a vote without entries are durable', async () => {
      await append([], { term: 7, vote: 3, commit: 0 });
      await reopen();
      expect(store.recovered.hardState).toEqual({ term: 7, vote: 3, commit: 0 });
    });

    test('a commit index that moved alone never runs ahead of the log, and later writes keep it', async () => {
      await append(entriesOf(1, 5, 1), { term: 1, vote: 1, commit: 0 });
      await append([], { term: 1, vote: 1, commit: 4 });
      await append(entriesOf(6, 6, 1));
      await reopen();
      expect(store.recovered.hardState).toEqual({ term: 1, vote: 1, commit: 4 });
    });

    test('an append replaces whatever stood at its indexes and behind, also in the middle of an earlier one', async () => {
      await append(entriesOf(1, 10, 1), { term: 1, vote: 1, commit: 0 });
      await append(entriesOf(11, 15, 1));
      await append(entriesOf(16, 20, 1));
      await append(entriesOf(5, 6, 2), { term: 2, vote: 2, commit: 3 });
      await append(entriesOf(7, 8, 2));
      await reopen();
      expect(shown(store.recovered.entries)).toEqual(shown([...entriesOf(1, 4, 1), ...entriesOf(5, 8, 2)]));
      await append(entriesOf(5, 5, 3, '!'), { term: 3, vote: 0, commit: 3 });
      await append(entriesOf(1, 1, 4), { term: 4, vote: 0, commit: 0 });
      await append(entriesOf(2, 12, 4));
      await reopen();
      expect(shown(store.recovered.entries)).toEqual(shown(entriesOf(1, 12, 4)));
    });

    test('a saved state is there after reopening, with what changed and without what was taken out', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 9, 1), { term: 1, vote: 1, commit: 9 });
      await save(model, 4, 1, [
        ['a', Buffer.from('1')],
        ['b', Buffer.from('2')],
        ['', Buffer.from('')],
        ['ä\0€😀', Buffer.from('3')],
      ]);
      await save(model, 7, 1, [
        ['a', Buffer.from('one')],
        ['b', null],
        ['never', null],
        ['z'.repeat(500), Buffer.alloc(70_000, 'z')],
      ]);
      await reopen();
      expect(store.recovered.image).toEqual(model.meta(7, 1));
      expect(await stateOf(store, fixture)).toEqual(model.shown());
      expect(shown(store.recovered.entries)).toEqual(shown(entriesOf(1, 9, 1)));
    });

    test('compaction forgets entries only behind the image, and appending, truncating and compacting go on', async () => {
      const model = new StateModel(checksum);
      let saved = 0;
      for (let last = 10; last <= 300; last += 10) {
        await append(entriesOf(last - 9, last, 1 + Math.floor(last / 100)));
        if (last % 50 !== 0) continue;
        saved = last - 15;
        const term = 1 + Math.floor((last - 10) / 100);
        await save(model, saved, term, [['at', Buffer.from(`${saved}`)]]);
        store.compact(saved);
      }
      const held = [...entriesOf(saved + 1, 289, 3), ...entriesOf(290, 292, 5)];
      await append(entriesOf(290, 292, 5));
      await reopen();
      const { entries, image } = store.recovered;
      expect(entries[0]?.index).toBeLessThanOrEqual(image.index + 1);
      expect(shown(entries).slice(-held.length)).toEqual(shown(held));
      expect(await stateOf(store, fixture)).toEqual(model.shown());
      store.compact(saved);
      await append(entriesOf(293, 300, 5));
      await reopen();
      expect(store.recovered.entries.at(-1)?.index).toBe(300);
    });

    test('a state of many records is saved whole, and comes back and goes out in pieces of bounded work', async () => {
      const model = new StateModel(checksum);
      const records = Array.from({ length: 20_000 }, (_, at): StateRecord => [`record-${at}`, Buffer.from(`content of ${at}`)]);
      await append(entriesOf(1, 8, 3), { term: 3, vote: 1, commit: 8 });
      await save(model, 8, 3, records);
      await reopen();
      let most = 0;
      let count = 0;
      await call((done) =>
        store.readState((piece) => {
          most = Math.max(most, piece.length);
          count += piece.length;
        }, done),
      );
      const reader = store.openImage();
      for (let piece = await chunk(reader, 32 * 1024); piece.length > 0; piece = await chunk(reader, 32 * 1024)) {
        most = Math.max(most, piece.length);
        count += piece.length;
      }
      reader.close();
      expect(count).toBe(2 * records.length);
      expect(most).toBeLessThanOrEqual(PIECE_RECORDS_MAX);
    });

    test('nothing is forgotten that the saved state does not hold', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 8, 1), { term: 1, vote: 1, commit: 8 });
      await save(model, 5, 1, [['a', Buffer.from('1')]]);
      expect(() => store.compact(6)).toThrow();
      store.compact(5);
      await append(entriesOf(9, 9, 1));
      await reopen();
      expect(shown(store.recovered.entries).slice(-4)).toEqual(shown(entriesOf(6, 9, 1)));
    });

    test('an image of a store without a saved state has no records', async () => {
      await append(entriesOf(1, 3, 1), { term: 1, vote: 1, commit: 3 });
      const reader = store.openImage();
      expect(reader.meta).toMatchObject({ index: 0, term: 0, count: 0, sum: 0 });
      expect(await chunk(reader, 1_000)).toEqual([]);
      reader.close();
    });

    test('a reader hands on about as much as it was asked for, and nothing once all has been read', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 1, 1), { term: 1, vote: 1, commit: 1 });
      await save(
        model,
        1,
        1,
        Array.from({ length: 50 }, (_, at): StateRecord => [`k${at}`, Buffer.alloc(20_000, 'x')]),
      );
      const reader = store.openImage();
      const sizes: number[] = [];
      for (let piece = await chunk(reader, 100_000); piece.length > 0; piece = await chunk(reader, 100_000)) sizes.push(piece.length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(50);
      // A record more or less, and as much as the disk is read at once.
      expect(Math.max(...sizes)).toBeLessThan(12);
      expect(await chunk(reader, 100_000)).toEqual([]);
      reader.close();
    });

    test('an image that is installed without a hard state leaves term and vote as they were', async () => {
      await append(entriesOf(1, 3, 2), { term: 4, vote: 3, commit: 1 });
      const received = new StateModel(checksum);
      const writer = store.beginImage();
      await call((done) => writer.write(received.change([['x', Buffer.from('1')]]), done));
      await call((done) => store.installImage(received.meta(30, 4), writer, null, done));
      await reopen();
      expect(store.recovered.hardState).toEqual({ term: 4, vote: 3, commit: 30 });
      expect(store.recovered).toMatchObject({ entries: [], precedingTerm: 4, image: { index: 30 } });
    });

    test('a log that was compacted to its very end goes on behind it', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 8, 3), { term: 3, vote: 1, commit: 8 });
      await call((done) => store.saveState(model.meta(8, 3), [], done));
      store.compact(8);
      await reopen();
      await reopen();
      expect(store.recovered.image.index).toBe(8);
      await append(entriesOf(9, 9, 4), { term: 4, vote: 1, commit: 8 });
      await reopen();
      expect(store.recovered.entries.at(-1)).toMatchObject({ index: 9, term: 4 });
      expect(store.recovered.hardState).toEqual({ term: 4, vote: 1, commit: 8 });
    });

    test('an image read while newer states are saved is the old one, and installed elsewhere it is the state there, log and all', async () => {
      const model = new StateModel(checksum);
      const records = Array.from(
        { length: 1000 },
        (_, at): StateRecord => [`lease/${at}`, Buffer.from(`content ${at}`.repeat(1 + (at % 20)))],
      );
      await append(entriesOf(1, 50, 2), { term: 2, vote: 1, commit: 50 });
      await save(model, 40, 2, records);
      const wanted = model.shown();
      const reader = store.openImage();

      const other = await newFixture();
      let target = await other.open();
      await answered((done) => target.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entriesOf(1, 90, 1) }, done), other);
      const oldModel = new StateModel(checksum);
      await save(oldModel, 3, 1, [['old', Buffer.from('old')]], target, other);
      const writer = target.beginImage();
      for (let round = 0; ; round++) {
        const piece = await chunk(reader, 4096);
        if (piece.length === 0) break;
        expect(piece.reduce((bytes, [key, content]) => bytes + key.length + (content?.length ?? 0), 0)).toBeLessThan(200_000);
        await answered((done) => writer.write(piece, done), other);
        if (round === 0)
          await save(model, 45, 2, [
            ['lease/999', null],
            ['new', Buffer.from('new')],
          ]);
      }
      const { meta } = reader;
      reader.close();
      expect(meta).toMatchObject({ index: 40, term: 2, conf: CONF, count: 1000 });

      await answered((done) => target.installImage(meta, writer, { term: 5, vote: 0, commit: 40 }, done), other);
      expect(await stateOf(target, other)).toEqual(wanted);
      await answered((done) => target.append({ hardState: null, entries: entriesOf(41, 42, 5) }, done), other);
      await answered((done) => target.close(done), other);
      target = await other.open();
      expect(target.recovered.image).toEqual(meta);
      expect(target.recovered.hardState).toEqual({ term: 5, vote: 0, commit: 40 });
      expect(target.recovered.precedingTerm).toBe(2);
      expect(shown(target.recovered.entries)).toEqual(shown(entriesOf(41, 42, 5)));
      expect(await stateOf(target, other)).toEqual(wanted);
      const later = new StateModel(checksum);
      later.change(records);
      await save(later, 42, 5, [['lease/1', null]], target, other);
      expect(await stateOf(target, other)).toEqual(later.shown());
      await answered((done) => target.close(done), other);
      await reopen();
      expect(await stateOf(store, fixture)).toEqual(model.shown());
    });

    test('an image that is not what its sender announced is not installed, and the store goes on', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 5, 1), { term: 1, vote: 1, commit: 5 });
      await save(model, 5, 1, [['a', Buffer.from('1')]]);
      const received = new StateModel(checksum);
      const pieces = received.change([
        ['x', Buffer.from('1')],
        ['y', Buffer.from('2')],
      ]);
      const meta = received.meta(20, 2);
      for (const wrong of [
        { ...meta, count: 3 },
        { ...meta, sum: (meta.sum + 1) % SUM_MODULUS },
      ]) {
        const writer = store.beginImage();
        await call((done) => writer.write(pieces, done));
        await expect(call((done) => store.installImage(wrong, writer, { term: 9, vote: 1, commit: 20 }, done))).rejects.toThrow();
      }
      const aborted = store.beginImage();
      await call((done) => aborted.write(pieces, done));
      aborted.abort();
      await append(entriesOf(6, 6, 1));
      await reopen();
      expect(store.recovered.hardState).toMatchObject({ term: 1, vote: 1 });
      expect(store.recovered.image.index).toBe(5);
      expect(store.recovered.entries.at(-1)?.index).toBe(6);
      expect(await stateOf(store, fixture)).toEqual(model.shown());
    });

    test('an image that was not finished before the end leaves no trace', async () => {
      const writer = store.beginImage();
      await call((done) => writer.write([['x', Buffer.from('1')]], done));
      await reopen();
      expect(await stateOf(store, fixture)).toEqual([]);
      const again = store.beginImage();
      const model = new StateModel(checksum);
      await call((done) => again.write(model.change([['y', Buffer.from('2')]]), done));
      await call((done) => store.installImage(model.meta(12, 3), again, null, done));
      expect(await stateOf(store, fixture)).toEqual(model.shown());
      await reopen();
      expect(await stateOf(store, fixture)).toEqual(model.shown());
      expect(store.recovered).toMatchObject({ image: { index: 12, term: 3 }, entries: [], precedingTerm: 3 });
    });

    test('appends and saves go on side by side, and an install waits for both', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 10, 1), { term: 1, vote: 1, commit: 10 });
      const saving = save(model, 10, 1, [['a', Buffer.from('1')]]);
      const more = append(entriesOf(11, 12, 1));
      const writer = store.beginImage();
      const received = new StateModel(checksum);
      await call((done) => writer.write(received.change([['b', Buffer.from('2')]]), done));
      const install = call((done) => store.installImage(received.meta(100, 2), writer, { term: 2, vote: 0, commit: 100 }, done));
      await Promise.all([saving, more, install]);
      await append(entriesOf(101, 101, 2));
      await reopen();
      expect(store.recovered.image).toEqual(received.meta(100, 2));
      expect(shown(store.recovered.entries)).toEqual(shown(entriesOf(101, 101, 2)));
      expect(await stateOf(store, fixture)).toEqual(received.shown());
    });

    test('what is asked for while the store closes comes to nothing, and does not keep it from closing', async () => {
      const model = new StateModel(checksum);
      await append(entriesOf(1, 8, 1), { term: 1, vote: 1, commit: 3 });
      await save(model, 5, 1, [['a', Buffer.from('1')]]);
      await append([], { term: 1, vote: 1, commit: 8 });
      const closing = call((done) => store.close(done));
      store.compact(5);
      await expect(call((done) => store.saveState(model.meta(6, 1), [], done))).rejects.toThrow();
      await closing;
      store = await fixture.open();
      expect(store.recovered.image.index).toBe(5);
      expect(await stateOf(store, fixture)).toEqual(model.shown());
    });

    test('after closing, every call answers with an error', async () => {
      await call((done) => store.close(done));
      await expect(append(entriesOf(1, 1, 1), { term: 1, vote: 1, commit: 0 })).rejects.toThrow();
      await expect(call((done) => store.saveState(new StateModel(checksum).meta(0, 0), [], done))).rejects.toThrow();
      await expect(call((done) => store.readState(() => {}, done))).rejects.toThrow();
      const writer = store.beginImage();
      await expect(call((done) => writer.write([['x', Buffer.from('1')]], done))).rejects.toThrow();
      await expect(call((done) => store.installImage(new StateModel(checksum).meta(0, 0), writer, null, done))).rejects.toThrow();
      expect(() => store.openImage()).toThrow();
      store = await fixture.open();
      expect(store.recovered.entries).toEqual([]);
    });
  });
}
