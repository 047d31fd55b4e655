// A distribution of durations as Prometheus counts them: how many were at most so long, and how long all were together.

/** Upper bounds of the buckets, in seconds: from a renewal on an idle machine to a request that ran into its time limit. */
const BOUNDS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Never reset: whoever reads it twice takes the difference. An observation costs a short walk and two additions. */
export class Histogram {
  readonly #counts = new Float64Array(BOUNDS_S.length + 1);
  #sumS = 0;

  /** Adds a duration in milliseconds. */
  observe(durationMs: number): void {
    const durationS = durationMs / 1_000;
    let place = 0;
    while (place < BOUNDS_S.length && durationS > (BOUNDS_S[place] as number)) place += 1;
    this.#counts[place] = (this.#counts[place] as number) + 1;
    this.#sumS += durationS;
  }

  /** All of them together, in seconds. */
  get sumS(): number {
    return this.#sumS;
  }

  /** How many were observed. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** For each upper bound in seconds, ascending and infinity last, how many were at most that. */
  *buckets(): Iterable<readonly [boundS: number, count: number]> {
    let count = 0;
    for (const [place, each] of this.#counts.entries()) {
      count += each;
      yield [BOUNDS_S[place] ?? Number.POSITIVE_INFINITY, count];
    }
  }
}
