// The simulator's command line: one seed with its story, or many seeds over several processes.
import { parseArgs } from 'node:util';
import { addTally, emptyTally, type Report, runCampaign, summary, tallyOf } from './campaign.ts';
import { matters } from './matters.ts';
import { type SimulationResult, simulate } from './simulation.ts';
import type { Print } from './story.ts';

const USAGE = `npm run sim -- --seed N              runs one seed, twice, and compares
npm run sim -- --seed N --trace      tells what happened: elections, faults, calls and their answers
npm run sim -- --seed N --trace-all  tells every message and write as well
npm run sim -- --seeds FROM-TO       runs many seeds; --jobs J in so many processes, --seconds S for no longer than that`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: 'Infinity' },
    trace: { type: 'boolean', default: false },
    'trace-all': { type: 'boolean', default: false },
    /** Only for the processes that a campaign starts: FROM-TO/STEP. */
    share: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

// Whoever reads only the beginning of a story closes the pipe.
process.stdout.on('error', () => process.exit(1));
process.exitCode = await main();

async function main(): Promise<number> {
  if (values.share !== undefined) return runShare(values.share);
  if (values.seed !== undefined && !values.help) return runOne(Number(values.seed));
  const range = /^(\d+)-(\d+)$/.exec(values.seeds ?? '');
  if (range === null || values.help) {
    print(USAGE);
    return values.help ? 0 : 2;
  }
  const [from, to, jobs, seconds] = [Number(range[1]), Number(range[2]), Number(values.jobs), Number(values.seconds)];
  if (jobs > 1) return (await runCampaign({ from, to, jobs, seconds, print })).violations === 0 ? 0 : 1;
  print(`seeds ${from} to ${to}`);
  const total = emptyTally();
  const startMs = performance.now();
  runEach(from, to, 1, (report) => {
    addTally(total, report.tally);
    if (report.violation !== null) print(report.violation);
  });
  print(summary(total, performance.now() - startMs));
  return total.violations === 0 ? 0 : 1;
}

function runOne(seed: number): number {
  print(`seed ${seed}`);
  const story: Print = (line, weight) => {
    if (weight === 'event' || values['trace-all']) print(line);
  };
  const result = simulate(seed, values.trace || values['trace-all'] ? { print: story } : {});
  const { hash, virtualMs, events, entries, applied, failed, reads } = result;
  print(
    `hash ${hash}: ${(virtualMs / 1_000).toFixed(1)} virtual seconds, ${events} events, ${entries} entries, ${applied} calls applied, ${failed} failed, ${reads} reads`,
  );
  const again = simulate(seed);
  if (again.hash !== hash) print(`NOT DETERMINISTIC: a second run hashes to ${again.hash}`);
  if (result.violation !== null) print(describeViolation(result));
  return result.violation === null && again.hash === hash ? 0 : 1;
}

function runEach(from: number, to: number, step: number, take: (report: Report) => void): void {
  const endMs = performance.now() + Number(values.seconds) * 1_000;
  for (let seed = from; seed <= to && performance.now() < endMs; seed += step) {
    const result = simulate(seed);
    take({ seed, tally: tallyOf(result), violation: result.violation === null ? null : describeViolation(result) });
  }
}

async function runShare(share: string): Promise<number> {
  const [, from, to, step] = /^(\d+)-(\d+)\/(\d+)$/.exec(share) ?? [];
  runEach(Number(from), Number(to), Number(step), (report) => process.send?.(report));
  process.disconnect();
  return 0;
}

/** What is wrong, what led to it, and how to see it again. */
function describeViolation({ seed, violation }: SimulationResult): string {
  const message = violation?.message ?? '';
  const lines: string[] = [];
  simulate(seed, { print: (line, weight) => weight === 'event' && lines.push(line) });
  return [
    `seed ${seed} VIOLATES ${message}`,
    'what it speaks of, the last of it:',
    ...matters(message, lines),
    `replay: npm run sim -- --seed ${seed} --trace`,
  ].join('\n');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
