// Who waits for which lease: one line for each, first come first served, kept in the log's order and nowhere else.
import { assert } from '../assert.ts';
import { Changes, type Saved, type SavedChecksum } from './changes.ts';
import { deadlineAfter, type Expiring, type ExpiryQueue } from './expiry-queue.ts';
import type { LeaseUid } from './granted-lease.ts';
import { WAITER_GRACE_MS } from './limits.ts';

/** One life of a node: its member number, and its count of starts. */
export interface Life {
  readonly node: number;
  readonly incarnation: number;
}

/** What is saved of a waiter. */
export interface WaiterFields extends Life {
  /** Index of the entry with which it came: its name for ever. */
  readonly ticket: number;
  /** Ticket of the request with which its holder took this place in the line: a repeat neither loses nor doubles it. */
  readonly turn: number;
  readonly claimId: string;
  readonly holder: string;
  /** Null for a claim by time of its own. */
  readonly session: LeaseUid | null;
  /** Of a claim by time of its own; 0 for one by a session. */
  readonly durationMs: number;
  /** Lease time after which its caller waits no more, so that it is not granted any more. */
  readonly endMs: number;
  /** Under which its outcome is remembered, null for none. */
  readonly requestKey: string | null;
  /** The fence of the tenure that it was granted and that nobody has touched since; 0 while it waits. */
  grantedFence: number;
}

/** A claim that waits, or that was granted and whose caller may have hung up meanwhile. */
export class Waiter implements Expiring, Saved {
  readonly fields: WaiterFields;
  /** In expire entries; no lease id and no claim's key begins so. */
  readonly id: string;
  readonly deadlineMs: number;
  queuePosition = -1;
  savedChecksum: SavedChecksum = null;

  constructor(fields: WaiterFields) {
    this.fields = fields;
    this.id = `w${fields.ticket}`;
    this.deadlineMs = deadlineAfter(fields.endMs, WAITER_GRACE_MS);
  }
}

/** The ticket that an id in an expire entry names, null if it names no waiter. */
export function ticketOf(id: string): number | null {
  return id.startsWith('w') ? Number(id.slice(1)) : null;
}

/** All waiters. A lease that nobody waits for costs nothing here. */
export class Waiters {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #queue: ExpiryQueue;
  readonly #byTicket = new Map<number, Waiter>();
  /** For each lease, holders in the order of their turns, and each one's requests in order. Invariant: no map and no set in it is empty. */
  readonly #lines = new Map<string, Map<string, Set<Waiter>>>();
  readonly #lineSizes = new Map<string, number>();
  readonly #bySession = new Map<LeaseUid, Set<Waiter>>();
  /** How many wait for each life of a node, granted ones not counted. */
  readonly #lives = new Map<string, { readonly life: Life; count: number }>();
  /** By claim: the one that was granted it, until its holder or anybody else touches the tenure. */
  readonly #granted = new Map<string, Waiter>();
  #waiting = 0;

  constructor(queue: ExpiryQueue) {
    this.#queue = queue;
  }

