// A node's account of lease time: follows real time at its own pace or slower, never ahead of it, and stands still when in doubt.
import { assert } from '../assert.ts';

/**
 * Lease time on one node. The leader stamps entries with it; a follower keeps it going from the last stamped entry of its log for as
 * long as it hears the leader, so that what passed in a quiet time is not given back to every lease when that leader is lost.
 * Counts whole milliseconds of the injected monotonic clock, from the first whole one after the start, so that no rounding ever runs
 * ahead. Invariant: between two readings it moves by no more than whole real milliseconds.
 */
export class LeaseClock {
  readonly #maxStepMs: number;
  #timeMs = 0;
  /** Real time, in whole milliseconds, up to which time has been counted. */
  #countedMs = 0;
  /** Real time still to pass before lease time moves; infinite until the promotion. */
  #standStillMs = Number.POSITIVE_INFINITY;
  #started = false;

  /** `maxStepMs` (whole, at least 1): most that lease time moves between two readings, however long the process was stopped. */
  constructor(maxStepMs: number) {
    assert(Number.isSafeInteger(maxStepMs) && maxStepMs >= 1, `maxStepMs is ${maxStepMs}`);
    this.#maxStepMs = maxStepMs;
  }

  /**
   * A follower hears its leader at real time `nowMs`, with an entry stamped `stampedMs` (or a state of that time), or null if there was
   * none. An entry sets the time, even back: what it promises counts from its stamp, and it was stamped before it came here.
   */
  follow(stampedMs: number | null, nowMs: number): void {
    if (this.#started) return;
    const elapsedMs = Math.max(0, Math.floor(nowMs) - this.#countedMs);
    this.#timeMs = stampedMs ?? this.#timeMs + Math.min(elapsedMs, this.#maxStepMs);
    this.#countedMs = stampedMs === null ? this.#countedMs + elapsedMs : Math.ceil(nowMs);
  }

  /**
   * This node was elected at real time `nowMs`, with a log whose last entry carries `lastEntryTimeMs`. Goes on from there, or from
   * what has passed since by its own account, but stands still until `promote`.
   */
  start(lastEntryTimeMs: number, nowMs: number): void {
    this.#started = true;
    this.#timeMs = Math.max(this.#timeMs, lastEntryTimeMs);
    this.#countedMs = Math.ceil(nowMs);
    this.#standStillMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The lessor here is primary from `nowMs` on. Lease time stands still for `extendMs` more, which leaves every lease that much
   * beyond what remained. Only after `start`.
   */
  promote(nowMs: number, extendMs: number): void {
    assert(this.#started, 'promoted before it was started');
    this.#countedMs = Math.max(this.#countedMs, Math.ceil(nowMs));
    this.#standStillMs = Math.ceil(extendMs);
  }

  /** Lease time at real time `nowMs`, in whole milliseconds; while leading never less than it was. To be read at least once every tick. */
  read(nowMs: number): number {
    const elapsedMs = Math.floor(nowMs) - this.#countedMs;
    if (!this.#started || elapsedMs <= 0) return this.#timeMs;
    this.#countedMs += elapsedMs;
    const stepMs = Math.min(elapsedMs, this.#maxStepMs);
    const stoodMs = Math.min(stepMs, this.#standStillMs);
    this.#standStillMs -= stoodMs;
    this.#timeMs += stepMs - stoodMs;
    return this.#timeMs;
  }

  /** Leads no more: stands still until the next promotion. */
  demote(): void {
    this.#started = false;
    this.#standStillMs = Number.POSITIVE_INFINITY;
  }
}
