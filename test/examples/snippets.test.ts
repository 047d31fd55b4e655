// Every block of code in every README is run by a test, or is of a kind that cannot be, and is then checked as far as it can be.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { ROOT } from '../e2e/processes.ts';
import { type Block, blocksFor, blocksIn, NOT_RUN, RUN_BY, readmes, textOf } from '../e2e/readmes.ts';

const SELF = 'test/examples/snippets.test.ts';

/** What is wrong with the blocks of a README: those that nobody runs. */
function unrun(path: string, blocks: readonly Block[]): string[] {
  const counted = new Map<string, number>();
  return blocks.flatMap(({ language, line }) => {
    const at = counted.get(language) ?? 0;
    counted.set(language, at + 1);
    if (language in NOT_RUN) return [];
    const runners = RUN_BY[path]?.[language];
    const runner = typeof runners === 'string' ? runners : runners?.[at];
    return runner === undefined ? [`${path}:${line}: no test runs this block (${language || 'without a language'})`] : [];
  });
}

describe.each(readmes())('%s', (path) => {
  test('has no block that nobody runs', () => {
    expect(unrun(path, blocksIn(textOf(path)))).toEqual([]);
  });

  test('has no code without a fence', () => {
    // Four spaces make a block only behind an empty line that does not belong to a list.
    const indented = [...textOf(path).matchAll(/^(?![-*\d ]).*\n\n( {4}\S.*)$/gm)].map(([, line]) => line);
    expect(indented).toEqual([]);
  });
});

test('a block that nobody runs is seen, of whatever language, or without one', () => {
  for (const language of ['sh', 'ts', 'python', '']) {
    const [block] = blocksIn(`A text.\n\n\`\`\`${language}\ntrue\n\`\`\`\n`);
    expect(block).toEqual({ line: 3, language, text: 'true\n' });
    expect(unrun('bench/README.md', [block as Block])).toHaveLength(1);
  }
  const sh = blocksIn(textOf('README.md')).filter(({ language }) => language === 'sh');
  expect(unrun('README.md', [...sh, { line: 1, language: 'sh', text: 'one more' }])).toEqual([expect.stringContaining('README.md:1')]);
  expect(() => blocksIn('```sh\ntrue\n')).toThrow('never closed');
});

test('each test that is said to run blocks is there, and asks for them', () => {
  const rows = Object.entries(RUN_BY).flatMap(([path, languages]) =>
    Object.entries(languages).flatMap(([language, runners]) => [runners].flat().map((runner) => ({ path, language, runner }))),
  );
  for (const { path, language, runner } of rows) {
    const test = readFileSync(join(ROOT, runner), 'utf8');
    expect(blocksFor(runner, path, language), `${language} of ${path}`).not.toEqual([]);
    expect(test).toContain(`'${runner}'`);
    expect(test, `${runner} does not ask for the ${language} blocks of ${path}`).toMatch(
      new RegExp(`blocksFor\\(SELF, ('${path}'|path), '${language}'\\)`),
    );
    expect(test, `${runner} does not speak of ${path}`).toContain(`'${path}'`);
  }
});

test('the blocks that run for long name scripts, programs and options that are there', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const lines = readmes().flatMap((path) =>
    blocksIn(textOf(path)).flatMap(({ language, text }) => (language === 'sh long' ? text.trim().split('\n') : [])),
  );
  expect(lines.length).toBeGreaterThan(15);
  for (const line of lines) {
    const command = line.replace(/ +#.*$/, '');
    const script = /^npm (?:run )?(\S+)/.exec(command)?.[1];
    const program = /^npx tsx (?:--expose-gc )?(\S+)/.exec(command)?.[1];
    if (program !== undefined) expect(existsSync(join(ROOT, program)), command).toBe(true);
    else if (script !== undefined && script !== 'ci') expect(scripts, command).toHaveProperty([script]);
    else expect(['npm ci', '.ci/run'], command).toContain(command);
    const source = program ?? /tsx (\S+)/.exec(scripts[script ?? ''] ?? '')?.[1];
    for (const [, option = ''] of command.replace('--expose-gc', '').matchAll(/--([a-z][a-z-]+)/g)) {
      const texts = source === undefined ? [] : withImports(source);
      expect(
        texts.some((text) => new RegExp(`\\b${option}: \\{ type:|'${option}': \\{ type:|'--${option}'|case '${option}'`).test(text)),
        `no program takes --${option} of ${command}`,
      ).toBe(true);
    }
  }
});

/** The texts of a program and of those beside it that it is made of. */
function withImports(path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = textOf(path);
  const near = [...text.matchAll(/from '(\.[^']*)'/g)].map(([, target = '']) => join(dirname(path), target));
  return [text, ...near.flatMap((each) => withImports(each, seen))];
}

test('the configuration for Prometheus is one, and asks the nodes that npm start starts', () => {
  const [text = ''] = blocksFor(SELF, 'cluster/README.md', 'yaml');
  expect(parseYaml(text)).toEqual({
    scrape_configs: [
      {
        job_name: 'leasehold',
        scrape_interval: '5s',
        static_configs: [{ targets: ['127.0.0.1:7801', '127.0.0.1:7802', '127.0.0.1:7803'] }],
      },
    ],
  });
});
