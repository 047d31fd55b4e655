// Committed entries that wait to be applied: strictly in order, as many in one event-loop turn as its time allows.
import { APPLY_THREAD, type StorageApply, type StorageApplyResponse } from '../raft/messages.ts';
import { entriesBytes } from '../raft/sizes.ts';
import type { Entry, NodeId } from '../raft/types.ts';
import type { TurnBudget } from './turn-budget.ts';

export interface ApplyQueueHost {
  apply(entry: Entry): void;
  /** Tells Raft which entries are applied, or never will be. */
  step(response: StorageApplyResponse): void;
  /** Called after `step`, with the bytes of those entries. */
  applied(bytes: number): void;
}

export class ApplyQueue {
  readonly #self: NodeId;
  readonly #budget: TurnBudget;
  readonly #host: ApplyQueueHost;
  #waiting: readonly Entry[] = [];

  constructor(self: NodeId, budget: TurnBudget, host: ApplyQueueHost) {
    this.#self = self;
    this.#budget = budget;
    this.#host = host;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add({ entries }: StorageApply): void {
    this.#waiting = this.isEmpty ? entries : [...this.#waiting, ...entries];
  }

  /** Applies entries until the time of the turn is over, at least one. Raft learns of those that were applied. Returns their bytes. */
  run(): number {
    const entries = this.#waiting;
    let count = 0;
    while (count < entries.length) {
      this.#host.apply(entries[count] as Entry);
      count += 1;
      if (this.#budget.isSpent) break;
    }
    return this.#take(count);
  }

  /** A received state has taken the place of what the waiting entries would have changed. */
  drop(): void {
    this.#take(this.#waiting.length);
  }

  #take(count: number): number {
    if (count === 0) return 0;
    const entries = count === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    const bytes = entriesBytes(entries);
    this.#host.step({ kind: 'storage-apply-response', from: APPLY_THREAD, to: this.#self, term: 0, entries });
    this.#host.applied(bytes);
    return bytes;
  }
}
