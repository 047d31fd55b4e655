// Checks of who holds a lease, and tokens that open the trapdoor.
import type { ReadView, Service } from '../replica/service.ts';
import { notHeld, readHere, readThrough } from './calls.ts';
import { BadArgument } from './errors.ts';
import type { Key } from './key.ts';
import { obey, type Secretary } from './secretary.ts';
import { plain } from './store.ts';
import type { HeldFact, Trapdoor } from './trapdoor.ts';

/** A fact about a lease and a holder, true or not (Juju Token). */
export interface Token {
  /**
   * Settles with the fact if the holder has the lease; else throws `NotHeld`, which says who has it and at which index. `BadArgument`
   * for names that the secretary refuses, the lease's first; `Timeout` without a leader.
   *
   * Without a key the answer is linearizable: it was true at some time during the call. With one the fact goes to the trapdoor, whose
   * error comes out unchanged: for a log's, the key is an assertion list, which then holds the one assertion to gate a write with.
   * `attempt` counts from 0. At 0 a key is served from what this node has applied, which costs nothing and risks no more than a gated
   * write that is refused; if that does not show the holder, and from 1 on, a barrier comes first. A token that is not held never reaches
   * the trapdoor.
   */
  check(attempt?: number, trapdoorKey?: unknown): Promise<HeldFact>;
}

/** Exposes facts about who holds leases of one namespace and model (Juju Checker). */
export interface Checker {
  /** Asks nothing and never fails; names are judged when it is checked. With `fence`, only that tenure counts. */
  token(lease: string, holder: string, fence?: number): Token;
}

/** What makes the trapdoor for a fact. */
export type TrapdoorOf = (fact: HeldFact) => Trapdoor;

/** The checker of a node. */
export class ReplicaChecker implements Checker {
  readonly #service: Service;
  readonly #scope: Omit<Key, 'lease'>;
  readonly #secretary: Secretary;
  readonly #trapdoorOf: TrapdoorOf;

  constructor(service: Service, scope: Omit<Key, 'lease'>, secretary: Secretary, trapdoorOf: TrapdoorOf) {
    this.#service = service;
    this.#scope = scope;
    this.#secretary = secretary;
    this.#trapdoorOf = trapdoorOf;
  }

  token(lease: string, holder: string, fence?: number): Token {
    const key: Key = { ...this.#scope, lease };
    return { check: (attempt = 0, trapdoorKey) => this.#check(key, holder, fence, attempt, trapdoorKey) };
  }

  async #check(key: Key, holder: string, fence: number | undefined, attempt: number, trapdoorKey: unknown): Promise<HeldFact> {
    obey(this.#secretary.checkLease(key), 'check');
    obey(this.#secretary.checkHolder(holder), 'check');
    if (!Number.isSafeInteger(attempt) || attempt < 0) throw new BadArgument(`attempt ${attempt} must be a whole number from 0 on`);
    const hasKey = trapdoorKey !== undefined && trapdoorKey !== null;
    const look = (view: ReadView): Look => lookAt(view, key, holder, fence);
    const near = hasKey && attempt === 0 ? readHere(this.#service, look) : null;
    const { fact, claim, index } = near?.fact ? near : await readThrough(this.#service, look);
    if (fact === null) throw notHeld(claim?.holder ?? null, claim?.fence ?? null, index);
    if (hasKey) await this.#trapdoorOf(fact)(attempt, trapdoorKey);
    return fact;
  }
}

interface Look {
  readonly fact: HeldFact | null;
  readonly claim: { readonly holder: string; readonly fence: number } | null;
  readonly index: number;
}

function lookAt({ state, nowMs, index }: ReadView, key: Key, holder: string, fence: number | undefined): Look {
  const claim = state.claim(key, nowMs);
  const held = claim !== null && claim.holder === holder && (fence === undefined || claim.fence === fence);
  return { claim, index, fact: held ? { ...plain(key), holder, fence: claim.fence, index } : null };
}
