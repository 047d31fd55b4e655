// What clients were promised about contended leases, and whether any answer breaks a promise: no two holders, no early end, fences that grow.

/** One holder's time with one lease, from the moments that clients saw. Milliseconds of the checking process's monotonic clock. */
interface Tenure {
  readonly holder: string;
  readonly fence: number;
  /** When the first answer that told of it came. */
  readonly firstAnswerMs: number;
  /** It is held at least until here. */
  promisedUntilMs: number;
}

/** All tenures of one lease. */
export class Tenures {
  readonly #lease: string;
  readonly #violation: (text: string) => void;
  readonly #byFence = new Map<number, Tenure>();

  constructor(lease: string, violation: (text: string) => void) {
    this.#lease = lease;
    this.#violation = violation;
  }

  /** A claim or an extension by `holder` was acknowledged: it holds for `durationMs` from the start of the call on. */
  acknowledged(holder: string, fence: number, startMs: number, answerMs: number, durationMs: number): void {
    const tenure = this.#byFence.get(fence) ?? { holder, fence, firstAnswerMs: answerMs, promisedUntilMs: 0 };
    if (tenure.holder !== holder) this.#violation(`${this.#lease}: fence ${fence} was given to ${tenure.holder} and to ${holder}`);
    this.#byFence.set(fence, tenure);
    tenure.promisedUntilMs = Math.max(tenure.promisedUntilMs, startMs + durationMs);
    for (const other of this.#byFence.values()) {
      if (other.fence > fence) this.#checkSuccession(tenure, other, startMs);
      else if (other.fence < fence) this.#checkSuccession(other, tenure, Number.POSITIVE_INFINITY);
    }
  }

  /** The holder asks to give the lease up; from here on nothing is promised for that tenure, whatever the answer. */
  releasing(fence: number): void {
    const tenure = this.#byFence.get(fence);
    if (tenure) this.#byFence.set(fence, { ...tenure, promisedUntilMs: Number.NEGATIVE_INFINITY });
  }

  /** `holder` was told at `answerMs` that it does not hold the tenure `fence`. */
  denied(holder: string, fence: number, answerMs: number): void {
    const tenure = this.#byFence.get(fence);
    if (tenure && answerMs < tenure.promisedUntilMs) {
      this.#violation(`${this.#lease}: ${holder} lost fence ${fence} at least ${Math.ceil(tenure.promisedUntilMs - answerMs)} ms early`);
    }
  }

  /** `earlier` has the smaller fence. `earlierStartMs`: when the call began that just told of it again. */
  #checkSuccession(earlier: Tenure, later: Tenure, earlierStartMs: number): void {
    if (later.firstAnswerMs < earlier.promisedUntilMs) {
      const early = Math.ceil(earlier.promisedUntilMs - later.firstAnswerMs);
      this.#violation(
        `${this.#lease}: ${later.holder} got fence ${later.fence} ${early} ms before the promise to ${earlier.holder} (fence ${earlier.fence}) ended`,
      );
    }
    if (earlierStartMs < Number.POSITIVE_INFINITY && later.firstAnswerMs < earlierStartMs) {
      this.#violation(`${this.#lease}: fence ${earlier.fence} was acknowledged by a call that began after fence ${later.fence} was known`);
    }
  }
}
