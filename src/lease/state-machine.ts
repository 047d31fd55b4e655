// The lease store: applies the log, answers reads, and tells the primary lessor what is due.
import type { ExpireItem, LeaseId, LeaseKey } from './commands.ts';
import type { ClaimView, GrantView, KeyView, Outcome, Page, PinView } from './outcomes.ts';

/** One changed record, ready to be saved: `content` is plain data, null when the record is gone. */
export interface ChangedRecord {
  readonly name: string;
  readonly content: unknown;
  /** Checksum of the version saved last, 0 if it was never saved. */
  readonly savedChecksum: number;
}

export interface StateObserver {
  /** Nobody holds the lease after the entry at `index` (also when the same entry lets somebody else in). */
  vacated(key: LeaseKey, index: number): void;
}

/** What each entry brings from outside the command. */
export interface EntryContext {
  readonly index: number;
  readonly term: number;
  /** Lease time stamped by the leader, in whole milliseconds. */
  readonly timeMs: number;
}

export declare class StateMachine {
  constructor(observer: StateObserver);

  // ---- facts
  /** Greatest entry time applied. */
  readonly timeMs: number;
  /** Index of the last entry applied through `apply` or `skip`. */
  readonly appliedIndex: number;
  /** Index of the last entry that changed a key. */
  readonly revision: number;

  // ---- the log
  /** Applies a decoded command. Never throws on content: what it cannot read is refused and changes nothing. */
  apply(entry: EntryContext, command: unknown): Outcome;
  /** An entry without a command (a leader's first). */
  skip(index: number): void;

  // ---- reads. `nowMs` is lease time by which what remains is told; reads never change anything
  claim(key: LeaseKey, nowMs: number): ClaimView | null;
  claims(scope: { readonly namespace: string; readonly model: string } | null, after: string | null, limit: number, nowMs: number): Page<ClaimView>;
  pins(scope: { readonly namespace: string; readonly model: string } | null): readonly PinView[];
  grant(id: LeaseId, nowMs: number): GrantView | null;
  /** In order of remaining time, then id. */
  grants(after: string | null, limit: number, nowMs: number): Page<GrantView>;
  key(key: string): KeyView | null;
  keys(prefix: string, after: string | null, limit: number): Page<KeyView>;

  // ---- expiry, for the primary lessor
  /** Deadline of the lease that falls due first, null when none can. A lease is due once lease time is GREATER than its deadline. */
  nextDeadlineMs(): number | null;
  /** Up to `limit` leases that are due at `nowMs`; costs O(limit). */
  due(nowMs: number, limit: number): readonly ExpireItem[];

  // ---- the image
  /** Records changed since the last call, each with its content now. Forgets that they changed. Includes the one for time and revision. */
  takeChanges(): readonly ChangedRecord[];
  /** How many records `takeChanges` would return. */
  readonly changedCount: number;
  /** Notes the checksum under which a record of the last `takeChanges` was saved. */
  noteSaved(name: string, checksum: number): void;
  /** Adds a record of an image; throws on one that is not valid. Only before `finishRestore`. */
  restore(name: string, content: unknown, checksum: number): void;
  /** After all records: rebuilds indexes and checks references. `index` is the image's. */
  finishRestore(index: number): void;
  /** Every record as it would be saved, in name order: two replicas at one index give the same. */
  dump(): Iterable<readonly [name: string, content: unknown]>;
}
