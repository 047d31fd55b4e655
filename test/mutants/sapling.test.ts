// The gate tested: it tells a fault that a test notices from one that nobody notices, and from one that merely breaks the program.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listed, type Mutant } from './mutant.ts';
import { Sapling } from './sapling.ts';
import { type Report, type Verdict, verdictOf } from './verdict.ts';

describe('a verdict', () => {
  function verdict(...messages: (string | null)[]): Verdict {
    const results: Report['testResults'] = [
      {
        name: '/tree/test/raft/a.test.ts',
        status: 'failed',
        message: '',
        assertionResults: messages.map((message, at) => ({
          ancestorTitles: ['votes'],
          title: `rule ${at + 1}`,
          status: message === null ? 'passed' : 'failed',
          failureMessages: message === null ? [] : [`${message}\n    at somewhere`],
        })),
      },
    ];
    return verdictOf({ numPassedTests: messages.filter((message) => message === null).length, testResults: results }, '/tree');
  }

  test('names the first test whose expectation or invariant failed', () => {
    const message = 'AssertionError: expected 1 to be 2';
    expect(verdict(null, message)).toEqual({ kind: 'caught', test: 'test/raft/a.test.ts > votes > rule 2', message });
    expect(verdict('InvariantError: raft: no').kind).toBe('caught');
    expect(verdict('TypeError: x is undefined', 'AssertionError: no')).toMatchObject({ kind: 'caught', message: 'AssertionError: no' });
  });

  test('is no catch when the program makes no sense any more, when time ran out, or when nothing ran', () => {
    for (const message of ['TypeError: x is undefined', 'ReferenceError: x is not defined', 'Error: Test timed out in 20000ms.']) {
      expect(verdict(null, message)).toEqual({ kind: 'crashed', message: `test/raft/a.test.ts > votes > rule 2: ${message}` });
    }
    expect(verdict()).toMatchObject({ kind: 'crashed', message: 'test/raft/a.test.ts: ' });
    expect(verdictOf({ numPassedTests: 0, testResults: [] }, '/tree')).toEqual({ kind: 'crashed', message: 'no test ran' });
  });

  test('is a pass when all passed', () => {
    expect(verdict(null, null)).toEqual({ kind: 'passed', tests: 2 });
  });
});

describe('a planted copy of the tree', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const file = 'raft/vote.ts';
  const suites = ['raft/paper-elections.test.ts | each server votes for at most one candidate'];
  const [harmless, harmful, broken, stale] = listed('x', 'ours', [
    { title: 'nothing changes', file, find: 'state.vote = from;', replace: 'state.vote = from; // really', suites },
    { title: 'the vote is forgotten', file, find: 'state.vote = from;', replace: '', suites },
    { title: 'the file cannot be loaded', file, find: 'state.vote = from;', replace: '}}', suites },
    { title: 'the place is gone', file, find: 'state.vote = nobody;', replace: '', suites },
  ]) as [Mutant, Mutant, Mutant, Mutant];
  let folder: string;
  let sapling: Sapling;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'leasehold-sapling-'));
    sapling = new Sapling(root, folder);
  });

  afterAll(() => {
    sapling.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('survives a fault that is none, is caught with one, and only breaks with nonsense; the tree itself stays as it was', async () => {
    const before = readFileSync(join(root, 'src', file), 'utf8');
    expect(await sapling.try(harmless)).toEqual({ kind: 'passed', tests: 1 });
    expect(await sapling.try(harmful)).toMatchObject({ kind: 'caught', test: expect.stringContaining('first come, first served') });
    expect(await sapling.try(broken)).toMatchObject({ kind: 'crashed' });
    expect(await sapling.try(stale)).toMatchObject({ kind: 'stale' });
    expect(await sapling.try(harmless)).toEqual({ kind: 'passed', tests: 1 });
    expect(readFileSync(join(root, 'src', file), 'utf8')).toBe(before);
  }, 120_000);
});
