// The lint configuration does its work: each rule that the layers hang on catches a planted fault, and the tree itself is clean.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
const LAYER = 'lint/style/noRestrictedImports';

/** Each folder, what it may import, and what it may not. */
const LAYERS: readonly { readonly folder: string; readonly allowed: readonly string[]; readonly forbidden: readonly string[] }[] = [
  {
    folder: 'raft',
    allowed: ['./log.ts', '../assert.ts'],
    forbidden: ['../lease/claims.ts', '../env.ts', '../io/keys.ts', 'node:fs', 'level', '../../test/sim/main.ts'],
  },
  {
    folder: 'lease',
    allowed: ['./claims.ts', '../assert.ts'],
    forbidden: ['../raft/types.ts', '../env.ts', '../config.ts', 'node:crypto', 'fastify'],
  },
  {
    folder: 'replica',
    allowed: ['./inbox.ts', '../raft/types.ts', '../lease/commands.ts', '../env.ts', '../histogram.ts', '../assert.ts'],
    forbidden: ['../io/clock.ts', '../api/server.ts', '../config.ts', 'node:fs', 'level'],
  },
  {
    folder: 'io',
    allowed: [
      './keys.ts',
      '../env.ts',
      '../config.ts',
      '../assert.ts',
      '../raft/types.ts',
      '../raft/messages.ts',
      '../lease/commands.ts',
      'node:fs',
      'level',
    ],
    forbidden: ['../raft/leader.ts', '../lease/state-machine.ts', '../replica/replica.ts', '../api/server.ts', '../main.ts'],
  },
  {
    folder: 'contract',
    allowed: ['./errors.ts', 'typebox', 'typebox/value'],
    forbidden: ['../lease/outcomes.ts', '../assert.ts', 'fastify', 'node:url'],
  },
  {
    folder: 'api',
    allowed: [
      './errors.ts',
      '../replica/service.ts',
      '../lease/outcomes.ts',
      '../contract/errors.ts',
      '../log.ts',
      'fastify',
      '@opentelemetry/api',
    ],
    forbidden: ['../raft/types.ts', '../io/codec.ts', '../client/client.ts', '../cli/main.ts', '../main.ts'],
  },
  {
    folder: 'client',
    allowed: ['./retry.ts', '../contract/errors.ts', 'node:worker_threads'],
    forbidden: ['undici', 'node:http', '../api/server.ts', '../replica/service.ts', '../lease/outcomes.ts', '../main.ts'],
  },
  {
    folder: 'cli',
    allowed: [
      './format.ts',
      '../client/client.ts',
      '../contract/errors.ts',
      '../config.ts',
      '../log.ts',
      '../main.ts',
      'node:fs',
      'commander',
      'pino',
    ],
    forbidden: ['../api/server.ts', '../replica/replica.ts', '../raft/types.ts', '../io/codec.ts', '../../cluster/run.ts'],
  },
  {
    folder: 'dashboard',
    allowed: ['./view.ts', '../contract/dashboard.ts'],
    forbidden: ['../client/client.ts', '../api/server.ts', 'node:fs', 'typebox', '../main.ts'],
  },
  {
    folder: 'library',
    allowed: ['./store.ts', '../replica/service.ts', '../lease/names.ts', '../contract/secretaries.ts', '../env.ts', '../assert.ts'],
    forbidden: ['../raft/types.ts', '../io/clock.ts', '../api/server.ts', '../contract/claims.ts', '../main.ts', '../memory-node.ts'],
  },
  {
    folder: '.',
    allowed: ['./raft/types.ts', './io/clock.ts', './api/server.ts', 'node:fs'],
    forbidden: ['../test/sim/main.ts', '../bench/main.ts', '../cluster/run.ts'],
  },
];

/** Other faults, each with the rule that must see it. */
const FAULTS: readonly { readonly rule: string; readonly path: string; readonly text: string }[] = [
  {
    rule: 'lint/suspicious/noImportCycles',
    path: 'src/raft/chicken.ts',
    text: "import { egg } from './egg.ts';\n\nexport const chicken = () => egg;\n",
  },
  {
    rule: 'lint/suspicious/noImportCycles',
    path: 'src/raft/egg.ts',
    text: "import { chicken } from './chicken.ts';\n\nexport const egg = () => chicken;\n",
  },
  { rule: 'lint/suspicious/noExplicitAny', path: 'src/api/any.ts', text: 'export const value: any = 1;\n' },
  {
    rule: 'lint/correctness/noUnusedImports',
    path: 'src/api/unused.ts',
    text: "import { readFile } from 'node:fs';\n\nexport const value = 1;\n",
  },
  {
    rule: 'lint/suspicious/noFocusedTests',
    path: 'test/only.test.ts',
    text: "import { test } from 'vitest';\n\ntest.only('alone', () => {});\n",
  },
  { rule: 'format', path: 'test/indent.ts', text: 'export const value = () => {\n    return "quotes"\n}\n' },
];

let folder: string;
let found: readonly Finding[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'leasehold-lint-'));
  copyFileSync(join(ROOT, '.biome.json'), join(folder, '.biome.json'));
  for (const { folder: layer, allowed, forbidden } of LAYERS) {
    plant(`src/${layer}/allowed.ts`, importing(allowed));
    plant(`src/${layer}/forbidden.ts`, importing(forbidden));
  }
  for (const { path, text } of FAULTS) plant(path, text);
  found = check(folder).findings;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const { folder: layer, forbidden } of LAYERS) {
  const layerFindings = (name: string): Finding[] => found.filter(({ path, rule }) => path === join('src', layer, name) && rule === LAYER);

  test(`src/${layer} may import what its layer allows`, () => {
    expect(layerFindings('allowed.ts')).toEqual([]);
  });

  test(`src/${layer} may not import more than that`, () => {
    const lines = layerFindings('forbidden.ts').map(({ line }) => line);
    expect(lines.toSorted((a, b) => a - b)).toEqual(forbidden.map((_, at) => at + 1));
  });
}

for (const { rule, path } of FAULTS) {
  test(`${rule} is seen in ${path}`, () => {
    expect(found.filter((finding) => finding.path === path).map((finding) => finding.rule)).toContain(rule);
  });
}

test('the tree itself is clean', () => {
  const { status, findings } = check(ROOT);
  expect(findings.map(({ path, line, rule }) => `${path}:${line} ${rule}`)).toEqual([]);
  expect(status).toBe(0);
});

interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** Every specifier in a form of import of its own kind, one a line. */
function importing(specifiers: readonly string[]): string {
  return specifiers
    .map((specifier, at) =>
      at % 2 === 0 ? `export * as import${at} from '${specifier}';\n` : `export type * as import${at} from '${specifier}';\n`,
    )
    .join('');
}

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function check(root: string): { status: number | null; findings: Finding[] } {
  const run = spawnSync(process.execPath, [BIOME, 'check', '--error-on-warnings', '--max-diagnostics=none', '--reporter=github', '.'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (run.error) throw run.error;
  const findings = Array.from(
    run.stdout.matchAll(/^::(?:error|warning|notice) title=([^,]+),file=([^,]+),line=(\d+)/gm),
    ([, rule = '', path = '', line]) => ({
      path: path.replace(`${root.replace(/\/$/, '')}/`, ''),
      line: Number(line),
      rule,
    }),
  );
  if (run.status !== 0 && findings.length === 0) throw new Error(`biome ended with ${run.status}\n${run.stdout}${run.stderr}`);
  return { status: run.status, findings };
}
