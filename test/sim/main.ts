// The simulator's command line: npm run sim -- --seed 42 --trace, or --seeds 1000 --from 1 [--seconds 60].
import { parseArgs } from 'node:util';
import { type SimulationResult, simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    seconds: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

process.exitCode =
  values.seed === undefined
    ? runMany(Number(values.from), Number(values.seeds), Number(values.seconds ?? Number.POSITIVE_INFINITY))
    : runOne(Number(values.seed), values.trace);

function runOne(seed: number, trace: boolean): number {
  print(`seed ${seed}`);
  const result = simulate(seed, trace ? { print } : {});
  const first = describe(result);
  print(first);
  const again = simulate(seed);
  if (again.hash !== result.hash) print(`NOT DETERMINISTIC: a second run hashes to ${again.hash}`);
  return report(result) && again.hash === result.hash ? 0 : 1;
}

function runMany(from: number, count: number, seconds: number): number {
  print(`seeds ${from} to ${from + count - 1}`);
  const startMs = performance.now();
  const total = { seeds: 0, virtualMs: 0, events: 0, entries: 0, applied: 0, failed: 0, reads: 0, violations: 0 };
  for (let seed = from; seed < from + count && performance.now() - startMs < seconds * 1_000; seed += 1) {
    const result = simulate(seed);
    total.seeds += 1;
    for (const figure of ['virtualMs', 'events', 'entries', 'applied', 'failed', 'reads'] as const) total[figure] += result[figure];
    if (!report(result)) total.violations += 1;
  }
  const elapsedMs = performance.now() - startMs;
  print(
    `${total.seeds} seeds in ${(elapsedMs / 1_000).toFixed(1)} s, ${(total.virtualMs / elapsedMs).toFixed(0)} times real time: ` +
      `${total.events} events, ${total.entries} entries, ${total.applied} calls applied, ${total.failed} failed, ${total.reads} reads, ${total.violations} violations`,
  );
  return total.violations === 0 ? 0 : 1;
}

function describe(result: SimulationResult): string {
  return `hash ${result.hash}: ${(result.virtualMs / 1_000).toFixed(1)} virtual seconds, ${result.events} events, ${result.entries} entries, ${result.applied} calls applied, ${result.failed} failed, ${result.reads} reads`;
}

function report(result: SimulationResult): boolean {
  if (result.violation === null) return true;
  print(`seed ${result.seed} violates ${result.violation.message}`);
  print(`replay: npm run sim -- --seed ${result.seed} --trace`);
  return false;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
