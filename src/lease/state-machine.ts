// The lease store: applies the log, answers reads, and tells the primary lessor what is due.
import { assert } from '../assert.ts';
import { Claiming } from './claiming.ts';
import { Claims } from './claims.ts';
import { fromTuple } from './command-codec.ts';
import type { ExpireItem, LeaseId, LeaseKey } from './commands.ts';
import { Endings } from './endings.ts';
import { ENTRY_WORK_MAX, EntryBudget } from './entry-budget.ts';
import type { EntryContext, StateObserver } from './entry-context.ts';
import { type EventId, Events, type StateEvent } from './events.ts';
import { Executor } from './executor.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { History, type Reign } from './history.ts';
import { type HistoryView, historyView } from './history-view.ts';
import { Image } from './image.ts';
import { KeySpace, keyView } from './key-space.ts';
import { claimIdOf, type Scope } from './lease-key.ts';
import { Leasing } from './leasing.ts';
import { Lessor } from './lessor.ts';
import type { AttachmentPage, ClaimView, GrantView, KeyView, Outcome, Page, PinView } from './outcomes.ts';
import { Pins } from './pins.ts';
import { Queueing } from './queueing.ts';
import { RememberedOutcomes } from './remembered.ts';
import { Repeats } from './repeats.ts';
import type { ChangeSet } from './sections.ts';
import { Standing } from './standing.ts';
import { Transactions } from './transactions.ts';
import { type Life, Waiters } from './waiters.ts';

export type { EntryContext, StateObserver } from './entry-context.ts';
export type { ChangeSet } from './sections.ts';

/**
 * One key space in which a claim is a key that lives as long as its lease. Deterministic: what `apply` does follows from the state,
 * the entry and the command alone. One mutable object; whoever holds a view of it holds plain data that no later entry changes.
 */
export class StateMachine {
  readonly #standing = new Standing();
  /** What the state contains, for quotas. Not to be changed. */
  readonly occupancy = this.#standing.occupancy;
  readonly #queue = new ExpiryQueue();
  readonly #pins = new Pins();
  readonly #history = new History(this.#standing);
  readonly #keys: KeySpace;
  readonly #lessor = new Lessor(this.#standing, this.#queue);
  readonly #claims: Claims;
  readonly #waiters = new Waiters(this.#queue);
  readonly #remembered = new RememberedOutcomes(this.#standing);
  readonly #budget: EntryBudget;
  readonly #queueing: Queueing;
  readonly #endings: Endings;
  readonly #observer: StateObserver;
  readonly #executor: Executor;
  readonly #image: Image;
  /** `restoring` from the first record of an image to the call of `finishRestore`. */
  #phase: 'fresh' | 'restoring' | 'running' = 'fresh';

