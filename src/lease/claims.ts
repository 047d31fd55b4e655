// Claims: who holds which lease since when, by time of its own or by a session. The rules of claiming are in `claiming.ts`.
import { assert } from '../assert.ts';
import { Changes } from './changes.ts';
import { Claim } from './claim.ts';
import type { LeaseKey } from './commands.ts';
import type { ClaimEnd, Events } from './events.ts';
import { deadlineAfter, type ExpiryQueue } from './expiry-queue.ts';
import type { Lease, LeaseEnd, Moment } from './granted-lease.ts';
import type { History } from './history.ts';
import { leaseKeyOf, type Scope, scopePrefix } from './lease-key.ts';
import type { Lessor } from './lessor.ts';
import { OrderedMap } from './ordered-map.ts';
import type { ClaimView, Page } from './outcomes.ts';
import type { PinSet, Pins } from './pins.ts';
import type { Standing } from './standing.ts';

/** All claims, by id. */
export class Claims {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #claims = new OrderedMap<Claim>();
  readonly #standing: Standing;
  readonly #queue: ExpiryQueue;
  readonly #pins: Pins;
  readonly #events: Events;
  readonly #history: History;
  readonly #lessor: Lessor;
  readonly #vacated: (key: LeaseKey, index: number) => void;

  constructor(
    standing: Standing,
    queue: ExpiryQueue,
    pins: Pins,
    events: Events,
    history: History,
    lessor: Lessor,
    vacated: (key: LeaseKey, index: number) => void,
  ) {
    this.#standing = standing;
    this.#history = history;
    this.#queue = queue;
    this.#pins = pins;
    this.#events = events;
    this.#lessor = lessor;
    this.#vacated = vacated;
  }

  /** How many claims there are. */
  get size(): number {
    return this.#claims.size - this.#lessor.hiddenClaims;
  }

  /**
   * The claim, for a rule. What a claim owes to the end of its session is done first, so that the rule finds the claim as it is: gone, or a
   * plain one that its pins hold. Only while an entry is applied.
   */
  get(id: string): Claim | undefined {
    const claim = this.#claims.get(id);
    if (claim?.session?.ended == null) return claim;
    this.endWithSession(claim, claim.session.ended);
    return this.#claims.get(id);
  }

  /** The claim, for a reader: changes nothing. */
  peek(id: string): Claim | undefined {
    const claim = this.#claims.get(id);
    return claim === undefined || this.#isHidden(claim) ? undefined : claim;
  }

  /** The claim, for its record: also one that has ended with its session and still has a record. */
  record(id: string): Claim | undefined {
    return this.#claims.get(id);
  }

