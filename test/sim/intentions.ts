// What a simulated client may want next, drawn from what it believes to hold.
import type { Assertion, BareCommand, LeaseKey, Precondition, TxnOp } from '../../src/lease/commands.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import type { Plan } from './plan.ts';
import type { SeededRandom } from './random.ts';

/** Few leases, so that clients meet; one of them named to hurt. */
export const LEASE_KEYS: readonly LeaseKey[] = [
  { namespace: 'app', model: 'm1', lease: 'one' },
  { namespace: 'app', model: 'm1', lease: '__proto__' },
  { namespace: 'app', model: 'm2', lease: 'one' },
  { namespace: 'other', model: 'm1', lease: 'a/b' },
];

/** Keys of the store, few for the same reason. */
export const STORE_KEYS = ['k1', 'k2', 'k3', 'deep/k4'] as const;

/** A number that no other command of the run has. */
export type NextNumber = () => number;

/** What one client remembers. Its belief may be out of date; that is the point. */
export class Intentions {
  readonly #holder: string;
  readonly #plan: Plan;
  readonly #random: SeededRandom;
  readonly #nextNumber: NextNumber;
  /** Fences that it was ever told, the newest last. */
  readonly #tokens: Assertion[] = [];
  /** Of the keys of the store, as it saw them last. */
  readonly #revisions = new Map<string, number>();
  #grants: string[] = [];
  #pins: { readonly key: LeaseKey; readonly entity: string }[] = [];
  /** Asked for again when its outcome stayed unknown. */
  #again: BareCommand | null = null;

  constructor(holder: string, plan: Plan, random: SeededRandom, nextNumber: NextNumber) {
    this.#holder = holder;
    this.#plan = plan;
    this.#random = random;
    this.#nextNumber = nextNumber;
  }

  key(): LeaseKey {
    return this.#random.pick(LEASE_KEYS);
  }

  storeKey(): string {
    return this.#random.pick(STORE_KEYS);
  }

