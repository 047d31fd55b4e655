// Quotas that are reached all the time, and disks that run low: only what grows is refused for it.
import { expect, test } from 'vitest';
import { tightQuotas } from './planted-faults.ts';
import { simulate } from './simulation.ts';

const SEEDS = 12;
const TIMEOUT_MS = 120_000;

test(
  `keeps all properties with tight quotas in seeds 1 to ${SEEDS}, and refuses for room again and again`,
  () => {
    let refused = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = simulate(seed, {
        replan: tightQuotas,
        print: (line) => {
          if (line.includes('FAILS: no-room')) refused += 1;
        },
      });
      if (result.violation !== null) expect.fail(`seed ${seed} violates ${result.violation.message}`);
    }
    expect(refused).toBeGreaterThan(SEEDS * 20);
  },
  TIMEOUT_MS,
);
