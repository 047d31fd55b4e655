// Pins on leases of one namespace and model.
import type { Service } from '../replica/service.ts';
import { change, readThrough } from './calls.ts';
import { type Key, validateString } from './key.ts';

/** Suspends the expiry of leases (Juju Pinner). */
export interface Pinner {
  /**
   * Keeps the lease from expiring, whoever holds it or claims it next, on behalf of `entity`. Twice is once. One try: `Timeout` is the
   * caller's to repeat. `BadArgument` for a name that cannot be one; the namespace's secretary is not asked, as in Juju.
   */
  pin(lease: string, entity: string, signal?: AbortSignal): Promise<void>;
  /** Takes the entity's pin away; nothing happens if there is none. The lease counts its time again when the last is gone. */
  unpin(lease: string, entity: string, signal?: AbortSignal): Promise<void>;
  /** Every pinned lease of this namespace and model with its entities, sorted, those that nobody holds included. Linearizable. */
  pinned(): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** The pinner of a node. */
export class ReplicaPinner implements Pinner {
  readonly #service: Service;
  readonly #scope: Omit<Key, 'lease'>;

  constructor(service: Service, scope: Omit<Key, 'lease'>) {
    this.#service = service;
    this.#scope = scope;
  }

  async pin(lease: string, entity: string, signal?: AbortSignal): Promise<void> {
    await this.#change('pin', lease, entity, signal);
  }

  async unpin(lease: string, entity: string, signal?: AbortSignal): Promise<void> {
    await this.#change('unpin', lease, entity, signal);
  }

  async pinned(): Promise<ReadonlyMap<string, readonly string[]>> {
    return await readThrough(
      this.#service,
      ({ state }) => new Map(state.pins(this.#scope).map(({ lease, entities }) => [lease, entities] as const)),
    );
  }

  async #change(kind: 'pin' | 'unpin', lease: string, entity: string, signal: AbortSignal | undefined): Promise<void> {
    validateString(lease);
    validateString(entity);
    await change(this.#service, { kind, key: { ...this.#scope, lease }, entity }, 'done', signal);
  }
}
