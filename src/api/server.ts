// Builds the HTTP server of a node: strict parsing, one form of error, and the routes.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { FORMATS } from '../contract/formats.ts';
import { BODY_MAX_BYTES, HEAD_MAX_BYTES } from '../contract/limits.ts';
import { checkLeaseName } from '../contract/secretaries.ts';
import type { Log } from '../log.ts';
import type { Service } from '../replica/service.ts';
import type { Api, ApiServer } from './api.ts';
import { batchRoutes } from './batch-routes.ts';
import { clusterRoutes } from './cluster-routes.ts';
import { checkConditionHeaders, conditionInTrailers, NO_CONDITIONS } from './condition-headers.ts';
import { type ConnectionLimits, Connections, DEFAULT_CONNECTION_LIMITS } from './connections.ts';
import { type Dashboard, dashboardRoutes } from './dashboard-routes.ts';
import { answerUnreadable, invalidArgument, sendError, sendProblem } from './errors.ts';
import { controlFlow } from './flow-control.ts';
import { refuseForeignPages } from './foreign-pages.ts';
import { healthRoutes, LIVE_URL } from './health-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { readJsonBodies } from './json-bodies.ts';
import { KnownPaths } from './known-paths.ts';
import { kvRoutes } from './kv-routes.ts';
import { leaseListRoutes } from './lease-list-routes.ts';
import { leaseRoutes } from './lease-routes.ts';
import { lessorRoutes } from './lessor-routes.ts';
import { memberRoutes } from './member-routes.ts';
import { metricsRoutes, type ProcessGauges } from './metrics-routes.ts';
import { OpenApi } from './openapi.ts';
import { openApiRoutes } from './openapi-routes.ts';
import { pinRoutes } from './pin-routes.ts';
import { checkQuery, parseQuery } from './query.ts';
import { RecentTraffic } from './recent-traffic.ts';
import { RequestLatency } from './request-latency.ts';
import { logRequests } from './request-log.ts';
import { traceRequests } from './tracing.ts';
import { txnRoutes } from './txn-routes.ts';
import { waitRoutes } from './wait-routes.ts';
import { Waits } from './waits.ts';
import { watchRoutes } from './watch-routes.ts';
import { Watchers } from './watchers.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Names of the query parameters that the route takes; none when absent. */
    readonly query?: readonly string[];
  }
}

/** Limits of one node's server. */
export interface ServerLimits extends ConnectionLimits {
  /** Requests that wait for something to happen; one more is refused as overloaded. */
  readonly waitsMax: number;
  /** Watches at a time; one more is refused as overloaded. */
  readonly watchersMax: number;
  /** A watch whose reader takes nothing for so long is ended, in milliseconds. */
  readonly watchStallMs: number;
  /** How long the headers of a request may take to arrive, in milliseconds. */
  readonly headersTimeoutMs: number;
  /** How long a whole request may take to arrive, in milliseconds. Answers may take as long as they like. */
  readonly requestTimeoutMs: number;
  /** How long a connection may be idle between requests, in milliseconds. */
  readonly keepAliveMs: number;
}

/** What the server allows unless told otherwise. */
export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  ...DEFAULT_CONNECTION_LIMITS,
  waitsMax: 20_000,
  watchersMax: 4_096,
  watchStallMs: 30_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 60_000,
};

/** What a server is made of. */
export interface ServerOptions {
  readonly service: Service;
  /** Takes one line for each fault of ours; without it they are only answered. */
  readonly log?: Log;
  /** Whether each request has a line, too, of level `debug`. */
  readonly logRequests?: boolean;
  readonly limits?: Partial<ServerLimits>;
  /** Without it there is no page at `/`. */
  readonly dashboard?: Dashboard;
  /** What is measured elsewhere in the process and told under /metrics. */
  readonly gauges?: ProcessGauges;
}

/** Between two looks for connections that are too slow, in milliseconds. */
const SLOW_CONNECTION_CHECK_MS = 1000;

/** Longer than any request line that Node accepts: the length of names is judged by their own rules. */
const PATH_PART_MAX_LENGTH = 64 * 1024;

