// The thread that renews one lease for a program that blocks its event loop; started by `worker-renewal.ts`.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from './clock.ts';
import { HttpCaller } from './http.ts';
import { Renewal } from './renewal.ts';
import { SharedTenure } from './shared-tenure.ts';
import type { RenewalEnded, RenewalWord, RenewalWork } from './worker-renewal.ts';

const { endpoints, call, durationMs, marginMs, sentAtMs, maxStallMs, memory } = workerData as RenewalWork;
const tenure = new SharedTenure(memory);
const say = (word: RenewalWord): void => parentPort?.postMessage(word);
const caller = new HttpCaller({ endpoints });

new Renewal({
  durationMs,
  marginMs,
  sentAtMs,
  clock: systemClock,
  renew: async (attemptMs, patienceMs, signal) => {
    await caller.call({ ...call, attemptMs, patienceMs, signal });
  },
  mayRenew: () => tenure.silentMs(systemClock.now()) <= maxStallMs,
  confirmed: (heldUntilMs) => {
    tenure.heldUntilMs = heldUntilMs;
  },
  ended: ({ reason, error }) => {
    tenure.end(reason);
    const { code, status, failure, message, facts } = error ?? {};
    const told: RenewalEnded = {
      reason,
      error:
        code === undefined || failure === undefined
          ? null
          : { code, status: status ?? null, failure, message: message ?? '', facts: facts ?? {} },
    };
    say(told);
  },
}).start();
say('started');
