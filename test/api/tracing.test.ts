// Each request is a SERVER span of whatever SDK is registered through OpenTelemetry's API, with the caller's trace as its parent; without an SDK, none is made.
import { connect } from 'node:net';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, test } from 'vitest';
import { L, settleDown, start } from './harness.ts';
import { alwaysIn, type MadeSpan, TestTracing } from './test-tracer.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const CALLER = { traceparent: `00-${TRACE_ID}-${SPAN_ID}-01` };

let tracing: TestTracing | null = null;
afterEach(() => {
  tracing?.unregister();
  tracing = null;
  context.disable();
});

/** The server and the spans of the calls made to it. */
function startTraced(isRecording = true) {
  tracing = new TestTracing(isRecording);
  return { ...start(), spans: tracing.spans };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settleDown();
}

const claim = (holder: string) => ({ body: { holder, durationMs: 60_000 } });

describe('a request', () => {
  test('is one span, named by method and route, with lease, status, outcome, term and index', async () => {
    const { server, spans } = startTraced();
    // Over a real connection, whose responses forget their headers once they are sent.
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const { headers } = await fetch(`${url}${L}?`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(claim('alice').body),
    });
    await until(() => spans[0]?.ends === 1);
    expect(spans).toEqual<MadeSpan[]>([
      {
        name: 'PUT /v1/leases/:namespace/:model/:lease',
        kind: SpanKind.SERVER,
        parent: undefined,
        attributes: {
          'http.request.method': 'PUT',
          'http.route': '/v1/leases/:namespace/:model/:lease',
          'url.scheme': 'http',
          'url.path': L,
          'http.response.status_code': 201,
          'leasehold.operation': 'claim',
          'leasehold.lease': 'ns/m/l',
          'leasehold.outcome': 'done',
          'leasehold.term': Number(headers.get('leasehold-term')),
          'leasehold.index': Number(headers.get('leasehold-index')),
        },
        status: { code: SpanStatusCode.UNSET },
        ends: 1,
      },
    ]);
    expect(Number(headers.get('leasehold-index'))).toBeGreaterThan(0);
  });

  test('belongs to the trace that its caller sent', async () => {
    const { call, spans } = startTraced();
    await call('GET', '/v1/leases', { headers: CALLER });
    await call('GET', '/v1/leases', { headers: { traceparent: 'garbage' } });
    expect(spans.map(({ parent }) => parent)).toEqual([{ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1, isRemote: true }, undefined]);
  });

  test('never belongs to what is active in the process, such as the span of whoever started the node', async () => {
    const starter = trace.setSpanContext(ROOT_CONTEXT, { traceId: 'f'.repeat(32), spanId: 'f'.repeat(16), traceFlags: 1 });
    context.setGlobalContextManager(alwaysIn(starter));
    const { call, spans } = startTraced();
    await call('GET', '/v1/leases');
    expect(spans.map(({ parent }) => parent)).toEqual([undefined]);
  });

  test('that is refused has its code, and is no error of the server', async () => {
    const { call, spans } = startTraced();
    await call('PUT', L, claim('alice'));
    await call('PUT', L, claim('bob'));
    expect(spans[1]).toMatchObject({
      attributes: { 'http.response.status_code': 409, 'leasehold.outcome': 'refused', 'leasehold.code': 'claim-denied' },
      status: { code: SpanStatusCode.UNSET },
      ends: 1,
    });
    expect(spans[1]?.attributes).not.toHaveProperty('error.type');
  });

  test('that fails in the node, or is not accepted, is an error by its code', async () => {
    const { call, spans, service } = startTraced();
    service.failure = { definite: false, code: 'outcome-unknown', detail: 'the leader was lost' };
    await call('PUT', L, claim('alice'));
    service.failure = { definite: true, code: 'no-leader', detail: 'there is no leader' };
    await call('PUT', L, claim('alice'));
    expect(spans.map(({ attributes, status }) => [attributes['error.type'], attributes['leasehold.outcome'], status.code])).toEqual([
      ['outcome-unknown', 'unknown', SpanStatusCode.ERROR],
      ['no-leader', 'not_accepted', SpanStatusCode.ERROR],
    ]);
  });

  test('to no known path has no route, and its name holds nothing that a caller chose', async () => {
    const { call, spans } = startTraced();
    await call('GET', '/v1/nothing/secret?token=secret');
    expect(spans).toMatchObject([
      { name: 'GET', attributes: { 'url.path': '/v1/nothing/secret', 'leasehold.code': 'not-found', 'http.response.status_code': 404 } },
    ]);
    expect(spans[0]?.attributes).not.toHaveProperty('http.route');
    expect(JSON.stringify(spans)).not.toContain('token');
  });

  test('whose caller hangs up while it waits ends then, without a status, once', async () => {
    const { server, call, spans } = startTraced();
    await call('PUT', L, claim('alice'));
    const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(url.port), url.hostname);
    socket.write(`GET ${L}/expired HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await until(() => spans.length === 2);
    expect(spans[1]?.ends).toBe(0);
    socket.destroy();
    await until(() => spans[1]?.ends === 1);
    expect(spans[1]?.attributes).not.toHaveProperty('http.response.status_code');
    await call('DELETE', `${L}?holder=alice`);
    expect(spans[1]?.ends).toBe(1);
  });

  test('that watches is a span as long as the watch', async () => {
    const { server, spans } = startTraced();
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const abort = new AbortController();
    const answer = await fetch(`${url}/v1/watch`, { signal: abort.signal });
    expect(answer.status).toBe(200);
    expect(spans).toMatchObject([{ name: 'GET /v1/watch', ends: 0 }]);
    abort.abort();
    await until(() => spans[0]?.ends === 1);
  });
});

test('a span that the sampler has left out is given nothing more', async () => {
  const { call, spans } = startTraced(false);
  await call('PUT', L, claim('alice'));
  expect(spans).toHaveLength(1);
  expect(spans[0]?.attributes).not.toHaveProperty('http.response.status_code');
});

test('an SDK may be registered after the server was made, and nothing is made before', async () => {
  const { call } = start();
  expect((await call('PUT', L, claim('alice'))).status).toBe(201);
  tracing = new TestTracing();
  await call('GET', L);
  expect(tracing.spans.map(({ name }) => name)).toEqual(['GET /v1/leases/:namespace/:model/:lease']);
});
