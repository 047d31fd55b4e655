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

  abort(): void {
    this.#controller.abort();
  }

  unlink(): void {
    for (const signal of this.#followed) signal.removeEventListener('abort', this.#follow);
  }
}
