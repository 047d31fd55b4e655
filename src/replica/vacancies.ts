// Who on this node waits for a lease to be free, woken by the log alone.
import type { LeaseKey } from '../lease/commands.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { ReadAnswer } from './reads.ts';
import type { Failure } from './service.ts';

interface Waiter {
  /** Of the tenure that it waits to see the end of. */
  readonly fence: number;
  readonly key: LeaseKey;
  readonly vacant: (index: number) => void;
  readonly failed: (failure: Failure) => void;
}

export class Vacancies {
  readonly #waiters = new Map<string, Set<Waiter>>();

  /** Wakes the waiter at once if the lease is free at a read barrier, else by the log. The returned function forgets it for good. */
  wait(read: (answer: ReadAnswer) => void, asked: Omit<Waiter, 'fence'>): () => void {
    let forget: (() => void) | null = null;
    let isCancelled = false;
    read((result) => {
      if (isCancelled) return;
      if (result.kind === 'failed') {
        asked.failed(result.failure);
        return;
      }
      const claim = result.view.state.claim(asked.key, result.view.nowMs);
      if (claim === null) asked.vacant(result.view.index);
      else forget = this.#add({ ...asked, fence: claim.fence });
    });
    return () => {
      isCancelled = true;
      forget?.();
    };
  }

  #add(waiter: Waiter): () => void {
    const name = nameOf(waiter.key);
    let waiters = this.#waiters.get(name);
    if (waiters === undefined) {
      waiters = new Set();
      this.#waiters.set(name, waiters);
    }
    waiters.add(waiter);
    return () => {
      const present = this.#waiters.get(name);
      if (present?.delete(waiter) && present.size === 0) this.#waiters.delete(name);
    };
  }

  vacated(key: LeaseKey, index: number): void {
    const name = nameOf(key);
    const waiters = this.#waiters.get(name);
    if (waiters === undefined) return;
    this.#waiters.delete(name);
    for (const waiter of waiters) waiter.vacant(index);
  }

  /** The state was replaced as a whole: wakes those whose tenure is over in it, whoever has the lease now. */
  recheck(state: StateMachine): void {
    for (const waiters of [...this.#waiters.values()]) {
      // All wait for the end of one tenure: its end would have woken those who came before the next.
      const [first] = waiters;
      if (first !== undefined && state.claim(first.key, state.timeMs)?.fence !== first.fence) this.vacated(first.key, state.appliedIndex);
    }
  }

  failAll(failure: Failure): void {
    const all = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiters of all) for (const waiter of waiters) waiter.failed(failure);
  }
}

/** Names hold no control characters, so nothing can be confused by this separator. */
function nameOf({ namespace, model, lease }: LeaseKey): string {
  return `${namespace}\u0000${model}\u0000${lease}`;
}
