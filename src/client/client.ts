// The client: claims that renew themselves, sessions, waits, watches and the store, over any of a cluster's nodes.
import type { ClaimList, ClaimShape } from '../contract/claims.ts';
import type { ClusterReply } from '../contract/cluster.ts';
import { type ClientClock, systemClock } from './clock.ts';
import { LeaseholdError } from './errors.ts';
import { HeldLease, releaseCall } from './held-lease.ts';
import { type Call, type CallerOptions, HttpCaller } from './http.ts';
import { KeyValueStore, type ReadOptions } from './kv.ts';
import { type LeaseName, leasePath, parseLeaseName, pathOf } from './names.ts';
import { type Ending, Renewal, type RenewalOptions } from './renewal.ts';
import { Session, type SessionClaimOptions } from './session.ts';
import { waitInPieces } from './waits.ts';
import { type WatchEvent, type WatchOptions, watch } from './watch.ts';
import { requireThreads, WorkerRenewal } from './worker-renewal.ts';

export interface ClientOptions extends CallerOptions {
  /**
   * Taken off every promise of the cluster, in milliseconds: `signal` aborts that much before the moment from which another may have the
   * lease. Default: a twentieth of the duration, one second at most.
   */
  readonly marginMs?: number;
}

export interface ClaimOptions {
  /** Who claims. A repeat by the same holder extends; two programs that may not hold the lease together need two names. */
  readonly holder: string;
  /** How long the lease outlasts its last renewal, in milliseconds. */
  readonly durationMs: number;
  /** Queue for it at most this long, in milliseconds, if another holds it. Default: do not wait. */
  readonly waitMs?: number;
  /**
   * For a program that blocks its event loop: renews in a thread of its own, for as long as this program gives a sign of life at least
   * every `maxStallMs`. Only in Node. Default: renew in this thread.
   */
  readonly worker?: { readonly maxStallMs: number };
  /** Ends the call, and leaves the queue. */
  readonly signal?: AbortSignal;
}

export interface OpenSessionOptions extends Pick<ClaimOptions, 'holder' | 'worker' | 'signal'> {
  /** How long the session outlasts its last renewal, in milliseconds. */
  readonly ttlMs: number;
}

const MARGIN_SHARE = 1 / 20;
const MARGIN_MAX_MS = 1_000;
/** A claim whose answer took more than this share of its duration, as after a wait, is confirmed by an extension before it is handed out. */
const CONFIRM_SHARE = 1 / 3;

/** What keeps something held: the repeatable call that renews it, and the moment from which its duration counts. */
interface KeepingWork {
  readonly call: Call;
  readonly durationMs: number;
  readonly sentAtMs: number;
}

/** Talks to a cluster. Every call throws `LeaseholdError`, whose `failure` says whether it may have been carried out all the same. */
export class LeaseholdClient {
  readonly kv: KeyValueStore;
  readonly #caller: HttpCaller;
  readonly #clock: ClientClock;
  readonly #fetch: typeof fetch;
  readonly #marginMs: number | null;

