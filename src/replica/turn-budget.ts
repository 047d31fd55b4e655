// How much time the present event-loop turn may still spend on work that can continue in the next one.
import type { Clock } from '../env.ts';

/** Decides only when work continues, never what it does. */
export class TurnBudget {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #maxMs: number;
  #endMs = 0;

  /** `maxMs`: time for one turn, in milliseconds; with 0 each turn does one piece of each kind of work. */
  constructor(clock: Pick<Clock, 'now'>, maxMs: number) {
    this.#clock = clock;
    this.#maxMs = maxMs;
  }

  /** Whether the next piece of work must wait for the next turn. */
  get isSpent(): boolean {
    return this.#clock.now() >= this.#endMs;
  }

  /** A turn begins. */
  begin(): void {
    this.#endMs = this.#clock.now() + this.#maxMs;
  }

  /** The turn goes on to another kind of work, which gets half of the time of a turn if less is left. */
  next(): void {
    this.#endMs = Math.max(this.#endMs, this.#clock.now() + this.#maxMs / 2);
  }
}
