// A copy of the tree in which faults are planted and tests are run. The tree itself is never touched.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mutant, planted } from './mutant.ts';
import { type Report, type Verdict, verdictOf } from './verdict.ts';

/** What the tests that are run here read. */
const COPIED = ['src', 'test', 'cluster', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** A step that takes longer hangs. */
const STEP_MS = 120_000;
/** How many seeds the simulator is given; a fault of the loop that it does not find in these counts as not found. */
const SIM_SEEDS = 200;

export type Outcome =
  | Verdict
  | { readonly kind: 'hung' }
  /** The fault has no place in the tree any more. */
  | { readonly kind: 'stale'; readonly message: string };

export class Sapling {
  readonly #root: string;
  readonly #report: string;
  #running: ChildProcess | null = null;

  /** Copies the tree at `root` into the new folder `folder`. */
  constructor(root: string, folder: string) {
    this.#root = join(folder, 'tree');
    this.#report = join(folder, 'report.json');
    mkdirSync(this.#root, { recursive: true });
    for (const name of COPIED) cpSync(join(root, name), join(this.#root, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#root, 'node_modules'));
  }

  /** Runs the mutant's steps with the fault planted, until one does not pass; then the file is as it was. */
  async try(mutant: Mutant): Promise<Outcome> {
    const path = join(this.#root, 'src', mutant.file);
    const text = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, planted(mutant, text));
    } catch (error) {
      return { kind: 'stale', message: error instanceof Error ? error.message : String(error) };
    }
    try {
      let outcome: Outcome = { kind: 'crashed', message: 'it has no suites' };
      for (const suite of mutant.suites) {
        outcome = await this.run(suite);
        if (outcome.kind !== 'passed') break;
      }
      return outcome;
    } finally {
      writeFileSync(path, text);
    }
  }

  /** Runs one step on the copy as it is. */
  async run(suite: string): Promise<Outcome> {
    rmSync(this.#report, { force: true });
    const [files = '', titles] = suite.split(' | ');
    const paths = files.split(' ').map((path) => join('test', path));
    const options = ['--project', 'unit', '--bail', '1', '--cache=false', '--maxWorkers', '1'];
    if (titles !== undefined) options.push('--testNamePattern', titles);
    const child = spawn(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', ...options, '--reporter', 'json', '--outputFile', this.#report, ...paths],
      {
        cwd: this.#root,
        // A group of its own, so that its workers end with it.
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, LEASEHOLD_SIM_SEEDS: String(SIM_SEEDS), LEASEHOLD_SIM_FROM: '1' },
      },
    );
    this.#running = child;
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk).slice(-4_000);
    });
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      this.stop();
    }, STEP_MS);
    await new Promise((settle) => child.once('close', settle));
    clearTimeout(timer);
    this.#running = null;
    if (hung) return { kind: 'hung' };
    if (!existsSync(this.#report)) return { kind: 'crashed', message: `no report: ${errors.trim().split('\n').at(-1)}` };
    return verdictOf(JSON.parse(readFileSync(this.#report, 'utf8')) as Report, this.#root);
  }

  /** Ends what is running. */
  stop(): void {
    const pid = this.#running?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
}
