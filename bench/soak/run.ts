// The frame of every long check: options, seed first, bounded time, a verdict, replay command last.
import { parseArgs } from 'node:util';
import { SeededRandom } from '../random.ts';

/** What a check is given to work with. */
export interface Soak {
  readonly rounds: number;
  readonly random: SeededRandom;
  /** Notes something that must never be, and goes on. */
  violation(text: string): void;
  /** One line of progress. */
  line(text: string): void;
}

/** How a check is called and bounded. */
export interface SoakPlan {
  /** The file's name without its ending. */
  readonly name: string;
  readonly rounds: number;
  /** A round that takes longer on average means that something hangs. */
  readonly roundLimitMs: number;
}

/** Violations beyond these are counted, not printed. */
const SHOWN_MAX = 20;

/** Runs a check, prints its verdict and sets the exit code: 0 when nothing was violated, 1 otherwise. `body` returns what it saw, in a few words. */
export async function runSoak(plan: SoakPlan, body: (soak: Soak) => Promise<string>): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const rounds = Number(values.rounds ?? plan.rounds);
  if (!Number.isInteger(seed) || !Number.isInteger(rounds) || rounds < 1) throw new Error('--seed and --rounds need whole numbers');
  const replay = `npx tsx bench/soak/${plan.name}.ts --rounds ${rounds} --seed ${seed}`;
  console.log(`seed ${seed}`);

  const startMs = performance.now();
  const violations: string[] = [];
  const finish = (seen: string): void => {
    const seconds = Math.round((performance.now() - startMs) / 1000);
    console.log(
      `${plan.name}: ${violations.length === 0 ? 'held' : 'VIOLATED'}, ${rounds} rounds in ${seconds} s, ${seen}, ${violations.length} violations`,
    );
    console.log(`replay: ${replay}`);
    process.exitCode = violations.length === 0 ? 0 : 1;
  };
  const violation = (text: string): void => {
    violations.push(text);
    if (violations.length <= SHOWN_MAX) console.log(`  VIOLATION: ${text}`);
  };
  const limitMs = 60_000 + rounds * plan.roundLimitMs;
  const watchdog = setTimeout(() => {
    violation(`not done after ${Math.round(limitMs / 1000)} s`);
    finish('cut off');
    process.exit(1);
  }, limitMs);
  try {
    finish(await body({ rounds, random: new SeededRandom(seed), violation, line: (text) => console.log(text) }));
  } catch (error) {
    violation(error instanceof Error ? (error.stack ?? error.message) : String(error));
    finish('ended by an error');
  } finally {
    clearTimeout(watchdog);
  }
}
