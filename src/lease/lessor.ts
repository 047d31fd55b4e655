// The lessor: granted leases, how long they last, and which keys live by them.
import { assert } from '../assert.ts';
import { Changes } from './changes.ts';
import type { LeaseId, LeaseKey } from './commands.ts';
import { deadlineAfter, type ExpiryQueue } from './expiry-queue.ts';
import { Lease, type LeaseEnd, type LeaseUid, leaseIdOf } from './granted-lease.ts';
import { isClaimId, leaseKeyOf } from './lease-key.ts';
import { compareLeaseIds } from './names.ts';
import type { AttachmentPage, GrantView, Page } from './outcomes.ts';
import { ShardedMap } from './sharded-map.ts';
import type { Standing } from './standing.ts';

/** Granted leases by id. */
export class Lessor {
  /** Those to be saved. */
  readonly changes = new Changes();
  /** By id: those that have not ended. */
  readonly #leases = new ShardedMap<Lease>();
  /** By uid: those that have ended and whose keys, claims or waiters still have records, in the order of their ends. */
  readonly #ended = new Map<LeaseUid, Lease>();
  #hiddenClaims = 0;
  /** Of the last end. */
  #endIndex = 0;
  #endPosition = 0;
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

  /** The lease under that id that has not ended. */
  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  /** The lease to which records refer by that uid, ended or not. */
  record(uid: LeaseUid): Lease | undefined {
    const lease = this.#leases.get(leaseIdOf(uid));
    return lease?.uid === uid ? lease : this.#ended.get(uid);
  }

  /** Ended leases that are not forgotten yet, in the order of their ends. A lease may be forgotten during the iteration. */
  get ended(): Iterable<Lease> {
    return this.#ended.values();
  }

  get endedCount(): number {
    return this.#ended.size;
  }

  /** Number of claims that have a record, but do not exist any more because their session has ended. */
  get hiddenClaims(): number {
    return this.#hiddenClaims;
  }

  /** Grants a lease under an id that must be free. */
  grant(id: LeaseId, ttlMs: number): Lease {
    assert(!this.#leases.has(id), `lease ${id} exists`);
    const uid = this.#ended.has(id) ? `${id}@${this.#standing.index}` : id;
    const lease = new Lease(uid, ttlMs, deadlineAfter(this.#standing.timeMs, ttlMs));
    if (this.#standing.forgottenIndex !== null) lease.grantedIndex = this.#standing.index;
    this.changes.mark(uid, null);
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
    this.changes.mark(lease.uid, lease.savedChecksum);
    lease.deadlineMs = deadlineMs;
    this.#queue.moved(lease);
  }

  /** Attaches a key or claim id. */
  attach(lease: Lease, key: string, isPinned = false): void {
    assert(lease.ended === null, `lease ${lease.uid} has ended`);
    this.#attachmentsChange(lease);
    lease.attach(key, isPinned);
  }

  /** Detaches a key or claim id, which must be attached. */
  detach(lease: Lease, key: string, isPinned = false): void {
    if (lease.ended === null) this.#attachmentsChange(lease);
    const hidden = lease.hiddenClaimCount;
    lease.detach(key, isPinned);
    this.#hiddenClaims += lease.hiddenClaimCount - hidden;
  }

  /** Ends a lease at the present entry, at a cost that does not depend on what is attached to it. Returns whether any key ends with it. */
  end(lease: Lease, cause: LeaseEnd['cause']): boolean {
    const { index, timeMs, term } = this.#standing;
    this.changes.mark(lease.uid, lease.savedChecksum);
    this.#leases.delete(lease.id);
    this.#standing.occupancy.sessionRemoved();
    this.#queue.remove(lease);
    this.#endPosition = index === this.#endIndex ? this.#endPosition + 1 : 0;
    this.#endIndex = index;
    lease.ended = { index, timeMs, term, cause, position: this.#endPosition };
    this.#ended.set(lease.uid, lease);
    this.#hiddenClaims += lease.hiddenClaimCount;
    return lease.hiddenClaimCount + lease.attachedCount - lease.claimCount > 0;
  }

  /** Forgets an ended lease, to which nothing may be attached any more. */
  forget(lease: Lease): void {
    assert(lease.ended !== null && lease.attachedCount === 0, `lease ${lease.uid} still has keys`);
    this.changes.mark(lease.uid, lease.savedChecksum);
    this.#ended.delete(lease.uid);
  }

  /** Takes a lease from an image; false if there is one of that id. */
  restore(lease: Lease): boolean {
    if (this.record(lease.uid) !== undefined) return false;
    if (lease.ended !== null) {
      this.#ended.set(lease.uid, lease);
      return true;
    }
    if (this.#leases.has(lease.id)) return false;
    this.#leases.set(lease.id, lease);
    this.#standing.occupancy.sessionAdded();
    this.#queue.add(lease);
    return true;
  }

  /** All records of the image are there. */
  finishRestore(): void {
    const inOrder = [...this.#ended.values()].sort(compareEnds);
    this.#ended.clear();
    for (const lease of inOrder) this.#ended.set(lease.uid, lease);
    for (const lease of inOrder) this.#hiddenClaims += lease.hiddenClaimCount;
  }

  /** All leases that have a record, in order of their uids as strings. */
  *all(): Iterable<Lease> {
    const uids = [...this.#ended.keys()];
    this.#leases.forEach(({ uid }) => {
      uids.push(uid);
    });
    for (const uid of uids.sort()) yield this.record(uid) as Lease;
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
    this.changes.mark(lease.uid, lease.savedChecksum);
    lease.attachedIndex = this.#standing.index;
  }
}

function compareEnds(left: Lease, right: Lease): number {
  const [a, b] = [left.ended as LeaseEnd, right.ended as LeaseEnd];
  return a.index - b.index || a.position - b.position;
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
