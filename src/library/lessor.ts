// A lessor by itself, as in etcd: leases by id with attached items, in memory, with time that counts only while it is primary.
import type { Clock } from '../env.ts';
import { BadArgument, LeaseExists, LeaseNotFound, NotPrimary, Stopped } from './errors.ts';
import { ExpiredLeases } from './expired-leases.ts';
import { type LeaseID, NoLease } from './lease-id.ts';
import { LessorExpiry, type RunningLease } from './lessor-expiry.ts';

/** A lease as it is now. */
export interface Lease {
  readonly id: LeaseID;
  /** Granted time, in milliseconds. */
  readonly ttlMs: number;
  /** Time left, in milliseconds; never negative, `Infinity` while the lessor is not primary. */
  readonly remainingMs: number;
  /** Attached items, sorted. */
  readonly keys: readonly string[];
}

/** Deletes the items of leases that end (etcd RangeDeleter). */
export interface RangeDeleter {
  /** Before the first item of a lease and after its last: what is between belongs together. */
  begin?(): void;
  end?(): void;
  /** Deletes [key, end), or the key alone when `end` is null. Called in order of the keys. */
  deleteRange(key: string, end: string | null): { readonly deleted: number; readonly revision: number };
}

/** What is kept of a lease. Its deadline is not: it counts anew from the next promotion. Nor are its items: their owner attaches them. */
export interface LeaseRecord {
  readonly id: LeaseID;
  readonly ttlMs: number;
  /** What a checkpoint said was left, in milliseconds; null for none. */
  readonly remainingMs: number | null;
}

/** Where a lessor keeps its leases. */
export interface LessorBackend {
  load(): Iterable<LeaseRecord>;
  save(record: LeaseRecord): void;
  delete(id: LeaseID): void;
}

export interface LessorOptions {
  readonly clock: Clock;
  readonly rangeDeleter?: RangeDeleter;
  readonly backend?: LessorBackend;
  /** Least time that is granted, in milliseconds: a smaller one is raised to it (etcd: from its election timeout). 1 if absent. */
  readonly minTtlMs?: number;
  /** Leases that may expire in a second; more are spread by a promotion and offered in turn. 1 000 if absent. */
  readonly expiryRate?: number;
  /** After so many milliseconds a lease that was offered as expired and not revoked is offered again. 3 000 if absent. */
  readonly retryMs?: number;
}

/**
 * Owns leases (etcd Lessor). It is primary between `promote` and `demote`: only then do leases have deadlines and expire. It revokes
 * nothing by itself: whoever reads `expiredLeases` does, once everybody agrees. For leases that survive their process, see `NodeLessor`.
 */
export class Lessor {
  readonly #leases = new Map<LeaseID, RunningLease>();
  readonly #leaseOf = new Map<string, RunningLease>();
  readonly #expired = new ExpiredLeases<Lease>();
  readonly #expiry: LessorExpiry;
  readonly #minTtlMs: number;
  #deleter: RangeDeleter | null;
  #backend: LessorBackend | null;
  #stopped = false;

  /** Throws {@link BadArgument} for a least time, rate or retry interval below 1. */
  constructor(options: LessorOptions) {
    const { clock, minTtlMs = 1, expiryRate = 1_000, retryMs = 3_000 } = options;
    for (const [name, value] of Object.entries({ minTtlMs, expiryRate, retryMs })) {
      if (!Number.isSafeInteger(value) || value < 1) throw new BadArgument(`${name} is ${value}`);
    }
    this.#minTtlMs = minTtlMs;
    this.#deleter = options.rangeDeleter ?? null;
    this.#backend = options.backend ?? null;
    this.#expiry = new LessorExpiry(clock, expiryRate, retryMs, (leases) => this.#expired.offer(leases.map((each) => this.#shown(each))));
    this.#load();
  }

  /** Sets what deletes the items of leases that end. */
  setRangeDeleter(deleter: RangeDeleter): void {
    this.#deleter = deleter;
  }

