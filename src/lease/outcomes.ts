// What the state machine answers: views of what it holds, and the outcome of each command as data.
import type { Assertion, LeaseId, LeaseKey } from './commands.ts';

/** A claim as it is shown. Times in milliseconds of lease time. */
export interface ClaimView extends LeaseKey {
  readonly holder: string;
  readonly fence: number;
  /** The duration from which the present deadline came; the session's for a claim that lives by one. */
  readonly durationMs: number;
  /** Never negative; null while pinned. */
  readonly remainingMs: number | null;
  readonly session: LeaseId | null;
  /** Sorted. */
  readonly pinnedBy: readonly string[];
}

/** A granted lease as it is shown. */
export interface GrantView {
  readonly id: LeaseId;
  readonly ttlMs: number;
  /** Never negative. */
  readonly remainingMs: number;
  /** Number of attached keys. Claims do not count. */
  readonly keyCount: number;
  readonly claimCount: number;
  /** Log index of the last attach or detach of a key or claim; 0 for none. */
  readonly attachedIndex: number;
}

/** One page of what is attached to a granted lease. The order is that of the one key space: claims first, each part sorted. */
export interface AttachmentPage {
  readonly keys: readonly string[];
  readonly claims: readonly LeaseKey[];
  /** The attached key or claim id after which the next page starts; `null` on the last page. */
  readonly next: string | null;
}

/** A key of the store as it is shown. */
export interface KeyView {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: LeaseId | null;
}

export interface PinView extends LeaseKey {
  /** Sorted, never empty. */
  readonly entities: readonly string[];
}

/** Who holds a lease now: the fact with which a refusal is explained. Null where nobody does. */
export interface HolderFact {
  readonly holder: string | null;
  readonly fence: number | null;
}

export type TxnResult = { readonly key: KeyView | null } | { readonly deleted: number } | { readonly keys: readonly KeyView[] };

/** Why a command was refused. The log index that decided is the entry's own. */
export type Refusal =
  | { readonly code: 'claim-denied'; readonly holder: string; readonly fence: number; readonly remainingMs: number | null }
  | ({ readonly code: 'not-held' } & HolderFact)
  /**
   * A plain duration for a claim that is attached to a session; or an idempotency key that cannot be honored. `forgottenIndex`: the outcome
   * under the key might be forgotten, as are those up to this log index.
   */
  | { readonly code: 'conflict'; readonly detail: string; readonly forgottenIndex?: number }
  | { readonly code: 'lease-exists'; readonly id: LeaseId }
  | { readonly code: 'lease-not-found'; readonly id: LeaseId }
  | { readonly code: 'key-not-found'; readonly key: string }
  | ({ readonly code: 'assertion-failed'; readonly failed: Assertion } & HolderFact)
  | { readonly code: 'precondition-failed'; readonly key: string; readonly modRevision: number | null }
  /** A transaction would read or delete more than one may. */
  | { readonly code: 'too-large'; readonly detail: string }
  /** There are as many waiters, pins or keys as there may be. */
  | { readonly code: 'overloaded'; readonly detail: string }
  /** A log entry that this version does not understand or whose content is not valid: nothing changed. */
  | { readonly code: 'invalid-argument'; readonly detail: string };

/** The outcome of one applied command; the same on every node. */
export type Outcome =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** `created`: a new tenure began with this entry. */
  | { readonly kind: 'claim'; readonly claim: ClaimView; readonly created: boolean }
  /** The claim waits for its turn; how that ends is told later, under this ticket. */
  | { readonly kind: 'queued'; readonly ticket: number }
  /** The command was decided before, by the entry at `firstIndex`. `outcome` is what is true of that at `index`. */
  | { readonly kind: 'repeated'; readonly firstIndex: number; readonly index: number; readonly outcome: Outcome }
  /** Released, pinned, unpinned, revoked, attached, detached, deleted, expired. */
  | { readonly kind: 'done' }
  | { readonly kind: 'grant'; readonly grant: GrantView }
  | { readonly kind: 'key'; readonly key: KeyView }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly TxnResult[] };

/** A read that is cut into pages: `next` is the name after which the next page starts, null on the last one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}
