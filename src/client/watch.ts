// Events as they happen: server-sent events over `fetch`, resumed on any endpoint without loss or repeat.
import type { ClaimEventData, KeyEventData, ResetData, WatchErrorData } from '../contract/watch.ts';
import { type ClientClock, sleep } from './clock.ts';
import { LeaseholdError } from './errors.ts';
import { EventStream, type StreamEvent } from './event-stream.ts';
import type { HttpCaller, OpenAnswer } from './http.ts';
import { LinkedAbort } from './linked-abort.ts';

/**
 * What a watch gives; `type` tells which of the shapes it is. `id` (`<index>.<position>`) resumes behind this event, on any node. A `reset`
 * says that events were missed for good: read anew what you follow, and go on.
 */
export type WatchEvent = (ClaimEventData | KeyEventData | ResetData) & { readonly id: string };

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
        if ('type' in sent && sent.type === 'error') throw streamError(sent.data, answer.endpoint);
        // A position without an event comes first: whoever has seen nothing yet resumes from there.
        if (sent.id !== '') lastId = sent.id;
        if (!('data' in sent)) continue;
        yield { ...(JSON.parse(sent.data) as ClaimEventData | KeyEventData | ResetData), id: sent.id };
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof LeaseholdError && !mendsItself(error)) throw error;
      if (!(error instanceof LeaseholdError || error instanceof TypeError || isAbort(error))) throw error;
    } finally {
      answer?.close();
    }
    caller.preferAnother();
    const abort = new LinkedAbort(signal);
    await sleep(clock, pauseMs, abort.signal).finally(() => abort.unlink());
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
  const { code, detail } = JSON.parse(data) as WatchErrorData;
  return new LeaseholdError(code, null, 'unknown', `${endpoint} ended the watch: ${detail}`);
}

/**
 * The stream's events, and each position that it names without one. Ends with the stream, or by a throw when it has been silent for
 * too long.
 */
async function* readEvents(answer: OpenAnswer, clock: ClientClock): AsyncGenerator<StreamEvent | { readonly id: string }, void, undefined> {
  const decoder = new TextDecoder();
  const arrived: StreamEvent[] = [];
  const stream = new EventStream({ event: (event) => arrived.push(event) });
  for (;;) {
    const cancel = clock.after(SILENCE_MS, () => answer.close());
    const { done, value } = await answer.read().finally(cancel);
    if (done) return;
    stream.push(decoder.decode(value, { stream: true }));
    yield* arrived.splice(0);
    yield { id: stream.lastId };
  }
}