  /** The next command. */
  next(): BareCommand {
    const again = this.#again;
    this.#again = null;
    if (again !== null && 'durationMs' in again) return { ...again, durationMs: this.#durationMs() };
    const random = this.#random;
    const key = this.key();
    const holder = this.#holder;
    const token = this.#tokens.length > 0 ? this.#tokens[Math.max(0, this.#tokens.length - 1 - random.below(3))] : undefined;
    const roll = random.below(100);
    if (roll < 28) return { kind: 'claim', key, holder, durationMs: this.#durationMs() };
    if (roll < 38 && token !== undefined) {
      return {
        kind: 'extend',
        key: nameOf(token),
        holder,
        durationMs: this.#durationMs(),
        fence: random.chance(0.5) ? (token.fence ?? null) : null,
      };
    }
    if (roll < 46)
      return {
        kind: 'release',
        key: token === undefined ? key : nameOf(token),
        holder,
        fence: random.chance(0.5) ? (token?.fence ?? null) : null,
      };
    if (roll < 52) return { kind: 'grant', id: random.chance(0.5) ? null : `${1_000_000 + this.#nextNumber()}`, ttlMs: this.#durationMs() };
    const grant = this.#grants.length > 0 ? random.pick(this.#grants) : null;
    if (roll < 58 && grant !== null) return { kind: 'renew', id: grant };
    if (roll < 60 && grant !== null) return { kind: 'revoke', id: grant };
    if (roll < 66 && grant !== null) return { kind: 'claim-session', key, holder, session: grant };
    if (roll < 68 && grant !== null) return { kind: random.chance(0.7) ? 'attach' : 'detach', id: grant, key: random.pick(STORE_KEYS) };
    if (roll < 71) return this.#pin(key);
    if (roll < 75) return this.#unpin(key);
    if (roll < 92) return this.#put(token, grant);
    if (roll < 95) {
      const stored = random.pick(STORE_KEYS);
      return { kind: 'delete', key: stored, assert: this.#asserted(token), precondition: this.#precondition(stored) };
    }
    return this.#txn(token);
  }

  /** Learns from an answer. */
  learn(command: BareCommand, outcome: Outcome): void {
    if (outcome.kind === 'claim') {
      const { namespace, model, lease, holder, fence } = outcome.claim;
      this.#tokens.push({ namespace, model, lease, holder, fence });
      if (this.#tokens.length > 20) this.#tokens.shift();
    }
    if (outcome.kind === 'key') this.#revisions.set(outcome.key.key, outcome.key.modRevision);
    if (outcome.kind === 'refused' && outcome.refusal.code === 'precondition-failed') this.#revisions.delete(outcome.refusal.key);
    if (outcome.kind === 'grant' && !this.#grants.includes(outcome.grant.id)) this.#grants = [...this.#grants.slice(-3), outcome.grant.id];
    if (command.kind === 'revoke') this.#grants = this.#grants.filter((id) => id !== command.id || this.#random.chance(0.2));
  }

  /** How to keep what the answer gave, and in how many milliseconds it would end. Null when there is nothing to keep. */
  keeping(outcome: Outcome): { readonly command: BareCommand; readonly remainingMs: number } | null {
    if (outcome.kind === 'grant') return { command: { kind: 'renew', id: outcome.grant.id }, remainingMs: outcome.grant.remainingMs };
    if (outcome.kind !== 'claim' || outcome.claim.remainingMs === null) return null;
    const { session, fence, holder, remainingMs } = outcome.claim;
    if (session !== null) return { command: { kind: 'renew', id: session }, remainingMs };
    return { command: { kind: 'extend', key: nameOf(outcome.claim), holder, durationMs: this.#durationMs(), fence }, remainingMs };
  }

  /** The outcome stayed unknown: it may ask once more. */
  retry(command: BareCommand): void {
    if (this.#random.chance(0.7)) this.#again = command;
  }

  /** Unique in the run, so that every command with a duration can be told from all others. */
  #durationMs(): number {
    const { leastDurationMs, mostDurationMs } = this.#plan;
    const steps = Math.floor((mostDurationMs - leastDurationMs) / DURATION_STEP_MS);
    return leastDurationMs + this.#random.below(steps) * DURATION_STEP_MS + (this.#nextNumber() % DURATION_STEP_MS);
  }

  #pin(key: LeaseKey): BareCommand {
    const entity = `e${this.#nextNumber()}`;
    this.#pins.push({ key, entity });
    return { kind: 'pin', key, entity };
  }

  #unpin(key: LeaseKey): BareCommand {
    const pin = this.#pins.pop();
    return { kind: 'unpin', key: pin?.key ?? key, entity: pin?.entity ?? 'nobody' };
  }

  #put(token: Assertion | undefined, grant: string | null): BareCommand {
    const lease = grant !== null && this.#random.chance(0.2) ? grant : null;
    const value = `v${this.#nextNumber()}`;
    const key = this.#random.pick(STORE_KEYS);
    return { kind: 'put', key, value, lease, assert: this.#asserted(token), precondition: this.#precondition(key) };
  }

  /** Compare and set: by what it saw last, which may be out of date. */
  #precondition(key: string): Precondition | null {
    if (!this.#random.chance(0.3)) return null;
    const revision = this.#revisions.get(key);
    return revision === undefined ? { kind: 'absent' } : { kind: 'mod-revision', revision };
  }

  #txn(token: Assertion | undefined): BareCommand {
    const key = this.#random.pick(STORE_KEYS);
    const put: TxnOp = { kind: 'put', key, value: `t${this.#nextNumber()}`, lease: null };
    return {
      kind: 'txn',
      assert: this.#asserted(token),
      compare: this.#random.chance(0.5) ? [{ key, target: 'version', op: '>', value: 1 }] : [],
      success: [put, { kind: 'get-prefix', prefix: 'k' }],
      failure: [{ kind: 'delete-prefix', prefix: 'k' }],
    };
  }

  #asserted(token: Assertion | undefined): readonly Assertion[] {
    if (token === undefined || this.#random.chance(0.2)) return [];
    const { holder = '', fence = 0 } = token;
    return [
      this.#random.pick<Assertion>([
        { ...nameOf(token), holder, fence },
        { ...nameOf(token), holder, fence },
        { ...nameOf(token), fence },
        { ...nameOf(token), holder },
      ]),
    ];
  }
}

function nameOf({ namespace, model, lease }: LeaseKey): LeaseKey {
  return { namespace, model, lease };
}

/** What is unique in a command; null when nothing is. */
export function tagOf(command: BareCommand): string | null {
  switch (command.kind) {
    case 'put':
      return command.value;
    case 'txn':
      return command.success.map((op) => (op.kind === 'put' ? op.value : '')).join('');
    case 'pin':
      return command.entity;
    default:
      return null;
  }
}

const DURATION_STEP_MS = 40;
