// When a lease may end by itself at the earliest, by what clients were promised and asked for: bounds for the models of this folder.

/** Filled from a whole history before any search begins. Times are true milliseconds. */
export class Endings {
  readonly #fastestRate: number;
  readonly #promised = new Map<string, number>();
  readonly #revokedMs = new Map<string, number>();

  /** `fastestRate`: how many milliseconds the fastest clock counts in a true one, at least 1. */
  constructor(fastestRate: number) {
    this.#fastestRate = fastestRate;
  }

  /** Somebody was told that this lease is theirs for `durationMs`, by a call that began at `beganMs`. */
  promise(name: string, beganMs: number, durationMs: number): void {
    const untilMs = beganMs + durationMs / this.#fastestRate - SLACK_MS;
    this.#promised.set(name, Math.max(this.#promised.get(name) ?? Number.NEGATIVE_INFINITY, untilMs));
  }

  /** Somebody asked for its end at `atMs`, and it may have come to that. */
  revoke(name: string, atMs: number): void {
    this.#revokedMs.set(name, Math.min(this.#revokedMs.get(name) ?? Number.POSITIVE_INFINITY, atMs));
  }

  /** Whether it can have been revoked before `beforeMs`. */
  isRevoked(name: string, beforeMs: number): boolean {
    return (this.#revokedMs.get(name) ?? Number.POSITIVE_INFINITY) <= beforeMs;
  }

  /** Whether it can have ended before `beforeMs`; of a lease that nobody was promised there is no telling. */
  mayHaveEnded(name: string, beforeMs: number): boolean {
    return (this.#promised.get(name) ?? Number.NEGATIVE_INFINITY) <= beforeMs || this.isRevoked(name, beforeMs);
  }
}

/** For rounding. */
const SLACK_MS = 1e-3;