  /**
   * Grants a lease that lasts at least `ttlMs` (whole milliseconds; what is below the least is raised to it, as the answer tells).
   * {@link LeaseNotFound} for {@link NoLease}, {@link LeaseExists} if the id is taken, {@link BadArgument} beyond 64 bits or 2^53 - 1 ms.
   */
  grant(id: LeaseID, ttlMs: number): Lease {
    this.#checkRunning();
    if (typeof id !== 'bigint' || BigInt.asIntN(64, id) !== id) throw new BadArgument(`lease id ${id} is no signed 64-bit integer`);
    if (id === NoLease) throw new LeaseNotFound('there is no lease 0');
    if (!Number.isSafeInteger(ttlMs)) throw new BadArgument(`ttlMs ${ttlMs} must be a whole number up to 2^53 - 1`);
    if (this.#leases.has(id)) throw new LeaseExists(`lease ${id} exists already`);
    const lease = this.#expiry.newLease(id, Math.max(ttlMs, this.#minTtlMs), null);
    this.#leases.set(id, lease);
    this.#save(lease);
    this.#expiry.renewed(lease);
    return this.#shown(lease);
  }

  /** Ends a lease: its items are deleted in order, then it is forgotten, and renewals that wait for it fail. {@link LeaseNotFound}. */
  revoke(id: LeaseID): void {
    const lease = this.#find(id);
    const keys = [...lease.items].sort();
    if (this.#deleter !== null && keys.length > 0) {
      this.#deleter.begin?.();
      for (const key of keys) this.#deleter.deleteRange(key, null);
    }
    for (const key of keys) this.#leaseOf.delete(key);
    this.#leases.delete(id);
    this.#backend?.delete(id);
    if (keys.length > 0) this.#deleter?.end?.();
    this.#expiry.removed(lease, () => new LeaseNotFound(`lease ${id} was revoked`));
  }

  /** Attaches items, each of which leaves the lease that it was on. {@link LeaseNotFound}. */
  attach(id: LeaseID, items: readonly string[]): void {
    const lease = this.#find(id);
    for (const item of items) {
      this.#leaseOf.get(item)?.items.delete(item);
      lease.items.add(item);
      this.#leaseOf.set(item, lease);
    }
  }

  /** Detaches items; one that is not on this lease is left alone. {@link LeaseNotFound}. */
  detach(id: LeaseID, items: readonly string[]): void {
    const lease = this.#find(id);
    for (const item of items) if (lease.items.delete(item)) this.#leaseOf.delete(item);
  }

  /** Becomes primary: every lease has its time (or what a checkpoint left of it) again, and `extendMs` on top; pile-ups are spread. */
  promote(extendMs: number): void {
    this.#checkRunning();
    if (!(extendMs >= 0)) throw new BadArgument(`extendMs is ${extendMs}`);
    this.#expiry.promote([...this.#leases.values()], extendMs);
  }

  /** Is primary no longer: no lease has a deadline, what waits to be renewed gets {@link NotPrimary}, what is offered is taken back. */
  demote(): void {
    this.#expiry.demote(this.#leases.values());
    this.#expired.clear();
  }

  /** Whether it is primary. */
  get isPrimary(): boolean {
    return this.#expiry.isPrimary;
  }

  /**
   * Gives a lease its whole time again; settles with that, in milliseconds. {@link NotPrimary}, {@link LeaseNotFound}. One whose time
   * is over is not brought back: the answer waits until it is revoked (`LeaseNotFound`) or this lessor demoted or stopped (`NotPrimary`).
   */
  async renew(id: LeaseID): Promise<number> {
    if (!this.#expiry.isPrimary) throw new NotPrimary();
    const lease = this.#find(id);
    if (this.#expiry.isOver(lease)) throw await this.#expiry.untilEnded(lease);
    if (lease.savedRemainingMs !== null) {
      lease.savedRemainingMs = null;
      this.#save(lease);
    }
    this.#expiry.renewed(lease);
    return lease.ttlMs;
  }

  /** Notes how much time is left, in milliseconds, from which the next promotion starts; the running deadline stays. No error if missing. */
  checkpoint(id: LeaseID, remainingMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.savedRemainingMs = remainingMs;
    this.#save(lease);
  }

  /** The lease, or null where there is none. Works on any lessor, also for a lease whose time is over. */
  lookup(id: LeaseID): Lease | null {
    const lease = this.#leases.get(id);
    return lease === undefined ? null : this.#shown(lease);
  }

  /** The lease that the item is attached to, else {@link NoLease}. */
  leaseOf(item: string): LeaseID {
    return this.#leaseOf.get(item)?.leaseId ?? NoLease;
  }

  /** All leases, the one with the least time left first. */
  leases(): readonly Lease[] {
    const running = [...this.#leases.values()].sort((left, right) => (left.expiryMs < right.expiryMs ? -1 : 1));
    return running.map((lease) => this.#shown(lease));
  }

  /**
   * Batches of leases whose time is over, each to one reader, while this lessor is primary; ends when it is stopped. A lease that
   * nobody revokes is offered again. Batches that nobody reads are dropped beyond 16, and come again the same way.
   */
  expiredLeases(): AsyncIterableIterator<readonly Lease[]> {
    return this.#expired.read();
  }

  /** Replaces everything by what the backend holds. Not primary after it, whatever it was. */
  recover(backend: LessorBackend, deleter: RangeDeleter): void {
    this.demote();
    this.#leases.clear();
    this.#leaseOf.clear();
    this.#backend = backend;
    this.#deleter = deleter;
    this.#load();
  }

  /** Ends the stream and its timers; what waits to be renewed gets {@link NotPrimary}. A second call does nothing. */
  stop(): void {
    this.demote();
    this.#stopped = true;
    this.#expired.end();
  }

  #checkRunning(): void {
    if (this.#stopped) throw new Stopped('the lessor has stopped');
  }

  #find(id: LeaseID): RunningLease {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw new LeaseNotFound(`there is no lease ${id}`);
    return lease;
  }

  #load(): void {
    for (const { id, ttlMs, remainingMs } of this.#backend?.load() ?? []) {
      this.#leases.set(id, this.#expiry.newLease(id, Math.max(ttlMs, this.#minTtlMs), remainingMs));
    }
  }

  #save({ leaseId, ttlMs, savedRemainingMs }: RunningLease): void {
    this.#backend?.save({ id: leaseId, ttlMs, remainingMs: savedRemainingMs });
  }

  #shown(lease: RunningLease): Lease {
    return { id: lease.leaseId, ttlMs: lease.ttlMs, remainingMs: this.#expiry.remainingMs(lease), keys: [...lease.items].sort() };
  }
}
