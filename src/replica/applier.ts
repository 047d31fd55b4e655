// Applies committed entries in order and settles the requests of this node among them.
import type { Codec } from '../env.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { ConfChange, Entry, Index, Term } from '../raft/types.ts';
import { type Origin, open } from './envelope.ts';
import type { Requests } from './requests.ts';

export interface ApplierHost {
  applyConfChange(change: ConfChange): void;
  /** The first entry of a term has been applied. */
  termApplied(term: Term): void;
  /** A request of this life was applied that nobody waits for any more. */
  orphaned(outcome: Outcome): void;
}

export class Applier {
  readonly #codec: Codec;
  readonly #origin: Origin;
  readonly #requests: Requests;
  readonly #host: ApplierHost;
  #state: StateMachine;
  /** Term of the last applied entry. */
  #term: Term;

  constructor(codec: Codec, origin: Origin, requests: Requests, host: ApplierHost, state: StateMachine, term: Term) {
    this.#codec = codec;
    this.#origin = origin;
    this.#requests = requests;
    this.#host = host;
    this.#state = state;
    this.#term = term;
  }

  get state(): StateMachine {
    return this.#state;
  }

  get index(): Index {
    return this.#state.appliedIndex;
  }

  get term(): Term {
    return this.#term;
  }

  /** The state was replaced by a received one. */
  replace(state: StateMachine, term: Term): void {
    this.#state = state;
    this.#term = term;
    this.#requests.logJumped();
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const opensTerm = entry.term > this.#term;
      if (opensTerm) {
        this.#term = entry.term;
        this.#requests.termReached(entry.term);
      }
      this.#applyOne(entry);
      if (opensTerm) this.#host.termApplied(entry.term);
    }
  }

  #applyOne(entry: Entry): void {
    const { index, term } = entry;
    if (entry.kind === 'conf-change') {
      this.#host.applyConfChange(entry.change);
      this.#state.skip(index);
      return;
    }
    const envelope = open(entry.data);
    if (envelope === null) {
      this.#state.skip(index);
      return;
    }
    const { timeMs, node, incarnation, sequence, command } = envelope;
    const outcome = this.#state.apply({ index, term, timeMs, origin: { node, incarnation } }, this.#decode(command));
    if (node !== this.#origin.node || incarnation !== this.#origin.incarnation) return;
    if (!this.#requests.applied(sequence, index, outcome)) this.#host.orphaned(outcome);
  }

  /** What no node can read is refused by every state machine alike; it must not end this node alone. */
  #decode(command: Uint8Array): unknown {
    try {
      return this.#codec.decode(command);
    } catch {
      return null;
    }
  }
}
