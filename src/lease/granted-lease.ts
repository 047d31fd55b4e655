// A granted lease: its deadline, what is attached to it, and how it ended while that has not all been ended one by one.
import { assert } from '../assert.ts';
import type { Saved, SavedChecksum } from './changes.ts';
import type { LeaseId } from './commands.ts';
import type { Expiring } from './expiry-queue.ts';
import { isClaimId } from './lease-key.ts';
import { LEASE_KEYS_MAX } from './limits.ts';
import { leaseIdProblem } from './names.ts';
import { OrderedKeys } from './ordered-keys.ts';

/** Where the log stood when something was decided. */
export interface Moment {
  readonly index: number;
  /** Lease time. */
  readonly timeMs: number;
  readonly term: number;
}

/**
 * The end of a lease. From `index` on its keys and claims do not exist any more for any reader and any rule, whenever their records are
 * removed. Claims that were pinned when the lease expired are the exception: they outlive it as plain claims.
 */
export interface LeaseEnd extends Moment {
  readonly cause: 'expired' | 'revoked';
  /** Position among the leases that the entry ended. */
  readonly position: number;
}

/**
 * How the records of keys, claims and waiters refer to a lease: its id, or `<id>@<index of the grant>` for one that was granted while the
 * records of an ended lease with that id were still there.
 */
export type LeaseUid = string;

/** The id of the lease with that uid. */
export function leaseIdOf(uid: LeaseUid): LeaseId {
  const at = uid.indexOf('@');
  return at === -1 ? uid : uid.slice(0, at);
}

/** Whether a text is the uid of a lease. */
export function isLeaseUid(value: unknown): value is LeaseUid {
  if (typeof value !== 'string' || leaseIdProblem(leaseIdOf(value)) !== null) return false;
  const at = value.indexOf('@');
  return at === -1 || (/^[1-9]\d{0,15}$/.test(value.slice(at + 1)) && Number.isSafeInteger(Number(value.slice(at + 1))));
}

/** A granted lease. Leases that plain claims make for themselves are not among these: there the claim itself is the lease. */
export class Lease implements Expiring, Saved {
  readonly uid: LeaseUid;
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
  /** Null while the lease is not ended. */
  ended: LeaseEnd | null = null;
  /** Number of attached claims that are pinned. */
  pinnedCount = 0;
  /**
   * Keys and claim ids that are attached, in the order of the one key space: claim ids first. Null: none yet.
   * Invariant: each of them names this lease in its own record.
   */
  #attached: OrderedKeys | null = null;
  #claimCount = 0;

  constructor(uid: LeaseUid, ttlMs: number, deadlineMs: number) {
    this.uid = uid;
    this.id = leaseIdOf(uid);
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

  /** Number of attached claims that do not exist any more, because the lease has ended; 0 before that. */
  get hiddenClaimCount(): number {
    if (this.ended === null) return 0;
    return this.ended.cause === 'expired' ? this.#claimCount - this.pinnedCount : this.#claimCount;
  }

  /** Whether `more` keys and claims can be attached. */
  hasRoomFor(more: number): boolean {
    return this.attachedCount + more <= LEASE_KEYS_MAX;
  }

  /** `isPinned`: a claim that somebody pins. */
  attach(key: string, isPinned: boolean): void {
    this.#attached ??= new OrderedKeys();
    if (!this.#attached.add(key)) return;
    if (isClaimId(key)) this.#claimCount += 1;
    if (isPinned) this.pinnedCount += 1;
  }

  detach(key: string, isPinned: boolean): void {
    const there = this.#attached?.delete(key) ?? false;
    assert(there, `${JSON.stringify(key)} is not attached to lease ${this.uid}`);
    if (isClaimId(key)) this.#claimCount -= 1;
    if (isPinned) this.pinnedCount -= 1;
  }

  /** The attached keys and claim ids after `after`, in order. None may be attached or detached during the iteration. */
  attachedAfter(after: string | null): Iterable<string> {
    return this.#attached?.range('', after) ?? [];
  }
}
