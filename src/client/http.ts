// The thin part of the client: one HTTP call, tried on several endpoints where what is known of its outcome allows that.
// The client proper (`client.ts`: leases that renew themselves, `retry.ts`, the held lease) is built on this and has its place beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { LeaseholdError, problemOf } from './errors.ts';

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
   * by the same holder. `once`: something else, so an unknown outcome is told and never tried again.
   */
  readonly effect: 'none' | 'repeatable' | 'once';
  /** For a call that the server holds on purpose: the field that says for how long (query of a GET, else body). A later attempt asks for the rest. */
  readonly wait?: { readonly field: string; readonly ms: number };
  readonly signal?: AbortSignal;
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
}

const DEFAULT_PATIENCE_MS = 10_000;
const DEFAULT_ATTEMPT_MS = 3_000;
const CONNECT_MS = 1_500;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** A socket idle this long may be closed by the server under our next request, which would make that one's outcome unknown. */
const KEEP_ALIVE_MS = 2_000;

/** Errors that say no byte of the request was sent. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOENT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Codes after which another node may take the call. */
const TRY_ELSEWHERE = new Set(['no-leader', 'stopping', 'overloaded', 'unreachable', 'outcome-unknown']);

/** Codes after which waiting helps: an election or a restart is short. Where nobody listens at all, the caller had better hear it now. */
const TRY_LATER = new Set(['no-leader', 'stopping', 'overloaded', 'outcome-unknown']);

/** Joins segments into a path, percent-encoding each; a lease's name may contain `/`. */
export function pathOf(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}

/** Makes calls over kept-alive connections and remembers which endpoint answered last. */
export class HttpCaller {
  readonly endpoints: readonly string[];
  readonly #patienceMs: number;
  readonly #attemptMs: number;
  readonly #agent: Agent;
  #preferred = 0;

  constructor(options: CallerOptions) {
    if (options.endpoints.length === 0) throw new Error('a caller needs at least one endpoint');
    this.endpoints = options.endpoints.map((url) => url.replace(/\/$/, ''));
    this.#patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.#attemptMs = options.attemptMs ?? DEFAULT_ATTEMPT_MS;
    this.#agent = new Agent({ keepAliveTimeout: KEEP_ALIVE_MS, connect: { timeout: CONNECT_MS } });
  }

  /** Settles with a 2xx answer, or throws `LeaseholdError` (or the signal's reason). */
  async call(call: Call): Promise<Reply> {
    const began = performance.now();
    const giveUpAt = began + this.#patienceMs + (call.wait?.ms ?? 0);
    let maybeApplied: LeaseholdError | null = null;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      let last: LeaseholdError | null = null;
      let laterMayHelp = false;
      for (let turn = 0; turn < this.endpoints.length; turn++) {
        const at = (this.#preferred + turn) % this.endpoints.length;
        try {
          const reply = await this.#attempt(this.endpoints[at] ?? '', call, performance.now() - began);
          this.#preferred = at;
          return reply;
        } catch (error) {
          if (!(error instanceof LeaseholdError)) throw error;
          if (error.failure === 'unknown' && call.effect !== 'none') {
            if (call.effect === 'once') throw error;
            // After a repeatable change that may have been applied, a later "not accepted" proves nothing about it.
            maybeApplied = error;
          } else if (error.failure !== 'unknown' && !TRY_ELSEWHERE.has(error.code)) throw error;
          laterMayHelp ||= TRY_LATER.has(error.code);
          // "No leader" tells more than "cannot be reached".
          if (last === null || TRY_LATER.has(error.code)) last = error;
        }
      }
      if (!laterMayHelp || giveUpAt - performance.now() < pauseMs) throw maybeApplied ?? last;
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, call.signal === undefined ? {} : { signal: call.signal });
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** One call to one endpoint, once. Throws as `call` does. */
  async callAt(endpoint: string, call: Call): Promise<Reply> {
    return await this.#attempt(endpoint, call, 0);
  }

  /** Closes every connection; calls under way fail. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #attempt(endpoint: string, call: Call, elapsedMs: number): Promise<Reply> {
    const waitMs = call.wait === undefined ? 0 : Math.max(1, Math.ceil(call.wait.ms - elapsedMs));
    const waitField = call.wait === undefined ? {} : { [call.wait.field]: waitMs };
    const body = call.body === undefined ? undefined : JSON.stringify(call.method === 'GET' ? call.body : { ...call.body, ...waitField });
    const url = endpoint + call.path + queryOf({ ...call.query, ...(call.method === 'GET' ? waitField : {}) });
    let status = 0;
    let text = '';
    let headers: Record<string, string> = {};
    try {
      const answer = await request(url, {
        method: call.method,
        dispatcher: this.#agent,
        headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...call.headers },
        body: body ?? null,
        headersTimeout: waitMs + this.#attemptMs,
        bodyTimeout: this.#attemptMs,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      });
      status = answer.statusCode;
      headers = Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
      );
      text = await answer.body.text();
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      throw this.#lost(endpoint, call, error);
    }
    const parsed = parse(text);
    if (status < 200 || status > 299) throw problemOf(status, parsed, endpoint);
    // Every answer of ours names its node; a success of some other program's must not pass for one.
    if ((text !== '' && parsed === undefined) || !headers['leasehold-node']) throw problemOf(status, null, endpoint);
    return { status, body: parsed ?? null, headers, endpoint };
  }

  #lost(endpoint: string, call: Call, error: unknown): LeaseholdError {
    const code = codeOf(error);
    if (NEVER_SENT.has(code))
      return new LeaseholdError('unreachable', null, 'not-accepted', `${endpoint} cannot be reached (${code})`, {}, error);
    const what =
      code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' ? 'did not answer in time' : `broke the connection (${code})`;
    if (call.effect === 'none') return new LeaseholdError('unreachable', null, 'not-accepted', `${endpoint} ${what}`, {}, error);
    return new LeaseholdError('outcome-unknown', null, 'unknown', `${endpoint} ${what} after the request was sent`, {}, error);
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

/** A connection tried on several addresses fails with an `AggregateError`: it was never sent if no address could be reached. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  const nested = error instanceof AggregateError ? error.errors : [(error as { cause?: unknown } | null)?.cause];
  const first = nested.find((each) => typeof each?.code === 'string');
  return first === undefined ? 'no reason given' : first.code;
}
