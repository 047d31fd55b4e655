// The manager: brokers for claims, checks, pins and lists, each bound to one namespace and model.
import { setMaxListeners } from 'node:events';
import type { Clock, Random } from '../env.ts';
import type { Service } from '../replica/service.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './calls.ts';
import { type Checker, ReplicaChecker, type TrapdoorOf } from './checker.ts';
import { type Broker, type Claimer, ReplicaClaimer } from './claimer.ts';
import { BadArgument, Stopped } from './errors.ts';
import { type Pinner, ReplicaPinner } from './pinner.ts';
import { type Reader, ReplicaReader } from './reader.ts';
import { findSecretary, type Secretary, type SecretaryRules } from './secretary.ts';
import { logTrapdoor } from './trapdoor.ts';

/**
 * Makes brokers (Juju Manager). Each call throws `BadArgument` for a namespace or model that is not valid, or that has no secretary
 * where others are refused; `Stopped` after the end. One broker's error never ends the manager.
 */
export interface Manager {
  checker(namespace: string, model: string): Checker;
  claimer(namespace: string, model: string): Claimer;
  pinner(namespace: string, model: string): Pinner;
  reader(namespace: string, model: string): Reader;
}

/** What a program can choose of its node's manager. */
export interface ManagerSettings extends SecretaryRules {
  /** Makes the trapdoor of a held lease: `logTrapdoor` unless told otherwise; `() => lockedTrapdoor` where nothing is gated. */
  readonly trapdoorOf?: TrapdoorOf;
  /** How claims are tried again while there is no leader. */
  readonly retry?: Partial<RetryPolicy>;
}

/** What a manager is made of. */
export interface ManagerOptions extends ManagerSettings {
  /** The node, or what passes for one. */
  readonly service: Service;
  readonly clock: Clock;
  readonly random: Random;
}

/** The manager of a node. */
export class LeaseManager implements Manager {
  readonly #rules: SecretaryRules;
  readonly #broker: Broker;
  readonly #trapdoorOf: TrapdoorOf;
  readonly #stop = new AbortController();

  /** Throws {@link BadArgument} when a part is missing or the retry policy would never end or never begin. */
  constructor(options: ManagerOptions) {
    for (const part of ['service', 'clock', 'random'] as const) {
      if (!options[part]) throw new BadArgument(`a lease manager needs a ${part}`);
    }
    const retry = { ...DEFAULT_RETRY, ...options.retry };
    if (!Number.isSafeInteger(retry.attempts) || retry.attempts < 1) throw new BadArgument(`attempts is ${retry.attempts}`);
    if (!(retry.firstPauseMs > 0) || !Number.isFinite(retry.firstPauseMs)) throw new BadArgument(`firstPauseMs is ${retry.firstPauseMs}`);
    if (!(retry.growth >= 1) || !Number.isFinite(retry.growth)) throw new BadArgument(`growth is ${retry.growth}`);
    const { service, clock, random } = options;
    // Every wait and every pause listens to it, and there may be any number.
    setMaxListeners(0, this.#stop.signal);
    this.#rules = options;
    this.#broker = { service, clock, random, retry, stopped: this.#stop.signal };
    this.#trapdoorOf = options.trapdoorOf ?? logTrapdoor;
  }

  checker(namespace: string, model: string): Checker {
    return new ReplicaChecker(this.#broker.service, { namespace, model }, this.#secretary(namespace, model), this.#trapdoorOf);
  }

  claimer(namespace: string, model: string): Claimer {
    return new ReplicaClaimer(this.#broker, { namespace, model }, this.#secretary(namespace, model));
  }

  pinner(namespace: string, model: string): Pinner {
    this.#secretary(namespace, model);
    return new ReplicaPinner(this.#broker.service, { namespace, model });
  }

  reader(namespace: string, model: string): Reader {
    this.#secretary(namespace, model);
    return new ReplicaReader(this.#broker.service, { namespace, model });
  }

  /** Ends waits and pauses with `Stopped`; a claim in the log still gets its answer. The node that it belongs to goes on. */
  stop(): void {
    this.#stop.abort();
  }

  #secretary(namespace: string, model: string): Secretary {
    if (this.#stop.signal.aborted) throw new Stopped('the lease manager has stopped');
    return findSecretary(this.#rules, namespace, model);
  }
}
