// One abort signal that follows several others for as long as a call lasts.

/** Follows other signals until it is unlinked. `AbortSignal.any` would do, but on Node 20 it keeps something for ever of each use of a signal that lives long. */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #followed: readonly AbortSignal[];
  readonly #follow = (): void => this.#controller.abort(this.reason);

  constructor(...followed: readonly (AbortSignal | undefined)[]) {
    this.#followed = followed.filter((signal) => signal !== undefined);
    for (const signal of this.#followed) signal.addEventListener('abort', this.#follow);
    if (this.isAborted) this.#follow();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether one of the followed signals is aborted, as opposed to this one alone. */
  get isAborted(): boolean {
    return this.#followed.some(({ aborted }) => aborted);
  }

  /** The reason of the first followed signal that is aborted. */
  get reason(): unknown {
    return this.#followed.find(({ aborted }) => aborted)?.reason;
  }

  /**
   * Settles as `work` does, or is rejected as soon as this is aborted. `fetch` promises the same of its signal, but on Node 20 it can
   * lose sight of the signal when memory is collected, and then never settles.
   */
  race<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(this.signal.reason);
      if (this.signal.aborted) abort();
      this.signal.addEventListener('abort', abort);
      work.then(resolve, reject).finally(() => this.signal.removeEventListener('abort', abort));
    });
  }

  abort(): void {
    this.#controller.abort();
  }

  unlink(): void {
    for (const signal of this.#followed) signal.removeEventListener('abort', this.#follow);
  }
}
