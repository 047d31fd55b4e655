// The thin part of the client: one HTTP call, tried on several endpoints where what is known of its outcome allows that.
import { type ClientClock, sleep, systemClock } from './clock.ts';
import { LeaseholdError, problemOf } from './errors.ts';
import { LinkedAbort } from './linked-abort.ts';
import { lost } from './lost-answer.ts';
import { greaterIndex, RequestKey } from './request-key.ts';

/** One call of the HTTP contract. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Begins with `/`; its segments are percent-encoded already (see `pathOf`). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * What a second attempt would do if the first was applied after all. `none`: a read. `repeatable`: the same again, as with a claim
   * by the same holder. `keyed`: something else, but the call is sent under an idempotency key, by which the cluster knows a repeat and
   * answers it as the first. `once`: something else, so an unknown outcome is told and never tried again.
   */
  readonly effect: 'none' | 'repeatable' | 'keyed' | 'once';
  /** For a call that the server holds on purpose: the field that says for how long (query of a GET, else body). A later attempt asks for the rest. */
  readonly wait?: { readonly field: string; readonly ms: number };
  /** In place of the caller's own, for this call. */
  readonly patienceMs?: number;
  readonly attemptMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A successful answer (2xx). */
export interface Reply {
  readonly status: number;
  /** Parsed JSON; null when the answer has no body. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** The endpoint that answered. */
  readonly endpoint: string;
}

/** An answer that goes on, as it comes. */
export interface OpenAnswer {
  /** The next piece. Rejected when it is closed, from here or by the call's signal. */
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  readonly endpoint: string;
  /** Ends it from this side. */
  close(): void;
}

export interface CallerOptions {
  /** Base URLs, at least one; each may be any node. */
  readonly endpoints: readonly string[];
  /**
   * How long to go on while nodes answer but none takes the call, in milliseconds beyond the call's own wait. 0: every endpoint once.
   * If no endpoint can be reached at all, one round is enough.
   */
  readonly patienceMs?: number;
  /** How long one endpoint may take to answer, in milliseconds beyond the call's own wait. */
  readonly attemptMs?: number;
  /** In place of the global one; for tests, and for programs that reach their cluster in a way of their own. */
  readonly fetch?: typeof fetch;
  readonly clock?: ClientClock;
}

const DEFAULT_PATIENCE_MS = 10_000;
const DEFAULT_ATTEMPT_MS = 3_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Codes after which another node may take the call. */
const TRY_ELSEWHERE = new Set(['no-leader', 'stopping', 'overloaded', 'unreachable', 'outcome-unknown']);

/** Codes after which waiting helps: an election or a restart is short. Where nobody listens at all, the caller had better hear it now. */
const TRY_LATER = new Set(['no-leader', 'stopping', 'overloaded', 'outcome-unknown']);

/** Makes calls and remembers which endpoint answered last. */
export class HttpCaller {
  readonly endpoints: readonly string[];
  readonly #patienceMs: number;
  readonly #attemptMs: number;
  readonly #fetch: typeof fetch;
  readonly #clock: ClientClock;
  /** Ends the calls under way. */
  readonly #closed = new AbortController();
  /** Aborts with {@link close}. */
  readonly closed: AbortSignal = this.#closed.signal;
  #preferred = 0;
  /** Greatest log index that any answer showed; `null` for none. */
  #seenIndex: number | null = null;

  constructor(options: CallerOptions) {
    if (options.endpoints.length === 0) throw new TypeError('a client needs at least one endpoint');
    this.endpoints = options.endpoints.map((url) => url.replace(/\/$/, ''));
    this.#patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.#attemptMs = options.attemptMs ?? DEFAULT_ATTEMPT_MS;
    // Looked up at each call: a browser's must be called as a function of the window.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#clock = options.clock ?? systemClock;
  }

