// When a connection counts as silent: it may stay up for minutes and deliver nothing, until the system gives up its retransmissions.

/** Without a received byte for so long a connection is closed. A follower must not lose its leader's connection before it calls an election. */
export function silenceMaxMs(leastMs: number, electionTimeoutMs: number): number {
  return Math.max(leastMs, 4 * electionTimeoutMs);
}

/** Between two looks at every connection. */
export function sweepIntervalMs(limits: {
  readonly silenceMaxMs: number;
  readonly stuckMaxMs: number;
  readonly partialFrameMaxMs: number;
}): number {
  return Math.ceil(Math.min(limits.silenceMaxMs / 10, limits.stuckMaxMs / 5, limits.partialFrameMaxMs / 5));
}

/**
 * The silence of one connection. Sweeps are counted rather than time, so that a pause of this process does not count as silence of the
 * other side.
 */
export class Silence {
  /** Whether a byte was received since the last sweep, and sweeps since one was. */
  #received = true;
  #silentSweeps = 0;

  /** Something was received. */
  end(): void {
    this.#received = true;
  }

  /** To be called every `sweepMs`. Returns whether the connection must be closed. */
  sweep(sweepMs: number, mostMs: number): boolean {
    this.#silentSweeps = this.#received ? 0 : this.#silentSweeps + 1;
    this.#received = false;
    return this.#silentSweeps * sweepMs >= mostMs;
  }
}
