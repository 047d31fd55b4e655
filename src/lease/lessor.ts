// The lessor: granted leases, how long they last, and which keys live by them.
import { assert } from '../assert.ts';
import { Changes, type Saved, type SavedChecksum } from './changes.ts';
import type { LeaseId } from './commands.ts';
import { deadlineAfter, type Expiring, type ExpiryQueue } from './expiry-queue.ts';
import { isClaimId, leaseKeyOf } from './lease-key.ts';
import { LEASE_KEYS_MAX } from './limits.ts';
import { compareLeaseIds } from './names.ts';
import type { GrantView, Page } from './outcomes.ts';
import { ShardedMap } from './sharded-map.ts';
import type { Standing } from './standing.ts';

/** A granted lease. Leases that plain claims make for themselves are not among these: there the claim itself is the lease. */
export class Lease implements Expiring, Saved {
  readonly id: LeaseId;
  /** Fixed once granted; 0 for a lease of an image whose own record has not been read yet. */
  ttlMs: number;
  deadlineMs: number;
  queuePosition = -1;
  savedChecksum: SavedChecksum = null;
  /** Keys and claim ids that live by this lease. Null: none yet. Invariant: each of them names this lease in its own record. */
  attached: Set<string> | null = null;
  /** The attached in order, null after they changed: a lease of many keys is renewed far more often than it is given keys. */
  inOrder: readonly string[] | null = null;

  constructor(id: LeaseId, ttlMs: number, deadlineMs: number) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.deadlineMs = deadlineMs;
  }

  /** Whether so many more may live by it. */
  hasRoomFor(more: number): boolean {
    return (this.attached?.size ?? 0) + more <= LEASE_KEYS_MAX;
  }

  attach(key: string): void {
    this.attached ??= new Set();
    this.attached.add(key);
    this.inOrder = null;
  }

  detach(key: string): void {
    const there = this.attached?.delete(key) ?? false;
    assert(there, `${JSON.stringify(key)} is not attached to lease ${this.id}`);
    this.inOrder = null;
  }

  /** Claim ids first, then keys, each in order: the order of the one key space. */
  attachedInOrder(): readonly string[] {
    this.inOrder ??= this.attached === null ? [] : [...this.attached].sort();
    return this.inOrder;
  }
}

/** Granted leases by id. */
export class Lessor {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #leases = new ShardedMap<Lease>();
  readonly #standing: Standing;
  readonly #queue: ExpiryQueue;

  constructor(standing: Standing, queue: ExpiryQueue) {
    this.#standing = standing;
    this.#queue = queue;
  }

  /** How many are granted. */
  get size(): number {
    return this.#leases.size;
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  /** Grants a lease under an id that must be free. */
  grant(id: LeaseId, ttlMs: number): Lease {
    assert(!this.#leases.has(id), `lease ${id} exists`);
    const lease = new Lease(id, ttlMs, deadlineAfter(this.#standing.timeMs, ttlMs));
    this.changes.mark(id, null);
    this.#leases.set(id, lease);
    this.#queue.add(lease);
    return lease;
  }

  /** An id that is free: the present index, or the next free number above it. */
  freeId(): LeaseId {
    let id = this.#standing.index;
    while (this.#leases.has(String(id))) id += 1;
    return String(id);
  }

  /** The lease has its whole time again; one that was due is saved by this. */
  renew(lease: Lease): void {
    const deadlineMs = deadlineAfter(this.#standing.timeMs, lease.ttlMs);
    if (deadlineMs <= lease.deadlineMs) return;
    this.changes.mark(lease.id, lease.savedChecksum);
    lease.deadlineMs = deadlineMs;
    this.#queue.moved(lease);
  }

  /** Forgets a lease. What lived by it must have been seen to before. */
  remove(lease: Lease): void {
    assert((lease.attached?.size ?? 0) === 0, `lease ${lease.id} still has keys`);
    this.changes.mark(lease.id, lease.savedChecksum);
    this.#leases.delete(lease.id);
    this.#queue.remove(lease);
  }

  /** Takes a lease from an image; false if there is one of that id. */
  restore(lease: Lease): boolean {
    if (this.#leases.has(lease.id)) return false;
    this.#leases.set(lease.id, lease);
    this.#queue.add(lease);
    return true;
  }

  /** All leases, in order of their ids as strings. */
  *all(): Iterable<Lease> {
    for (const id of [...this.#leases.keys()].sort()) yield this.#leases.get(id) as Lease;
  }

  view(lease: Lease, nowMs: number): GrantView {
    const attached = lease.attachedInOrder();
    const firstKey = attached.findIndex((key) => !isClaimId(key));
    const claims = firstKey === -1 ? attached : attached.slice(0, firstKey);
    return {
      id: lease.id,
      ttlMs: lease.ttlMs,
      remainingMs: Math.max(0, lease.deadlineMs - nowMs),
      keys: firstKey === -1 ? [] : attached.slice(firstKey),
      claims: claims.map(leaseKeyOf),
    };
  }

  /**
   * Leases in order of deadline, then id. `after` is the `next` of an earlier page; one that no page gave starts at the beginning.
   * Looks at every lease once: no order is kept for this, as it would cost every renewal.
   */
  page(after: string | null, limit: number, nowMs: number): Page<GrantView> {
    const start = after === null ? null : readCursor(after);
    let best: Lease[] = [];
    let worst: Lease | null = null;
    this.#leases.forEach((lease) => {
      if (start !== null && compareDue(lease, start) <= 0) return;
      if (worst !== null && compareDue(lease, worst) >= 0) return;
      best.push(lease);
      if (best.length < 2 * limit + 2) return;
      best.sort(compareDue);
      best = best.slice(0, limit + 1);
      worst = best[limit] ?? null;
    });
    best.sort(compareDue);
    const shown = best.slice(0, limit);
    const last = shown[shown.length - 1];
    return {
      items: shown.map((lease) => this.view(lease, nowMs)),
      next: last !== undefined && best.length > limit ? `${last.deadlineMs}:${last.id}` : null,
    };
  }
}

type Due = Pick<Lease, 'deadlineMs' | 'id'>;

function compareDue(left: Due, right: Due): number {
  return left.deadlineMs - right.deadlineMs || compareLeaseIds(left.id, right.id);
}

function readCursor(cursor: string): Due | null {
  const colon = cursor.indexOf(':');
  const deadlineMs = Number(cursor.slice(0, colon));
  return colon > 0 && Number.isSafeInteger(deadlineMs) ? { deadlineMs, id: cursor.slice(colon + 1) } : null;
}
