// Events as they happen: server-sent events over `fetch`, resumed on any endpoint without loss or repeat.
import { type ClientClock, sleep } from './clock.ts';
import { LeaseholdError } from './errors.ts';
import type { HttpCaller, OpenAnswer } from './http.ts';

/** What a watch gives, one object for each event; `type` tells which further fields there are (see the HTTP contract). */
export interface WatchEvent {
  /** `<index>.<position>`: resumes behind this event, on any node. */
  readonly id: string;
  /** `claimed`, `extended`, `released`, `expired`, `revoked`, `pinned`, `unpinned`, `put`, `deleted`; `reset` when events were missed for good. */
  readonly type: string;
  readonly index: number;
  readonly [field: string]: unknown;
}

export interface WatchOptions {
  /** Claims of this namespace, model and lease only; each may be left out. */
  readonly namespace?: string;
  readonly model?: string;
  readonly lease?: string;
  /** Keys with this prefix only. */
  readonly prefix?: string;
  /** The id of the last event that was seen: goes on behind it. Without it, from now on. */
  readonly after?: string;
  readonly signal?: AbortSignal;
}

/** A node sends at least a comment every 15 s; one that is silent for longer is lost. */
const SILENCE_MS = 40_000;
const PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/** One server-sent event. */
interface SentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/**
 * Goes on for ever over failures that another node or a later moment may mend; ends when the signal aborts (throwing its reason), and
 * throws `LeaseholdError` on what does not mend itself.
 */
export async function* watch(caller: HttpCaller, clock: ClientClock, options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
  const { namespace, model, lease, prefix, signal } = options;
  let lastId = options.after;
  let pauseMs = PAUSE_MS;
  for (;;) {
    let answer: OpenAnswer | null = null;
    try {
      answer = await caller.open({
        method: 'GET',
        path: '/v1/watch',
        query: { namespace, model, lease, prefix },
        headers: lastId === undefined ? {} : { 'last-event-id': lastId },
        effect: 'none',
        signal,
      });
      for await (const sent of readEvents(answer, clock)) {
        pauseMs = PAUSE_MS;
        if (sent.event === 'error') throw streamError(sent.data, answer.endpoint);
        // A position without an event comes first: whoever has seen nothing yet resumes from there.
        if (sent.id !== '') lastId = sent.id;
        if (sent.data === '') continue;
        yield { ...(JSON.parse(sent.data) as Record<string, unknown>), id: sent.id } as WatchEvent;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof LeaseholdError && !mendsItself(error)) throw error;
      if (!(error instanceof LeaseholdError || error instanceof TypeError || isAbort(error))) throw error;
    } finally {
      answer?.close();
    }
    caller.preferAnother();
    await sleep(clock, pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

function mendsItself({ code, failure }: LeaseholdError): boolean {
  return code !== 'closed' && (failure === 'unknown' || ['no-leader', 'stopping', 'overloaded', 'unreachable'].includes(code));
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function streamError(data: string, endpoint: string): LeaseholdError {
  const problem = JSON.parse(data) as { code?: string; detail?: string };
  return new LeaseholdError(problem.code ?? 'internal', null, 'unknown', `${endpoint} ended the watch: ${problem.detail ?? data}`);
}

/** The stream's events (WHATWG HTML, 9.2.6). Ends with the stream, or by a throw when it has been silent for too long. */
async function* readEvents(answer: OpenAnswer, clock: ClientClock): AsyncGenerator<SentEvent, void, undefined> {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let fields = { id: '', event: '', data: '' };
  for (;;) {
    const cancel = clock.after(SILENCE_MS, () => answer.close());
    const { done, value } = await reader.read().finally(cancel);
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.search(LINE_END); end >= 0; end = text.search(LINE_END)) {
      // A lone CR at the end may be half of a CRLF.
      if (text[end] === '\r' && end === text.length - 1) break;
      const line = text.slice(0, end);
      text = text.slice(end + (text.startsWith('\r\n', end) ? 2 : 1));
      if (line === '') {
        if (fields.id !== '' || fields.event !== '' || fields.data !== '') yield { ...fields, data: fields.data.replace(/\n$/, '') };
        fields = { id: '', event: '', data: '' };
        continue;
      }
      const cut = line.indexOf(':');
      const name = cut < 0 ? line : line.slice(0, cut);
      const content = cut < 0 ? '' : line.slice(cut + 1).replace(/^ /, '');
      if (name === 'data') fields.data += `${content}\n`;
      else if (name === 'event') fields.event = content;
      else if (name === 'id') fields.id = content;
    }
  }
}

const LINE_END = /\r|\n/;
