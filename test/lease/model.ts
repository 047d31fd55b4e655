// The lease store told a second time, as plainly as possible: no index, no queue, no order kept. What the real one is measured by.
import type { Assertion, BareCommand, ClaimCommand, Command, Compare, ExpireItem, LeaseKey, TxnOp } from '../../src/lease/commands.ts';
import { claimIdOf, isClaimId, leaseKeyOf } from '../../src/lease/lease-key.ts';
import { WAITER_GRACE_MS } from '../../src/lease/limits.ts';
import type { ClaimView, GrantView, KeyView, Outcome, Refusal, TxnResult } from '../../src/lease/outcomes.ts';
import type { TurnEnd } from '../../src/lease/queueing.ts';
import type { EntryContext } from '../../src/lease/state-machine.ts';

type ModelWaiter = {
  ticket: number;
  requestKey: string | null;
  turn: number;
  id: string;
  command: ClaimCommand;
  endMs: number;
  node: number;
  incarnation: number;
  /** The session by which it waits has ended, but its caller has not been told. */
  doomed?: boolean;
};
type ModelLease = { ttlMs: number; deadlineMs: number; attachedIndex: number; grantedIndex: number };
type ModelRemembered = { print: string; index: number; outcome: Outcome | null; grantedIndex: number };
type ModelClaim = { holder: string; fence: number; session: string | null; durationMs: number; deadlineMs: number };

const max = Number.MAX_SAFE_INTEGER;
const done: Outcome = { kind: 'done' };
const refused = (refusal: Refusal): Outcome => ({ kind: 'refused', refusal });

/** What an entry of the real state did of what may be left to later entries, within its budget. */
export interface Done {
  /** `index id` of each claim whose end was reported. */
  readonly vacated: readonly string[];
  readonly tickets: ReadonlySet<number>;
}

export class Model {
  timeMs = 0;
  revision = 0;
  index = 0;
  claims = new Map<string, ModelClaim>();
  pins = new Map<string, string[]>();
  leases = new Map<string, ModelLease>();
  keys = new Map<string, KeyView>();
  /** `index id` of each claim that has ended, until that is reported. */
  vacated = new Set<string>();
  /** Claims that have ended and whose end has not been reported: nobody in their lines is granted them before. */
  hidden = new Set<string>();
  told: ReadonlySet<number> = new Set();
  /** In the order in which they came. */
  waiters: ModelWaiter[] = [];
  /** Grants that nobody has touched since: by claim, the ticket. */
  granted = new Map<string, { ticket: number; requestKey: string | null }>();
  turnsEnded: TurnEnd[] = [];
  remembered = new Map<string, ModelRemembered>();
  /** Whether an entry of the present version has been applied: before, the index of a grant is not kept. */
  keepsGrants = false;
  /** What version 0.1.0 may have forgotten is not after this index; null until the first entry of the present version. */
  forgottenIndex: number | null = null;

  apply(entry: EntryContext, command: Command, { vacated, tickets }: Done): Outcome {
    this.index = entry.index;
    this.timeMs = Math.max(this.timeMs, entry.timeMs);
    this.told = tickets;
    const outcome = this.carryOutCommand(entry, command);
    for (const each of vacated) {
      if (!this.vacated.delete(each)) throw new Error(`${JSON.stringify(each)} was reported, but not vacated`);
      this.hidden.delete(each.slice(each.indexOf(' ') + 1));
    }
    this.giveUp(
      (waiter) => waiter.doomed === true && tickets.has(waiter.ticket),
      (waiter) => this.noSession(waiter),
    );
    for (let next = this.nextFree(); next !== undefined; next = this.nextFree()) this.grant(next.id, next.command.holder);
    this.serve();
    return outcome;
  }

