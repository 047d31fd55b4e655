// Applies committed entries in order and settles the requests of this node among them.
import type { Codec } from '../env.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { ConfChange, ConfState, Entry, Index, Term } from '../raft/types.ts';
import { type Origin, open } from './envelope.ts';
import { decodePuts } from './member-codec.ts';
import type { Requests } from './requests.ts';
import type { Roster } from './roster.ts';

export interface ApplierHost {
  applyConfChange(change: ConfChange): ConfState;
  /** The members are others, by the entry at `index`. */
  membersChanged(index: Index, term: Term): void;
  /** The first entry of a term has been applied. */
  termApplied(term: Term): void;
  /** A request of this life was applied that nobody waits for any more. */
  orphaned(outcome: Outcome): void;
}

/** All that is applied. */
export interface Applied {
  readonly state: StateMachine;
  /** Term of the last applied entry. */
  readonly term: Term;
  /** Who the members are. */
  readonly roster: Roster;
}

export class Applier implements Applied {
  readonly #codec: Codec;
  readonly #origin: Origin;
  readonly #requests: Requests;
  readonly #host: ApplierHost;
  #state: StateMachine;
  #term: Term;
  #roster: Roster;

  constructor(codec: Codec, origin: Origin, requests: Requests, host: ApplierHost, { state, term, roster }: Applied) {
    this.#codec = codec;
    this.#origin = origin;
    this.#requests = requests;
    this.#host = host;
    this.#state = state;
    this.#term = term;
    this.#roster = roster;
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

  get roster(): Roster {
    return this.#roster;
  }

  /** The state was replaced by a received one. */
  replace({ state, term, roster }: Applied): void {
    this.#state = state;
    this.#term = term;
    this.#roster = roster;
    this.#requests.logJumped();
  }

  apply(entry: Entry): void {
    const opensTerm = entry.term > this.#term;
    if (opensTerm) {
      this.#term = entry.term;
      this.#requests.termReached(entry.term);
    }
    this.#applyOne(entry);
    if (opensTerm) this.#host.termApplied(entry.term);
  }

  #applyOne(entry: Entry): void {
    const { index, term } = entry;
    if (entry.kind === 'conf-change') {
      this.#state.skip(index);
      const conf = this.#host.applyConfChange(entry.change);
      this.#roster = this.#roster.after(decodePuts(entry.change.context, this.#codec), conf);
      this.#host.membersChanged(index, term);
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
