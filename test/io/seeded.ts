// Chance for tests: seeded, so that a failure can be replayed with SEED=<the number it printed>.

export interface SeededRandom {
  /** An integer in [0, bound), bound up to 2^53. */
  readonly below: (bound: number) => number;
}

/** The seed of this run: `SEED` from the environment or a fresh one, printed with how to replay it. */
export function newSeed(what: string, folder = 'test/io'): number {
  const given = Number(process.env.SEED ?? Number.NaN);
  const seed = Number.isSafeInteger(given) ? given : Math.floor(performance.timeOrigin + performance.now() * 1000) % 2 ** 31;
  process.stdout.write(`${what}: seed ${seed}, replay with SEED=${seed} npx vitest run ${folder}\n`);
  return seed;
}

/** The mulberry32 sequence of `seed`. */
export function seeded(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { below: (bound) => Math.floor(((next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53) * bound) };
}
