// The lessor of a cluster: leases by id with attached keys, granted, renewed and ended by the log.
import type { GrantView } from '../lease/outcomes.ts';
import type { Service } from '../replica/service.ts';
import { change, readThrough } from './calls.ts';
import { BadArgument } from './errors.ts';
import { type Key, whatIsWrongWithDuration } from './key.ts';
import { idText, type LeaseID, NoLease } from './lease-id.ts';

/** A lease that the cluster granted. */
export interface GrantedLease {
  readonly id: LeaseID;
  readonly ttlMs: number;
  /** Lease time left, in milliseconds; never negative. */
  readonly remainingMs: number;
  /** Attached keys, sorted. */
  readonly keys: readonly string[];
  /** Claims that live by it. */
  readonly claims: readonly Key[];
}

/**
 * What etcd's server offers above its lessors: any node takes a call, the log decides it, the primary lessor on the leader ends what
 * lapses. Promotion, demotion and recovery are the cluster's own affair. Every call throws `Timeout` without a leader or an answer.
 */
export class NodeLessor {
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  /** Whether this node leads, as far as it knows: its lessor is the primary one then, once its term has begun. */
  get isPrimary(): boolean {
    return this.#service.leader === this.#service.node;
  }

  /**
   * Grants a lease that lasts `ttlMs` (whole milliseconds from 1) from the start of the call at least. {@link NoLease}: an id is
   * chosen. `LeaseExists` if the id is taken, `BadArgument` for a time or an id that cannot be.
   */
  async grant(id: LeaseID, ttlMs: number): Promise<GrantedLease> {
    const problem = whatIsWrongWithDuration(ttlMs);
    if (problem !== null) throw new BadArgument(problem);
    if (id < NoLease || id >= 2n ** 63n) throw new BadArgument(`lease id ${id} must be from 1 to 2^63 - 1, or NoLease`);
    const { outcome } = await change(this.#service, { kind: 'grant', id: id === NoLease ? null : String(id), ttlMs }, 'grant');
    return shown(outcome.grant);
  }

  /** Ends a lease, with its keys and claims, at one revision. `LeaseNotFound`. */
  async revoke(id: LeaseID): Promise<void> {
    await change(this.#service, { kind: 'revoke', id: idText(id) }, 'done');
  }

  /** Gives the lease its whole time again; settles with that, in milliseconds. `LeaseNotFound`, also for one whose end is applied. */
  async renew(id: LeaseID): Promise<number> {
    const { outcome } = await change(this.#service, { kind: 'renew', id: idText(id) }, 'grant');
    return outcome.grant.ttlMs;
  }

  /** Lets existing keys live by the lease, one after the other; each leaves the lease that it was on. `LeaseNotFound`, `KeyNotFound`. */
  async attach(id: LeaseID, keys: readonly string[]): Promise<void> {
    for (const key of keys) await change(this.#service, { kind: 'attach', id: idText(id), key }, 'done');
  }

  /** Lets keys live by no lease; one that is not on this lease is left as it is. `LeaseNotFound`, `KeyNotFound`. */
  async detach(id: LeaseID, keys: readonly string[]): Promise<void> {
    for (const key of keys) await change(this.#service, { kind: 'detach', id: idText(id), key }, 'done');
  }

  /** The lease, or null where there is none. Linearizable. */
  async lookup(id: LeaseID): Promise<GrantedLease | null> {
    const grant = await readThrough(this.#service, ({ state, nowMs }) => state.grant(String(id), nowMs));
    return grant === null ? null : shown(grant);
  }

  /** The lease that the key lives by, {@link NoLease} where it lives by none or is not there. Linearizable. */
  async leaseOf(key: string): Promise<LeaseID> {
    return BigInt((await readThrough(this.#service, ({ state }) => state.key(key)?.lease)) ?? NoLease);
  }

  /** All leases granted by id, in order of the time that is left. Linearizable. */
  async leases(): Promise<readonly GrantedLease[]> {
    const all = Number.MAX_SAFE_INTEGER;
    return await readThrough(this.#service, ({ state, nowMs }) => state.grants(null, all, nowMs).items.map(shown));
  }
}

function shown({ id, ttlMs, remainingMs, keys, claims }: GrantView): GrantedLease {
  return { id: BigInt(id), ttlMs, remainingMs, keys, claims };
}