  constructor(options: ClientOptions) {
    this.#caller = new HttpCaller(options);
    this.#clock = options.clock ?? systemClock;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#marginMs = options.marginMs ?? null;
    this.kv = new KeyValueStore(this.#caller);
  }

  /**
   * Claims a lease and keeps it: renews at a third of the duration until released or lost. Throws `claim-denied` with the facts `holder`
   * and `fence` when another has it, also after `waitMs`.
   */
  async claim(name: string | LeaseName, options: ClaimOptions): Promise<HeldLease> {
    const { holder, durationMs, waitMs = 0, worker, signal } = options;
    if (worker !== undefined) requireThreads();
    const key = parseLeaseName(name);
    const { claim, sentAtMs } = await this.#claim(key, { holder, durationMs }, durationMs, waitMs, signal);
    const lease = this.#heldLease(key, claim);
    return await this.#keep(lease, { call: extendCall(key, claim, durationMs), durationMs, sentAtMs }, worker ?? null);
  }

  /** Opens a session: a lease by which many claims live, renewed once for all of them. */
  async session(options: OpenSessionOptions): Promise<Session> {
    const { holder, ttlMs, worker, signal } = options;
    if (worker !== undefined) requireThreads();
    const sentAtMs = this.#clock.now();
    const reply = await this.#caller.call({ method: 'POST', path: '/v1/lessor/leases', body: { ttlMs }, effect: 'keyed', signal });
    const { id } = reply.body as { id: string };
    const session = new Session({
      caller: this.#caller,
      clock: this.#clock,
      id,
      holder,
      claim: (by, name, claimOptions) => this.#claimBySession(by, name, claimOptions),
    });
    const call: Call = { method: 'POST', path: `/v1/lessor/leases${pathOf(id)}/renew`, effect: 'repeatable' };
    return await this.#keep(session, { call, durationMs: ttlMs, sentAtMs }, worker ?? null);
  }

  /** Who has the lease, null for nobody. */
  async get(name: string | LeaseName, options: ReadOptions = {}): Promise<ClaimShape | null> {
    try {
      const query = options.stale === true ? { consistency: 'stale' } : {};
      const call: Call = { method: 'GET', path: leasePath(parseLeaseName(name)), query, effect: 'none', signal: options.signal };
      return (await this.#caller.call(call)).body as ClaimShape;
    } catch (error) {
      if (error instanceof LeaseholdError && error.code === 'lease-not-found') return null;
      throw error;
    }
  }

  /** Every claim of a model, or of the cluster, page by page. */
  async *list(scope?: { readonly namespace: string; readonly model: string }): AsyncGenerator<ClaimShape, void, undefined> {
    const path = scope === undefined ? '/v1/leases' : `/v1/leases${pathOf(scope.namespace, scope.model)}`;
    let after: string | undefined;
    do {
      const page = (await this.#caller.call({ method: 'GET', path, query: { after }, effect: 'none' })).body as ClaimList;
      yield* page.leases;
      after = page.next;
    } while (after !== undefined);
  }

  /** Settles once nobody has the lease. Throws `wait-timeout` after `timeoutMs`, without which it waits as long as it takes. */
  async waitUntilExpired(
    name: string | LeaseName,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
    const path = `${leasePath(parseLeaseName(name))}/expired`;
    await waitInPieces(this.#clock, timeoutMs, 'wait-timeout', (ms) =>
      this.#caller.call({ method: 'GET', path, effect: 'none', wait: { field: 'timeoutMs', ms }, signal }),
    );
  }

  /** Keeps a lease from expiring while `entity` pins it, whoever holds it. */
  async pin(name: string | LeaseName, entity: string): Promise<void> {
    await this.#caller.call({ method: 'PUT', path: `${leasePath(parseLeaseName(name))}/pins${pathOf(entity)}`, effect: 'repeatable' });
  }

  /** Takes a pin away; what was not pinned stays so. */
  async unpin(name: string | LeaseName, entity: string): Promise<void> {
    await this.#caller.call({ method: 'DELETE', path: `${leasePath(parseLeaseName(name))}/pins${pathOf(entity)}`, effect: 'repeatable' });
  }

  /** Events from now on, or from behind `after`, over every failure that another node or a later moment mends. */
  watch(options: WatchOptions = {}): AsyncGenerator<WatchEvent, void, undefined> {
    return watch(this.#caller, this.#clock, options);
  }

  /** The cluster as the node asked sees it. */
  async cluster(): Promise<ClusterReply> {
    return (await this.#caller.call({ method: 'GET', path: '/v1/cluster', effect: 'none' })).body as ClusterReply;
  }

  /** Ends the calls under way. Held leases are renewed no more, and end by themselves: release them first. */
  close(): void {
    this.#caller.close();
  }

  async #claimBySession(session: Session, name: string | LeaseName, options: SessionClaimOptions): Promise<HeldLease> {
    const { waitMs = 0, signal } = options;
    const key = parseLeaseName(name);
    const { claim } = await this.#claim(key, { holder: session.holder, session: session.id }, Number.POSITIVE_INFINITY, waitMs, signal);
    return session.keep(this.#heldLease(key, claim));
  }

  /** One claim, and the moment from which its duration surely counts. */
  async #claim(
    key: LeaseName,
    body: Readonly<Record<string, unknown>>,
    durationMs: number,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly claim: ClaimShape; readonly sentAtMs: number }> {
    const untilMs = this.#clock.now() + waitMs;
    const call: Call = { method: 'PUT', path: leasePath(key), body, effect: 'repeatable', signal };
    for (;;) {
      const sentAtMs = this.#clock.now();
      const leftMs = Math.max(0, untilMs - sentAtMs);
      const reply =
        waitMs === 0
          ? await this.#caller.call(call)
          : await waitInPieces(this.#clock, leftMs, 'claim-denied', (ms) => this.#caller.call({ ...call, wait: { field: 'waitMs', ms } }));
      const claim = reply.body as ClaimShape;
      if (this.#clock.now() - sentAtMs <= durationMs * CONFIRM_SHARE) return { claim, sentAtMs };
      // It was granted some time between sending and now, so most of it may be gone. An extension counts from a moment that is known.
      const confirmedAtMs = this.#clock.now();
      try {
        await this.#caller.call({ ...extendCall(key, claim, durationMs), signal });
        return { claim, sentAtMs: confirmedAtMs };
      } catch (error) {
        const isOver = error instanceof LeaseholdError && error.code === 'not-held';
        if (isOver && this.#clock.now() < untilMs) continue;
        // Nobody is handed what was just granted, so it is not to keep others out for its whole duration.
        if (!isOver && reply.status === 201) this.#caller.call(releaseCall(key, claim)).catch(() => {});
        throw error;
      }
    }
  }

  #heldLease(name: LeaseName, { holder, fence, session }: ClaimShape): HeldLease {
    return new HeldLease({ caller: this.#caller, clock: this.#clock, fetch: this.#fetch, name, holder, fence, session });
  }

  async #keep<Held extends HeldLease | Session>(held: Held, work: KeepingWork, worker: ClaimOptions['worker'] | null): Promise<Held> {
    const { call, durationMs, sentAtMs } = work;
    const marginMs = this.#marginMs ?? Math.min(durationMs * MARGIN_SHARE, MARGIN_MAX_MS);
    const ended = (ending: Ending): void => held.end(ending);
    if (worker != null) {
      const { endpoints, closed } = this.#caller;
      const { maxStallMs } = worker;
      try {
        return held.keptBy(
          await WorkerRenewal.start({ endpoints, call, durationMs, marginMs, sentAtMs, maxStallMs }, closed, ended),
        ) as Held;
      } catch (error) {
        await held.release().catch(() => {});
        throw error;
      }
    }
    const renew: RenewalOptions['renew'] = async (attemptMs, patienceMs, signal) => {
      await this.#caller.call({ ...call, attemptMs, patienceMs, signal });
    };
    const renewal = new Renewal({ durationMs, marginMs, sentAtMs, clock: this.#clock, renew, ended });
    held.keptBy(renewal);
    renewal.start();
    return held;
  }
}

function extendCall(key: LeaseName, { holder, fence }: ClaimShape, durationMs: number): Call {
  return { method: 'POST', path: `${leasePath(key)}/extend`, body: { holder, durationMs, fence }, effect: 'repeatable' };
}
