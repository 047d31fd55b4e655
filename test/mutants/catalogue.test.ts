// The catalogue is not stale: every fault can still be planted, and the tests that are to catch it are there.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { listed, planted } from './mutant.ts';
import { sampleOf } from './sample.ts';

const SRC = new URL('../../src/', import.meta.url);
const TEST = new URL('../', import.meta.url);

describe('the catalogue', () => {
  test.each(CATALOGUE)('has a place for $id $title', (mutant) => {
    const text = readFileSync(new URL(mutant.file, SRC), 'utf8');
    expect(planted(mutant, text)).not.toBe(text);
  });

  test('names tests that are there', () => {
    const paths = CATALOGUE.flatMap(({ suites }) => suites.flatMap((suite) => (suite.split(' | ')[0] ?? '').split(' ')));
    expect([...new Set(paths)].filter((path) => !existsSync(new URL(path, TEST)))).toEqual([]);
    expect(CATALOGUE.filter(({ suites }) => suites.length === 0)).toEqual([]);
  });

  test('has each of the 54 faults of FORMAT.md, and more of our own', () => {
    const count = (list: string): number => CATALOGUE.filter(({ id }) => id.startsWith(`${list}/`)).length;
    expect([count('raft'), count('raft-more')]).toEqual([33, 21]);
    expect(count('lease') + count('replica') + count('io')).toBeGreaterThan(20);
  });

  test('has no two faults of one title', () => {
    expect(new Set(CATALOGUE.map(({ title }) => title)).size).toBe(CATALOGUE.length);
  });
});

test('a fault whose place is gone, or is there twice, is a stale one and told so', () => {
  const [mutant] = listed('x', 'ours', [{ title: 'it goes wrong', file: 'x.ts', find: 'a + b', replace: 'a - b', suites: ['raft'] }]);
  if (mutant === undefined) throw new Error('nothing is listed');
  expect(planted(mutant, 'const c = a + b;')).toBe('const c = a - b;');
  expect(() => planted(mutant, 'const c = a * b;')).toThrow('x/01 it goes wrong: its anchor stands 0 times in src/x.ts');
  expect(() => planted(mutant, 'a + b + a + b')).toThrow('2 times');
});

test('a sample is the same for the same seed, and every fault has its turn', () => {
  const ids = (seed: string): string[] => sampleOf(CATALOGUE, 6, seed).map(({ id }) => id);
  expect(ids('a')).toHaveLength(6);
  expect(ids('a')).toEqual(ids('a'));
  const drawn = new Set(Array.from({ length: 400 }, (_, seed) => ids(String(seed))).flat());
  expect(drawn.size).toBe(CATALOGUE.length);
});
