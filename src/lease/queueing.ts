// The rules of waiting: who may queue, whose turn it is when a lease ends, and how a waiter leaves.
import type { Claiming } from './claiming.ts';
import { deniedOutcome, done, leaseNotFound, tooMany } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { ClaimCommand, Command } from './commands.ts';
import type { EntryBudget } from './entry-budget.ts';
import { deadlineAfter } from './expiry-queue.ts';
import { type Lease, leaseIdOf } from './granted-lease.ts';
import { claimIdOf, leaseKeyOf } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import { LEASE_WAITERS_MAX, WAITERS_MAX } from './limits.ts';
import type { Outcome } from './outcomes.ts';
import type { Repeats } from './repeats.ts';
import type { Standing } from './standing.ts';
import { type Life, Waiter, type Waiters } from './waiters.ts';

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** A waiter's wait is over without a word of its own caller. */
export interface TurnEnd extends Life {
  readonly ticket: number;
  /** Of its claim, as if it had been made by the present entry; null when its place is gone and it must ask again. */
  readonly outcome: Outcome | null;
}

/**
 * Keeps the lines. Invariant, after each entry: nobody waits for a lease that has no claim record, and nobody for one that he holds, except
 * in a line that is being served.
 */
export class Queueing {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #lessor: Lessor;
  readonly #claiming: Claiming;
  readonly #waiters: Waiters;
  readonly #repeats: Repeats;
  readonly #budget: EntryBudget;
  /** Leases that ended in the present entry and are waited for, in order. */
  #vacated: string[] = [];
  /** Leases whose holders have further requests in the line: a later entry answers these. */
  readonly #serving = new Set<string>();
  #ended: TurnEnd[] = [];

  constructor(
    standing: Standing,
    claims: Claims,
    lessor: Lessor,
    claiming: Claiming,
    waiters: Waiters,
    repeats: Repeats,
    budget: EntryBudget,
  ) {
    this.#standing = standing;
    this.#claims = claims;
    this.#lessor = lessor;
    this.#claiming = claiming;
    this.#waiters = waiters;
    this.#repeats = repeats;
    this.#budget = budget;
  }

