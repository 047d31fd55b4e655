// The tree keeps its promises: what lint cannot say of first lines, lengths, the pure core and honest tests.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

interface SourceFile {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

interface TidyRule {
  /** The sentence that must be true. */
  readonly title: string;
  readonly covers: (path: string) => boolean;
  /** What is wrong, a line for each; empty when the file is as it should be. */
  readonly faults: (file: SourceFile) => string[];
  /** A file that breaks the rule, to show that the rule would see it. */
  readonly planted: SourceFile;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['src', 'test', 'bench', 'cluster', '.ci', '.github'];
const LINES_MAX = 300;
/** Files that were looked at and are better whole than cut, each with the reason. */
const LONG_BY_DECISION: Readonly<Record<string, string>> = {};
/** These two plant what is forbidden. */
const PLANTERS = ['test/tidy.test.ts', 'test/lint.test.ts'];

const isSource = (path: string): boolean => path.startsWith('src/') && path.endsWith('.ts');
const isCore = (path: string): boolean => /^src\/(raft|lease)\/.*\.ts$/.test(path);
const isOurs = (path: string): boolean => path.endsWith('.ts') && !PLANTERS.includes(path);
const isTest = (path: string): boolean => /^test\/.*\.ts$/.test(path) && !PLANTERS.includes(path);

const RULES: readonly TidyRule[] = [
  {
    title: 'raft and lease know no clock, chance, console or process',
    covers: isCore,
    faults: ({ text }) =>
      matches(
        withoutComments(text),
        /\b(Math\.random|Date|setTimeout|setInterval|setImmediate|queueMicrotask|console|performance|process\.|crypto|globalThis|Promise|await)\b|\basync (?=function|\()/g,
      ),
    planted: { path: 'src/raft/planted.ts', text: '// Planted.\nexport const at = Date.now();\n' },
  },
  {
    title: 'raft and lease load nothing at run time, and take no types by the back door',
    covers: isCore,
    faults: ({ text }) => matches(withoutComments(text), /\b(import|require)\s*\(/g),
    planted: { path: 'src/lease/planted.ts', text: "// Planted.\nexport type Entry = import('../raft/types.ts').Entry;\n" },
  },
  {
    title: 'the first line of every file says what the file is for',
    covers: (path) => path.endsWith('.ts'),
    faults: ({ text }) => (/^(#!.*\n)?\/\/ \S.{15,}/.test(text) ? [] : ['the first line is no comment of a sentence']),
    planted: { path: 'src/raft/planted.ts', text: "import { assert } from '../assert.ts';\n" },
  },
  {
    title: `no file in src is longer than ${LINES_MAX} lines`,
    covers: (path) => isSource(path) && !(path in LONG_BY_DECISION),
    faults: ({ text }) => (lineCount(text) > LINES_MAX ? [`${lineCount(text)} lines`] : []),
    planted: { path: 'src/raft/planted.ts', text: 'x;\n'.repeat(LINES_MAX + 1) },
  },
  {
    title: 'no test is skipped, focused or expected to fail',
    covers: isTest,
    faults: ({ text }) => matches(withoutComments(text), /\b(test|it|describe|suite)(\.\w+)*\.(only|skip|skipIf|runIf|todo|fails)\b/g),
    planted: { path: 'test/planted.test.ts', text: "// Planted.\ntest.skip('later', () => {});\n" },
  },
  {
    title: 'types are not talked out of their opinion, nor lint silenced',
    covers: isOurs,
    faults: ({ text }) =>
      matches(withoutComments(text), /\bas any\b|: any\b|<any>/g).concat(matches(text, /@ts-(ignore|nocheck|expect-error)|biome-ignore/g)),
    planted: { path: 'src/api/planted.ts', text: '// Planted.\nexport const value = {} as any;\n' },
  },
  {
    title: 'nothing is left for later in a comment',
    covers: isOurs,
    faults: ({ text }) => matches(text, /\b(TODO|FIXME|XXX|HACK)\b/g),
    planted: { path: 'src/api/planted.ts', text: '// TODO: the rest of it.\n' },
  },
  {
    title: 'src writes to the console only in the command line',
    covers: (path) => isSource(path) && !path.startsWith('src/cli/'),
    faults: ({ text }) => matches(withoutComments(text), /\bconsole\.|\bprocess\.std(out|err)\b/g),
    planted: { path: 'src/io/planted.ts', text: "// Planted.\nconsole.log('here');\n" },
  },
  {
    title: 'no file names a folder of the machine that it was written on',
    covers: (path) => !PLANTERS.includes(path),
    faults: ({ text }) => matches(text, /(?<![\w.])\/(work|home|root|Users)\/[\w.-]+/g),
    planted: { path: 'bench/README.md', text: 'Run it in /home/somebody/leasehold.\n' },
  },
];

const TREE = FOLDERS.flatMap((folder) => filesUnder(join(ROOT, folder))).concat(rootFiles());

describe.each(RULES)('$title', (rule) => {
  test('throughout the tree', () => {
    const covered = TREE.filter((file) => rule.covers(file.path));
    expect(covered.length).toBeGreaterThan(0);
    expect(covered.flatMap((file) => rule.faults(file).map((fault) => `${file.path}: ${fault}`))).toEqual([]);
  });

  test('or else a planted fault is seen', () => {
    expect(rule.covers(rule.planted.path)).toBe(true);
    expect(rule.faults(rule.planted)).not.toEqual([]);
  });
});

test('a decision to keep a file long is dropped when the file is long no more', () => {
  const long = TREE.filter((file) => isSource(file.path) && lineCount(file.text) > LINES_MAX).map((file) => file.path);
  expect(Object.keys(LONG_BY_DECISION).filter((path) => !long.includes(path))).toEqual([]);
});

function filesUnder(folder: string): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readSource(join(entry.parentPath, entry.name)));
}

function rootFiles(): SourceFile[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|json|md|yml)$/.test(entry.name))
    .map((entry) => readSource(join(ROOT, entry.name)));
}

function readSource(path: string): SourceFile {
  return { path: relative(ROOT, path), text: readFileSync(path, 'utf8') };
}

function lineCount(text: string): number {
  return text.trimEnd().split('\n').length;
}

/** Good enough for a tree without `//` in regular expressions of the core. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

function matches(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), (match) => match[0]);
}
