// How long requests took, for each operation and each of the ends that a call can have.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Histogram } from '../histogram.ts';
import { operationOf } from './operations.ts';
import type { RecentTraffic } from './recent-traffic.ts';
import { operationNameOf } from './request-facts.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the route's operation; set for every route when it is registered. */
    operation?: string;
    /** Whether its calls are what the cluster is there for, and not about the cluster or this program. */
    isTraffic?: boolean;
  }
}

/** A claim that is ready to queue: how long that takes says nothing of how fast claims are. */
const QUEUED_CLAIM = 'claim-in-turn';
/** Operations that take as long as they were told to wait. */
const WAITING = new Set([QUEUED_CLAIM, 'wait-expired', 'watch']);

/** The four ends of a call. */
export type CallEnd = 'done' | 'refused' | 'not_accepted' | 'unknown';

/** The end that a status tells. What is wrong with the request, the state or the time refuses; a fault of ours may have done anything. */
export function endOf(status: number): CallEnd {
  if (status < 400) return 'done';
  if (status === 429 || status === 503) return 'not_accepted';
  return status < 500 ? 'refused' : 'unknown';
}

/** Measures answers, each from the moment when its request's headers were read. A caller who hung up gets none and counts nowhere; nor do watches. */
export class RequestLatency {
  /** By operation, then end; each made with its first answer. Bounded, because operations are routes. */
  readonly #histograms = new Map<string, Map<CallEnd, Histogram>>();
  readonly #traffic: RecentTraffic;

  /** Tells `traffic` of the calls that plots are drawn of. */
  constructor(traffic: RecentTraffic) {
    this.#traffic = traffic;
  }

  /** Begins to measure; before any route is registered. */
  measure(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', (route) => {
      const [method = ''] = [route.method].flat();
      const isTraffic = route.url.startsWith('/v1/') && !route.url.startsWith('/v1/cluster');
      route.config = { ...route.config, operation: operationOf(method, route.url).name, isTraffic };
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      const operation = nameOf(request);
      // A watch that was let in has no answer, only an end.
      const end = endOf(reply.statusCode);
      if (operation !== 'watch' || reply.statusCode >= 400) this.observe(operation, end, reply.elapsedTime);
      if (request.routeOptions.config.isTraffic === true && !WAITING.has(operation)) this.#note(end, reply.elapsedTime);
      done();
    });
  }

  /** Adds an answer that took so many milliseconds. */
  observe(operation: string, end: CallEnd, durationMs: number): void {
    let ends = this.#histograms.get(operation);
    if (ends === undefined) {
      ends = new Map();
      this.#histograms.set(operation, ends);
    }
    let histogram = ends.get(end);
    if (histogram === undefined) {
      histogram = new Histogram();
      ends.set(end, histogram);
    }
    histogram.observe(durationMs);
  }

  #note(end: CallEnd, durationMs: number): void {
    if (end === 'done' || end === 'refused') this.#traffic.answered(durationMs);
    else this.#traffic.failed();
  }

  /** All that were observed. */
  *series(): Iterable<readonly [labels: { readonly operation: string; readonly outcome: CallEnd }, histogram: Histogram]> {
    for (const [operation, ends] of this.#histograms) for (const [outcome, histogram] of ends) yield [{ operation, outcome }, histogram];
  }
}

function nameOf(request: FastifyRequest): string {
  const operation = operationNameOf(request);
  if (operation !== 'claim') return operation;
  const { waitMs = 0 } = (request.body ?? {}) as { readonly waitMs?: unknown };
  return waitMs === 0 ? operation : QUEUED_CLAIM;
}
