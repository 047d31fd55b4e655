// On the primary: proposes the entries that continue what earlier ones have left unfinished, such as the end of a large session.
import type { Clock } from '../env.ts';
import type { Command } from '../lease/commands.ts';
import type { Term } from '../raft/types.ts';

export interface SweeperHost {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly lessor: { readonly isPrimary: boolean };
  state(): { readonly isUnfinished: boolean };
  term(): Term;
  /** Proposes an entry of this term; `done` when it was applied or definitely never will be. */
  propose(command: Command, done: () => void): void;
}

/**
 * At most one entry at a time, and a rest of the same length after each, so that half of the time is left to requests. Nothing is decided
 * by these entries: all nodes have hidden the rest since the entry that left it.
 */
export class Sweeper {
  readonly #host: SweeperHost;
  readonly #maxRestMs: number;
  #isBusy = false;

  /** `maxRestMs`: longest rest between two entries, in milliseconds. */
  constructor(host: SweeperHost, maxRestMs: number) {
    this.#host = host;
    this.#maxRestMs = maxRestMs;
  }

  /** Entries were applied, or this node became primary. */
  watch(): void {
    const { clock, lessor } = this.#host;
    if (this.#isBusy || !lessor.isPrimary || !this.#host.state().isUnfinished) return;
    this.#isBusy = true;
    const startMs = clock.now();
    this.#host.propose({ kind: 'expire', term: this.#host.term(), items: [] }, () => {
      clock.after(Math.min(clock.now() - startMs, this.#maxRestMs), () => {
        this.#isBusy = false;
        this.watch();
      });
    });
  }
}