  /** Whether nobody waits and no grant is remembered. */
  get isEmpty(): boolean {
    return this.#byTicket.size === 0;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many wait for that lease. */
  waitingFor(claimId: string): number {
    return this.#lineSizes.get(claimId) ?? 0;
  }

  get(ticket: number): Waiter | undefined {
    return this.#byTicket.get(ticket);
  }

  /** The turn of a holder that waits for that lease already, null for one that does not. */
  turnOf(claimId: string, holder: string): number | null {
    const requests = this.#lines.get(claimId)?.get(holder);
    if (requests === undefined) return null;
    for (const { fields } of requests) return fields.turn;
    return null;
  }

  /**
   * The requests that wait for the lease, one set for each holder, in the order of their turns. Waiters may be removed during the
   * iteration, which costs the same for every length of the line.
   */
  line(claimId: string): Iterable<Iterable<Waiter>> {
    return this.#lines.get(claimId)?.values() ?? [];
  }

  /** The requests of that holder for the lease, in order. They may be removed during the iteration. */
  requestsOf(claimId: string, holder: string): Iterable<Waiter> {
    return this.#lines.get(claimId)?.get(holder) ?? [];
  }

  /** The leases that anybody waits for. */
  lines(): Iterable<string> {
    return this.#lines.keys();
  }

  /** All that wait by that session, in order of their tickets. They may be removed during the iteration. */
  bySession(session: LeaseUid): Iterable<Waiter> {
    return this.#bySession.get(session) ?? [];
  }

  /** The first `limit` that wait at that node in lives up to that one, in order of their tickets. */
  upTo({ node, incarnation }: Life, limit = Number.POSITIVE_INFINITY): readonly Waiter[] {
    const found: Waiter[] = [];
    for (const waiter of this.#byTicket.values()) {
      if (found.length >= limit) break;
      const { fields } = waiter;
      if (fields.node === node && fields.incarnation <= incarnation && fields.grantedFence === 0) found.push(waiter);
    }
    return found;
  }

  /** The lives of nodes for which anybody waits. */
  lives(): Life[] {
    return Array.from(this.#lives.values(), ({ life }) => life);
  }

  /** Puts a waiter behind all others in its line, or behind the earlier requests of its holder. */
  add(waiter: Waiter): void {
    this.changes.mark(String(waiter.fields.ticket), null);
    this.#enter(waiter);
  }

  /** Its place is given up, whether it was granted or not. */
  remove(waiter: Waiter): void {
    const { ticket, grantedFence, claimId } = waiter.fields;
    this.changes.mark(String(ticket), waiter.savedChecksum);
    this.#byTicket.delete(ticket);
    if (grantedFence === 0) this.#leaveLine(waiter);
    else this.#granted.delete(claimId);
  }

  /** It has the lease now by that fence, and is remembered until the tenure is touched: its caller may have hung up meanwhile. */
  granted(waiter: Waiter, fence: number): void {
    assert(!this.#granted.has(waiter.fields.claimId), `${JSON.stringify(waiter.fields.claimId)} is granted twice`);
    if (waiter.fields.grantedFence === 0 && this.#byTicket.has(waiter.fields.ticket)) this.#leaveLine(waiter);
    this.changes.mark(String(waiter.fields.ticket), waiter.savedChecksum);
    waiter.fields.grantedFence = fence;
    this.#byTicket.set(waiter.fields.ticket, waiter);
    this.#granted.set(waiter.fields.claimId, waiter);
  }

  /** Somebody relies on the tenure, or it is over: nobody may give it back for a caller that has gone. */
  touched(claimId: string): void {
    if (this.#granted.size === 0) return;
    const waiter = this.#granted.get(claimId);
    if (waiter !== undefined) this.remove(waiter);
  }

  /**
   * Accepts all waiters of an image, in order of ticket, as they came. Returns the first that shares its ticket, or the claim that it was
   * granted, with another one; `null` if there is none.
   */
  restore(waiters: readonly Waiter[]): Waiter | null {
    for (const waiter of waiters) {
      const { ticket, claimId, grantedFence } = waiter.fields;
      if (this.#byTicket.has(ticket) || (grantedFence !== 0 && this.#granted.has(claimId))) return waiter;
      this.#byTicket.set(ticket, waiter);
      if (grantedFence === 0) this.#register(waiter);
      else this.#granted.set(claimId, waiter);
    }
    const waiting = waiters.filter(({ fields }) => fields.grantedFence === 0);
    for (const waiter of waiting.sort((a, b) => a.fields.turn - b.fields.turn || a.fields.ticket - b.fields.ticket)) this.#joinLine(waiter);
    return null;
  }

  /** All waiters, in order of their tickets as strings. */
  *all(): Iterable<Waiter> {
    for (const name of Array.from(this.#byTicket.keys(), String).sort()) yield this.#byTicket.get(Number(name)) as Waiter;
  }

  #enter(waiter: Waiter): void {
    this.#byTicket.set(waiter.fields.ticket, waiter);
    this.#register(waiter);
    this.#joinLine(waiter);
  }

  #joinLine(waiter: Waiter): void {
    const { claimId, holder } = waiter.fields;
    let line = this.#lines.get(claimId);
    if (line === undefined) {
      line = new Map();
      this.#lines.set(claimId, line);
    }
    const requests = line.get(holder);
    if (requests === undefined) line.set(holder, new Set([waiter]));
    else requests.add(waiter);
  }

  /** Everything about one that waits but its place in the line. */
  #register(waiter: Waiter): void {
    const { claimId, session } = waiter.fields;
    this.#lineSizes.set(claimId, this.waitingFor(claimId) + 1);
    if (session !== null) {
      const others = this.#bySession.get(session);
      if (others === undefined) this.#bySession.set(session, new Set([waiter]));
      else others.add(waiter);
    }
    this.#count(waiter.fields, 1);
    this.#waiting += 1;
    this.#queue.add(waiter);
  }

  #leaveLine(waiter: Waiter): void {
    const { claimId, holder, session } = waiter.fields;
    const line = this.#lines.get(claimId);
    const requests = line?.get(holder);
    requests?.delete(waiter);
    if (requests?.size === 0) line?.delete(holder);
    if (line?.size === 0) this.#lines.delete(claimId);
    const size = this.waitingFor(claimId) - 1;
    if (size > 0) this.#lineSizes.set(claimId, size);
    else this.#lineSizes.delete(claimId);
    if (session !== null) {
      const others = this.#bySession.get(session);
      others?.delete(waiter);
      if (others?.size === 0) this.#bySession.delete(session);
    }
    this.#count(waiter.fields, -1);
    this.#waiting -= 1;
    this.#queue.remove(waiter);
  }

  #count({ node, incarnation }: Life, by: 1 | -1): void {
    const name = `${node}/${incarnation}`;
    const entry = this.#lives.get(name) ?? { life: { node, incarnation }, count: 0 };
    entry.count += by;
    if (entry.count > 0) this.#lives.set(name, entry);
    else this.#lives.delete(name);
  }
}
