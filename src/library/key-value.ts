// The store beside the leases: keys and values, and writes that happen only if their assertions hold when they are applied.
import type { Assertion, Compare, Precondition, TxnOp } from '../lease/commands.ts';
import { storeKeyProblem, storePrefixProblem, valueProblem } from '../lease/names.ts';
import type { KeyView, TxnResult } from '../lease/outcomes.ts';
import type { Service } from '../replica/service.ts';
import { change, readThrough } from './calls.ts';
import { BadArgument } from './errors.ts';
import { idText, type LeaseID, NoLease } from './lease-id.ts';

/** What a write demands of the state that it meets. */
export interface WriteConditions {
  /** All must hold, else `AssertionFailed` with what is true instead. */
  readonly assert?: readonly Assertion[];
  /** The key's own state, else `PreconditionFailed`: at this revision, or not there at all. */
  readonly precondition?: Precondition;
}

/** A key that was written or read, and the log index at which that was so. */
export interface KeyAt extends KeyView {
  readonly index: number;
}

/** A transaction: assertions refuse it, comparisons choose its branch; one log entry, all or nothing. */
export interface Transaction {
  readonly assert?: readonly Assertion[];
  readonly compare?: readonly Compare[];
  readonly success?: readonly TxnOp[];
  readonly failure?: readonly TxnOp[];
}

/** Keys and values of a node's cluster. `Timeout` without a leader or an answer, `BadArgument` for what cannot be a key or value. */
export class KeyValue {
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  /** Writes a key, which lives by `lease` from now on, or by none. `LeaseNotFound` if there is no such lease. */
  async put(key: string, value: string, options: WriteConditions & { readonly lease?: LeaseID } = {}): Promise<KeyAt> {
    refuse('key', key, storeKeyProblem(key));
    const problem = valueProblem(value);
    if (problem !== null) throw new BadArgument(`the value ${problem}`);
    const { assert = [], precondition = null, lease = NoLease } = options;
    const leaseId = lease === NoLease ? null : idText(lease);
    const { outcome, index } = await change(
      this.#service,
      { kind: 'put', key, value, lease: leaseId, assert: checked(assert), precondition },
      'key',
    );
    return { ...outcome.key, index };
  }

  /** Deletes a key. `KeyNotFound` if there is none. */
  async delete(key: string, options: WriteConditions = {}): Promise<void> {
    refuse('key', key, storeKeyProblem(key));
    const { assert = [], precondition = null } = options;
    await change(this.#service, { kind: 'delete', key, assert: checked(assert), precondition }, 'done');
  }

  /** The key, or null where there is none. Linearizable. */
  async get(key: string): Promise<KeyAt | null> {
    refuse('key', key, storeKeyProblem(key));
    return await readThrough(this.#service, ({ state, index }) => {
      const found = state.key(key);
      return found === null ? null : { ...found, index };
    });
  }

  /** All keys that begin with the prefix, in order; all keys for the empty one. Linearizable. */
  async list(prefix = ''): Promise<readonly KeyView[]> {
    refuse('prefix', prefix, storePrefixProblem(prefix));
    return await readThrough(this.#service, ({ state }) => state.keys(prefix, null, Number.MAX_SAFE_INTEGER).items);
  }

  /** Carries out a transaction; the results stand in the order of the branch's operations. */
  async txn(
    transaction: Transaction,
  ): Promise<{ readonly succeeded: boolean; readonly results: readonly TxnResult[]; readonly index: number }> {
    const { assert = [], compare = [], success = [], failure = [] } = transaction;
    const { outcome, index } = await change(this.#service, { kind: 'txn', assert: checked(assert), compare, success, failure }, 'txn');
    return { succeeded: outcome.succeeded, results: outcome.results, index };
  }
}

function refuse(what: string, text: string, problem: string | null): void {
  if (problem !== null) throw new BadArgument(`${what} ${JSON.stringify(text)} ${problem}`);
}

/** An assertion that names neither holder nor fence would hold whoever holds the lease, which nobody can mean. */
function checked(assertions: readonly Assertion[]): readonly Assertion[] {
  for (const { holder, fence } of assertions) {
    if (holder === undefined && fence === undefined) throw new BadArgument('an assertion must have a holder or a fence');
  }
  return assertions;
}
