// The store: leases as the log knows them, one operation at a time. Most programs want the manager, which decides what to do next.
import type { Clock } from '../env.ts';
import type { ClaimView } from '../lease/outcomes.ts';
import type { Service } from '../replica/service.ts';
import { change, notHeld, readHere, readThrough } from './calls.ts';
import { Invalid, isClaimDenied, isNotHeld, LeaseError } from './errors.ts';
import { type Key, KeyMap, Request, validateKey, validateString } from './key.ts';
import { logTrapdoor, type Trapdoor } from './trapdoor.ts';

/** What a store knows of a lease (Juju Info). */
export interface Info {
  readonly holder: string;
  /**
   * Latest time at which the lease may still be valid, in milliseconds of the clock that the store was given; `Infinity` while it is
   * pinned. The lease ends when the log says so, which is never before.
   */
  readonly expiryMs: number;
  /** Log index that began the tenure. */
  readonly fence: number;
  /** Takes an assertion list; see `logTrapdoor`. From attempt 1 on it looks again behind a barrier, and may end in `NotHeld`. */
  readonly trapdoor: Trapdoor;
}

/** Manipulates leases directly (Juju Store). Safe for any number of callers at a time. */
export interface Store {
  /**
   * Records a claim to a lease that nobody holds, kept for `durationMs` from the start of the call at least. `Invalid` if somebody
   * holds it, be it the same holder; `Timeout` and `Aborted` say nothing of the outcome beyond their `definite`; `BadArgument`.
   */
  claimLease(key: Key, request: Request, signal?: AbortSignal): Promise<void>;
  /** Keeps a lease for `durationMs` from the start of the call at least; never shortens. `Invalid` unless the holder holds it. */
  extendLease(key: Key, request: Request, signal?: AbortSignal): Promise<void>;
  /** Always `Invalid`: leases that lapse are ended by the primary lessor, see `autoexpire`. */
  expireLease(key: Key): Promise<void>;
  /** Leases as this node has applied them, those of `keys` alone if there are any. What is not held is missing. */
  leases(...keys: readonly Key[]): KeyMap<Info>;
  /** The same for one namespace and model; costs nothing for the others. */
  leaseGroup(namespace: string, model: string): KeyMap<Info>;
  /** After it, `leases` shows whatever was acknowledged to anybody before the call. `Timeout` without a leader. */
  refresh(): Promise<void>;
  /** Keeps the lease from expiring, for whoever holds it or claims it next. Pinning twice is pinning once. */
  pinLease(key: Key, entity: string, signal?: AbortSignal): Promise<void>;
  /** Takes that entity's pin away; nothing happens if there is none. */
  unpinLease(key: Key, entity: string, signal?: AbortSignal): Promise<void>;
  /** Every pinned key with its entities, sorted, whether or not anybody holds it. */
  pinned(): KeyMap<readonly string[]>;
  /** True: leases end by themselves. */
  autoexpire(): boolean;
}

/** All that there is: one page holds it. */
const ALL = Number.MAX_SAFE_INTEGER;

/** The store of a node. */
export class ReplicaStore implements Store {
  readonly #service: Service;
  readonly #clock: Clock;

  constructor(service: Service, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  async claimLease(key: Key, request: Request, signal?: AbortSignal): Promise<void> {
    validateKey(key);
    Request.validate(request);
    const { holder, durationMs } = request;
    // A command claims or extends in one; whether this is a fresh claim is seen before. Two claims of one holder at a time are both granted.
    const claim = await readThrough(this.#service, (view) => view.state.claim(key, view.nowMs), signal);
    if (claim !== null) throw new Invalid(`${claim.holder} holds the lease`, { holder: claim.holder, fence: claim.fence });
    await orInvalid(change(this.#service, { kind: 'claim', key: plain(key), holder, durationMs }, 'claim', signal));
  }

  async extendLease(key: Key, request: Request, signal?: AbortSignal): Promise<void> {
    validateKey(key);
    Request.validate(request);
    const { holder, durationMs } = request;
    await orInvalid(change(this.#service, { kind: 'extend', key: plain(key), holder, durationMs, fence: null }, 'claim', signal));
  }

  async expireLease(key: Key): Promise<void> {
    validateKey(key);
    throw new Invalid('leases expire by themselves');
  }

  leases(...keys: readonly Key[]): KeyMap<Info> {
    if (keys.length === 0) return this.#list(null);
    for (const key of keys) validateKey(key);
    return readHere(this.#service, ({ state, nowMs }) => {
      const claims = keys.map((key) => state.claim(key, nowMs));
      return this.#shown(claims.filter((claim) => claim !== null));
    });
  }

  leaseGroup(namespace: string, model: string): KeyMap<Info> {
    validateString(namespace);
    validateString(model);
    return this.#list({ namespace, model });
  }

  async refresh(): Promise<void> {
    await readThrough(this.#service, () => undefined);
  }

  async pinLease(key: Key, entity: string, signal?: AbortSignal): Promise<void> {
    await this.#pin('pin', key, entity, signal);
  }

  async unpinLease(key: Key, entity: string, signal?: AbortSignal): Promise<void> {
    await this.#pin('unpin', key, entity, signal);
  }

  pinned(): KeyMap<readonly string[]> {
    return readHere(this.#service, ({ state }) => new KeyMap(state.pins(null).map((pin) => [plain(pin), pin.entities] as const)));
  }

  autoexpire(): boolean {
    return true;
  }

  async #pin(kind: 'pin' | 'unpin', key: Key, entity: string, signal: AbortSignal | undefined): Promise<void> {
    validateKey(key);
    validateString(entity);
    await change(this.#service, { kind, key: plain(key), entity }, 'done', signal);
  }

  #list(scope: { readonly namespace: string; readonly model: string } | null): KeyMap<Info> {
    return readHere(this.#service, ({ state, nowMs }) => this.#shown(state.claims(scope, null, ALL, nowMs).items));
  }

  #shown(claims: readonly ClaimView[]): KeyMap<Info> {
    const nowMs = this.#clock.now();
    return new KeyMap(
      claims.map((claim) => {
        const { holder, fence, remainingMs } = claim;
        const expiryMs = remainingMs === null ? Number.POSITIVE_INFINITY : nowMs + remainingMs;
        return [plain(claim), { holder, fence, expiryMs, trapdoor: this.#trapdoor(plain(claim), holder, fence) }] as const;
      }),
    );
  }

  #trapdoor(key: Key, holder: string, fence: number): Trapdoor {
    return async (attempt, list) => {
      if (attempt === 0) return logTrapdoor({ ...key, holder, fence, index: this.#service.appliedIndex })(attempt, list);
      const { claim, index } = await readThrough(this.#service, ({ state, nowMs, index }) => ({ claim: state.claim(key, nowMs), index }));
      if (claim === null || claim.holder !== holder) throw notHeld(claim?.holder ?? null, claim?.fence ?? null, index);
      return logTrapdoor({ ...key, holder, fence: claim.fence, index })(attempt, list);
    };
  }
}

/** The names alone: what a caller hands over may carry more, which has no place in the log. */
export function plain({ namespace, model, lease }: Key): Key {
  return { namespace, model, lease };
}

/** What the log refuses is invalid to a store; who holds the lease is told. */
async function orInvalid(changing: Promise<unknown>): Promise<void> {
  try {
    await changing;
  } catch (error) {
    const isRefusal = isClaimDenied(error) || isNotHeld(error) || (error instanceof LeaseError && error.code === 'conflict');
    if (!isRefusal || !(error instanceof LeaseError)) throw error;
    throw new Invalid(error.message, { ...error.facts });
  }
}
