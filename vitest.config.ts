// How the tests run: everything in memory side by side, then what starts real processes, one file at a time.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default', './test/tally.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/conformance/**', 'test/examples/**'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          // Hundreds of nodes are started: a ballast of the usual size for each would take the disk from all.
          env: { LEASEHOLD_BALLAST: '64KiB' },
          include: ['test/{conformance,e2e,examples}/**/*.test.ts'],
          // Processes with real timers share the cores; side by side they would take each other's time.
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