  /** Begins a plain tenure on a lease that must be free. */
  begin(id: string, holder: string, durationMs: number): Claim {
    const claim = new Claim(id, holder, this.#standing.index, null, durationMs, deadlineAfter(this.#standing.timeMs, durationMs));
    this.#begin(claim);
    this.#queueUnlessPinned(claim);
    return claim;
  }

  /** Begins a tenure by a session on a lease that must be free. */
  beginBySession(id: string, holder: string, session: Lease): Claim {
    const claim = new Claim(id, holder, this.#standing.index, session, 0, 0);
    this.#begin(claim);
    this.#lessor.attach(session, id, this.#pins.has(id));
    return claim;
  }

  /** Moves a plain claim's deadline to `durationMs` from now, never back. */
  extend(claim: Claim, durationMs: number): void {
    assert(claim.session === null, `${JSON.stringify(claim.id)} lives by a session`);
    const lateMs = this.#lateMs(claim);
    const deadlineMs = deadlineAfter(this.#standing.timeMs, durationMs);
    if (deadlineMs > claim.deadlineMs) {
      this.#mark(claim);
      this.#history.extended(claim, lateMs);
      claim.deadlineMs = deadlineMs;
      claim.durationMs = durationMs;
      if (claim.queuePosition !== -1) this.#queue.moved(claim);
    }
    this.#events.claim('extended', claim, lateMs);
  }

  /** The tenure goes on, by this session from now on. */
  moveToSession(claim: Claim, session: Lease): void {
    if (claim.session === session) return;
    const lateMs = this.#lateMs(claim);
    this.#mark(claim);
    this.#history.mark(claim, 'session-joined', session.id);
    this.#detach(claim);
    this.#queue.remove(claim);
    claim.session = session;
    claim.durationMs = 0;
    claim.deadlineMs = 0;
    this.#lessor.attach(session, claim.id, this.#pins.has(claim.id));
    this.#events.claim('extended', claim, lateMs);
  }

  /** Does to a claim what the end of its session did to it: the tenure has ended then, or goes on as that of a pinned plain claim. */
  endWithSession(claim: Claim, ended: LeaseEnd): void {
    if (this.#outlives(claim, ended)) this.#outliveSession(claim, ended);
    else this.#end(claim, ended.cause, ended);
  }

  /** Ends the tenure: the key is deleted, whoever waits is told. Pins stay. */
  end(claim: Claim, cause: ClaimEnd): void {
    this.#end(claim, cause, this.#standing);
    this.#standing.keyChanged();
  }

  /** Time stands still for the claim from its first pin on, and counts again after the last: a deadline that passed is due at once. */
  pin(id: string, entity: string): void {
    const claim = this.get(id);
    const before = this.#pins.entities(id);
    if (this.#pins.add(id, entity) && claim !== undefined) {
      this.#queue.remove(claim);
      if (claim.session !== null) claim.session.pinnedCount += 1;
    }
    if (this.#pins.entities(id) !== before) this.#pinsChanged('pinned', id, claim, entity);
  }

  /** Whether there is room for that pin, or it is there already. */
  mayPin(id: string, entity: string): boolean {
    return this.#pins.hasRoomFor(id, entity);
  }

  unpin(id: string, entity: string): void {
    const claim = this.get(id);
    const before = this.#pins.entities(id);
    if (this.#pins.remove(id, entity) && claim !== undefined) {
      if (claim.session === null) this.#queue.add(claim);
      else claim.session.pinnedCount -= 1;
    }
    if (this.#pins.entities(id) !== before) this.#pinsChanged('unpinned', id, claim, entity);
  }

  /** A write that asserts the claim is let through, or refused for it. */
  gated(claim: Claim, held: boolean): void {
    this.#mark(claim);
    if (held) this.#history.used(claim);
    else this.#history.refused(claim);
  }

  /** Takes a claim from an image; false if there is one of that id. */
  restore(claim: Claim): boolean {
    if (this.#claims.get(claim.id) !== undefined) return false;
    this.#claims.add(claim.id, claim);
    this.#standing.occupancy.claimAdded(claim.id, claim.holder);
    if (claim.session === null) this.#queueUnlessPinned(claim);
    else claim.session.attach(claim.id, this.#pins.has(claim.id));
    return true;
  }

  /** Takes the pins on one key from an image; false if there are some already. */
  restorePins(set: PinSet): boolean {
    if (!this.#pins.restore(set)) return false;
    const claim = this.#claims.get(set.claimId);
    if (claim !== undefined) this.#queue.remove(claim);
    if (claim?.session != null) claim.session.pinnedCount += 1;
    return true;
  }

  /** All claims that have a record, in order. */
  all(): Iterable<Claim> {
    return this.#claims.range('', null);
  }

  /** Null while pinned: then no time can end it. Never negative. */
  remainingMs(claim: Claim, nowMs: number): number | null {
    if (this.#pins.has(claim.id)) return null;
    return Math.max(0, (claim.session ?? claim).deadlineMs - nowMs);
  }

  /** `key` spares taking the id apart where it is known. */
  view(claim: Claim, nowMs: number, key: LeaseKey = leaseKeyOf(claim.id)): ClaimView {
    return {
      namespace: key.namespace,
      model: key.model,
      lease: key.lease,
      holder: claim.holder,
      fence: claim.fence,
      durationMs: claim.session?.ttlMs ?? claim.durationMs,
      remainingMs: this.remainingMs(claim, nowMs),
      session: claim.session === null || claim.session.ended !== null ? null : claim.session.id,
      pinnedBy: this.#pins.entities(claim.id),
    };
  }

  page(scope: Scope | null, after: string | null, limit: number, nowMs: number): Page<ClaimView> {
    return this.#claims.page(scopePrefix(scope), after, limit, (claim) => (this.#isHidden(claim) ? null : this.view(claim, nowMs)));
  }

  #begin(claim: Claim): void {
    this.#mark(claim);
    this.#claims.add(claim.id, claim);
    this.#standing.occupancy.claimAdded(claim.id, claim.holder);
    this.#standing.keyChanged();
    this.#events.claim('claimed', claim, 0);
  }

  #end(claim: Claim, cause: ClaimEnd, at: Moment): void {
    const lateMs = cause === 'expired' ? this.#lateMs(claim, at.timeMs) : 0;
    this.#events.claim(cause, claim, lateMs, at);
    this.#history.ended(claim, cause, lateMs, at);
    this.#mark(claim);
    this.#claims.delete(claim.id);
    this.#standing.occupancy.claimRemoved(claim.id, claim.holder);
    this.#queue.remove(claim);
    this.#detach(claim);
    this.#vacated(leaseKeyOf(claim.id), at.index);
  }

  /** The session has ended, but not the tenure: the claim is a plain one from then on, with the session's duration and deadline. */
  #outliveSession(claim: Claim, ended: LeaseEnd): void {
    const session = claim.session as Lease;
    this.#mark(claim);
    this.#history.mark(claim, 'session-ended', session.id, ended);
    this.#detach(claim);
    claim.session = null;
    claim.durationMs = session.ttlMs;
    claim.deadlineMs = session.deadlineMs;
    this.#queueUnlessPinned(claim);
  }

  /** A pin keeps a claim when its session expires. No pin comes or goes after that without `endWithSession`, so the present pins decide. */
  #outlives(claim: Claim, ended: LeaseEnd): boolean {
    return ended.cause === 'expired' && this.#pins.has(claim.id);
  }

  /** Whether the claim has ended with its session and only has a record left. */
  #isHidden(claim: Claim): boolean {
    const ended = claim.session?.ended;
    return ended != null && !this.#outlives(claim, ended);
  }

  #pinsChanged(type: 'pinned' | 'unpinned', id: string, claim: Claim | undefined, entity: string): void {
    if (claim !== undefined) {
      this.#mark(claim);
      this.#history.mark(claim, type, entity);
    }
    this.#events.pin(type, id, claim, entity);
  }

  /** Lease time since the claim's deadline, 0 before it and while pinned: a pin stops time. */
  #lateMs(claim: Claim, timeMs = this.#standing.timeMs): number {
    if (this.#pins.has(claim.id)) return 0;
    return Math.max(0, timeMs - (claim.session ?? claim).deadlineMs);
  }

  #queueUnlessPinned(claim: Claim): void {
    if (!this.#pins.has(claim.id)) this.#queue.add(claim);
  }

  #detach(claim: Claim): void {
    if (claim.session !== null) this.#lessor.detach(claim.session, claim.id, this.#pins.has(claim.id));
  }

  #mark(claim: Claim): void {
    this.changes.mark(claim.id, claim.savedChecksum);
  }
}
