// Starts a server over a cluster of one, and calls it as a client would.
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import { createServer, type ServerLimits } from '../../src/api/server.ts';
import { LocalService } from './local-service.ts';

/** An answer, with the body read as JSON; null when there is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** What a call may carry. A body that is a string or bytes is sent as it is, under `application/json` unless the headers say otherwise. */
export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Harness {
  readonly service: LocalService;
  readonly server: FastifyInstance;
  /** Lines that the server logged. */
  readonly log: string[];
  call(method: string, url: string, options?: CallOptions): Promise<Answer>;
}

/** A fresh server, closed when the test is over; with `afterAll` for `atEnd`, when all tests of the group are. */
export function start(
  limits: Partial<ServerLimits> = {},
  atEnd: (close: () => Promise<void>) => void = onTestFinished,
  hostNames: readonly string[] = [],
): Harness {
  const service = new LocalService();
  const log: string[] = [];
  const server = createServer({ service, log: (line) => log.push(line), limits, hostNames });
  atEnd(() => server.close());
  return { service, server, log, call: callOf(server) };
}

/** Calls a server as {@link Harness.call} does. */
export function callOf(server: FastifyInstance): Harness['call'] {
  return (method, url, options = {}) => call(server, method, url, options);
}

/** Path of the lease that most tests speak of. */
export const L = '/v1/leases/ns/m/l';

/** Lets what was queued for later in this turn happen. */
export function settleDown(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function call(server: FastifyInstance, method: string, url: string, options: CallOptions): Promise<Answer> {
  const { body, headers = {} } = options;
  const raw = body === undefined || typeof body === 'string' || body instanceof Buffer;
  const response = await server.inject({
    method: method as 'GET',
    url,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { payload: raw ? body : JSON.stringify(body) }),
  });
  const text = response.payload;
  const json = String(response.headers['content-type'] ?? '').includes('json') && text !== '';
  return { status: response.statusCode, headers: response.headers, text, body: json ? (JSON.parse(text) as Record<string, unknown>) : {} };
}
