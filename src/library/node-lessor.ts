// The lessor of a cluster: leases by id with attached keys, granted, renewed and ended by the log.
import type { GrantView } from '../lease/outcomes.ts';
import type { ReadView, Service } from '../replica/service.ts';
import { change, readThrough } from './calls.ts';
import { BadArgument } from './errors.ts';
import { type Key, whatIsWrongWithDuration } from './key.ts';
import { idText, type LeaseID, NoLease } from './lease-id.ts';

/** Leases, or keys and claims of one lease, in one page. */
const PAGE_ITEMS = 1_000;

/** A lease that the cluster granted. */
export interface GrantedLease {
  readonly id: LeaseID;
  readonly ttlMs: number;
  /** Lease time left, in milliseconds; never negative. */
  readonly remainingMs: number;
  /** Number of attached keys. */
  readonly keyCount: number;
  /** Number of attached claims. */
  readonly claimCount: number;
  /** Log index of the last attach or detach of a key or claim; 0 if there was none. */
  readonly attachedIndex: number;
}

/** A granted lease with all that is attached to it. */
export interface LeaseWithItems extends GrantedLease {
  /** Attached keys, sorted. */
  readonly keys: readonly string[];
  /** Attached claims, sorted. */
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

  /**
   * The lease with its keys and claims, or null where there is none. Linearizable. More than 1,000 keys and claims are read in pages, each
   * through a barrier of its own. The other fields are those of the last page.
   */
  async lookup(id: LeaseID): Promise<LeaseWithItems | null> {
    const keys: string[] = [];
    const claims: Key[] = [];
    let after: string | null = null;
    for (;;) {
      const look = ({ state, nowMs }: ReadView) => ({
        grant: state.grant(String(id), nowMs),
        page: state.attachments(String(id), after, PAGE_ITEMS),
      });
      const { grant, page }: ReturnType<typeof look> = await readThrough(this.#service, look);
      if (grant === null || page === null) return null;
      keys.push(...page.keys);
      claims.push(...page.claims);
      if (page.next === null) return { ...shown(grant), keys, claims };
      after = page.next;
    }
  }

  /** The lease that the key lives by, {@link NoLease} where it lives by none or is not there. Linearizable. */
  async leaseOf(key: string): Promise<LeaseID> {
    return BigInt((await readThrough(this.#service, ({ state }) => state.key(key)?.lease)) ?? NoLease);
  }

  /**
   * All leases granted by id, in order of the time that is left. Linearizable. More than 1,000 are read in pages, each through a barrier of
   * its own.
   */
  async leases(): Promise<readonly GrantedLease[]> {
    const leases: GrantedLease[] = [];
    let after: string | null = null;
    do {
      const look = ({ state, nowMs }: ReadView) => state.grants(after, PAGE_ITEMS, nowMs);
      const { items, next }: ReturnType<typeof look> = await readThrough(this.#service, look);
      leases.push(...items.map(shown));
      after = next;
    } while (after !== null);
    return leases;
  }
}

function shown({ id, ...rest }: GrantView): GrantedLease {
  return { id: BigInt(id), ...rest };
}
