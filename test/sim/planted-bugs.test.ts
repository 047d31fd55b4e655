// The tester tested: each planted fault is found, by the property that is there for it, within its number of seeds.
import { describe, expect, test } from 'vitest';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { simulate } from './simulation.ts';

const TIMEOUT_MS = 300_000;

describe('the simulator finds it when', () => {
  test.each(PLANTED_BUGS)(
    '$title ($property)',
    ({ property, seeds, options }) => {
      const others: string[] = [];
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { violation } = simulate(seed, options());
        if (violation?.property === property) return;
        if (violation !== null) others.push(`seed ${seed}: ${violation.message.split('\n')[0] ?? ''}`);
      }
      expect.fail(`not found by ${property} in ${seeds} seeds; found by others:\n${others.slice(0, 5).join('\n')}`);
    },
    TIMEOUT_MS,
  );
});
