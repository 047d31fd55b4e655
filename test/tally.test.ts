// The counting of promised properties: that it counts what passed, and notices what did not, is gone, or was never written.
import { expect, test } from 'vitest';
import { fieldBugs } from './raft/field-bugs.ts';
import { starProperties, strayNames } from './raft/star-properties.ts';
import { type Row, tally } from './tally.ts';

const FILE = 'test/tally.test.ts';

function outcomeOf(tests: Row['tests'], states: Record<string, Record<string, string>>): string | undefined {
  const ran = new Map(Object.entries(states).map(([file, ofFile]) => [file, new Map(Object.entries(ofFile))]));
  return tally([{ name: 'it', tests }], ran).get('it');
}

test('a property is held when every test of it passed', () => {
  const tests = ['a', 'b'].map((title) => ({ file: FILE, title }));
  expect(outcomeOf(tests, { [FILE]: { a: 'passed', b: 'passed', c: 'failed' } })).toBe('held');
  expect(outcomeOf(tests, { [FILE]: { a: 'passed', b: 'failed' } })).toBe('broken');
  expect(outcomeOf(tests, { [FILE]: { a: 'passed', b: 'skipped' } })).toBe('broken');
});

test('a property is broken when its test or file is gone, untested when it has none, and undecided when the file did not run', () => {
  const tests = [{ file: FILE, title: 'a' }];
  expect(outcomeOf(tests, { [FILE]: { b: 'passed' } })).toBe('broken');
  expect(outcomeOf(tests, {})).toBe('not in this run');
  expect(outcomeOf([{ file: 'test/gone.test.ts', title: 'a' }], {})).toBe('broken');
  expect(outcomeOf([], {})).toBe('untested');
});

test('every starred property and every bug of the field has tests in files that exist, and no name is a slip', () => {
  const stars = starProperties();
  if (stars === null) {
    if (process.env.CI) expect.fail('PROPERTIES.md is absent');
  } else {
    expect(stars).toHaveLength(40);
    expect(strayNames(stars)).toEqual([]);
  }
  const rows = [...(stars ?? []), ...fieldBugs()];
  const open = [...tally(rows, new Map())].filter(([, outcome]) => outcome !== 'not in this run').map(([name]) => name);
  expect(open).toEqual([]);
  for (const { name, tests } of fieldBugs()) for (const { title } of tests) expect(title.startsWith(`${name} `), title).toBe(true);
});
