// All on this node that waits for the log: for a vacancy, for a place in the queue, or for the rest of what an entry left unfinished.
import type { Clock } from '../env.ts';
import type { LeaseKey } from '../lease/commands.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { TurnEnd } from '../lease/queueing.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Life } from '../lease/waiters.ts';
import type { Index } from '../raft/types.ts';
import { ClaimWaits } from './claim-waits.ts';
import { Denials } from './denials.ts';
import { LostWaiters, type LostWaitersHost } from './lost-waiters.ts';
import type { Failure, Service } from './service.ts';
import { Sweeper } from './sweeper.ts';
import { Vacancies } from './vacancies.ts';

/** Longest rest between two entries of the sweeper. */
const MAX_REST_MS = 100;

export class Waiting {
  readonly vacancies = new Vacancies();
  readonly claims: ClaimWaits;
  readonly denials: Denials;
  readonly #lost: LostWaiters;
  readonly #sweeper: Sweeper;

  /**
   * `propose` gets a command that dies with the term; its `done` is called when it was applied or surely never will be.
   * `silentTicksMax`: after so many ticks without a word of it a node's waiters are dropped.
   */
  constructor(
    clock: Clock,
    life: Life,
    replica: Pick<Service, 'read' | 'submit' | 'term'> & { readonly state: StateMachine },
    judge: Pick<LostWaitersHost, 'lessor' | 'view' | 'propose'>,
    silentTicksMax: number,
  ) {
    this.denials = new Denials(replica);
    this.claims = new ClaimWaits({ clock, life, submit: (command, settle) => replica.submit(command, settle) });
    const state = (): StateMachine => replica.state;
    this.#lost = new LostWaiters({ life, state, ...judge }, silentTicksMax);
    this.#sweeper = new Sweeper({ clock, state, term: () => replica.term, ...judge }, MAX_REST_MS);
  }

  tick(): void {
    this.#lost.tick();
  }

  /** Entries may have been applied. */
  turned(): void {
    this.#sweeper.watch();
  }

  vacated(key: LeaseKey, index: Index): void {
    this.vacancies.vacated(key, index);
  }

  turnEnded(turn: TurnEnd, index: Index): void {
    this.claims.turnEnded(turn, index);
  }

  orphaned(outcome: Outcome): void {
    this.claims.orphaned(outcome);
  }

  /** The state was replaced as a whole by a received one. */
  stateReplaced(state: StateMachine): void {
    this.vacancies.recheck(state);
    this.claims.stateReplaced(state);
  }

  stop(failure: Failure): void {
    this.vacancies.failAll(failure);
    this.claims.stop(failure);
  }

  halt(failure: Failure): void {
    this.vacancies.failAll(failure);
    this.claims.halt();
  }
}
