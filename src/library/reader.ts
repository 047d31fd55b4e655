// Who holds which lease of one namespace and model.
import type { Service } from '../replica/service.ts';
import { readThrough } from './calls.ts';
import type { Key } from './key.ts';

/** Lists leases (Juju Reader). */
export interface Reader {
  /** Holder by lease of this namespace and model; costs nothing for the others. Linearizable; `Timeout` without a leader. */
  leases(): Promise<ReadonlyMap<string, string>>;
}

/** The reader of a node. */
export class ReplicaReader implements Reader {
  readonly #service: Service;
  readonly #scope: Omit<Key, 'lease'>;

  constructor(service: Service, scope: Omit<Key, 'lease'>) {
    this.#service = service;
    this.#scope = scope;
  }

  async leases(): Promise<ReadonlyMap<string, string>> {
    return await readThrough(this.#service, ({ state, nowMs }) => {
      const { items } = state.claims(this.#scope, null, Number.MAX_SAFE_INTEGER, nowMs);
      return new Map(items.map(({ lease, holder }) => [lease, holder] as const));
    });
  }
}
