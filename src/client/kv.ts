// The store beside the leases, as a client sees it: keys, gated writes, transactions.
import type { KeyList, KeyReply, TxnBody, TxnReply } from '../contract/store.ts';
import { LeaseholdError } from './errors.ts';
import type { GateAssertion, HeldLease } from './held-lease.ts';
import type { Call, HttpCaller } from './http.ts';
import { pathOf } from './names.ts';

/** A fact about a lease that a write demands; `holder` or `fence` may be left out, not both. */
export type Assertion = Partial<Pick<GateAssertion, 'holder' | 'fence'>> &
  Omit<GateAssertion, 'holder' | 'fence'> & { readonly minIndex?: number };

/** Conditions of a write. All are decided where it is applied, in the log. */
export interface WriteOptions {
  /** Held leases and assertions that must hold. A lease that is lost already makes the call throw before anything is sent. */
  readonly gates?: readonly (HeldLease | Assertion)[];
  /** Only if the key was last written at this revision; `absent`: only if there is no such key. */
  readonly ifMatch?: number | 'absent';
  readonly signal?: AbortSignal;
}

export interface PutOptions extends WriteOptions {
  /** The lease by which the key lives; none when left out, also where it had one. */
  readonly lease?: string;
}

export interface ReadOptions {
  /** From the node asked, without asking the leader: may be old. */
  readonly stale?: boolean;
  readonly signal?: AbortSignal;
}

/** Calls on `/v1/kv` and `/v1/txn`. Every one throws `LeaseholdError`: `assertion-failed`, `precondition-failed`, … */
export class KeyValueStore {
  readonly #caller: HttpCaller;

  constructor(caller: HttpCaller) {
    this.#caller = caller;
  }

  async put(key: string, value: string, options: PutOptions = {}): Promise<KeyReply> {
    const { lease } = options;
    const body = { value, ...(lease === undefined ? {} : { lease }), ...assertField(options) };
    const reply = await this.#caller.call({ method: 'PUT', path: keyPath(key), body, ...condition(options) });
    return reply.body as KeyReply;
  }

  /** Null when there is no such key. */
  async get(key: string, options: ReadOptions = {}): Promise<KeyReply | null> {
    try {
      const reply = await this.#caller.call({
        method: 'GET',
        path: keyPath(key),
        query: readQuery(options),
        effect: 'none',
        signal: options.signal,
      });
      return reply.body as KeyReply;
    } catch (error) {
      if (error instanceof LeaseholdError && error.code === 'key-not-found') return null;
      throw error;
    }
  }

  /** False when there was no such key. */
  async delete(key: string, options: WriteOptions = {}): Promise<boolean> {
    try {
      await this.#caller.call({ method: 'DELETE', path: keyPath(key), body: assertField(options), ...condition(options) });
      return true;
    } catch (error) {
      if (error instanceof LeaseholdError && error.code === 'key-not-found') return false;
      throw error;
    }
  }

  /** One page of the keys that begin with `prefix`, in order; `next` goes into `after` for the page behind it. */
  async list(prefix: string, options: ReadOptions & { readonly limit?: number; readonly after?: string } = {}): Promise<KeyList> {
    const { limit, after, signal } = options;
    const query = { prefix, limit, after, ...readQuery(options) };
    return (await this.#caller.call({ method: 'GET', path: '/v1/kv', query, effect: 'none', signal })).body as KeyList;
  }

  /** All or nothing, in one log entry. */
  async txn(body: TxnBody, options: Pick<WriteOptions, 'gates' | 'signal'> = {}): Promise<TxnReply> {
    const assert = [...(body.assert ?? []), ...(assertField(options).assert ?? [])];
    const whole = { ...body, ...(assert.length === 0 ? {} : { assert }) };
    const { signal } = options;
    return (await this.#caller.call({ method: 'POST', path: '/v1/txn', body: whole, effect: 'keyed', signal })).body as TxnReply;
  }
}

function keyPath(key: string): string {
  return `/v1/kv${pathOf(key)}`;
}

function readQuery({ stale }: ReadOptions): { consistency?: string } {
  return stale === true ? { consistency: 'stale' } : {};
}

function assertField({ gates }: WriteOptions): { assert?: Assertion[] } {
  if (gates === undefined || gates.length === 0) return {};
  return {
    assert: gates.map((gate) => {
      if (!('assertHeld' in gate)) return gate;
      gate.assertHeld();
      return gate.gate();
    }),
  };
}

function condition({ ifMatch, signal }: WriteOptions): Pick<Call, 'effect' | 'headers' | 'signal'> {
  const headers: Record<string, string> =
    ifMatch === undefined ? {} : ifMatch === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${ifMatch}"` };
  return { effect: 'keyed', headers, signal };
}
