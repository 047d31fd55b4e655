// Gives requests that stand in the log when a node stops a moment to be decided.
import type { Clock } from '../env.ts';
import type { Requests } from './requests.ts';

/** Between two looks. */
const LOOK_MS = 5;

/** Calls `done` once no request is under way, or after `limitMs`. */
export function drain(clock: Clock, requests: Requests, limitMs: number, done: () => void): void {
  const endMs = clock.now() + limitMs;
  const look = (): void => {
    if (requests.count > 0 && clock.now() < endMs) clock.after(LOOK_MS, look);
    else done();
  };
  look();
}
