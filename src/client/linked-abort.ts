// One abort signal that follows several others for as long as a call lasts.

/** Follows other signals until it is unlinked. `AbortSignal.any` would do, but on Node 20 it keeps something for ever of each use of a signal that lives long. */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #followed: readonly AbortSignal[];
  readonly #follow = (): void => this.#controller.abort(this.reason);

  constructor(...followed: readonly (AbortSignal | undefined)[]) {
    this.#followed = followed.filter((signal) => signal !== undefined);
    for (const signal of this.#followed) listen(signal, this.#follow);
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
    for (const signal of this.#followed) unlisten(signal, this.#follow);
  }
}

/** Who follows a signal, and the one listener that tells them. */
interface Followers {
  readonly tell: () => void;
  readonly all: Set<() => void>;
}

// One listener for each signal, however many calls are under way: Node warns of a leak from the eleventh on, in the user's program.
const followersOf = new WeakMap<AbortSignal, Followers>();

function listen(signal: AbortSignal, follow: () => void): void {
  const known = followersOf.get(signal);
  if (known !== undefined) {
    known.all.add(follow);
    return;
  }
  const all = new Set([follow]);
  const tell = (): void => {
    for (const each of [...all]) each();
  };
  followersOf.set(signal, { tell, all });
  signal.addEventListener('abort', tell);
}

function unlisten(signal: AbortSignal, follow: () => void): void {
  const known = followersOf.get(signal);
  if (known?.all.delete(follow) !== true || known.all.size > 0) return;
  followersOf.delete(signal);
  signal.removeEventListener('abort', known.tell);
}
