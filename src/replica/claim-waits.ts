// The claims of this node's callers that wait for their turn in the replicated queue, each with its caller and its time.
import type { Cancel, Clock } from '../env.ts';
import type { ClaimCommand, Command } from '../lease/commands.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { TurnEnd } from '../lease/queueing.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Life } from '../lease/waiters.ts';
import { WAIT_UNKNOWN } from './failures.ts';
import { appliedAs, type Failure, type Settled } from './service.ts';

/** Before a leave that failed is tried again, in milliseconds. */
const LEAVE_RETRY_MS = 200;

export interface ClaimWaitsHost {
  readonly clock: Clock;
  /** This life of this node. */
  readonly life: Life;
  submit(command: Command, settle: (settled: Settled) => void): void;
}

interface Wait {
  readonly command: ClaimCommand;
  readonly requestKey: string | null;
  /** With it, as `since` of the command `once`. */
  readonly since: number | null;
  /** In local time. */
  readonly endMs: number;
  readonly settle: (settled: Settled) => void;
  /** 0 while its claim is under way. */
  ticket: number;
  timer: Cancel | null;
  /** Set once it is given up: what its caller is to be told when that is sure, null for a caller that has gone. */
  givenUp: { readonly failure: Failure | null } | null;
}

/**
 * What decides is the log: this only keeps callers by ticket, and tells the log when one has no time left or has gone. A wait ends
 * with the entry that grants it, wherever that was proposed, and survives every change of the leader.
 */
export class ClaimWaits {
  readonly #host: ClaimWaitsHost;
  /** By ticket. */
  readonly #queued = new Map<number, Wait>();
  /** All whose caller is there and has not been told. */
  readonly #waits = new Set<Wait>();
  /** Tickets that are being left, each with the timer of its next try. */
  readonly #leaving = new Map<number, Cancel | null>();
  #stopped = false;

  constructor(host: ClaimWaitsHost) {
    this.#host = host;
  }

  /** Callers that wait, and tickets that are being given up. */
  get count(): number {
    return this.#waits.size + this.#leaving.size;
  }

  /**
   * Claims, and queues for up to `waitMs` if somebody else holds the lease. The returned function gives the wait up: neither a place
   * in the queue nor a tenure is left behind. With a failure the caller is told that once it is sure, without one nothing any more.
   */
  claim(
    command: ClaimCommand,
    waitMs: number,
    settle: (settled: Settled) => void,
    requestKey: string | null = null,
    since: number | null = null,
  ): (failure: Failure | null) => void {
    const endMs = this.#host.clock.now() + waitMs;
    const wait: Wait = { command, requestKey, since, endMs, settle, ticket: 0, timer: null, givenUp: null };
    this.#waits.add(wait);
    this.#submit(wait);
    return (failure) => this.#giveUp(wait, failure);
  }

  /** A waiter of the replicated queue has its outcome, or has lost its place. */
  turnEnded({ node, incarnation, ticket, outcome }: TurnEnd, index: number): void {
    const { life } = this.#host;
    if (node !== life.node || incarnation !== life.incarnation) return;
    const wait = this.#queued.get(ticket);
    if (wait === undefined) return;
    this.#leaveQueue(wait);
    if (outcome === null) this.#submit(wait);
    else this.#tell(wait, appliedAs(index, outcome));
  }

  /** A claim of this node queued, but whoever asked for it was told long ago that its outcome is unknown. */
  orphaned(outcome: Outcome): void {
    if (outcome.kind === 'queued') this.#leave(outcome.ticket, true, ignore);
  }

