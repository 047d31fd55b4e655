// The lease store: applies the log, answers reads, and tells the primary lessor what is due.
import { assert, unreachable } from '../assert.ts';
import { Claiming, done } from './claiming.ts';
import { Claims } from './claims.ts';
import { fromTuple } from './command-codec.ts';
import type { Command, ExpireItem, LeaseId, LeaseKey } from './commands.ts';
import { type EntryContext, NOWHERE, type StateObserver } from './entry-context.ts';
import { type EventId, Events, type StateEvent } from './events.ts';
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
  readonly #repeats: Repeats;
  readonly #claiming: Claiming;
  readonly #queueing: Queueing;
  readonly #observer: StateObserver;
  readonly #leasing: Leasing;
  readonly #transactions: Transactions;
  readonly #image: Image;
  /** `restoring` from the first record of an image to the call of `finishRestore`. */
  #phase: 'fresh' | 'restoring' | 'running' = 'fresh';

  /** The observer is called during `apply`, and must not call back. */
  constructor(observer: StateObserver) {
    this.#observer = observer;
    const vacated = (key: LeaseKey, index: number): void => {
      observer.vacated(key, index);
      if (!this.#waiters.isEmpty) this.#queueing.vacated(claimIdOf(key));
    };
    const told = observer.event === undefined ? null : (event: StateEvent): void => observer.event?.(event);
    const events = new Events(this.#standing, told);
    this.#keys = new KeySpace(this.#standing, events, this.#lessor);
    this.#claims = new Claims(this.#standing, this.#queue, this.#pins, events, this.#history, this.#lessor, vacated);
    this.#claiming = new Claiming(this.#standing, this.#claims, this.#lessor, this.#waiters);
    this.#repeats = new Repeats(this.#standing, this.#remembered, this.#claims, this.#lessor, this.#keys, this.#pins);
    this.#queueing = new Queueing(this.#standing, this.#claims, this.#lessor, this.#claiming, this.#waiters, this.#repeats);
    this.#leasing = new Leasing(this.#standing, this.#lessor, this.#claims, this.#pins, this.#keys, this.#queueing);
    this.#transactions = new Transactions(this.#keys, this.#lessor, this.#claims, this.#history);
    const standing = this.#standing;
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
    const outcome = this.#carryOut(readable, entry, null);
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
    const claim = this.#claims.get(claimIdOf(key));
    return claim === undefined ? null : this.#claims.view(claim, nowMs, key);
  }

  /** The last changes of leader in order; and what happened to a lease, as far as it is remembered, null when nothing is known of it. */
  get reigns(): readonly Reign[] {
    return this.#history.reigns.list;
  }
  history(key: LeaseKey): HistoryView | null {
    const id = claimIdOf(key);
    return historyView(this.#history, id, this.#claims.get(id));
  }

  /** Claims in order of namespace, model and name; those of one model cost nothing for the others. */
  claims(scope: Scope | null, after: string | null, limit: number, nowMs: number): Page<ClaimView> {
    return this.#claims.page(scope, after, limit, nowMs);
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
    const record = this.#keys.get(key);
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

  /** Up to `limit` leases that are due at `nowMs`, the longest overdue roughly first; costs O(limit). */
  due(nowMs: number, limit: number): readonly ExpireItem[] {
    return this.#queue.due(nowMs, limit).map(({ id, deadlineMs }) => ({ id, deadlineMs }));
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

  #once({ key, command, since }: Command & { readonly kind: 'once' }, entry: EntryContext): Outcome {
    const known = this.#repeats.find(key, command, since);
    if (known !== null) {
      if (known.kind === 'repeated') this.#queueing.toldAgain(known.outcome);
      return known;
    }
    const outcome = this.#carryOut(command, entry, key);
    this.#repeats.note(key, command, outcome);
    return outcome;
  }

  #carryOut(command: Command, entry: EntryContext, requestKey: string | null): Outcome {
    switch (command.kind) {
      case 'claim':
      case 'claim-session':
        if (command.waitMs !== undefined) return this.#queueing.claim(command, command.waitMs, entry.origin ?? NOWHERE, requestKey);
        return this.#claiming.carryOut(command);
      case 'once':
        return this.#once(command, entry);
      case 'leave':
        return this.#queueing.leave(command);
      case 'drop-waiters':
        return this.#queueing.drop(command);
      case 'extend':
        return this.#claiming.extend(command);
      case 'release':
        return this.#claiming.release(command);
      case 'pin':
      case 'unpin':
        return this.#claiming.pin(command);
      case 'grant':
        return this.#leasing.grant(command);
      case 'renew':
        return this.#leasing.renew(command.id);
      case 'revoke':
        return this.#leasing.revoke(command.id);
      case 'lead':
        if (command.term === entry.term) this.#history.leads(command.node, command.leaderlessMs);
        return done;
      case 'expire':
        return this.#leasing.expire(command, entry.term);
      case 'attach':
      case 'detach':
        return this.#transactions.attach(command);
      case 'put':
        return this.#transactions.put(command);
      case 'delete':
        return this.#transactions.delete(command);
      case 'txn':
        return this.#transactions.txn(command);
      default:
        return unreachable(command);
    }
  }
}
