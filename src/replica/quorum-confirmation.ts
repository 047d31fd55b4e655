// Tells the primary lessor up to which lease time a quorum has confirmed this leader, and when an expiry must wait nevertheless.
import type { Clock } from '../env.ts';

/**
 * An expiry that enters the log of a leader without a quorum commits when the quorum is back, before any lapsed holder can renew.
 * An expiry is therefore proposed only after a barrier that was requested after the deadline, and soon after its answer.
 */
export class QuorumConfirmation {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #extendMs: number;
  /** Lease time at which the last confirmed barrier was requested. */
  #leaseTimeMs = Number.NEGATIVE_INFINITY;
  /** Local time of its answer. */
  #confirmedMs = Number.NEGATIVE_INFINITY;
  /** Local time until which nothing may expire. */
  #graceEndMs = Number.NEGATIVE_INFINITY;

  /** `extendMs`: how long holders have to renew after service was interrupted. */
  constructor(clock: Pick<Clock, 'now'>, extendMs: number) {
    this.#clock = clock;
    this.#extendMs = extendMs;
  }

  /** Milliseconds until an expiry may be proposed; 0 if now. */
  get graceMs(): number {
    return Math.max(0, this.#graceEndMs - this.#clock.now());
  }

  /** Deadlines before this lease time are confirmed. */
  get leaseTimeMs(): number {
    return this.#leaseTimeMs;
  }

  /** Whether the last confirmation is recent: the quorum might be lost since. */
  get isFresh(): boolean {
    return this.#clock.now() - this.#confirmedMs <= this.#extendMs / 4;
  }

  /** A new term begins. Leases that lapsed before it also get `extendMs`. */
  promoted(): void {
    this.#leaseTimeMs = Number.NEGATIVE_INFINITY;
    this.#confirmedMs = Number.NEGATIVE_INFINITY;
    this.#graceEndMs = this.#clock.now() + this.#extendMs;
  }

  /**
   * A quorum confirmed a barrier requested at `requestedMs` in local time, `leaseTimeMs` in lease time. If the answer took long, no holder
   * could renew meanwhile: all holders get `extendMs`. This happens at most every second `extendMs`, or else nothing would expire in a
   * cluster that is always slow.
   */
  confirmed(leaseTimeMs: number, requestedMs: number): void {
    const nowMs = this.#clock.now();
    const isSlow = nowMs - requestedMs > this.#extendMs / 4;
    if (isSlow && nowMs >= this.#graceEndMs + this.#extendMs) this.#graceEndMs = nowMs + this.#extendMs;
    this.#leaseTimeMs = leaseTimeMs;
    this.#confirmedMs = nowMs;
  }
}
