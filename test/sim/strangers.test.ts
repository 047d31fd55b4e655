// Strangers about a cluster that loses sight of itself: what reaches the peer port without being a member breaks no property.
import { expect, test } from 'vitest';
import { strangersAbout } from './planted-faults.ts';
import { simulate } from './simulation.ts';

const SEEDS = 20;
const TIMEOUT_MS = 120_000;

test(
  `keeps all properties with strangers in seeds 1 to ${SEEDS}, and serves while they go on`,
  () => {
    let strikes = 0;
    let frames = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = simulate(seed, { replan: strangersAbout });
      if (result.violation !== null) expect.fail(`seed ${seed} violates ${result.violation.message}`);
      strikes += result.strikes.get('stranger') ?? 0;
      frames += result.strangerFrames;
    }
    expect(strikes).toBeGreaterThan(SEEDS);
    // A stranger that nobody lets in proves nothing.
    expect(frames).toBeGreaterThan(SEEDS * 100);
  },
  TIMEOUT_MS,
);
