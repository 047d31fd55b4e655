// Every change that can stand in the log, as plain data. The state machine decides each one when it is applied, never earlier.

/** A lease's full name. The same name under another namespace or model is another lease (Juju `core/lease` Key). */
export interface LeaseKey {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
}

/** A granted lease's id: a decimal string from "1" to "9223372036854775807". */
export type LeaseId = string;

/**
 * "This holder has this lease, in this tenure." Without `fence` it is Juju's weaker fact (the same holder may have lost it and
 * regained it); without `holder` the fence alone decides. Never without both.
 */
export interface Assertion extends LeaseKey {
  readonly holder?: string;
  /** Log index that began the tenure. */
  readonly fence?: number;
  /** The log index that the check read at; it holds for every later one by itself. */
  readonly minIndex?: number;
}

export interface Compare {
  readonly key: string;
  /** An absent key has 0 for every number, "0" for its lease, and equals no value. */
  readonly target: 'create' | 'mod' | 'version' | 'value' | 'lease';
  readonly op: '=' | '!=' | '<' | '>';
  /** A number for create, mod and version; a string for value; a decimal string for lease ("0": none). */
  readonly value: number | string;
}

export type TxnOp =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease: LeaseId | null }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'delete-prefix'; readonly prefix: string }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'get-prefix'; readonly prefix: string };

/** A condition on the key that is written, from the HTTP headers `if-match` and `if-none-match`. */
export type Precondition = { readonly kind: 'mod-revision'; readonly revision: number } | { readonly kind: 'absent' };

/** How long a claim is ready to queue when somebody else holds the lease, in milliseconds from 1 on; absent: not at all. */
interface Patience {
  readonly waitMs?: number;
}

export type ClaimCommand =
  /** Claim or extend in one: free → new tenure; the same holder → extended (never shortened); another → refused. */
  | ({ readonly kind: 'claim'; readonly key: LeaseKey; readonly holder: string; readonly durationMs: number } & Patience)
  /** The same, living by a granted lease. A claim of the same holder moves to it and keeps its fence. */
  | ({ readonly kind: 'claim-session'; readonly key: LeaseKey; readonly holder: string; readonly session: LeaseId } & Patience);

export type BareCommand =
  | ClaimCommand
  /**
   * The claim that queued with the entry `ticket` waits no more. `giveBack`: its caller has gone unanswered, so a tenure that it was
   * granted meanwhile, and that nobody has touched since, ends.
   */
  | { readonly kind: 'leave'; readonly ticket: number; readonly giveBack: boolean }
  /** Nobody waits any more at that node in its lives up to and including this one. */
  | { readonly kind: 'drop-waiters'; readonly node: number; readonly incarnation: number }
  | { readonly kind: 'extend'; readonly key: LeaseKey; readonly holder: string; readonly durationMs: number; readonly fence: number | null }
  | { readonly kind: 'release'; readonly key: LeaseKey; readonly holder: string; readonly fence: number | null }
  | { readonly kind: 'pin' | 'unpin'; readonly key: LeaseKey; readonly entity: string }
  /** `id` null: the state machine chooses one. */
  | { readonly kind: 'grant'; readonly id: LeaseId | null; readonly ttlMs: number }
  | { readonly kind: 'revoke' | 'renew'; readonly id: LeaseId }
  | { readonly kind: 'attach' | 'detach'; readonly id: LeaseId; readonly key: string }
  | {
      readonly kind: 'put';
      readonly key: string;
      readonly value: string;
      readonly lease: LeaseId | null;
      readonly assert: readonly Assertion[];
      readonly precondition: Precondition | null;
    }
  | { readonly kind: 'delete'; readonly key: string; readonly assert: readonly Assertion[]; readonly precondition: Precondition | null }
  | {
      readonly kind: 'txn';
      readonly assert: readonly Assertion[];
      readonly compare: readonly Compare[];
      readonly success: readonly TxnOp[];
      readonly failure: readonly TxnOp[];
    }
  /** Proposed by each leader once, when it is the primary lessor: void in another term. `leaderlessMs` null: it had known none before. */
  | { readonly kind: 'lead'; readonly term: number; readonly node: string; readonly leaderlessMs: number | null }
  /** Proposed by the primary lessor only. An item whose lease was renewed, pinned or ended since is skipped; a foreign term voids all. */
  | { readonly kind: 'expire'; readonly term: number; readonly items: readonly ExpireItem[] };

export type Command =
  | BareCommand
  /**
   * A command of a caller's under a key that it chose: carried out once within the bounds of `limits.ts`; a repeat is answered by the rules
   * of `replays.ts`. Never around what nodes tell the log for themselves (leave, drop-waiters, expire). `since`: a log index that the
   * caller had seen before its first attempt, `null` if it does not say. Absent only in entries of version 0.1.0.
   */
  | { readonly kind: 'once'; readonly key: string; readonly command: BareCommand; readonly since?: number | null };

/** `id` as the expiry queue knows it (also for the lease that a plain claim makes for itself), and the deadline that was seen. */
export interface ExpireItem {
  readonly id: string;
  readonly deadlineMs: number;
}
