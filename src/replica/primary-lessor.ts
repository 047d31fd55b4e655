// The lessor on the leader: keeps lease time, and proposes the end of what is due (DESIGN 2; etcd Promote and Demote).
import type { Cancel, Clock } from '../env.ts';
import type { Command } from '../lease/commands.ts';
import { LeaseClock } from '../lease/lease-clock.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Term } from '../raft/types.ts';

export interface LessorHost {
  state(): StateMachine;
  /** Proposes an expiry; `done` when it was applied or surely never will be. */
  propose(command: Command, done: () => void): void;
}

export class PrimaryLessor {
  readonly #clock: Clock;
  readonly #host: LessorHost;
  readonly #extendMs: number;
  readonly #maxBatch: number;
  readonly #leaseClock: LeaseClock;
  #elected = false;
  /** The term in which this node is primary, 0 while it is not. */
  #primaryTerm: Term = 0;
  #proposing = false;
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
    this.#leaseClock.promote(this.#clock.now(), this.#extendMs);
    this.watch();
  }

  demote(): void {
    this.#elected = false;
    this.#primaryTerm = 0;
    this.#proposing = false;
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

  /** Deadlines may have changed: proposes what is due, or sees to being woken when something will be. */
  watch(): void {
    if (this.#primaryTerm === 0 || this.#proposing) return;
    const deadlineMs = this.#host.state().nextDeadlineMs();
    if (deadlineMs === null || (this.#timer !== null && this.#timerDeadlineMs <= deadlineMs)) return;
    const nowMs = this.now();
    if (deadlineMs < nowMs) {
      this.#expire(nowMs);
      return;
    }
    this.#stopTimer();
    this.#timerDeadlineMs = deadlineMs;
    // Due is what lies strictly before lease time, hence one more; lease time may stand still, then it is looked at again.
    this.#timer = this.#clock.after(deadlineMs - nowMs + 1, () => {
      this.#timer = null;
      this.watch();
    });
  }

  #expire(nowMs: number): void {
    this.#stopTimer();
    const items = this.#host.state().due(nowMs, this.#maxBatch);
    if (items.length === 0) return;
    this.#proposing = true;
    const term = this.#primaryTerm;
    const startMs = this.#clock.now();
    this.#host.propose({ kind: 'expire', term, items }, () => {
      // A full batch tells of many more: half of the time is left to everybody else, so that claims go on while they are worked off. But
      // no more than a promotion grants: the process may have been stopped meanwhile.
      if (items.length < this.#maxBatch) this.#proposed(term);
      else this.#clock.after(Math.min(this.#clock.now() - startMs, this.#extendMs), () => this.#proposed(term));
    });
  }

  #proposed(term: Term): void {
    if (this.#primaryTerm !== term) return;
    this.#proposing = false;
    this.watch();
  }

  #stopTimer(): void {
    this.#timer?.();
    this.#timer = null;
    this.#timerDeadlineMs = Number.POSITIVE_INFINITY;
  }
}
