// The time of a lessor: deadlines while it is primary, whose turn it is to be offered as expired, and who waits for a lease's end.
import type { Cancel, Clock } from '../env.ts';
import { type Expiring, ExpiryQueue } from '../lease/expiry-queue.ts';
import { type LeaseError, NotPrimary } from './errors.ts';
import type { LeaseID } from './lease-id.ts';

/** A lease with its time. */
export interface RunningLease extends Expiring {
  readonly leaseId: LeaseID;
  readonly ttlMs: number;
  /** Time of the clock after which it is over; `Infinity` while not primary. */
  expiryMs: number;
  /** When it is offered next: its end, or later, after it was offered. */
  deadlineMs: number;
  /** What a checkpoint left; null for none. */
  savedRemainingMs: number | null;
  readonly items: Set<string>;
  /** Renewals that came too late. */
  waiting: ((end: LeaseError) => void)[] | null;
}

/** At most half of a second's rate is offered in half a second (etcd's loop). */
const TURN_MS = 500;
/** A promotion lays leases so that this share of the rate falls due in a second. */
const SPREAD_SHARE = 0.75;
const SECOND_MS = 1_000;

export class LessorExpiry {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #retryMs: number;
  readonly #offer: (leases: readonly RunningLease[]) => void;
  #queue = new ExpiryQueue();
  #primary = false;
  /** No batch before this time: the one before was full. */
  #nextTurnMs = Number.NEGATIVE_INFINITY;
  #timer: Cancel | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** `rate` a second, and `retryMs` until an offered lease is offered again. */
  constructor(clock: Clock, rate: number, retryMs: number, offer: (leases: readonly RunningLease[]) => void) {
    this.#clock = clock;
    this.#rate = rate;
    this.#retryMs = retryMs;
    this.#offer = offer;
  }

  get isPrimary(): boolean {
    return this.#primary;
  }

  /** A lease that has no deadline yet. */
  newLease(leaseId: LeaseID, ttlMs: number, savedRemainingMs: number | null): RunningLease {
    const never = Number.POSITIVE_INFINITY;
    const id = String(leaseId);
    return { id, leaseId, ttlMs, expiryMs: never, deadlineMs: never, queuePosition: -1, savedRemainingMs, items: new Set(), waiting: null };
  }

  /** The lease was granted or renewed: it has its whole time from now on, if time counts here. */
  renewed(lease: RunningLease): void {
    if (!this.#primary) return;
    this.#setExpiry(lease, this.#clock.now() + lease.ttlMs);
    this.#schedule();
  }

  /** The lease is gone; those who wait for it are told. */
  removed(lease: RunningLease, why: () => LeaseError): void {
    this.#queue.remove(lease);
    release(lease, why);
  }

  /** Never negative. */
  remainingMs(lease: RunningLease): number {
    return Math.max(0, lease.expiryMs - this.#clock.now());
  }

  /** Whether its time is over. At exactly its end it is not. */
  isOver(lease: RunningLease): boolean {
    return this.#clock.now() > lease.expiryMs;
  }

  /** Settles with what became of a lease that is over. */
  untilEnded(lease: RunningLease): Promise<LeaseError> {
    return new Promise((resolve) => {
      lease.waiting ??= [];
      lease.waiting.push(resolve);
    });
  }

  promote(leases: RunningLease[], extendMs: number): void {
    this.#primary = true;
    const nowMs = this.#clock.now();
    for (const lease of leases) lease.expiryMs = nowMs + extendMs + (lease.savedRemainingMs ?? lease.ttlMs);
    if (leases.length >= this.#rate) this.#spread(leases, nowMs, extendMs);
    this.#queue = new ExpiryQueue();
    for (const lease of leases) {
      lease.deadlineMs = lease.expiryMs;
      lease.queuePosition = -1;
      this.#queue.add(lease);
    }
    this.#schedule();
  }

  demote(leases: Iterable<RunningLease>): void {
    this.#primary = false;
    this.#stopTimer();
    this.#queue = new ExpiryQueue();
    this.#nextTurnMs = Number.NEGATIVE_INFINITY;
    for (const lease of leases) {
      lease.expiryMs = Number.POSITIVE_INFINITY;
      lease.deadlineMs = Number.POSITIVE_INFINITY;
      lease.queuePosition = -1;
      release(lease, () => new NotPrimary());
    }
  }

  /** Of those that would fall due within one second, all beyond the share are put off, in order (etcd 1.5, with its figures). */
  #spread(leases: RunningLease[], nowMs: number, extendMs: number): void {
    const target = Math.max(1, Math.floor(this.#rate * SPREAD_SHARE));
    leases.sort((left, right) => left.expiryMs - right.expiryMs);
    let windowMs = (leases[0]?.expiryMs ?? nowMs) - nowMs;
    let nextWindowMs = windowMs + SECOND_MS;
    let count = 0;
    for (const lease of leases) {
      const remainingMs = lease.expiryMs - nowMs;
      if (remainingMs > nextWindowMs) {
        windowMs = remainingMs;
        nextWindowMs = windowMs + SECOND_MS;
        count = 1;
        continue;
      }
      count += 1;
      if (count <= target) continue;
      const delayMs = (SECOND_MS * count) / target - (remainingMs - windowMs);
      nextWindowMs = windowMs + delayMs;
      lease.expiryMs = nowMs + (lease.savedRemainingMs ?? lease.ttlMs) + delayMs + extendMs;
    }
  }

  #setExpiry(lease: RunningLease, expiryMs: number): void {
    lease.expiryMs = expiryMs;
    lease.deadlineMs = expiryMs;
    if (lease.queuePosition === -1) this.#queue.add(lease);
    else this.#queue.moved(lease);
  }

  #turn(): void {
    const nowMs = this.#clock.now();
    const most = Math.max(1, Math.floor((this.#rate * TURN_MS) / SECOND_MS));
    const due = nowMs < this.#nextTurnMs ? [] : (this.#queue.due(nowMs, most) as RunningLease[]);
    for (const lease of due) {
      lease.deadlineMs = nowMs + this.#retryMs;
      this.#queue.moved(lease);
    }
    if (due.length === most) this.#nextTurnMs = nowMs + TURN_MS;
    if (due.length > 0) this.#offer(due);
    this.#schedule();
  }

  #schedule(): void {
    const deadlineMs = this.#queue.nextDeadlineMs();
    if (!this.#primary || deadlineMs === null) return;
    // Due is what lies strictly before now, hence one more.
    const atMs = Math.max(deadlineMs + 1, this.#nextTurnMs);
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    this.#stopTimer();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.after(atMs - this.#clock.now(), () => {
      this.#timer = null;
      this.#turn();
    });
  }

  #stopTimer(): void {
    this.#timer?.();
    this.#timer = null;
  }
}

function release(lease: RunningLease, why: () => LeaseError): void {
  const waiting = lease.waiting;
  lease.waiting = null;
  for (const tell of waiting ?? []) tell(why());
}