  /**
   * The observer is called during `apply`, and must not call back. `entryWorkMax`: see {@link ENTRY_WORK_MAX}; another value only for tests,
   * the same for all replicas of a log.
   */
  constructor(observer: StateObserver, entryWorkMax = ENTRY_WORK_MAX) {
    this.#observer = observer;
    this.#budget = new EntryBudget(entryWorkMax);
    const vacated = (key: LeaseKey, index: number): void => {
      observer.vacated(key, index);
      if (!this.#waiters.isEmpty) this.#queueing.vacated(claimIdOf(key));
    };
    const told = observer.event === undefined ? null : (event: StateEvent): void => observer.event?.(event);
    const events = new Events(this.#standing, told);
    this.#keys = new KeySpace(this.#standing, events, this.#lessor);
    this.#claims = new Claims(this.#standing, this.#queue, this.#pins, events, this.#history, this.#lessor, vacated);
    const standing = this.#standing;
    const claiming = new Claiming(standing, this.#claims, this.#lessor, this.#waiters);
    const repeats = new Repeats(standing, this.#remembered, this.#claims, this.#lessor, this.#keys, this.#pins);
    this.#queueing = new Queueing(standing, this.#claims, this.#lessor, claiming, this.#waiters, repeats, this.#budget);
    this.#endings = new Endings(this.#lessor, this.#claims, this.#keys, this.#queueing, this.#budget);
    const leasing = new Leasing(standing, this.#lessor, this.#claims, this.#queueing, this.#endings);
    const transactions = new Transactions(this.#keys, this.#lessor, this.#claims, this.#history);
    this.#executor = new Executor(claiming, this.#queueing, leasing, transactions, repeats, this.#history);
    this.#image = new Image(standing, this.#claims, this.#keys, this.#lessor, this.#pins, this.#remembered, this.#waiters, this.#history);
  }

  /** Greatest entry time applied. */
  get timeMs(): number {
    return this.#standing.timeMs;
  }

  /** Index of the last entry applied through `apply` or `skip`, or the image's. */
  get appliedIndex(): number {
    return this.#standing.index;
  }

  /** Index of the last entry that changed a key. */
  get revision(): number {
    return this.#standing.revision;
  }

  /** Id of the last event of the entries up to `appliedIndex`; 0 and 0 if there was none, or that is not known. */
  get lastEvent(): EventId {
    return { index: this.#standing.eventIndex, position: this.#standing.eventPosition };
  }

  /**
   * Applies a decoded command. Never throws on content: what it cannot read is refused and changes nothing, lease time included.
   * Indexes must grow.
   */
  apply(entry: EntryContext, command: unknown): Outcome {
    this.#moveTo(entry.index);
    const readable = fromTuple(command);
    if (readable === null) {
      return { kind: 'refused', refusal: { code: 'invalid-argument', detail: 'the log entry is no valid command of this version' } };
    }
    const standing = this.#standing;
    const { timeMs, revision, eventIndex, forgottenIndex } = standing;
    standing.term = entry.term;
    if (entry.timeMs > timeMs) standing.timeMs = entry.timeMs;
    this.#budget.begin();
    const outcome = this.#executor.carryOut(readable, entry, null);
    for (const turn of this.#queueing.settle()) this.#observer.turnEnded?.(turn, entry.index);
    const isSame = standing.timeMs === timeMs && standing.revision === revision && standing.eventIndex === eventIndex;
    if (!isSame || standing.forgottenIndex !== forgottenIndex) standing.mark();
    return outcome;
  }

  /** An entry without a command (a leader's first, or a change of members). */
  skip(index: number): void {
    this.#moveTo(index);
  }

  /** The claim, as it is with that much lease time gone; null while nobody holds it. */
  claim(key: LeaseKey, nowMs: number): ClaimView | null {
    const claim = this.#claims.peek(claimIdOf(key));
    return claim === undefined ? null : this.#claims.view(claim, nowMs, key);
  }

  /** The last changes of leader in order; and what happened to a lease, as far as it is remembered, null when nothing is known of it. */
  get reigns(): readonly Reign[] {
    return this.#history.reigns.list;
  }
  history(key: LeaseKey): HistoryView | null {
    const id = claimIdOf(key);
    return historyView(this.#history, id, this.#claims.record(id), this.#claims.peek(id) !== undefined);
  }

  /** Claims in order of namespace, model and name; those of one model cost nothing for the others. */
  claims(scope: Scope | null, after: string | null, limit: number, nowMs: number): Page<ClaimView> {
    return this.#claims.page(scope, after, limit, nowMs);
  }

  /** One page of the pins, in the same order. */
  pinsPage(scope: Scope | null, after: string | null, limit: number): Page<PinView> {
    return this.#pins.page(scope, after, limit);
  }

  /** Pins in order of namespace, model and name, those on leases that nobody holds included. */
  pins(scope: Scope | null): readonly PinView[] {
    return this.#pins.views(scope);
  }

  grant(id: LeaseId, nowMs: number): GrantView | null {
    const lease = this.#lessor.get(id);
    return lease === undefined ? null : this.#lessor.view(lease, nowMs);
  }

  /** One page of what is attached to a granted lease, in order; null if there is no such lease. */
  attachments(id: LeaseId, after: string | null, limit: number): AttachmentPage | null {
    const lease = this.#lessor.get(id);
    return lease === undefined ? null : this.#lessor.attachments(lease, after, limit);
  }

  /** In order of remaining time (deadline), then id. */
  grants(after: string | null, limit: number, nowMs: number): Page<GrantView> {
    return this.#lessor.page(after, limit, nowMs);
  }

  key(key: string): KeyView | null {
    const record = this.#keys.peek(key);
    return record === undefined ? null : keyView(record);
  }

  keys(prefix: string, after: string | null, limit: number): Page<KeyView> {
    return this.#keys.page(prefix, after, limit);
  }

  /** How many claims wait in all, and for one lease. */
  get waiting(): number {
    return this.#waiters.waiting;
  }
  waitingFor(key: LeaseKey): number {
    return this.#waiters.waitingFor(claimIdOf(key));
  }

  /** How many claims, granted leases, pinned leases, and outcomes remembered by their callers' keys there are. */
  get sizes() {
    return { claims: this.#claims.size, grants: this.#lessor.size, pins: this.#pins.size, remembered: this.#remembered.size };
  }

  /** Whether a command under this idempotency key was decided, or waits: a repeat of it carries nothing out. */
  remembers(idempotencyKey: string): boolean {
    return this.#remembered.get(idempotencyKey) !== undefined;
  }

  /** The lives of nodes at which claims wait, and the tickets of those that wait at a node in lives up to that one. */
  waitingLives(): readonly Life[] {
    return this.#waiters.lives();
  }
  ticketsUpTo(life: Life): readonly number[] {
    return this.#waiters.upTo(life).map((waiter) => waiter.fields.ticket);
  }

  /** Deadline of the lease that falls due first, null when none can. A lease is due once lease time is GREATER than its deadline. */
  nextDeadlineMs(): number | null {
    return this.#queue.nextDeadlineMs();
  }

  /**
   * Up to `limit` leases that are due at `nowMs`, the longest overdue roughly first. With `workMax`: no more than have so many keys and claims
   * attached, they themselves counted in, unless the first one has more. Costs O(limit).
   */
  due(nowMs: number, limit: number, workMax = Number.POSITIVE_INFINITY): readonly ExpireItem[] {
    const items = this.#queue.due(nowMs, limit).map(({ id, deadlineMs }) => ({ id, deadlineMs }));
    let work = 0;
    const end = items.findIndex(({ id }) => {
      work += 1 + (this.#lessor.get(id)?.attachedCount ?? 0);
      return work > workMax;
    });
    return end === -1 ? items : items.slice(0, Math.max(1, end));
  }

  /** Whether ends or grants of earlier entries are not processed to their end: an `expire` command without items continues them. */
  get isUnfinished(): boolean {
    return this.#endings.isUnfinished;
  }

  /** Records changed since the last call, each with its content now, however late it is read. Forgets that they changed. Includes the one
   * for time and revision. Costs the same for one change and for a million; of a set that was not read to its end when the next is taken, the rest is void. */
  takeChanges(): ChangeSet {
    return this.#image.takeChanges();
  }

  /** How many records `takeChanges` would give. */
  get changedCount(): number {
    return this.#image.changedCount;
  }

  /** Notes the checksum under which a record of the last `takeChanges` was saved. Only before the next call of it, and not for a deleted record. */
  noteSaved(name: string, checksum: number): void {
    this.#image.noteSaved(name, checksum);
  }

  /** Adds a record of an image; throws `ImageError` on one that is not valid. Only on a new state machine, before `finishRestore`. */
  restore(name: string, content: unknown, checksum: number): void {
    assert(this.#phase !== 'running', `record ${JSON.stringify(name)} restored over a running state`);
    this.#phase = 'restoring';
    this.#image.restore(name, content, checksum);
  }

  /** After all records, which may be none at index 0: checks that they fit together, else throws `ImageError`. */
  finishRestore(index: number): void {
    assert(this.#phase !== 'running', 'an image restored over a running state');
    this.#image.finishRestore(index);
    this.#queueing.finishRestore();
    this.#phase = 'running';
  }

  /** Every record as it would be saved, in name order: two replicas at one index give the same. The state must not change meanwhile. */
  dump(): Iterable<readonly [name: string, content: unknown]> {
    return this.#image.dump();
  }

  #moveTo(index: number): void {
    assert(this.#phase !== 'restoring', `entry ${index} applied to half an image`);
    assert(index > this.#standing.index, `entry ${index} applied after entry ${this.#standing.index}`);
    this.#phase = 'running';
    this.#standing.index = index;
  }
}