  carryOutCommand(entry: EntryContext, command: Command, requestKey: string | null = null): Outcome {
    switch (command.kind) {
      case 'claim':
      case 'claim-session': {
        const id = claimIdOf(command.key);
        this.grantHidden(id);
        const claim = this.claims.get(id);
        if (command.waitMs === undefined) return this.claim(id, command);
        if (claim && claim.holder !== command.holder) {
          if (command.kind === 'claim-session' && !this.leases.has(command.session))
            return refused({ code: 'lease-not-found', id: command.session });
          const origin = entry.origin ?? { node: 0, incarnation: 0 };
          const turn = this.waiters.find((other) => other.id === id && other.command.holder === command.holder)?.turn ?? this.index;
          this.waiters.push({ ticket: this.index, requestKey, turn, id, command, endMs: this.deadline(command.waitMs), ...origin });
          return { kind: 'queued', ticket: this.index };
        }
        const outcome = this.claim(id, command);
        if (outcome.kind === 'claim' && outcome.created) this.granted.set(id, { ticket: this.index, requestKey });
        return outcome;
      }
      case 'once': {
        if (command.since !== undefined) {
          this.keepsGrants = true;
          this.forgottenIndex ??= Math.min(...[...this.remembered.values()].map(({ index }) => index));
          if (this.forgottenIndex === Number.POSITIVE_INFINITY) this.forgottenIndex = 0;
        }
        const print = JSON.stringify({ ...command.command, waitMs: 0 });
        const known = this.remembered.get(command.key);
        if (known && known.print !== print)
          return refused({ code: 'conflict', detail: 'the idempotency key was used for another request' });
        if (known?.outcome) {
          const repeated = this.replay(known, known.outcome, command.command);
          if (repeated.kind === 'repeated' && repeated.outcome.kind === 'claim') this.granted.delete(claimIdOf(repeated.outcome.claim));
          return repeated;
        }
        const { since = null } = command;
        const { forgottenIndex } = this;
        if (!known && since !== null && forgottenIndex !== null && since < forgottenIndex) {
          const detail = `the outcome under this idempotency key might be forgotten: those up to log index ${forgottenIndex} are, and it is in use since ${since}`;
          return refused({ code: 'conflict', detail, forgottenIndex });
        }
        const outcome = this.carryOutCommand(entry, command.command, command.key);
        this.remember(command.key, print, outcome);
        return outcome;
      }
      case 'leave': {
        const hidden = this.waiters.find(({ ticket }) => ticket === command.ticket);
        if (hidden && !command.giveBack) this.grantHidden(hidden.id);
        const waiter = this.waiters.find(({ ticket }) => ticket === command.ticket);
        if (waiter && !command.giveBack && this.claims.get(waiter.id)?.holder === waiter.command.holder) {
          this.serveOne(waiter);
          return done;
        }
        if (waiter) {
          this.waiters = this.waiters.filter((other) => other !== waiter);
          const outcome = command.giveBack ? null : this.denied(waiter.id, this.claims.get(waiter.id) as ModelClaim);
          this.note(waiter, outcome);
          return outcome ?? done;
        }
        for (const [id, { ticket, requestKey: key }] of this.granted) {
          if (ticket !== command.ticket || !command.giveBack) continue;
          if (key !== null) this.remembered.delete(key);
          this.end(id);
        }
        return done;
      }
      case 'drop-waiters':
        this.giveUp(
          (waiter) => waiter.node === command.node && waiter.incarnation <= command.incarnation,
          () => null,
        );
        return done;
      case 'extend':
      case 'release': {
        const id = claimIdOf(command.key);
        const claim = this.claims.get(id);
        if (!claim && command.kind === 'release') return done;
        if (!claim || claim.holder !== command.holder || (command.fence !== null && command.fence !== claim.fence)) {
          return refused({ code: 'not-held', holder: claim?.holder ?? null, fence: claim?.fence ?? null });
        }
        if (command.kind === 'extend') return this.extend(id, claim, command.durationMs);
        this.end(id);
        return done;
      }
      case 'lead':
        return done;
      case 'pin':
      case 'unpin': {
        const id = claimIdOf(command.key);
        const others = (this.pins.get(id) ?? []).filter((entity) => entity !== command.entity);
        this.pins.set(id, command.kind === 'pin' ? [...others, command.entity].sort() : others);
        return done;
      }
      case 'grant': {
        let id = command.id ?? String(this.index);
        while (command.id === null && this.leases.has(id)) id = String(Number(id) + 1);
        if (id === '0') return refused({ code: 'lease-not-found', id });
        if (this.leases.has(id)) return refused({ code: 'lease-exists', id });
        const grantedIndex = this.keepsGrants ? this.index : 0;
        this.leases.set(id, { ttlMs: command.ttlMs, deadlineMs: this.deadline(command.ttlMs), attachedIndex: 0, grantedIndex });
        return { kind: 'grant', grant: this.grantView(id) };
      }
      case 'renew': {
        const lease = this.leases.get(command.id);
        if (!lease) return refused({ code: 'lease-not-found', id: command.id });
        lease.deadlineMs = Math.max(lease.deadlineMs, this.deadline(lease.ttlMs));
        return { kind: 'grant', grant: this.grantView(command.id) };
      }
      case 'revoke':
        if (!this.leases.has(command.id)) return refused({ code: 'lease-not-found', id: command.id });
        for (const key of this.attached(command.id)) this.endWithSession(key);
        this.removeLease(command.id);
        return done;
      case 'attach':
      case 'detach': {
        const view = this.keys.get(command.key);
        if (!this.leases.has(command.id)) return refused({ code: 'lease-not-found', id: command.id });
        if (!view) return refused({ code: 'key-not-found', key: command.key });
        if (command.kind === 'attach') this.keys.set(command.key, { ...view, lease: this.moved(view.lease, command.id) });
        else if (view.lease === command.id) this.keys.set(command.key, { ...view, lease: this.moved(view.lease, null) });
        return done;
      }
      case 'put':
      case 'delete': {
        const refusal = this.refute(command.assert);
        if (refusal) return refusal;
        const modRevision = this.keys.get(command.key)?.modRevision ?? null;
        const wanted = command.precondition?.kind === 'absent' ? null : command.precondition?.revision;
        if (wanted !== undefined && wanted !== modRevision) return refused({ code: 'precondition-failed', key: command.key, modRevision });
        if (command.kind === 'delete') {
          return this.remove(command.key) ? done : refused({ code: 'key-not-found', key: command.key });
        }
        if (command.lease !== null && !this.leases.has(command.lease)) return refused({ code: 'lease-not-found', id: command.lease });
        return { kind: 'key', key: this.put(command.key, command.value, command.lease) };
      }
      case 'txn': {
        const refusal = this.refute(command.assert);
        if (refusal) return refusal;
        const succeeded = command.compare.every((compare) => this.holds(compare));
        const ops = succeeded ? command.success : command.failure;
        for (const op of ops) {
          if (op.kind === 'put' && op.lease !== null && !this.leases.has(op.lease))
            return refused({ code: 'lease-not-found', id: op.lease });
        }
        return { kind: 'txn', succeeded, results: ops.map((op) => this.carryOut(op)) };
      }
      case 'expire':
        if (command.term !== entry.term) return done;
        for (const { id, deadlineMs } of command.items) {
          if (this.dueItems(this.timeMs).some((item) => item.id === id && item.deadlineMs === deadlineMs)) this.expire(id, deadlineMs);
        }
        return done;
    }
  }

