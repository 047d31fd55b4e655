// What a program that embeds a node gets of it.
import type { Clock, Random } from '../env.ts';
import type { Service } from '../replica/service.ts';
import { KeyValue } from './key-value.ts';
import { LeaseManager, type ManagerSettings } from './manager.ts';
import { NodeLessor } from './node-lessor.ts';
import { ReplicaStore, type Store } from './store.ts';

/** The parts of a node that programs call. */
export interface Embedded {
  /** Claims, checks, pins and lists, by namespace and model. */
  readonly manager: LeaseManager;
  /** Leases by id. */
  readonly lessor: NodeLessor;
  /** Leases one operation at a time. */
  readonly store: Store;
  /** Keys and values, with gated writes. */
  readonly kv: KeyValue;
}

/** Puts the library on a service. */
export function embed(service: Service, clock: Clock, random: Random, settings: ManagerSettings = {}): Embedded {
  return {
    manager: new LeaseManager({ ...settings, service, clock, random }),
    lessor: new NodeLessor(service),
    store: new ReplicaStore(service, clock),
    kv: new KeyValue(service),
  };
}
