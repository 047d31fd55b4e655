// One wait made of as many calls as the longest that one call may ask for demands; for the client and the command line.
import { WAIT_MAX_MS } from '../contract/limits.ts';
import type { ClientClock } from './clock.ts';
import { LeaseholdError } from './errors.ts';
import type { Reply } from './http.ts';

/** Waits `ms` in all; each `call` is told for how long it may wait. `code` is the refusal that only says that one of them ran out. */
export async function waitInPieces(clock: ClientClock, ms: number, code: string, call: (ms: number) => Promise<Reply>): Promise<Reply> {
  const untilMs = clock.now() + ms;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(untilMs - clock.now()));
    const pieceMs = Math.min(leftMs, WAIT_MAX_MS);
    try {
      return await call(pieceMs);
    } catch (error) {
      if (!(error instanceof LeaseholdError && error.code === code) || pieceMs === leftMs) throw error;
    }
  }
}
