// OpenTelemetry: a SERVER span for each request, through the API package alone. Whoever runs the node registers an SDK, or nothing is made.
import {
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { onConnectionClosed } from './hang-up.ts';
import { leaseNameOf, operationNameOf, stampedOn } from './request-facts.ts';
import { endOf } from './request-latency.ts';

/** The instrumentation's name, by which an SDK can be told to leave it out. */
const TRACER = 'leasehold';

/** Begins to trace; before any other hook, so that no request ends before its span has begun. */
export function traceRequests(fastify: FastifyInstance): void {
  let tracer: Tracer | null = null;
  fastify.addHook('onRequest', (request, reply, done) => {
    tracer ??= registeredTracer();
    if (tracer !== null) beginSpan(tracer, request, reply);
    done();
  });
}

/** Null while no SDK is registered, which may come later. Asked for each request until then: it is a look at a global. */
function registeredTracer(): Tracer | null {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider && provider.getDelegateTracer(TRACER) === undefined) return null;
  return provider.getTracer(TRACER);
}

/**
 * The span's parent is what the caller sent (`traceparent`), never what is active here: the context of a server is whoever started it, for
 * ever. It ends when the answer has been written, or, without a status, when its caller has hung up; a watch's lasts as long as the watch.
 */
function beginSpan(tracer: Tracer, request: FastifyRequest, reply: FastifyReply): void {
  const route = request.routeOptions.url;
  const span = tracer.startSpan(
    route === undefined ? request.method : `${request.method} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': request.method,
        ...(route === undefined ? {} : { 'http.route': route }),
        'url.scheme': 'http',
        'url.path': pathOf(request.url),
        'leasehold.operation': operationNameOf(request),
      },
    },
    propagation.extract(ROOT_CONTEXT, request.headers),
  );
  // One that the sampler has left out.
  if (!span.isRecording()) return;
  const lease = leaseNameOf(request);
  if (lease !== undefined) span.setAttribute('leasehold.lease', lease);
  const forget = onConnectionClosed(reply.raw, () => span.end());
  reply.raw.once('finish', () => {
    forget();
    endSpan(span, reply);
  });
}

function endSpan(span: Span, reply: FastifyReply): void {
  const { statusCode } = reply.raw;
  const { problemCode: code } = reply;
  const { term, index } = stampedOn(reply);
  span.setAttribute('http.response.status_code', statusCode);
  span.setAttribute('leasehold.outcome', endOf(statusCode));
  if (code !== null) span.setAttribute('leasehold.code', code);
  if (term !== undefined) span.setAttribute('leasehold.term', term);
  if (index !== undefined) span.setAttribute('leasehold.index', index);
  // By the conventions what a client did wrong is no error of the server.
  if (statusCode >= 500) {
    span.setAttribute('error.type', code ?? String(statusCode));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
