// The mutation gate: npm run mutants [-- --only raft/07,lease] [--sample 6 [--seed S]] [--jobs 2] [--with STEP]. Plants each fault, names who caught it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CATALOGUE } from './catalogue.ts';
import type { Mutant } from './mutant.ts';
import { sampleOf } from './sample.ts';
import { type Outcome, Sapling } from './sapling.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TITLE_WIDTH = 70;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    /** Another step in the place of every fault's own ones, to see what that alone would catch. */
    with: { type: 'string' },
  },
});

const chosen = choose();
const folder = mkdtempSync(join(tmpdir(), 'leasehold-mutants-'));
const saplings = Array.from({ length: Math.max(1, Number(values.jobs)) }, (_, job) => new Sapling(ROOT, join(folder, String(job))));
process.once('exit', () => {
  for (const sapling of saplings) sapling.stop();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = (await sound(chosen)) ? await gate(chosen) : 1;

function choose(): readonly Mutant[] {
  const wanted = values.only?.split(',');
  const named = CATALOGUE.filter(({ id, title }) => wanted?.some((part) => `${id}/`.startsWith(`${part}/`) || title === part) ?? true);
  if (named.length === 0) throw new Error(`no fault is called ${values.only}`);
  const { with: step } = values;
  if (step !== undefined) return named.map((mutant) => ({ ...mutant, suites: [step] }));
  if (values.sample === undefined) return named;
  const seed = values.seed ?? commit();
  const sample = sampleOf(named, Number(values.sample), seed);
  print(`seed ${seed}: ${sample.length} of ${named.length} faults`);
  print(`replay: npm run mutants -- --only ${sample.map(({ id }) => id).join(',')}`);
  return sample;
}

/** Another sample for every commit; where there is no history, for every day. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return new Date().toISOString().slice(0, 10);
  }
}

/** Whether the tree passes without a fault: else nothing means anything. */
async function sound(mutants: readonly Mutant[]): Promise<boolean> {
  const suites = [...new Set(mutants.flatMap((mutant) => mutant.suites))];
  const startMs = performance.now();
  let tests = 0;
  let isSound = true;
  await inTurns(suites, async (suite, sapling) => {
    const outcome = await sapling.run(suite);
    if (outcome.kind === 'passed') tests += outcome.tests;
    else {
      isSound = false;
      print(`without any fault ${suite} does not pass: ${explained(outcome)}`);
    }
  });
  print(`without a fault: ${suites.length} steps, ${tests} tests pass (${seconds(startMs)})`);
  return isSound;
}

async function gate(mutants: readonly Mutant[]): Promise<number> {
  const startMs = performance.now();
  let caught = 0;
  await inTurns(mutants, async (mutant, sapling) => {
    const sinceMs = performance.now();
    const outcome = await sapling.try(mutant);
    const isCaught = outcome.kind === 'caught' || (outcome.kind === 'hung' && mutant.mayHang === true);
    if (isCaught) caught += 1;
    const verdict = isCaught ? 'caught  ' : outcome.kind === 'passed' ? 'SURVIVED' : outcome.kind.toUpperCase().padEnd(8);
    print(`${verdict}  ${mutant.id.padEnd(12)} ${mutant.title.padEnd(TITLE_WIDTH)}  ${explained(outcome)}  (${seconds(sinceMs)})`);
    if (!isCaught) print(`          ${mutant.source}; src/${mutant.file}; replay: npm run mutants -- --only ${mutant.id}`);
  });
  print(`mutants ${caught}/${mutants.length} caught (${seconds(startMs)})`);
  return caught === mutants.length ? 0 : 1;
}

/** Each thing once, by whichever copy is free. */
async function inTurns<Thing>(things: readonly Thing[], run: (thing: Thing, sapling: Sapling) => Promise<void>): Promise<void> {
  const waiting = [...things];
  await Promise.all(
    saplings.map(async (sapling) => {
      for (let thing = waiting.shift(); thing !== undefined; thing = waiting.shift()) await run(thing, sapling);
    }),
  );
}

function explained(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'caught':
      // Of a simulation the title says little.
      return /\bseed \d+ violates/.test(outcome.message) ? `${outcome.test}: ${outcome.message}` : outcome.test;
    case 'crashed':
    case 'stale':
      return outcome.message;
    case 'hung':
      return 'ran for ever';
    default:
      return `${outcome.tests} tests pass`;
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
