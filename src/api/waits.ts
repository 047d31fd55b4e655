// What waits on this node: bounded in number, and ended when the node stops.
import { ApiError } from './errors.ts';

/** The requests that wait for something to happen. */
export class Waits {
  readonly #max: number;
  readonly #stops = new Set<() => void>();
  #stopping = false;

  /** At most `max` requests wait at a time. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many wait now. */
  get count(): number {
    return this.#stops.size;
  }

  /** Whether the node is stopping; nothing may begin to wait then. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Begins a wait. `stop` is called if the node stops before the returned function ended it. Throws when too many wait or the node stops. */
  begin(stop: () => void): () => void {
    if (this.#stopping) throw new ApiError('stopping', 'the node is stopping');
    if (this.#stops.size >= this.#max) throw new ApiError('overloaded', `${this.#max} requests wait already`);
    // Wrapped, so that two waits that share a function count as two.
    const entry = (): void => stop();
    this.#stops.add(entry);
    return () => {
      this.#stops.delete(entry);
    };
  }

  /** Ends all that wait, for good. */
  stop(): void {
    this.#stopping = true;
    const stops = [...this.#stops];
    this.#stops.clear();
    for (const stop of stops) stop();
  }
}