  /** A claim that is ready to wait: decided at once when nobody else holds the lease, else it takes its place in the line. */
  claim(command: ClaimCommand, waitMs: number, origin: Life, requestKey: string | null): Outcome {
    const id = claimIdOf(command.key);
    const held = this.#claims.get(id);
    const session = command.kind === 'claim-session' ? command.session : null;
    if (held === undefined || held.holder === command.holder) {
      const outcome = this.#claiming.carryOut(command);
      if (outcome.kind === 'claim' && outcome.created) {
        this.#waiters.granted(this.#waiter(command, waitMs, origin, requestKey), this.#standing.index);
      }
      return outcome;
    }
    if (session !== null && this.#lessor.get(session) === undefined) return leaseNotFound(session);
    if (this.#waiters.waitingFor(id) >= LEASE_WAITERS_MAX) return tooMany(`${LEASE_WAITERS_MAX} claims wait for the lease already`);
    if (this.#waiters.waiting >= WAITERS_MAX) return tooMany(`${WAITERS_MAX} claims wait already`);
    this.#waiters.add(this.#waiter(command, waitMs, origin, requestKey));
    return { kind: 'queued', ticket: this.#standing.index };
  }

  /**
   * Before a claim is decided: if the lease is one that ended with its session and whose line was not looked at since, those in the line
   * come first.
   */
  admit(claimId: string): void {
    if (this.#waiters.waitingFor(claimId) > 0 && this.#claims.get(claimId) === undefined) this.#grantNext(claimId);
  }

  /**
   * A waiter's caller waits no more. If its turn came first, that stands, unless the caller has gone without an answer and nobody has
   * touched the tenure since: then it ends.
   */
  leave(command: CommandOf<'leave'>): Outcome {
    const asked = this.#waiters.get(command.ticket)?.fields.claimId;
    // The tenure that it waits for, or was granted, may have ended with its session.
    if (asked !== undefined && this.#claims.get(asked) === undefined && !command.giveBack) this.#grantNext(asked);
    const waiter = this.#waiters.get(command.ticket);
    if (waiter === undefined) return done;
    const { claimId, grantedFence, requestKey } = waiter.fields;
    const claim = this.#claims.get(claimId);
    // A caller that has gone unanswered may ask anew under its key: nothing came of this request.
    if (command.giveBack && grantedFence === 0) this.#repeats.forgetWait(requestKey);
    else if (command.giveBack) this.#repeats.forget(requestKey);
    if (grantedFence !== 0) {
      if (command.giveBack && claim !== undefined) this.#claims.end(claim, 'released');
      return done;
    }
    if (!command.giveBack && claim?.holder === waiter.fields.holder) {
      this.#giveUp(waiter, this.#turn(waiter));
      return done;
    }
    this.#waiters.remove(waiter);
    if (command.giveBack || claim === undefined) return done;
    const denied = deniedOutcome(claim, this.#claims, this.#standing);
    this.#repeats.noteWait(requestKey, claimOf(waiter), denied);
    return denied;
  }

  /** Whoever repeats a claim relies on its tenure, too: it is not given back for a first caller that has gone. */
  toldAgain(outcome: Outcome): void {
    if (outcome.kind !== 'claim') return;
    const id = claimIdOf(outcome.claim);
    if (this.#claims.get(id)?.fence === outcome.claim.fence) this.#waiters.touched(id);
  }

  /** Nobody is there any more to be told of a turn at that node. */
  drop(life: Life): Outcome {
    for (const waiter of this.#waiters.upTo(life, DROPPED_PER_ENTRY_MAX)) this.#giveUp(waiter, null);
    return done;
  }

  /** A waiter is overdue: its own node would have taken it out long ago. */
  expire(ticket: number, deadlineMs: number): void {
    const waiter = this.#waiters.get(ticket);
    if (waiter?.fields.grantedFence === 0 && waiter.deadlineMs === deadlineMs) this.#giveUp(waiter, null);
  }

  /**
   * A claim by a session that has ended must never be granted (etcd #11456): those that wait are told, within the budget. Returns whether
   * none is left.
   */
  sessionEnded({ uid, id }: Lease): boolean {
    for (const waiter of this.#waiters.bySession(uid)) {
      if (this.#budget.isSpent) return false;
      this.#budget.spend();
      this.#giveUp(waiter, leaseNotFound(id));
    }
    return true;
  }

  /** Whether holders have further requests in their lines that a later entry must answer. */
  get isServing(): boolean {
    return this.#serving.size > 0;
  }

  /** Answers further requests of holders, within the budget, those for the least claim id first. */
  serveMore(): void {
    while (this.#serving.size > 0 && !this.#budget.isSpent) {
      let least: string | null = null;
      for (const claimId of this.#serving) if (least === null || claimId < least) least = claimId;
      this.#serveHolder(least as string);
    }
  }

  /** All records of an image are there: finds the lines that are being served. */
  finishRestore(): void {
    for (const claimId of this.#waiters.lines()) {
      const holder = this.#claims.record(claimId)?.holder;
      if (holder !== undefined && this.#waiters.turnOf(claimId, holder) !== null) this.#serving.add(claimId);
    }
  }

  /** A tenure ended: its line is looked at when all that the present entry does is done. */
  vacated(claimId: string): void {
    this.#waiters.touched(claimId);
    if (this.#waiters.waitingFor(claimId) > 0) this.#vacated.push(claimId);
  }

  /** At the end of an entry: gives what it vacated to whoever is next. Returns whose wait is over by it, in order. */
  settle(): readonly TurnEnd[] {
    if (this.#vacated.length > 0) {
      for (const claimId of this.#vacated) this.#grantNext(claimId);
      this.#vacated = [];
    }
    if (this.#ended.length === 0) return none;
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  #waiter(command: ClaimCommand, waitMs: number, { node, incarnation }: Life, requestKey: string | null): Waiter {
    const { index, timeMs } = this.#standing;
    const claimId = claimIdOf(command.key);
    return new Waiter({
      ticket: index,
      turn: this.#waiters.turnOf(claimId, command.holder) ?? index,
      claimId,
      holder: command.holder,
      session: command.kind === 'claim-session' ? (this.#lessor.get(command.session)?.uid ?? command.session) : null,
      durationMs: command.kind === 'claim' ? command.durationMs : 0,
      node,
      incarnation,
      endMs: deadlineAfter(timeMs, waitMs),
      requestKey,
      grantedFence: 0,
    });
  }

  /**
   * All requests of the first holder get the lease, each as if it were made now: the first begins the tenure, the others repeat it. Those
   * that the budget does not cover get it by later entries.
   */
  #grantNext(claimId: string): void {
    for (const requests of this.#waiters.line(claimId)) {
      let isOnly: boolean | null = null;
      while (this.#claims.get(claimId) === undefined) {
        const limit = Math.max(1, this.#budget.left);
        const alive = this.#alive(requests, limit + 1);
        if (alive.length === 0) break;
        isOnly ??= alive.length === 1;
        for (const waiter of alive.slice(0, limit)) {
          this.#budget.spend();
          const outcome = this.#turn(waiter);
          if (isOnly && outcome.kind === 'claim') {
            this.#waiters.granted(waiter, outcome.claim.fence);
            this.#tell(waiter, outcome);
          } else this.#giveUp(waiter, outcome);
        }
        if (alive.length > limit) this.#serving.add(claimId);
      }
      if (this.#claims.get(claimId) !== undefined) return;
    }
  }

  /** The first `limit` requests whose time is not over and whose session has not ended. Others before them are given up. */
  #alive(requests: Iterable<Waiter>, limit: number): readonly Waiter[] {
    const alive: Waiter[] = [];
    for (const waiter of requests) {
      const { endMs, session } = waiter.fields;
      if (endMs < this.#standing.timeMs) this.#giveUp(waiter, null);
      else if (session !== null && this.#lessor.record(session)?.ended !== null) this.#giveUp(waiter, leaseNotFound(leaseIdOf(session)));
      else if (alive.push(waiter) === limit) break;
    }
    return alive;
  }

  #serveHolder(claimId: string): void {
    const claim = this.#claims.get(claimId);
    if (claim === undefined) this.#grantNext(claimId);
    else {
      const limit = this.#budget.left;
      const alive = this.#alive(this.#waiters.requestsOf(claimId, claim.holder), limit + 1);
      for (const waiter of alive.slice(0, limit)) {
        this.#budget.spend();
        this.#giveUp(waiter, this.#turn(waiter));
      }
      if (alive.length <= limit) this.#serving.delete(claimId);
    }
  }

  /** What comes of its claim now, or came of it when another request under the same key was told. */
  #turn(waiter: Waiter): Outcome {
    const { requestKey } = waiter.fields;
    const command = claimOf(waiter);
    const known = requestKey === null ? null : this.#repeats.find(requestKey, command);
    return known ?? this.#claiming.carryOut(command);
  }

  #giveUp(waiter: Waiter, outcome: Outcome | null): void {
    this.#waiters.remove(waiter);
    this.#tell(waiter, outcome);
  }

  #tell(waiter: Waiter, outcome: Outcome | null): void {
    const { ticket, node, incarnation, requestKey } = waiter.fields;
    if (outcome?.kind !== 'repeated') this.#repeats.noteWait(requestKey, claimOf(waiter), outcome);
    this.#ended.push({ ticket, node, incarnation, outcome });
  }
}

const none: readonly TurnEnd[] = [];

/** Waiters that one entry drops; the node that found them lost proposes another entry for the rest. */
const DROPPED_PER_ENTRY_MAX = 1_024;

function claimOf({ fields: { claimId, holder, session, durationMs } }: Waiter): ClaimCommand {
  const key = leaseKeyOf(claimId);
  return session === null
    ? { kind: 'claim', key, holder, durationMs }
    : { kind: 'claim-session', key, holder, session: leaseIdOf(session) };
}