  /** Everything that is due at that time, in order of id. */
  dueItems(nowMs: number): ExpireItem[] {
    const items: ExpireItem[] = [];
    for (const [id, claim] of this.claims) {
      if (claim.session === null && !this.isPinned(id)) items.push({ id, deadlineMs: claim.deadlineMs });
    }
    for (const [id, { deadlineMs }] of this.leases) items.push({ id, deadlineMs });
    for (const { ticket, endMs } of this.waiters) items.push({ id: `w${ticket}`, deadlineMs: Math.min(max, endMs + WAITER_GRACE_MS) });
    return items.filter((item) => item.deadlineMs < nowMs).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  claimView(id: string, nowMs = this.timeMs): ClaimView {
    const claim = this.claims.get(id) as ModelClaim;
    const session = claim.session === null ? undefined : this.leases.get(claim.session);
    return {
      ...leaseKeyOf(id),
      holder: claim.holder,
      fence: claim.fence,
      durationMs: session?.ttlMs ?? claim.durationMs,
      remainingMs: this.isPinned(id) ? null : Math.max(0, (session ?? claim).deadlineMs - nowMs),
      session: claim.session,
      pinnedBy: this.pins.get(id) ?? [],
    };
  }

  grantView(id: string, nowMs = this.timeMs): GrantView {
    const { ttlMs, deadlineMs, attachedIndex } = this.leases.get(id) as ModelLease;
    const { keys, claims } = this.attachments(id);
    return { id, ttlMs, remainingMs: Math.max(0, deadlineMs - nowMs), keyCount: keys.length, claimCount: claims.length, attachedIndex };
  }

  /** Something leaves one lease for another, null for none. Returns the other. */
  moved(from: string | null, to: string | null): string | null {
    for (const id of from === to ? [] : [from, to]) {
      const lease = this.leases.get(id ?? '');
      if (lease) lease.attachedIndex = this.index;
    }
    return to;
  }

  attachments(id: string): { keys: string[]; claims: LeaseKey[] } {
    const attached = this.attached(id);
    return { keys: attached.filter((key) => !isClaimId(key)), claims: attached.filter(isClaimId).map(leaseKeyOf) };
  }

  deadline(durationMs: number): number {
    return Math.min(max, this.timeMs + durationMs);
  }

  isPinned(id: string): boolean {
    return (this.pins.get(id) ?? []).length > 0;
  }

  attached(lease: string): string[] {
    const claims = [...this.claims].filter(([, claim]) => claim.session === lease).map(([id]) => id);
    const keys = [...this.keys.values()].filter((view) => view.lease === lease).map((view) => view.key);
    return [...claims, ...keys].sort();
  }

  begin(id: string, { holder, fence, session, durationMs, deadlineMs }: ModelClaim): void {
    this.claims.set(id, { holder, fence, session: this.moved(null, session ?? null), durationMs, deadlineMs });
    this.revision = this.index;
  }

  end(key: string): void {
    if (!isClaimId(key)) this.remove(key);
    else if (this.claims.has(key)) {
      this.moved(this.claims.get(key)?.session ?? null, null);
      this.claims.delete(key);
      this.granted.delete(key);
      this.revision = this.index;
      this.vacated.add(`${this.index} ${key}`);
    }
  }

  endWithSession(key: string): void {
    if (isClaimId(key)) this.hidden.add(key);
    this.end(key);
  }

  expire(id: string, deadlineMs: number): void {
    if (isClaimId(id)) {
      this.end(id);
      return;
    }
    if (id.startsWith('w')) {
      this.giveUp(
        ({ ticket }) => `w${ticket}` === id,
        () => null,
      );
      return;
    }
    const { ttlMs } = this.leases.get(id) as { ttlMs: number };
    for (const key of this.attached(id)) {
      const claim = this.claims.get(key);
      if (claim && this.isPinned(key)) Object.assign(claim, { session: null, durationMs: ttlMs, deadlineMs });
      else this.endWithSession(key);
    }
    this.removeLease(id);
  }

  removeLease(id: string): void {
    this.leases.delete(id);
    for (const waiter of this.waiters) if (waiter.command.kind === 'claim-session' && waiter.command.session === id) waiter.doomed = true;
  }

  noSession({ command }: ModelWaiter): Outcome {
    return refused({ code: 'lease-not-found', id: command.kind === 'claim-session' ? command.session : '' });
  }

  /** A claim that has ended with its session is asked for: those in its line come first. */
  grantHidden(id: string): void {
    if (!this.hidden.delete(id)) return;
    const next = (): ModelWaiter | undefined => this.nextFree([id]);
    for (let first = next(); first !== undefined; first = next()) this.grant(id, first.command.holder);
  }

  claim(id: string, command: ClaimCommand): Outcome {
    const claim = this.claims.get(id);
    if (claim && claim.holder !== command.holder) return this.denied(id, claim);
    if (command.kind === 'claim') {
      if (claim) return this.extend(id, claim, command.durationMs);
      this.begin(id, { ...command, fence: this.index, session: null, deadlineMs: this.deadline(command.durationMs) });
      return { kind: 'claim', created: true, claim: this.claimView(id) };
    }
    if (!this.leases.has(command.session)) return refused({ code: 'lease-not-found', id: command.session });
    this.granted.delete(id);
    if (claim) claim.session = this.moved(claim.session, command.session);
    else this.begin(id, { ...command, fence: this.index, durationMs: 0, deadlineMs: 0 });
    return { kind: 'claim', created: !claim, claim: this.claimView(id) };
  }

  giveUp(which: (waiter: ModelWaiter) => boolean, outcomeOf: (waiter: ModelWaiter) => Outcome | null): void {
    for (const waiter of this.waiters.filter(which)) {
      const { ticket, node, incarnation } = waiter;
      const outcome = outcomeOf(waiter);
      this.turnsEnded.push({ ticket, node, incarnation, outcome });
      if (outcome?.kind !== 'repeated') this.note(waiter, outcome);
    }
    this.waiters = this.waiters.filter((waiter) => !which(waiter));
  }

  /** A claim that waited has ended so, or (null) is as if it had never been. */
  note({ requestKey, command }: ModelWaiter, outcome: Outcome | null): void {
    if (requestKey === null) return;
    const print = JSON.stringify({ ...command, waitMs: 0 });
    // What another request under the key was told meanwhile stays.
    const known = this.remembered.get(requestKey);
    if (known !== undefined && (known.outcome !== null || known.print !== print)) return;
    if (outcome !== null) this.remember(requestKey, print, outcome);
    else this.remembered.delete(requestKey);
  }

  remember(key: string, print: string, outcome: Outcome): void {
    const grantedIndex = outcome.kind === 'grant' ? (this.leases.get(outcome.grant.id)?.grantedIndex ?? 0) : 0;
    this.remembered.set(key, { print, index: this.index, outcome: outcome.kind === 'queued' ? null : outcome, grantedIndex });
  }

  /** What a repeat is told: writes to the store as they were, everything else as it is now. */
  replay({ index: firstIndex, grantedIndex }: ModelRemembered, first: Outcome, command: BareCommand): Outcome {
    const now = (outcome: Outcome): Outcome => ({ kind: 'repeated', firstIndex, index: this.index, outcome });
    const past: Outcome = { kind: 'repeated', firstIndex, index: firstIndex, outcome: first };
    const detail = `the first request under this idempotency key was answered at log index ${firstIndex}, and that is no longer true`;
    const untrue = now(refused({ code: 'conflict', detail }));
    const id = 'key' in command && typeof command.key === 'object' ? claimIdOf(command.key) : '';
    const claim = this.claims.get(id);
    const notHeld = now(refused({ code: 'not-held', holder: claim?.holder ?? null, fence: claim?.fence ?? null }));
    const holder = 'holder' in command ? command.holder : '';
    if (first.kind === 'key' || first.kind === 'txn') return past;
    if (first.kind === 'claim') {
      if (claim?.holder !== holder || claim.fence !== first.claim.fence) return notHeld;
      return now({ ...first, claim: this.claimView(id) });
    }
    if (first.kind === 'grant') {
      if (this.leases.get(first.grant.id)?.grantedIndex === grantedIndex) return now({ ...first, grant: this.grantView(first.grant.id) });
      return now(refused({ code: 'lease-not-found', id: first.grant.id }));
    }
    if (first.kind === 'done') {
      const isPinned = 'entity' in command && (this.pins.get(id) ?? []).includes(command.entity);
      const isAttached = (command.kind === 'attach' || command.kind === 'detach') && this.keys.get(command.key)?.lease === command.id;
      const isReleased = claim?.holder !== holder || ('fence' in command && command.fence !== null && command.fence !== claim.fence);
      if (command.kind === 'delete') return past;
      const isTrue =
        (command.kind === 'release' && isReleased) ||
        (command.kind === 'pin' && isPinned) ||
        (command.kind === 'unpin' && !isPinned) ||
        (command.kind === 'attach' && isAttached) ||
        (command.kind === 'detach' && !isAttached) ||
        (command.kind === 'revoke' && !this.leases.has(command.id));
      return isTrue ? now(first) : untrue;
    }
    if (first.kind !== 'refused') return past;
    const { refusal } = first;
    switch (refusal.code) {
      case 'claim-denied':
        return claim?.holder === refusal.holder && claim.fence === refusal.fence ? now(this.denied(id, claim)) : notHeld;
      case 'not-held':
        return notHeld;
      case 'assertion-failed': {
        const other = this.claims.get(claimIdOf(refusal.failed));
        return now(refused({ ...refusal, holder: other?.holder ?? null, fence: other?.fence ?? null }));
      }
      case 'conflict':
        if (claim?.holder !== holder) return notHeld;
        return claim.session === null ? untrue : now(this.extend(id, claim, 1));
      case 'lease-exists':
        return this.leases.has(refusal.id) ? now(first) : untrue;
      case 'lease-not-found':
        return this.leases.has(refusal.id) ? untrue : now(first);
      case 'key-not-found':
        return this.keys.has(refusal.key) ? untrue : now(first);
      default:
        return past;
    }
  }

  nextFree(ids: readonly string[] | null = null): ModelWaiter | undefined {
    const isFree = (id: string): boolean => !this.claims.has(id) && !this.hidden.has(id) && (ids === null || ids.includes(id));
    return this.waiters.filter(({ id }) => isFree(id)).sort((a, b) => a.turn - b.turn)[0];
  }

  /** Everybody who waits for the lease under that name has it, in the order of arrival, unless his time is over; or as many as were told. */
  grant(id: string, holder: string): void {
    const isMeant = (waiter: ModelWaiter): boolean => waiter.id === id && waiter.command.holder === holder && this.told.has(waiter.ticket);
    this.giveUp(
      (waiter) => isMeant(waiter) && waiter.endMs < this.timeMs,
      () => null,
    );
    this.giveUp(
      (waiter) => isMeant(waiter) && waiter.doomed === true,
      (waiter) => this.noSession(waiter),
    );
    const told = this.waiters.filter(isMeant);
    const alive = this.waiters.filter(
      (waiter) => waiter.id === id && waiter.command.holder === holder && waiter.endMs >= this.timeMs && waiter.doomed !== true,
    );
    const others = this.waiters.filter((waiter) => waiter.id === id && waiter.command.holder === holder);
    if (told.length === 0 && others.length > 0) throw new Error(`nobody was told of ${JSON.stringify(id)}`);
    for (const waiter of told) {
      const outcome = this.serveOne(waiter);
      if (alive.length === 1 && outcome.kind === 'claim') this.granted.set(id, waiter);
    }
  }

  /** Further requests of holders that were told. */
  serve(): void {
    const isTold = ({ ticket, id, command }: ModelWaiter): boolean =>
      this.told.has(ticket) && this.claims.get(id)?.holder === command.holder;
    this.giveUp(
      (waiter) => isTold(waiter) && waiter.endMs < this.timeMs,
      () => null,
    );
    for (const waiter of this.waiters.filter(isTold)) this.serveOne(waiter);
  }

  serveOne(waiter: ModelWaiter): Outcome {
    const known = waiter.requestKey === null ? undefined : this.remembered.get(waiter.requestKey);
    const outcome: Outcome = known?.outcome ? this.replay(known, known.outcome, waiter.command) : this.claim(waiter.id, waiter.command);
    this.giveUp(
      (other) => other === waiter,
      () => outcome,
    );
    return outcome;
  }

  extend(id: string, claim: ModelClaim, durationMs: number): Outcome {
    if (claim.session !== null)
      return refused({ code: 'conflict', detail: `the claim is attached to lease ${claim.session}: renew that lease` });
    this.granted.delete(id);
    if (this.deadline(durationMs) > claim.deadlineMs) Object.assign(claim, { durationMs, deadlineMs: this.deadline(durationMs) });
    return { kind: 'claim', created: false, claim: this.claimView(id) };
  }

  denied(id: string, { holder, fence }: ModelClaim): Outcome {
    return refused({ code: 'claim-denied', holder, fence, remainingMs: this.claimView(id).remainingMs });
  }

  refute(asserted: readonly Assertion[]): Outcome | null {
    for (const failed of asserted) {
      const claim = this.claims.get(claimIdOf(failed));
      if (claim && (failed.holder ?? claim.holder) === claim.holder && (failed.fence ?? claim.fence) === claim.fence) continue;
      return refused({ code: 'assertion-failed', failed, holder: claim?.holder ?? null, fence: claim?.fence ?? null });
    }
    return null;
  }

  put(key: string, value: string, lease: string | null): KeyView {
    const old = this.keys.get(key);
    this.moved(old?.lease ?? null, lease);
    const createRevision = old?.createRevision ?? this.index;
    const view = { key, value, createRevision, modRevision: this.index, version: (old?.version ?? 0) + 1, lease };
    this.keys.set(key, view);
    this.revision = this.index;
    return view;
  }

  remove(key: string): boolean {
    this.moved(this.keys.get(key)?.lease ?? null, null);
    if (!this.keys.delete(key)) return false;
    this.revision = this.index;
    return true;
  }

  withPrefix(prefix: string): KeyView[] {
    return [...this.keys.values()].filter((view) => view.key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  carryOut(op: TxnOp): TxnResult {
    switch (op.kind) {
      case 'put':
        return { key: this.put(op.key, op.value, op.lease) };
      case 'delete':
        return { deleted: this.remove(op.key) ? 1 : 0 };
      case 'delete-prefix':
        return { deleted: this.withPrefix(op.prefix).filter((view) => this.remove(view.key)).length };
      case 'get':
        return { keys: this.withPrefix(op.key).filter((view) => view.key === op.key) };
      case 'get-prefix':
        return { keys: this.withPrefix(op.prefix) };
    }
  }

  holds({ key, target, op, value }: Compare): boolean {
    const view = this.keys.get(key);
    if (target === 'value' && !view) return op === '!=';
    const actual = {
      create: view?.createRevision ?? 0,
      mod: view?.modRevision ?? 0,
      version: view?.version ?? 0,
      value: view?.value ?? '',
      lease: BigInt(view?.lease ?? 0),
    }[target];
    const wanted = target === 'lease' ? BigInt(value) : value;
    if (op === '=') return actual === wanted;
    if (op === '!=') return actual !== wanted;
    return op === '<' ? actual < wanted : actual > wanted;
  }
}