  /** Settles with a 2xx answer, or throws `LeaseholdError` (or the signal's reason). */
  async call(call: Call): Promise<Reply> {
    const key = call.effect === 'keyed' ? new RequestKey() : null;
    const clock = this.#clock;
    const began = clock.now();
    const giveUpAt = began + (call.patienceMs ?? this.#patienceMs) + (call.wait?.ms ?? 0);
    let maybeApplied: LeaseholdError | null = null;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      let last: LeaseholdError | null = null;
      let laterMayHelp = false;
      for (let turn = 0; turn < this.endpoints.length; turn++) {
        const at = (this.#preferred + turn) % this.endpoints.length;
        try {
          const more = key?.headers(this.#seenIndex, maybeApplied !== null);
          const reply = await this.#attempt(this.endpoints[at] ?? '', call, clock.now() - began, more);
          this.#preferred = at;
          return reply;
        } catch (error) {
          if (!(error instanceof LeaseholdError)) throw error;
          if (error.failure === 'unknown' && call.effect !== 'none') {
            if (call.effect === 'once') throw error;
            // After a repeatable change that may have been applied, a later "not accepted" proves nothing about it.
            maybeApplied = error;
          } else if (error.failure !== 'unknown' && !TRY_ELSEWHERE.has(error.code)) {
            // Refused because an earlier attempt might have been applied, and the cluster has forgotten.
            throw error.facts.forgottenIndex === undefined ? error : (maybeApplied ?? error);
          }
          laterMayHelp ||= TRY_LATER.has(error.code);
          // "No leader" tells more than "cannot be reached".
          if (last === null || TRY_LATER.has(error.code)) last = error;
        }
      }
      if (!laterMayHelp || giveUpAt - clock.now() < pauseMs) throw maybeApplied ?? last;
      const abort = new LinkedAbort(call.signal, this.#closed.signal);
      try {
        await sleep(clock, pauseMs * (0.5 + Math.random() / 2), abort.signal);
      } finally {
        abort.unlink();
      }
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** One call to one endpoint, once. Throws as `call` does. */
  async callAt(endpoint: string, call: Call): Promise<Reply> {
    return await this.#attempt(endpoint, call, 0);
  }

  /**
   * Opens an answer that has no end: of the endpoint that answered last, or of the next one that takes the call. Throws as `call` does,
   * after one round. Whoever has read enough of it calls `close`.
   */
  async open(call: Call & { readonly method: 'GET' }): Promise<OpenAnswer> {
    let last: unknown = null;
    for (let turn = 0; turn < this.endpoints.length; turn++) {
      const at = (this.#preferred + turn) % this.endpoints.length;
      try {
        const answer = await this.#openAt(this.endpoints[at] ?? '', call);
        this.#preferred = at;
        return answer;
      } catch (error) {
        if (!(error instanceof LeaseholdError) || (error.failure !== 'unknown' && !TRY_ELSEWHERE.has(error.code))) throw error;
        last = error;
      }
    }
    throw last;
  }

  /** The next call asks another endpoint first: the one that answered last has failed in a way that the caller saw. */
  preferAnother(): void {
    this.#preferred = (this.#preferred + 1) % this.endpoints.length;
  }

  /** Ends the calls under way; later ones fail at once. */
  close(): void {
    this.#closed.abort(new LeaseholdError('closed', null, 'unknown', 'the client was closed'));
  }

  async #attempt(endpoint: string, call: Call, elapsedMs: number, more?: Call['headers']): Promise<Reply> {
    const waitMs = call.wait === undefined ? 0 : Math.max(1, Math.ceil(call.wait.ms - elapsedMs));
    const abort = new LinkedAbort(call.signal, this.#closed.signal);
    const timer = this.#limit(abort, waitMs + (call.attemptMs ?? this.#attemptMs));
    try {
      const response = await abort.race(this.#request(endpoint, call, waitMs, 'application/json', abort.signal, more));
      this.#seenIndex = greaterIndex(this.#seenIndex, response.headers);
      const text = await abort.race(response.text());
      const parsed = parse(text);
      if (!response.ok) throw problemOf(response.status, parsed, endpoint);
      // Every answer of ours names its node; a success of some other program's must not pass for one.
      if ((text !== '' && parsed === undefined) || !response.headers.get('leasehold-node'))
        throw problemOf(response.status, null, endpoint);
      return { status: response.status, body: parsed ?? null, headers: Object.fromEntries(response.headers), endpoint };
    } catch (error) {
      throw this.#failure(endpoint, call, error, abort, timer.isUp());
    } finally {
      timer.cancel();
      abort.unlink();
    }
  }

  /** Only the head has a time limit: what follows may take for ever. */
  async #openAt(endpoint: string, call: Call): Promise<OpenAnswer> {
    const abort = new LinkedAbort(call.signal, this.#closed.signal);
    const timer = this.#limit(abort, call.attemptMs ?? this.#attemptMs);
    const close = (reader?: ReadableStreamDefaultReader<Uint8Array>): void => {
      abort.unlink();
      abort.abort();
      reader?.cancel().catch(() => {});
    };
    try {
      const response = await abort.race(this.#request(endpoint, call, 0, 'text/event-stream', abort.signal));
      if (response.status !== 200 || response.body === null)
        throw problemOf(response.status, parse(await abort.race(response.text())), endpoint);
      const reader = response.body.getReader();
      return { read: () => abort.race(reader.read()), endpoint, close: () => close(reader) };
    } catch (error) {
      close();
      throw this.#failure(endpoint, call, error, abort, timer.isUp());
    } finally {
      timer.cancel();
    }
  }

  async #request(
    endpoint: string,
    call: Call,
    waitMs: number,
    accept: string,
    signal: AbortSignal,
    more?: Call['headers'],
  ): Promise<Response> {
    const waitField = call.wait === undefined ? {} : { [call.wait.field]: waitMs };
    const isGet = call.method === 'GET';
    const body = call.body === undefined ? null : JSON.stringify(isGet ? call.body : { ...call.body, ...waitField });
    return await this.#fetch(endpoint + call.path + queryOf({ ...call.query, ...(isGet ? waitField : {}) }), {
      method: call.method,
      // A browser would answer a repeated read out of its own memory.
      headers: {
        accept,
        'cache-control': 'no-store',
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
        ...more,
      },
      body,
      redirect: 'error',
      signal,
    });
  }

  #limit(abort: LinkedAbort, ms: number): { cancel(): void; isUp(): boolean } {
    let isUp = false;
    const cancel = this.#clock.after(ms, () => {
      isUp = true;
      abort.abort();
    });
    return { cancel, isUp: () => isUp };
  }

  #failure(endpoint: string, call: Call, error: unknown, abort: LinkedAbort, isTooLate: boolean): unknown {
    if (error instanceof LeaseholdError) return error;
    return abort.isAborted ? abort.reason : lost(endpoint, call.effect === 'none', error, isTooLate);
  }
}

function queryOf(query: Readonly<Record<string, string | number | undefined>>): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
