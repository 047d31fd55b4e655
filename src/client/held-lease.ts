// A lease in its holder's hands: its fence, and the gate for writes.
import type { ClientClock } from './clock.ts';
import { requireGated } from './gated-requests.ts';
import { Holding } from './holding.ts';
import type { Call, HttpCaller } from './http.ts';
import { LinkedAbort } from './linked-abort.ts';
import { type LeaseName, leaseIf, leaseNameText, leasePath } from './names.ts';

/** "This holder has this lease, in this tenure", as the HTTP contract takes it in `assert`. */
export interface GateAssertion extends LeaseName {
  readonly holder: string;
  readonly fence: number;
}

export interface HeldLeaseOptions {
  readonly caller: HttpCaller;
  readonly clock: ClientClock;
  readonly fetch: typeof fetch;
  readonly name: LeaseName;
  readonly holder: string;
  readonly fence: number;
  /** The session by which it lives, or null. */
  readonly session: string | null;
}

/**
 * What `claim` gives. It renews itself until it is released or lost, and keeps the process alive as long.
 *
 * The client counts from the moment before each request was sent, on its monotonic clock, less a margin; the cluster counts from a later
 * moment, and its clock runs slower or equal. So while `assertHeld` does not throw nobody else has the lease. What it cannot
 * guard is what comes after it: between the check and the effect of a write this program may be paused. Only the fence guards that:
 * send `gate()` with writes to Leasehold's own store, and `fence` with those to any other resource that remembers the greatest it saw.
 */
export class HeldLease extends Holding {
  readonly name: LeaseName;
  readonly holder: string;
  /** Grows with every new tenure; the same for as long as this one lasts. */
  readonly fence: number;
  /** The session's lease id, or null when it lives by a duration of its own. */
  readonly session: string | null;
  readonly #fetch: typeof fetch;
  readonly #endpoints: readonly string[];

  constructor({ caller, clock, fetch, name, holder, fence, session }: HeldLeaseOptions) {
    super({
      caller,
      clock,
      title: `${leaseNameText(name)} (${holder}, fence ${fence})`,
      giveBack: releaseCall(name, { holder, fence }),
      goneCode: 'not-held',
    });
    this.name = name;
    this.holder = holder;
    this.fence = fence;
    this.session = session;
    this.#fetch = fetch;
    this.#endpoints = caller.endpoints;
  }

  /** The assertion for a gated write: the log itself decides whether this tenure lasts when the write is applied. */
  gate(): GateAssertion {
    return { ...this.name, holder: this.holder, fence: this.fence };
  }

  /** The same for the header `lease-if`. */
  get leaseIf(): string {
    return leaseIf(this.name, this);
  }

  /**
   * Sends a gated write with `fetch`: adds the header `lease-if` for this tenure, and aborts the request when the lease is lost. Rejects at
   * once if it is lost already. A redirect is an error, because its target might not gate the write.
   *
   * @throws TypeError if the request is not `PUT` or `DELETE /v1/kv/{key}` or `POST /v1/txn` at an endpoint of the client. Nothing else
   * honors the header, so the request would be carried out without the gate. For any other resource, send it `fence`.
   */
  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    this.assertHeld();
    requireGated(this.#endpoints, input, init);
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    const others = headers.get('lease-if');
    headers.set('lease-if', others === null ? this.leaseIf : `${others}, ${this.leaseIf}`);
    const given = init.signal ?? (input instanceof Request ? input.signal : null);
    const abort = new LinkedAbort(given ?? undefined, this.signal);
    try {
      return await abort.race(this.#fetch(input, { ...init, headers, redirect: 'error', signal: abort.signal }));
    } finally {
      // The head of an answer tells what was decided; its body may be read to the end.
      abort.unlink();
    }
  }
}

/** The call that gives one tenure back. */
export function releaseCall(name: LeaseName, { holder, fence }: { readonly holder: string; readonly fence: number }): Call {
  return { method: 'DELETE', path: leasePath(name), query: { holder, fence }, effect: 'repeatable' };
}
