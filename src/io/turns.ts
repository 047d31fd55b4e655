// Who may write now: most writes go side by side, some need the store for themselves. First come, first served.

type Job = (leave: () => void) => void;

/** A queue of jobs. Each calls `leave` once, when it has ended. */
export class Turns {
  #inside = 0;
  #alone = false;
  readonly #waiting: { readonly alone: boolean; readonly job: Job }[] = [];

  /** Runs `job` beside others of its kind, at once when nobody waits or is alone. */
  together(job: Job): void {
    this.#enter(false, job);
  }

  /** Runs `job` when all others have left, and nothing beside it. */
  alone(job: Job): void {
    this.#enter(true, job);
  }

  #enter(alone: boolean, job: Job): void {
    this.#waiting.push({ alone, job });
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#mayEnter(next.alone); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#inside++;
      this.#alone = next.alone;
      next.job(() => {
        this.#inside--;
        this.#alone = false;
        this.#admit();
      });
    }
  }

  #mayEnter(alone: boolean): boolean {
    return this.#inside === 0 || (!this.#alone && !alone);
  }
}