/** Makes the server; `listen` starts it, `close` fails what waits, answers what is under way, and ends. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { service } = options;
  const limits: ServerLimits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
  const log = options.log ?? (() => undefined);
  const waits = new Waits(limits.waitsMax);
  const watchers = new Watchers(service, waits, limits.watchersMax, limits.watchStallMs);

  const fastify = Fastify({
    bodyLimit: BODY_MAX_BYTES,
    keepAliveTimeout: limits.keepAliveMs,
    requestTimeout: limits.requestTimeoutMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: SLOW_CONNECTION_CHECK_MS,
      maxHeaderSize: HEAD_MAX_BYTES,
    },
    // Ours below, in the form of every other error.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: PATH_PART_MAX_LENGTH,
      querystringParser: (text) => parseQuery(text) as unknown as Record<string, unknown>,
    },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: false,
        allowUnionTypes: true,
        formats: ajvFormats(),
      },
    },
    frameworkErrors: (error, _request, reply) => sendError(service, reply, error, log),
    clientErrorHandler: (error, socket) => answerUnreadable(service, error, socket),
  });
  // Node would drop the headers beyond its own limit silently, conditions among them. The bytes of the head are limit enough.
  fastify.server.maxHeadersCount = 0;
  const connections = new Connections(fastify.server, limits);
  const api: Api = { service, waits, watchers, connections };
  fastify.setErrorHandler((error, request, reply) => sendError(service, reply, error, log, request.routeOptions.bodyLimit));
  fastify.decorateReply('problemCode', null);
  traceRequests(fastify);
  const traffic = new RecentTraffic();
  const latency = new RequestLatency(traffic);
  latency.measure(fastify);
  controlFlow(fastify, connections);
  refuseForeignPages(fastify);
  readJsonBodies(fastify);
  checkLeaseNames(fastify);
  checkRequests(fastify, api);
  if (options.logRequests === true) logRequests(fastify, log);
  const openApi = new OpenApi();
  fastify.addHook('onRoute', (route) => openApi.add(route));
  fastify.addHook('preClose', (done) => {
    // A connection whose last answer goes out from now on is not kept for another request.
    fastify.server.keepAliveTimeout = 1;
    waits.stop();
    connections.stop();
    done();
  });

  const server: ApiServer = fastify.withTypeProvider<TypeBoxTypeProvider>();
  leaseRoutes(server, api);
  leaseListRoutes(server, api);
  waitRoutes(server, api);
  historyRoutes(server, api);
  watchRoutes(server, api);
  pinRoutes(server, api);
  lessorRoutes(server, api);
  kvRoutes(server, api);
  txnRoutes(server, api);
  batchRoutes(server, api);
  clusterRoutes(server, api);
  memberRoutes(server, api);
  healthRoutes(server, api);
  if (options.dashboard !== undefined) dashboardRoutes(server, api, options.dashboard, traffic);
  metricsRoutes(server, api, latency, options.gauges ?? {});
  openApiRoutes(server, api, openApi);
  return fastify;
}

function ajvFormats(): Record<string, (text: string) => boolean> {
  return Object.fromEntries(Object.entries(FORMATS).map(([name, { test }]) => [name, test]));
}

// The secretaries judge the lease before anything in the body is looked at, so that the first thing wrong is the one told.
function checkLeaseNames(fastify: FastifyInstance): void {
  fastify.addHook('preValidation', (request, _reply, done) => {
    const { namespace, model, lease } = request.params as { namespace?: string; model?: string; lease?: string };
    const fault = namespace !== undefined && model !== undefined && lease !== undefined ? checkLeaseName(namespace, model, lease) : null;
    done(fault === null ? undefined : invalidArgument(fault));
  });
}

// Before a body is read: whether the node still takes requests, whether the path is known, and whether URL and query are sound.
function checkRequests(fastify: FastifyInstance, api: Api): void {
  const { service, waits } = api;
  const paths = new KnownPaths();
  fastify.addHook('onRoute', ({ url, method }) => paths.add(url, Array.isArray(method) ? method : [method]));
  fastify.addHook('onRequest', (request, reply, done) => {
    if (waits.stopping && request.url !== LIVE_URL) {
      reply.header('connection', 'close');
      sendProblem(service, reply, 'stopping', 'the node is stopping');
      return;
    }
    if (request.is404) {
      refuseUnknown(api, paths, request, reply);
      return;
    }
    if (!isPlainUrl(request.url)) {
      done(invalidArgument('the URL has a character that must be percent-encoded'));
      return;
    }
    try {
      const { query = [], conditions = NO_CONDITIONS } = request.routeOptions.config;
      checkQuery(request.query, query);
      checkConditionHeaders(request.raw, conditions);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  // A trailer arrives behind the body.
  fastify.addHook('preValidation', (request, _reply, done) => {
    done(conditionInTrailers(request.raw));
  });
  fastify.setNotFoundHandler((request, reply) => refuseUnknown(api, paths, request, reply));
}

function refuseUnknown(api: Api, paths: KnownPaths, request: FastifyRequest, reply: Parameters<typeof sendProblem>[1]): void {
  const methods = paths.methodsOf(request.url);
  if (methods.length === 0) {
    sendProblem(api.service, reply, 'not-found', 'there is no such path');
    return;
  }
  reply.header('allow', methods.join(', '));
  sendProblem(api.service, reply, 'method-not-allowed', `the path takes ${methods.join(', ')}`);
}

// Node lets bytes beyond ASCII through, and the router would cut a path at '#': both would name another lease than was meant.
function isPlainUrl(url: string): boolean {
  for (let at = 0; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return true;
}
