// The keys of users: values with their revisions and the lease they live by, in order. Claims are keys too, see `claims.ts`.
import { Changes, type Saved } from './changes.ts';
import type { DeleteCause, Events } from './events.ts';
import type { Lease, LeaseEnd, Moment } from './granted-lease.ts';
import type { Lessor } from './lessor.ts';
import { OrderedMap } from './ordered-map.ts';
import type { KeyView, Page } from './outcomes.ts';
import type { Standing } from './standing.ts';

/** One key. A revision is the index of the entry that wrote. */
export interface KeyRecord extends Saved {
  readonly key: string;
  value: string;
  readonly createRevision: number;
  modRevision: number;
  /** Puts since it was created, 1 for the first. */
  version: number;
  /** Null: lives until it is deleted. Invariant: the key is among the lease's attached. */
  lease: Lease | null;
}

/**
 * The users' part of the one key space; the claims' part stands before it, as their keys begin with a character that no user's key
 * may contain.
 */
export class KeySpace {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #keys = new OrderedMap<KeyRecord>();
  readonly #standing: Standing;
  readonly #events: Events;
  readonly #lessor: Lessor;

  constructor(standing: Standing, events: Events, lessor: Lessor) {
    this.#standing = standing;
    this.#events = events;
    this.#lessor = lessor;
  }

  /** The key, for a rule. One that has ended with its lease is removed first. Only while an entry is applied. */
  get(key: string): KeyRecord | undefined {
    const record = this.#keys.get(key);
    if (record?.lease?.ended == null) return record;
    this.endWithLease(record, record.lease.ended);
    return undefined;
  }

  /** The key, for a reader: changes nothing. */
  peek(key: string): KeyRecord | undefined {
    const record = this.#keys.get(key);
    return record === undefined || isHidden(record) ? undefined : record;
  }

  /** The key, for its record: also one that has ended with its lease and still has a record. */
  record(key: string): KeyRecord | undefined {
    return this.#keys.get(key);
  }

  /** Writes a key and gives it that lease, or none. */
  put(key: string, value: string, lease: Lease | null): KeyRecord {
    const index = this.#standing.index;
    let record = this.get(key);
    if (record === undefined) {
      record = { key, value, createRevision: index, modRevision: index, version: 1, lease: null, savedChecksum: null };
      this.#mark(record);
      this.#keys.add(key, record);
      this.#standing.occupancy.keyAdded(key, value);
    } else {
      this.#mark(record);
      this.#standing.occupancy.keyReplaced(record.value, value);
      record.value = value;
      record.modRevision = index;
      record.version += 1;
    }
    this.#attach(record, lease);
    this.#standing.keyChanged();
    this.#events.put(record);
    return record;
  }

  /** Deletes a key; false if there is none. */
  delete(key: string, cause: DeleteCause): boolean {
    const record = this.get(key);
    if (record === undefined) return false;
    this.#delete(record, cause, this.#standing);
    this.#standing.keyChanged();
    return true;
  }

  /** Removes a key that has ended with its lease. */
  endWithLease(record: KeyRecord, ended: LeaseEnd): void {
    this.#delete(record, ended.cause, ended);
  }

  /** Deletes all keys that begin with the prefix; how many they were. */
  deletePrefix(prefix: string): number {
    const records = [...this.range(prefix)];
    for (const record of records) this.delete(record.key, 'deleted');
    return records.length;
  }

  /** Lets a key live by that lease from now on, or by none. Not a change of the key: no revision moves. */
  attach(record: KeyRecord, lease: Lease | null): void {
    if (record.lease === lease) return;
    this.#mark(record);
    this.#attach(record, lease);
  }

  /** Takes a key from an image; false if there is one of that name. */
  restore(record: KeyRecord): boolean {
    if (this.#keys.get(record.key) !== undefined) return false;
    this.#keys.add(record.key, record);
    this.#standing.occupancy.keyAdded(record.key, record.value);
    record.lease?.attach(record.key, false);
    return true;
  }

  /** The keys that begin with the prefix, in order. None may come or go during the iteration. */
  *range(prefix: string): Iterable<KeyRecord> {
    for (const record of this.#keys.range(prefix, null)) if (!isHidden(record)) yield record;
  }

  /** The same with `null` for each key that has ended with its lease and still has a record. */
  *rangeWithHidden(prefix: string): Iterable<KeyRecord | null> {
    for (const record of this.#keys.range(prefix, null)) yield isHidden(record) ? null : record;
  }

  /** All keys that have a record, in order. */
  all(): Iterable<KeyRecord> {
    return this.#keys.range('', null);
  }

  page(prefix: string, after: string | null, limit: number): Page<KeyView> {
    return this.#keys.page(prefix, after, limit, (record) => (isHidden(record) ? null : keyView(record)));
  }

  #delete(record: KeyRecord, cause: DeleteCause, at: Moment): void {
    this.#mark(record);
    this.#events.deleted(record, cause, at);
    this.#attach(record, null);
    this.#keys.delete(record.key);
    this.#standing.occupancy.keyRemoved(record.key, record.value);
  }

  #attach(record: KeyRecord, lease: Lease | null): void {
    if (record.lease === lease) return;
    if (record.lease !== null) this.#lessor.detach(record.lease, record.key);
    record.lease = lease;
    if (lease !== null) this.#lessor.attach(lease, record.key);
  }

  #mark(record: KeyRecord): void {
    this.changes.mark(record.key, record.savedChecksum);
  }
}

/** Whether the key has ended with its lease and only has a record left. */
function isHidden(record: KeyRecord): boolean {
  return record.lease !== null && record.lease.ended !== null;
}

/** A key as it is shown. */
export function keyView(record: KeyRecord): KeyView {
  return {
    key: record.key,
    value: record.value,
    createRevision: record.createRevision,
    modRevision: record.modRevision,
    version: record.version,
    lease: record.lease?.id ?? null,
  };
}
