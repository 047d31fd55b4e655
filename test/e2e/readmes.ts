// The blocks of code in the READMEs: which there are, which test runs each, and how they are moved to a test's own cluster.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { freePorts, freshDirectory, leasehold, Process, ROOT } from './processes.ts';

/** A fenced block. */
export interface Block {
  /** Of the fence, from 1. */
  readonly line: number;
  /** What stands behind the fence; empty for nothing. */
  readonly language: string;
  readonly text: string;
}

const README_TEST = 'test/e2e/readme.test.ts';
const TRIAL = 'test/examples/trial.test.ts';
const LIBRARY = 'test/library/readme.test.ts';
const OPERATION = 'test/e2e/operation.test.ts';
const SNIPPETS = 'test/examples/snippets.test.ts';

/**
 * Which test runs the blocks of a language in a README: one for all of them, or one for each in order. The test asks for them by `blocksFor`.
 */
export const RUN_BY: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>> = {
  'README.md': { sh: [TRIAL, TRIAL, README_TEST], js: TRIAL, text: TRIAL },
  'cluster/README.md': { sh: README_TEST, yaml: SNIPPETS, toml: 'test/cli/settings.test.ts', json: OPERATION, js: OPERATION },
  'src/api/README.md': { sh: README_TEST },
  'src/library/README.md': { ts: LIBRARY },
  'test/examples/README.md': { sh: README_TEST, sql: 'test/examples/trapdoor.test.ts' },
};

/** Languages of blocks that no test can run, each with the reason. They are checked in another way, or have nothing to run. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  drawing: 'a picture made of characters',
  'sh long': `takes minutes, the machine or the network; ${SNIPPETS} checks that the programs, scripts and options are there`,
  'sh elsewhere': `needs machines or an engine that a test has not; ${README_TEST} and test/cli/compose.test.ts compare its flags with what the program takes`,
};

/** Every document for people, from the project's root. */
export function readmes(): string[] {
  const hidden = ['.github', '.ci'];
  return readdirSync(ROOT, { withFileTypes: true })
    .filter(({ name }) => !['node_modules', 'dist', 'data', 'coverage'].includes(name) && (!name.startsWith('.') || hidden.includes(name)))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(ROOT, entry.name), { withFileTypes: true, recursive: true }).map((inner) => join(inner.parentPath, inner.name))
        : [join(ROOT, entry.name)],
    )
    .filter((path) => path.endsWith('.md'))
    .map((path) => relative(ROOT, path))
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The fenced blocks of a text, in order. Throws for a fence that is never closed. */
export function blocksIn(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly language: string; readonly lines: string[] } | null = null;
  for (const [at, line] of text.split('\n').entries()) {
    const fence = /^ *(?:`{3,}|~{3,})(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === null) open = { line: at + 1, language: (fence[1] ?? '').trim(), lines: [] };
    else {
      blocks.push({ line: open.line, language: open.language, text: open.lines.map((each) => `${each}\n`).join('') });
      open = null;
    }
  }
  if (open !== null) throw new Error(`the block that begins in line ${open.line} is never closed`);
  return blocks;
}

/** The blocks of a language that `RUN_BY` gives to a test, in order. Throws when there is none. */
export function blocksFor(test: string, path: string, language: string): string[] {
  const runners = RUN_BY[path]?.[language];
  const blocks = blocksIn(textOf(path)).filter((block) => block.language === language);
  const given = blocks.filter((_block, at) => (typeof runners === 'string' ? runners : runners?.[at]) === test);
  if (given.length === 0) throw new Error(`no ${language} block of ${path} is given to ${test}`);
  return given.map((block) => block.text);
}

const PORTS = { http: 7801, peer: 7901 };
const NODES = 4;

/** A cluster as `leasehold cluster` starts it, on ports of its own, and the READMEs' commands against it. */
export class ReadmeCluster {
  readonly firstPort: number;
  readonly data: string;

  private constructor(firstPort: number, data: string) {
    this.firstPort = firstPort;
    this.data = data;
  }

  /** Free places: ports for {@link NODES} nodes, and a data directory in `folder` (default: a fresh one). */
  static async place(data: string = freshDirectory()): Promise<ReadmeCluster> {
    return new ReadmeCluster(await freePorts(2 * NODES), data);
  }

  static async start(): Promise<ReadmeCluster> {
    const cluster = await ReadmeCluster.place();
    await cluster.isUp(leasehold(['cluster', '--data', cluster.data, ...cluster.flags]));
    return cluster;
  }

  /** What `leasehold cluster` must be told to start here. */
  get flags(): string[] {
    return ['--http-port', String(this.firstPort), '--peer-port', String(this.firstPort + NODES)];
  }

  get endpoints(): string {
    return [0, 1, 2].map((node) => `http://127.0.0.1:${this.firstPort + node}`).join(',');
  }

  /** Waits until the cluster that a process runs serves. */
  async isUp(cluster: Process): Promise<void> {
    for (const words of ['n1 answers', 'n2 answers', 'n3 answers', /n[123] leads term \d+/]) await cluster.says(words);
  }

  /** The same text with this cluster's ports in place of the default ones, and its data directory for chaos. */
  moved(text: string): string {
    const toHere = (ported: string, node: number): string =>
      ported
        .replaceAll(new RegExp(`(?<!\\d)${PORTS.http + node}(?!\\d)`, 'g'), String(this.firstPort + node))
        .replaceAll(new RegExp(`(?<!\\d)${PORTS.peer + node}(?!\\d)`, 'g'), String(this.firstPort + NODES + node));
    return Array.from({ length: NODES }, (_, node) => node)
      .reduce(toHere, text)
      .replaceAll('./data/', `${this.data}/`)
      .replaceAll(/^(npm run) (chaos .*?)( +#.*)?$/gm, `$1 --silent $2 --data ${this.data}`)
      .replaceAll('curl ', 'curl -sS --max-time 20 ');
  }

  /** Runs a script that stops at the first command that fails, in `folder` (default: the project's root). */
  shell(script: string, folder: string = ROOT): Process {
    return new Process('bash', ['-euo', 'pipefail', '-c', this.moved(script)], {
      env: { LEASEHOLD_ENDPOINT: this.endpoints },
      cwd: folder,
    });
  }
}