  /** The state was replaced as a whole: what became of the waits stands in it. */
  stateReplaced(state: StateMachine): void {
    const present = new Set(state.ticketsUpTo(this.#host.life));
    for (const wait of [...this.#queued.values()]) {
      if (present.has(wait.ticket)) continue;
      this.#leaveQueue(wait);
      const claim = state.claim(wait.command.key, state.timeMs);
      if (claim?.holder !== wait.command.holder) this.#submit(wait);
      else this.#tell(wait, { kind: 'applied', index: state.appliedIndex, outcome: { kind: 'claim', claim, created: true } });
    }
    for (const ticket of present) if (!this.#queued.has(ticket)) this.#leave(ticket, true, ignore);
  }

  /** The node stops: all callers are told so when they have left the queue. */
  stop(failure: Failure): void {
    for (const wait of [...this.#waits]) this.#giveUp(wait, failure);
  }

  /** This life is over: what has not left the queue will be dropped from it by the leader, but perhaps not before its turn. */
  halt(): void {
    this.#stopped = true;
    for (const cancel of this.#leaving.values()) cancel?.();
    this.#leaving.clear();
    for (const wait of [...this.#waits]) {
      this.#leaveQueue(wait);
      this.#tell(wait, unknown);
    }
  }

  /** With what time is left: none makes it a claim like any other, which is told how things stand. */
  #submit(wait: Wait): void {
    const leftMs = Math.ceil(wait.endMs - this.#host.clock.now());
    const claim = leftMs > 0 ? { ...wait.command, waitMs: leftMs } : wait.command;
    const command = wait.requestKey === null ? claim : ({ kind: 'once', key: wait.requestKey, command: claim, since: wait.since } as const);
    this.#host.submit(command, (settled) => {
      const isQueued = settled.kind === 'applied' && settled.outcome.kind === 'queued';
      const leavesBehind = settled.kind === 'applied' && (isQueued || isNewTenure(settled.outcome));
      if (wait.givenUp !== null && leavesBehind) this.#depart(wait, settled.index, wait.givenUp.failure);
      else if (isQueued) this.#enterQueue(wait, settled.index);
      else this.#tell(wait, settled);
    });
  }

  #enterQueue(wait: Wait, ticket: number): void {
    wait.ticket = ticket;
    this.#queued.set(ticket, wait);
    wait.timer = this.#host.clock.after(Math.max(0, wait.endMs - this.#host.clock.now()), () => this.#timeIsUp(wait));
  }

  #leaveQueue(wait: Wait): void {
    wait.timer?.();
    wait.timer = null;
    this.#queued.delete(wait.ticket);
    wait.ticket = 0;
  }

  /** The log says whether the turn came first; then the caller has been told of it by the time that the leave is applied. */
  #timeIsUp(wait: Wait): void {
    wait.timer = null;
    const { ticket } = wait;
    this.#leave(ticket, false, (settled) => {
      if (wait.ticket !== ticket) return;
      this.#leaveQueue(wait);
      if (settled.kind === 'failed') this.#depart(wait, ticket, null, unknown);
      else if (settled.outcome.kind === 'refused') this.#tell(wait, settled);
      else this.#submit(wait);
    });
  }

  #giveUp(wait: Wait, failure: Failure | null): void {
    if (wait.givenUp !== null || !this.#waits.has(wait)) return;
    wait.givenUp = { failure };
    if (failure === null) this.#waits.delete(wait);
    const { ticket } = wait;
    if (ticket === 0) return;
    this.#leaveQueue(wait);
    this.#depart(wait, ticket, failure);
  }

  /** Sees to it that nothing is left behind, and tells the caller `told`, or what it was given up with when that is sure. */
  #depart(wait: Wait, ticket: number, failure: Failure | null, told: Settled | null = null): void {
    if (told !== null) this.#tell(wait, told);
    this.#leave(ticket, true, (settled) => {
      if (failure !== null) this.#tell(wait, settled.kind === 'applied' ? { kind: 'failed', failure } : unknown);
    });
  }

  #tell(wait: Wait, settled: Settled): void {
    if (this.#waits.delete(wait)) wait.settle(settled);
  }

  /** One that gives back is tried until the log has it or this life is over. `settle` is told how the first try went. */
  #leave(ticket: number, giveBack: boolean, settle: (settled: Settled) => void): void {
    if (giveBack) this.#leaving.set(ticket, null);
    this.#host.submit({ kind: 'leave', ticket, giveBack }, (settled) => {
      if (!giveBack || settled.kind === 'applied') this.#leaving.delete(ticket);
      else if (!this.#stopped)
        this.#leaving.set(
          ticket,
          this.#host.clock.after(LEAVE_RETRY_MS, () => this.#leave(ticket, true, ignore)),
        );
      settle(settled);
    });
  }
}

const unknown: Settled = { kind: 'failed', failure: WAIT_UNKNOWN };

const ignore = (): void => undefined;

function isNewTenure(outcome: Outcome): boolean {
  return outcome.kind === 'claim' && outcome.created;
}
