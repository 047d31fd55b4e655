// What the log does to claims and keys, told event by event during `apply`: the same events, order and ids on every node.
import type { Claim } from './claim.ts';
import type { Moment } from './granted-lease.ts';
import type { KeyRecord } from './key-space.ts';
import type { Standing } from './standing.ts';

/** Names an event for ever: its entry, and its place among all events of that entry, from 0 on. Ordered by both. */
export interface EventId {
  readonly index: number;
  readonly position: number;
}

/** How a tenure ended: by its holder, by time, or with the session that was revoked. */
export type ClaimEnd = 'released' | 'expired' | 'revoked';

/** Why a key was deleted: by a command, or with the lease that it lived by. */
export type DeleteCause = 'deleted' | 'expired' | 'revoked';

/** Something happened to a claim or its pins. Extending by a duration is one even when the deadline was far enough already. */
export interface ClaimEvent extends EventId {
  readonly type: 'claimed' | 'extended' | 'pinned' | 'unpinned' | ClaimEnd;
  /**
   * Log index of the entry that did it: `index`, or less for a claim that ended with its session and whose end is reported by a later entry.
   * Lists and the store's revision show the end from `atIndex` on.
   */
  readonly atIndex: number;
  /** Lease time of that entry. */
  readonly timeMs: number;
  /** See `leaseKeyOf`. */
  readonly claimId: string;
  /** Of the tenure concerned; null for a pin where nobody holds the lease, and then so is the fence. */
  readonly holder: string | null;
  readonly fence: number | null;
  /** From which the deadline comes; null where nobody holds the lease. */
  readonly durationMs: number | null;
  /** The lease by which the claim lives or lived; null for none. */
  readonly session: string | null;
  /** Lease time between the deadline and this event, 0 if it was in time. */
  readonly lateMs: number;
  /** Who pins, null where nothing is pinned. */
  readonly entity: string | null;
}

/** A user's key was written or deleted. */
export interface KeyEvent extends EventId {
  readonly type: 'put' | 'deleted';
  /** Log index of the entry that did it: `index`, or less for a key that ended with its lease and whose end is reported by a later entry. */
  readonly atIndex: number;
  readonly key: string;
  /** Null when deleted. */
  readonly value: string | null;
  readonly createRevision: number;
  /** 0 when deleted. */
  readonly version: number;
  /** By which it lives, or lived until now; null for none. */
  readonly lease: string | null;
  /** Null for a put. */
  readonly cause: DeleteCause | null;
}

export type StateEvent = ClaimEvent | KeyEvent;

/** Counts the events of each entry, whether or not anybody listens, and tells them to the one who does. */
export class Events {
  readonly #standing: Standing;
  readonly #listener: ((event: StateEvent) => void) | null;

  constructor(standing: Standing, listener: ((event: StateEvent) => void) | null) {
    this.#standing = standing;
    this.#listener = listener;
  }

  /** Told before the claim changes where it ends, after it where it goes on. */
  claim(type: ClaimEvent['type'], claim: Claim, lateMs: number, at: Moment = this.#standing): void {
    const position = this.#standing.nextEventPosition();
    if (this.#listener === null) return;
    this.#listener({
      type,
      index: this.#standing.index,
      position,
      atIndex: at.index,
      timeMs: at.timeMs,
      claimId: claim.id,
      holder: claim.holder,
      fence: claim.fence,
      durationMs: claim.session?.ttlMs ?? claim.durationMs,
      session: claim.session?.id ?? null,
      lateMs,
      entity: null,
    });
  }

  pin(type: 'pinned' | 'unpinned', claimId: string, claim: Claim | undefined, entity: string): void {
    const position = this.#standing.nextEventPosition();
    if (this.#listener === null) return;
    const { index, timeMs } = this.#standing;
    this.#listener({
      type,
      index,
      position,
      atIndex: index,
      timeMs,
      claimId,
      holder: claim?.holder ?? null,
      fence: claim?.fence ?? null,
      durationMs: claim === undefined ? null : (claim.session?.ttlMs ?? claim.durationMs),
      session: claim?.session?.id ?? null,
      lateMs: 0,
      entity,
    });
  }

  put(record: KeyRecord): void {
    const position = this.#standing.nextEventPosition();
    if (this.#listener === null) return;
    const { key, value, createRevision, version, lease } = record;
    const { index } = this.#standing;
    this.#listener({
      type: 'put',
      index,
      position,
      atIndex: index,
      key,
      value,
      createRevision,
      version,
      lease: lease?.id ?? null,
      cause: null,
    });
  }

  /** Told while the record still knows its lease. */
  deleted(record: KeyRecord, cause: DeleteCause, at: Moment): void {
    const position = this.#standing.nextEventPosition();
    if (this.#listener === null) return;
    const { key, createRevision, lease } = record;
    const { index } = this.#standing;
    this.#listener({
      type: 'deleted',
      index,
      position,
      atIndex: at.index,
      key,
      value: null,
      createRevision,
      version: 0,
      lease: lease?.id ?? null,
      cause,
    });
  }
}
