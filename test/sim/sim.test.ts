// Many seeds through the simulator: every property holds in each, and the same seed tells the same story twice, in any process.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { addTally, emptyTally, tallyOf } from './campaign.ts';
import { matters } from './matters.ts';
import { FAULTS } from './plan.ts';
import { type SimulationResult, simulate } from './simulation.ts';

/** The seeds that run every time: so many, from `LEASEHOLD_SIM_FROM` on. */
const SEEDS = Number(process.env.LEASEHOLD_SIM_SEEDS ?? 300);
const FROM = Number(process.env.LEASEHOLD_SIM_FROM ?? 1);
/** For so long others follow, drawn anew each time. None follow when somebody has said which seeds they want. */
const RANDOM_SECONDS = Number(process.env.LEASEHOLD_SIM_SECONDS ?? (process.env.LEASEHOLD_SIM_SEEDS === undefined ? 40 : 0));
const TIMEOUT_MS = 600_000;

const once = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => Number.parseInt(line, 10))
  .filter((seed) => !Number.isNaN(seed));

function expectClean(result: SimulationResult): void {
  if (result.violation === null) return;
  expect.fail(`seed ${result.seed} violates ${result.violation.message}\nreplay: npm run sim -- --seed ${result.seed} --trace`);
}

describe('the simulator', () => {
  test(
    'tells the same story for the same seed, and another for another',
    () => {
      for (const seed of [1, 2, 3]) expect(simulate(seed).hash).toBe(simulate(seed).hash);
      expect(simulate(1).hash).not.toBe(simulate(2).hash);
    },
    TIMEOUT_MS,
  );

  test(
    'tells the same story whether or not somebody reads along',
    () => {
      let lines = 0;
      const told = simulate(5, {
        print: () => {
          lines += 1;
        },
      });
      expect(told.hash).toBe(simulate(5).hash);
      expect(lines).toBeGreaterThan(1_000);
    },
    TIMEOUT_MS,
  );

  test(
    'tells the same story in two processes at once, which is the one told here',
    async () => {
      const main = fileURLToPath(new URL('main.ts', import.meta.url));
      const told = await Promise.all(
        [1, 2].map(() =>
          promisify(execFile)(process.execPath, ['--import', 'tsx', main, '--seed', '11', '--trace-all'], { maxBuffer: 1 << 28 }),
        ),
      );
      const [first, second] = told.map(({ stdout }) => stdout);
      expect(first).toBe(second);
      expect(first).toContain(`hash ${simulate(11).hash}`);
    },
    TIMEOUT_MS,
  );

  test('tells of a violation what it speaks of, in order', () => {
    const story = [
      '     1.000 c1       call 1 on n1: puts k1 = v1',
      '     2.000 c2       call 2 on n2: claims app/m1/one for 5 ms',
      '     3.000 nemesis  crash-one (leader 1, else n2)',
      '     4.000 c1       call 1: version 1 (entry 4)',
      '     5.000 c3       call 3 on n3: puts k2 = v2',
    ];
    expect(matters('acknowledged: call 1 was told of k1', story)).toEqual([story[0], story[2], story[3]]);
    expect(matters('one-holder: app/m1/one', story)).toEqual([story[1], story[2]]);
  });
});

describe('a simulated cluster', () => {
  test.each(once)('keeps all properties with seed %i, which once found a fault', (seed) => expectClean(simulate(seed)), TIMEOUT_MS);

  test(
    `keeps all properties with seeds ${FROM} to ${FROM + SEEDS - 1}, does real work in them, and meets every fault`,
    () => {
      const total = emptyTally();
      for (let seed = FROM; seed < FROM + SEEDS; seed += 1) {
        const result = simulate(seed);
        expectClean(result);
        addTally(total, tallyOf(result));
      }
      // A run in which nothing happens proves nothing.
      expect(total.applied).toBeGreaterThan(SEEDS * 50);
      expect(total.reads).toBeGreaterThan(SEEDS * 10);
      expect(total.failed).toBeGreaterThan(SEEDS);
      const met = Object.keys(total.strikes);
      if (SEEDS >= 20) expect(FAULTS.filter((fault) => !met.includes(fault))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    `keeps all properties with ${RANDOM_SECONDS} seconds of seeds that nobody has seen`,
    () => {
      const endMs = performance.now() + RANDOM_SECONDS * 1_000;
      const first = 1_000_000 + Math.floor(Math.random() * 1e9);
      process.stdout.write(`random seeds from ${first} on\n`);
      let seed = first;
      for (; performance.now() < endMs; seed += 1) expectClean(simulate(seed));
      process.stdout.write(`random seeds to ${seed - 1}: all properties held\n`);
    },
    TIMEOUT_MS,
  );
});
