// Bodies that are made to cost much: each is refused, or read, within the work that one event-loop turn may have.
import { expect, test } from 'vitest';
import { parseJson } from '../../src/api/body.ts';
import { ApiError } from '../../src/api/errors.ts';
import { WAITING_BODIES_MAX_BYTES } from '../../src/api/json-bodies.ts';
import { LargeWork } from '../../src/api/large-work.ts';
import { BATCH_BODY_MAX_BYTES, BODY_MAX_FIELDS, BODY_MAX_ITEMS } from '../../src/contract/limits.ts';

/** The work that one turn may have, in milliseconds of processor time. */
const TURN_MS = 50;

function list(count: number, item: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => item(at)).join(',');
}
function filled(begin: string, piece: string, end: string): string {
  return begin + piece.repeat(Math.floor((BATCH_BODY_MAX_BYTES - begin.length - end.length) / piece.length)) + end;
}

const REFUSED: readonly (readonly [what: string, body: string, words: RegExp])[] = [
  ['380,000 distinct fields', `{${list(380_000, (at) => `"${at.toString(36)}":0`)}}`, /more than 32 fields/],
  [
    'distinct fields in many small objects',
    `[${list(12_000, (object) => `{${list(30, (at) => `"${(object * 30 + at).toString(36)}":0`)}}`)}]`,
    /more than 20000 fields/,
  ],
  ['two million items', filled('[', '0,', '0]'), /more than 20000 items/],
  ['a million empty lists', filled('[', '[],', '[]]'), /more than 20000 items/],
  ['a million empty objects', filled('[', '{},', '{}]'), /more than 20000 items/],
  ['four million brackets', filled('', '[', ''), /nested deeper/],
  ['brackets that close more than was opened', filled('[]', ']', ''), /not valid JSON/],
  ['colons alone', filled('{"a"', ':', '1}'), /more than 32 fields/],
  ['fields named alike', filled('{', '"a":1,', '"a":1}'), /more than 32 fields/],
  ['a string without end that is all escapes', filled('{"a":"', '\\"', ''), /not valid JSON/],
  ['a string without end that is all backslashes', filled('{"a":"', '\\\\', ''), /not valid JSON/],
];

const READ: readonly (readonly [what: string, body: string])[] = [
  ['one string', filled('{"a":"', 'x', '"}')],
  ['one string of escapes', filled('{"a":"', '\\u4e00', '"}')],
  ['one string of escaped quotes', filled('{"a":"', '\\"', '"}')],
  ['white space', filled('{"a":1', ' ', '}')],
  ['one field with a long name', filled('{"', 'x', '":1}')],
  ['one number', filled('{"a":', '1', '}')],
  [
    'as many fields as may be, all distinct',
    `[${list(BODY_MAX_FIELDS / 32, (object) => `{${list(32, (at) => `"${object * 32 + at}":0`)}}`)}]`,
  ],
  ['as many items as may be', `[${list(BODY_MAX_ITEMS, () => '{}')}]`],
  [
    'a batch of the largest values',
    JSON.stringify({ ops: Array.from({ length: 1_000 }, (_, at) => ({ put: { key: `${at}`, value: 'x'.repeat(4_100) } })) }),
  ],
];

/** Processor time of the cheapest of some calls: other programs and the garbage collector disturb single ones. */
function costMs(call: () => void): number {
  const costs = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    call();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...costs);
}

test.each(REFUSED)('a body of %s is refused within one turn', (_what, body, words) => {
  const bytes = Buffer.from(body);
  expect(bytes.length).toBeLessThanOrEqual(BATCH_BODY_MAX_BYTES);
  const refuse = (): void => {
    expect(() => parseJson(bytes)).toThrow(words);
  };
  refuse();
  expect(costMs(() => refuse())).toBeLessThan(TURN_MS);
});

test.each(READ)('a body of %s is read within one turn', (_what, body) => {
  const bytes = Buffer.from(body);
  expect(bytes.length).toBeLessThanOrEqual(BATCH_BODY_MAX_BYTES);
  expect(costMs(() => parseJson(bytes))).toBeLessThan(TURN_MS);
});

test('strings end where JSON says, however they are escaped and however long they are', () => {
  for (const length of [0, 1, 29, 30, 31, 32, 33, 64, 1_000]) {
    for (const tail of ['', '\\', '\\\\', '"', '\\"', '\\\\"', '",:', '{[', 'é', '\u{1f600}"']) {
      const value = { text: 'x'.repeat(length) + tail, [`name${tail}`]: [tail, { [tail]: tail }] };
      expect(parseJson(Buffer.from(JSON.stringify(value)))).toEqual(value);
      expect(parseJson(Buffer.from(JSON.stringify(value, null, 2)))).toEqual(value);
    }
  }
});

test('large pieces of work run in order, one in each turn, with timers in between', async () => {
  const work = new LargeWork(1_000);
  const story: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    work.add(10, () => {
      story.push(name);
      setTimeout(() => story.push(`timer of ${name}`), 0);
      // Work that takes longer than the timer.
      const until = performance.now() + 3;
      while (performance.now() < until);
    });
  }
  expect(story).toEqual([]);
  await expect.poll(() => story.length).toBe(6);
  expect(story.indexOf('timer of a')).toBeLessThan(story.indexOf('b'));
  expect(story.indexOf('timer of b')).toBeLessThan(story.indexOf('c'));
  expect(work.bytes).toBe(0);
});

test('large pieces of work that would keep too much in memory are refused as overloaded, and never the first', () => {
  const work = new LargeWork(1_000);
  work.add(2_000, () => undefined);
  expect(() => work.add(1, () => undefined)).toThrow(ApiError);
  expect(WAITING_BODIES_MAX_BYTES).toBeGreaterThan(2 * BATCH_BODY_MAX_BYTES);
});
