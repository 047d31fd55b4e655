// Claims on leases of one namespace and model, and waits for their end.
import type { Clock, Random } from '../env.ts';
import type { Service } from '../replica/service.ts';
import { change, failureError, type RetryPolicy, retried } from './calls.ts';
import { type LeaseError, Stopped, WaitCancelled } from './errors.ts';
import type { Key } from './key.ts';
import { obey, type Secretary } from './secretary.ts';

/** A claim that was granted. */
export interface Tenure extends Key {
  readonly holder: string;
  /** Log index that began the tenure: greater for every new one, the same however often it is extended. What resources outside compare. */
  readonly fence: number;
  /** False: the holder had it already, and has it for longer now. */
  readonly isNew: boolean;
  /** Log index of the grant. */
  readonly index: number;
}

/** Takes leases and tells of their end (Juju Claimer). */
export interface Claimer {
  /**
   * Takes the lease, or extends it if the holder has it; never shortens. It is then kept for `durationMs` (whole milliseconds, from 1)
   * from the *start* of the call at least. `ClaimDenied` only on proof that somebody else holds it: its facts say who, by which fence,
   * at which index. Never waits for a busy lease. Without a leader it tries again for some seconds and ends in `Timeout`, from which
   * nothing follows; so it is with `Aborted`. `BadArgument` for what the secretary refuses: lease, holder, duration, in this order.
   */
  claim(lease: string, holder: string, durationMs: number, signal?: AbortSignal): Promise<Tenure>;
  /**
   * Settles once nobody holds the lease, with the log index at which that was so: at once if nobody does, else when the end is applied
   * here, whoever brought it about. It says nothing of who has it next. `WaitCancelled` when the signal comes first, `Stopped` when
   * the node stops, `Timeout` if a leader could not be asked to begin with. It waits as long as it takes, and never looks at holders.
   */
  waitUntilExpired(lease: string, signal?: AbortSignal): Promise<number>;
}

/** What every broker of a manager works with. */
export interface Broker {
  readonly service: Service;
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  /** Ends pauses and waits; the manager's. */
  readonly stopped: AbortSignal;
}

/** The claimer of a node. */
export class ReplicaClaimer implements Claimer {
  readonly #broker: Broker;
  readonly #scope: Omit<Key, 'lease'>;
  readonly #secretary: Secretary;

  constructor(broker: Broker, scope: Omit<Key, 'lease'>, secretary: Secretary) {
    this.#broker = broker;
    this.#scope = scope;
    this.#secretary = secretary;
  }

  async claim(lease: string, holder: string, durationMs: number, signal?: AbortSignal): Promise<Tenure> {
    const key: Key = { ...this.#scope, lease };
    obey(this.#secretary.checkLease(key), 'claim');
    obey(this.#secretary.checkHolder(holder), 'claim');
    obey(this.#secretary.checkDuration(durationMs), 'claim');
    // A claim of a lease that the holder has extends it, so trying again after an unknown outcome is safe and never ends in a denial.
    return await this.#retried(signal, async () => {
      const { outcome, index } = await change(this.#broker.service, { kind: 'claim', key, holder, durationMs }, 'claim', signal);
      return { ...key, holder, fence: outcome.claim.fence, isNew: outcome.created, index };
    });
  }

  async waitUntilExpired(lease: string, signal?: AbortSignal): Promise<number> {
    const key: Key = { ...this.#scope, lease };
    obey(this.#secretary.checkLease(key), 'wait');
    try {
      return await this.#retried(signal, () => this.#wait(key, signal));
    } catch (error) {
      if (signal?.aborted && (error as LeaseError).code === 'aborted') throw cancelled(signal);
      throw error;
    }
  }

  #retried<Result>(caller: AbortSignal | undefined, run: () => Promise<Result>): Promise<Result> {
    const { retry, clock, random, stopped } = this.#broker;
    return retried(retry, clock, random, { stopped, caller }, run);
  }

  #wait(key: Key, signal: AbortSignal | undefined): Promise<number> {
    const { service, stopped } = this.#broker;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(signal));
        return;
      }
      let cancel = (): void => {};
      const end = (finish: () => void): void => {
        signal?.removeEventListener('abort', onCancelled);
        stopped.removeEventListener('abort', onStopped);
        cancel();
        finish();
      };
      const onCancelled = (): void => end(() => reject(cancelled(signal)));
      const onStopped = (): void => end(() => reject(new Stopped('the lease manager has stopped')));
      signal?.addEventListener('abort', onCancelled);
      stopped.addEventListener('abort', onStopped);
      cancel = service.waitVacant(
        key,
        (index) => end(() => resolve(index)),
        (failure) => end(() => reject(failureError(failure))),
      );
    });
  }
}

function cancelled(signal: AbortSignal | undefined): WaitCancelled {
  return new WaitCancelled('the wait for the lease was cancelled', { cause: signal?.reason });
}
