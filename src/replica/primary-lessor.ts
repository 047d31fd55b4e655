// The lessor on the leader: keeps lease time, and proposes the end of what is due (DESIGN 2; etcd Promote and Demote).
import type { Cancel, Clock } from '../env.ts';
import type { Command } from '../lease/commands.ts';
import { ENTRY_WORK_MAX } from '../lease/entry-budget.ts';
import { LeaseClock } from '../lease/lease-clock.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Term } from '../raft/types.ts';
import { QuorumConfirmation } from './quorum-confirmation.ts';

export interface LessorHost {
  state(): StateMachine;
  /** Requests a barrier, shared with reads. `done` gets whether a quorum has confirmed this leader since the call. */
  confirm(done: (isConfirmed: boolean) => void): void;
  /** An expiry can be taken with `takeExpiry`: schedules an event-loop turn. */
  ready(): void;
}

/** An expiry that is appended to the log by its taker at once. */
export interface TakenExpiry {
  readonly command: Command;
  /** To be called when it was applied or definitely never will be. */
  readonly done: () => void;
}

export class PrimaryLessor {
  readonly #clock: Clock;
  readonly #host: LessorHost;
  readonly #extendMs: number;
  readonly #maxBatch: number;
  readonly #leaseClock: LeaseClock;
  readonly #quorum: QuorumConfirmation;
  #elected = false;
  /** The term in which this node is primary, 0 while it is not. */
  #primaryTerm: Term = 0;
  #proposing = false;
  #confirming = false;
  /** Local time since which something is due, was not proposed, and need not wait for a grace time; null if nothing is. */
  #dueSinceMs: number | null = null;
  #timer: Cancel | null = null;
  /** Lease time for which the timer is set. */
  #timerDeadlineMs = Number.POSITIVE_INFINITY;

  /**
   * `extendMs`: on top of what remains of every lease after a promotion; also the most that lease time moves in one step, and that the
   * lessor rests between two full batches of ends.
   */
  constructor(clock: Clock, host: LessorHost, extendMs: number, maxBatch: number) {
    this.#clock = clock;
    this.#host = host;
    this.#extendMs = extendMs;
    this.#maxBatch = maxBatch;
    this.#leaseClock = new LeaseClock(extendMs);
    this.#quorum = new QuorumConfirmation(clock, extendMs);
  }

  get isPrimary(): boolean {
    return this.#primaryTerm !== 0;
  }

