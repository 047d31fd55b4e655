// The second process of `leasehold run`: kills a process group at the moment that it was told last, or when nobody tells it any more.
import { createInterface } from 'node:readline';

/**
 * Its input: `group N` first, then lines with a moment on the machine's monotonic clock in nanoseconds, at last `done`. Without an end that
 * is said to be one, the one who tells has gone.
 */
let group: number | null = null;
let deadlineNs: bigint | null = null;

function kill(): never {
  try {
    if (group !== null) process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
  process.exit(0);
}

function watch(): void {
  if (deadlineNs === null) return;
  const leftNs = deadlineNs - process.hrtime.bigint();
  if (leftNs <= 0n) kill();
  setTimeout(watch, Math.min(Number(leftNs / 1_000_000n) + 1, 1_000));
}

// Ends with the one who tells, not by a signal meant for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'done') process.exit(0);
  const named = /^group (\d{1,10})$/.exec(line);
  if (named !== null) group = Number(named[1]);
  const isFirst = deadlineNs === null;
  if (/^\d{1,19}$/.test(line)) deadlineNs = BigInt(line);
  if (isFirst) watch();
});
lines.on('close', kill);
