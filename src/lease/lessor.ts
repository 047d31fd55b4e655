// The lessor: granted leases, how long they last, and which keys live by them.
import { assert } from '../assert.ts';
import { Changes, type Saved, type SavedChecksum } from './changes.ts';
import type { LeaseId, LeaseKey } from './commands.ts';
import { deadlineAfter, type Expiring, type ExpiryQueue } from './expiry-queue.ts';
import { isClaimId, leaseKeyOf } from './lease-key.ts';
import { LEASE_KEYS_MAX } from './limits.ts';
import { compareLeaseIds } from './names.ts';
import { OrderedKeys } from './ordered-keys.ts';
import type { AttachmentPage, GrantView, Page } from './outcomes.ts';
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
  /** Log index of the last attach or detach of a key or claim; 0 for none, or for a record of an older version. */
  attachedIndex = 0;
  /** Log index of the grant, by which a later lease with the same id is another one; 0 if `Standing.forgottenIndex` was null then. */
  grantedIndex = 0;
  /**
   * Keys and claim ids that are attached, in the order of the one key space: claim ids first. Null: none yet.
   * Invariant: each of them names this lease in its own record.
   */
  #attached: OrderedKeys | null = null;
  #claimCount = 0;

  constructor(id: LeaseId, ttlMs: number, deadlineMs: number) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.deadlineMs = deadlineMs;
  }

  /** Number of attached keys and claims. */
  get attachedCount(): number {
    return this.#attached?.size ?? 0;
  }

  get claimCount(): number {
    return this.#claimCount;
  }

  /** Whether `more` keys and claims can be attached. */
  hasRoomFor(more: number): boolean {
    return this.attachedCount + more <= LEASE_KEYS_MAX;
  }

  attach(key: string): void {
    this.#attached ??= new OrderedKeys();
    if (this.#attached.add(key) && isClaimId(key)) this.#claimCount += 1;
  }

  detach(key: string): void {
    const there = this.#attached?.delete(key) ?? false;
    assert(there, `${JSON.stringify(key)} is not attached to lease ${this.id}`);
    if (isClaimId(key)) this.#claimCount -= 1;
  }

  /** The attached keys and claim ids after `after`, in order. None may be attached or detached during the iteration. */
  attachedAfter(after: string | null): Iterable<string> {
    return this.#attached?.range('', after) ?? [];
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
    if (this.#standing.forgottenIndex !== null) lease.grantedIndex = this.#standing.index;
    this.changes.mark(id, null);
    this.#leases.set(id, lease);
    this.#standing.occupancy.sessionAdded();
    this.#queue.add(lease);
    return lease;
  }

  /**
   * A free id: the present index, or that plus the least power of two, from 1 on, at which nothing is granted. So a client that has granted
   * every number after the index costs no more than a few steps.
   */
  freeId(): LeaseId {
    const { index } = this.#standing;
    let id = index;
    for (let step = 1; this.#leases.has(String(id)); step *= 2) id = index + step;
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

  /** Attaches a key or claim id. */
  attach(lease: Lease, key: string): void {
    this.#attachmentsChange(lease);
    lease.attach(key);
  }

  /** Detaches a key or claim id, which must be attached. */
  detach(lease: Lease, key: string): void {
    this.#attachmentsChange(lease);
    lease.detach(key);
  }

  /** Forgets a lease. What lived by it must have been seen to before. */
  remove(lease: Lease): void {
    assert(lease.attachedCount === 0, `lease ${lease.id} still has keys`);
    this.changes.mark(lease.id, lease.savedChecksum);
    this.#leases.delete(lease.id);
    this.#standing.occupancy.sessionRemoved();
    this.#queue.remove(lease);
  }

  /** Takes a lease from an image; false if there is one of that id. */
  restore(lease: Lease): boolean {
    if (this.#leases.has(lease.id)) return false;
    this.#leases.set(lease.id, lease);
    this.#standing.occupancy.sessionAdded();
    this.#queue.add(lease);
    return true;
  }

  /** All leases, in order of their ids as strings. */
  *all(): Iterable<Lease> {
    for (const id of [...this.#leases.keys()].sort()) yield this.#leases.get(id) as Lease;
  }

  /** Costs the same for every number of attachments. */
  view(lease: Lease, nowMs: number): GrantView {
    return {
      id: lease.id,
      ttlMs: lease.ttlMs,
      remainingMs: Math.max(0, lease.deadlineMs - nowMs),
      keyCount: lease.attachedCount - lease.claimCount,
      claimCount: lease.claimCount,
      attachedIndex: lease.attachedIndex,
    };
  }

  /** At most `limit` attached claims and keys, claims first, after the one called `after`. */
  attachments(lease: Lease, after: string | null, limit: number): AttachmentPage {
    const keys: string[] = [];
    const claims: LeaseKey[] = [];
    let last: string | null = null;
    for (const key of lease.attachedAfter(after)) {
      if (keys.length + claims.length >= limit) return { keys, claims, next: last };
      if (isClaimId(key)) claims.push(leaseKeyOf(key));
      else keys.push(key);
      last = key;
    }
    return { keys, claims, next: null };
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

  #attachmentsChange(lease: Lease): void {
    this.changes.mark(lease.id, lease.savedChecksum);
    lease.attachedIndex = this.#standing.index;
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
