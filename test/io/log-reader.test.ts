// A start keeps only so many bytes of the entries before the saved state, whatever the log on the disk holds.
import { expect, test } from 'vitest';
import { EMPTY_HEAD } from '../../src/io/head.ts';
import { NO_IMAGE } from '../../src/io/image-meta.ts';
import { logKey } from '../../src/io/keys.ts';
import { decodeRecord, encodeRecord, recordChecksum } from '../../src/io/log-records.ts';
import { LogReader, type RecoveredLog } from '../../src/io/log-recovery.ts';
import type { Entry } from '../../src/raft/types.ts';

const KEPT_BYTES = 10_000;

/** Reads records of one entry each, `[index, term]`, with the state at `imageIndex`. */
function read(records: readonly (readonly [number, number])[], imageIndex: number): RecoveredLog {
  const reader = new LogReader(imageIndex, KEPT_BYTES);
  let lastChecksum = 0;
  const terms = new Map<number, number>([[0, 0]]);
  for (const [at, [index, term]] of records.entries()) {
    const entry: Entry = { kind: 'normal', index, term, data: new Uint8Array(1_000) };
    const header = { sequence: at + 1, previousTerm: terms.get(index - 1) ?? 0, previousChecksum: lastChecksum };
    const bytes = encodeRecord(header, [entry]);
    lastChecksum = recordChecksum(bytes);
    terms.set(index, term);
    reader.add(decodeRecord(logKey(index), bytes));
  }
  const [lastIndex, lastTerm] = records.at(-1) ?? [0, 0];
  const meta = { ...NO_IMAGE.meta, index: imageIndex, term: terms.get(imageIndex) ?? 0 };
  return reader.finish({ ...EMPTY_HEAD, lastIndex, lastTerm, lastChecksum }, meta);
}

test('of many entries before the state the last ones are kept, and all after it', () => {
  const log = read(
    Array.from({ length: 130 }, (_, at) => [at + 1, at < 85 ? 1 : 2] as const),
    100,
  );
  const first = log.entries[0]?.index ?? 0;
  expect(first).toBeGreaterThan(80);
  expect(first).toBeLessThanOrEqual(91);
  expect(log.entries.map(({ index }) => index)).toEqual(Array.from({ length: 131 - first }, (_, at) => first + at));
  expect(log.precedingTerm).toBe(first - 1 <= 85 ? 1 : 2);
  expect(log.shape.records).toBe(130);
});

test('nothing after the state is dropped, however much it is', () => {
  expect(
    read(
      [...Array(60).keys()].map((at) => [at + 1, 1] as const),
      0,
    ).entries,
  ).toHaveLength(60);
});

test('a record that replaces entries which were dropped already begins the kept log', () => {
  const reader = new LogReader(40, KEPT_BYTES);
  const entries = (first: number, last: number, term: number): Entry[] =>
    Array.from({ length: last - first + 1 }, (_, at) => ({ kind: 'normal', index: first + at, term, data: new Uint8Array(1_000) }));
  const old = encodeRecord({ sequence: 1, previousTerm: 0, previousChecksum: 0 }, entries(1, 39, 1));
  reader.add(decodeRecord(logKey(1), old));
  const replacing = encodeRecord({ sequence: 2, previousTerm: 1, previousChecksum: recordChecksum(old) }, entries(5, 45, 2));
  reader.add(decodeRecord(logKey(5), replacing));
  const head = { ...EMPTY_HEAD, lastIndex: 45, lastTerm: 2, lastChecksum: recordChecksum(replacing) };
  const log = reader.finish(head, { ...NO_IMAGE.meta, index: 40, term: 2 });
  const first = log.entries[0]?.index ?? 0;
  expect(log.entries.map(({ index, term }) => [index, term])).toEqual(entries(first, 45, 2).map(({ index, term }) => [index, term]));
  expect([first <= 31, log.precedingTerm]).toEqual([true, first === 5 ? 1 : 2]);
});
