// Random tests whose failures can be replayed: the seed is told with the failure, and taken from the environment.
import fc from 'fast-check';

/** Checks a property for random input. On failure it says how to see it again. Set LEASE_SEED to replay, LEASE_RUNS for more runs. */
export function holdsForAll<Input>(property: fc.IProperty<Input>, runs = 100): void {
  const seed = Number(process.env.LEASE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const numRuns = Number(process.env.LEASE_RUNS ?? runs);
  const report = fc.check(property, { seed, numRuns });
  if (!report.failed) return;
  throw new Error(
    `seed ${seed}: ${fc.defaultReportMessage(report)}\n\nreplay: LEASE_SEED=${seed} LEASE_RUNS=${numRuns} npx vitest run test/lease`,
  );
}