  /**
   * The leader was heard, with an entry stamped `stampedMs` or null for none: time goes on where it is. Another one leads, then: what
   * this node may have counted as a leader itself ends here, before the stamp that replaces it is taken.
   */
  heardLeader(stampedMs: number | null): void {
    if (this.#elected) this.demote();
    this.#leaseClock.follow(stampedMs, this.#clock.now());
  }

  /**
   * A state received from the leader took the place of this node's own. What it promises counts from its time, as an entry's promise
   * counts from its stamp, however far this node had counted alone.
   */
  stateReplaced(): void {
    if (!this.#elected) this.#leaseClock.follow(this.#host.state().timeMs, this.#clock.now());
  }

  /** This node leads: lease time goes on from that of its last log entry, at first standing still. */
  elected(lastEntryTimeMs: number): void {
    this.#elected = true;
    this.#leaseClock.start(lastEntryTimeMs, this.#clock.now());
  }

  /** The first entry of the own term is applied, so everything before it is known. */
  promote(term: Term): void {
    this.#primaryTerm = term;
    this.#proposing = false;
    this.#confirming = false;
    this.#dueSinceMs = null;
    this.#quorum.promoted();
    this.#leaseClock.promote(this.#clock.now(), this.#extendMs);
    this.watch();
  }

  demote(): void {
    this.#elected = false;
    this.#primaryTerm = 0;
    this.#proposing = false;
    this.#confirming = false;
    this.#leaseClock.demote();
    this.#stopTimer();
  }

  /** Lease time now, in whole milliseconds; what an entry is stamped with. On a follower it is its own account, for stale reads. */
  now(): number {
    return Math.max(this.#leaseClock.read(this.#clock.now()), this.#host.state().timeMs);
  }

  /** Once a tick: keeps the steps of lease time small. */
  tick(): void {
    if (this.#elected) this.now();
  }

  /** Deadlines may have changed: has what is due confirmed, or arms a timer for what will be. */
  watch(): void {
    if (this.#primaryTerm === 0 || this.#proposing || this.#confirming) return;
    const deadlineMs = this.#host.state().nextDeadlineMs();
    if (deadlineMs === null || (this.#timer !== null && this.#timerDeadlineMs <= deadlineMs)) return;
    const nowMs = this.now();
    if (deadlineMs >= nowMs) {
      this.#dueSinceMs = null;
      // Due is what lies strictly before lease time, hence one more; lease time may stand still, then it is looked at again.
      this.#wait(deadlineMs - nowMs + 1, deadlineMs);
      return;
    }
    const { graceMs } = this.#quorum;
    if (graceMs > 0) {
      this.#dueSinceMs = null;
      this.#wait(graceMs, Number.NEGATIVE_INFINITY);
      return;
    }
    this.#dueSinceMs ??= this.#clock.now();
    if (!this.hasExpiry) this.#confirm(nowMs);
  }

  /** Whether something is due by a lease time for which a quorum has confirmed this leader recently. Costs little. */
  get hasExpiry(): boolean {
    if (this.#dueSinceMs === null || this.#primaryTerm === 0 || this.#proposing || this.#confirming) return false;
    const deadlineMs = this.#host.state().nextDeadlineMs();
    if (deadlineMs === null || deadlineMs >= this.#quorum.leaseTimeMs || this.#quorum.graceMs > 0) return false;
    return this.#quorum.isFresh || this.#isOverdue;
  }

  /**
   * The expiry to append to the log now, behind all requests that wait: a renewal among them comes first. Null if there is none, or if
   * `hasBacklog`: some requests still wait. Neither a backlog nor slow disks postpone an expiry by more than two election timeouts.
   */
  takeExpiry(hasBacklog: boolean): TakenExpiry | null {
    if (!this.hasExpiry || (hasBacklog && !this.#isOverdue)) return null;
    const state = this.#host.state();
    const due = state.due(this.#quorum.leaseTimeMs, this.#maxBatch);
    if (due.length === 0) return null;
    // By the keys and claims that end, so that few of them are left to later entries.
    const items = state.due(this.#quorum.leaseTimeMs, this.#maxBatch, ENTRY_WORK_MAX);
    this.#stopTimer();
    this.#proposing = true;
    this.#dueSinceMs = null;
    const term = this.#primaryTerm;
    const startMs = this.#clock.now();
    const done = (): void => {
      // A full batch tells of many more: half of the time is left to everybody else, so that claims go on while they are worked off. But
      // no more than a promotion grants: the process may have been stopped meanwhile.
      if (due.length < this.#maxBatch && items.length === due.length) this.#proposed(term);
      else this.#clock.after(Math.min(this.#clock.now() - startMs, this.#extendMs), () => this.#proposed(term));
    };
    return { command: { kind: 'expire', term, items }, done };
  }

  /** The taken expiry could not be appended. It is offered again at the next tick: what prevented it may last. */
  putBack(): void {
    this.#proposing = false;
  }

  get #isOverdue(): boolean {
    return this.#dueSinceMs !== null && this.#clock.now() - this.#dueSinceMs >= 2 * this.#extendMs;
  }

  #confirm(leaseTimeMs: number): void {
    this.#stopTimer();
    this.#confirming = true;
    const term = this.#primaryTerm;
    const requestedMs = this.#clock.now();
    this.#host.confirm((isConfirmed) => {
      if (this.#primaryTerm !== term) return;
      this.#confirming = false;
      // Without an answer, the next tick asks again.
      if (!isConfirmed) return;
      this.#quorum.confirmed(leaseTimeMs, requestedMs);
      if (this.hasExpiry) this.#host.ready();
      else this.watch();
    });
  }

  #wait(delayMs: number, deadlineMs: number): void {
    this.#stopTimer();
    this.#timerDeadlineMs = deadlineMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.watch();
    });
  }

  #proposed(term: Term): void {
    if (this.#primaryTerm !== term) return;
    this.#proposing = false;
    this.watch();
    if (this.hasExpiry) this.#host.ready();
  }

  #stopTimer(): void {
    this.#timer?.();
    this.#timer = null;
    this.#timerDeadlineMs = Number.POSITIVE_INFINITY;
  }
}
