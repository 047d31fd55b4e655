// Many seeds over several processes: who runs which, how far they are, and what came of it.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SimulationResult } from './simulation.ts';

/** The sum over some runs. */
export interface Tally {
  seeds: number;
  virtualMs: number;
  events: number;
  entries: number;
  applied: number;
  failed: number;
  reads: number;
  memberChanges: number;
  violations: number;
  /** By fault. */
  readonly strikes: Record<string, number>;
}

/** What one process tells the one that started it after each seed. */
export interface Report {
  readonly seed: number;
  readonly tally: Tally;
  /** Null when all properties held. */
  readonly violation: string | null;
}

export interface CampaignOptions {
  readonly from: number;
  readonly to: number;
  readonly jobs: number;
  /** No seed is begun after so many seconds. */
  readonly seconds: number;
  readonly print: (line: string) => void;
}

const FIGURES = ['seeds', 'virtualMs', 'events', 'entries', 'applied', 'failed', 'reads', 'memberChanges', 'violations'] as const;
const PROGRESS_EVERY_MS = 5_000;
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

export function emptyTally(): Tally {
  return { seeds: 0, virtualMs: 0, events: 0, entries: 0, applied: 0, failed: 0, reads: 0, memberChanges: 0, violations: 0, strikes: {} };
}

export function tallyOf(result: SimulationResult): Tally {
  const { virtualMs, events, entries, applied, failed, reads, memberChanges, strikes, violation } = result;
  const violations = violation === null ? 0 : 1;
  return { seeds: 1, virtualMs, events, entries, applied, failed, reads, memberChanges, violations, strikes: Object.fromEntries(strikes) };
}

export function addTally(total: Tally, more: Tally): void {
  for (const figure of FIGURES) total[figure] += more[figure];
  for (const [fault, count] of Object.entries(more.strikes)) total.strikes[fault] = (total.strikes[fault] ?? 0) + count;
}

/** Runs all seeds; answers the sum. Rejects when a process ends without having run its share. */
export async function runCampaign({ from, to, jobs, seconds, print }: CampaignOptions): Promise<Tally> {
  const total = emptyTally();
  const startMs = performance.now();
  const elapsedMs = (): number => performance.now() - startMs;
  print(`seeds ${from} to ${to} in ${jobs} processes`);
  const progress = setInterval(() => {
    const { seeds, violations } = total;
    print(`${seeds} of ${to - from + 1} seeds after ${(elapsedMs() / 1_000).toFixed(0)} s, ${violations} violations`);
  }, PROGRESS_EVERY_MS);
  try {
    await Promise.all(
      Array.from({ length: jobs }, (_, job) =>
        runShare(['--share', `${from + job}-${to}/${jobs}`, '--seconds', `${seconds}`], (report) => {
          addTally(total, report.tally);
          if (report.violation !== null) print(report.violation);
        }),
      ),
    );
  } finally {
    clearInterval(progress);
  }
  print(summary(total, elapsedMs()));
  return total;
}

/** How much there was of everything, on a few lines. */
export function summary(total: Tally, elapsedMs: number): string {
  const { seeds, virtualMs, events, entries, applied, failed, reads, memberChanges, violations } = total;
  const strikes = Object.entries(total.strikes)
    .sort(([, one], [, other]) => other - one)
    .map(([fault, count]) => `${fault} ${count}`);
  return [
    `${seeds} seeds in ${(elapsedMs / 1_000).toFixed(1)} s: ${(virtualMs / 60_000).toFixed(0)} virtual minutes, ${(virtualMs / elapsedMs).toFixed(0)} times real time`,
    `${events} events, ${entries} entries, ${applied} calls applied, ${failed} failed, ${reads} reads, ${memberChanges} changes of members`,
    `faults: ${strikes.join(', ')}`,
    `${violations} violations`,
  ].join('\n');
}

function runShare(args: readonly string[], take: (report: Report) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(MAIN, args);
    child.on('message', (report: Report) => take(report));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`a process with ${args.join(' ')} ended with ${code ?? signal}`));
    });
  });
}
