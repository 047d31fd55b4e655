// Builds the HTTP server of a node: strict parsing, one form of error, and the routes.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance } from 'fastify';
import { FORMATS } from '../contract/formats.ts';
import { BODY_MAX_BYTES, HEAD_MAX_BYTES } from '../contract/limits.ts';
import type { Log } from '../log.ts';
import type { Service } from '../replica/service.ts';
import type { Api, ApiServer } from './api.ts';
import { batchRoutes } from './batch-routes.ts';
import { clusterRoutes } from './cluster-routes.ts';
import { type ConnectionLimits, DEFAULT_CONNECTION_LIMITS } from './connection-limits.ts';
import { Connections } from './connections.ts';
import { type Dashboard, dashboardRoutes } from './dashboard-routes.ts';
import { answerOddRequests, answerUnreadable, sendError } from './errors.ts';
import { controlFlow } from './flow-control.ts';
import { refuseForeignPages } from './foreign-pages.ts';
import { healthRoutes } from './health-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { HostNames, refuseMisdirected } from './host-names.ts';
import { readJsonBodies, WAITING_BODIES_MAX_BYTES } from './json-bodies.ts';
import { kvRoutes } from './kv-routes.ts';
import { LargeWork } from './large-work.ts';
import { leaseListRoutes } from './lease-list-routes.ts';
import { leaseRoutes } from './lease-routes.ts';
import { lessorRoutes } from './lessor-routes.ts';
import { memberRoutes } from './member-routes.ts';
import { metricsRoutes, type ProcessGauges } from './metrics-routes.ts';
import { OpenApi } from './openapi.ts';
import { openApiRoutes } from './openapi-routes.ts';
import { pinRoutes } from './pin-routes.ts';
import { parseQuery } from './query.ts';
import { RecentTraffic } from './recent-traffic.ts';
import { checkRequests } from './request-checks.ts';
import { RequestLatency } from './request-latency.ts';
import { logRequests } from './request-log.ts';
import { traceRequests } from './tracing.ts';
import { txnRoutes } from './txn-routes.ts';
import { waitRoutes } from './wait-routes.ts';
import { Waits } from './waits.ts';
import { watchRoutes } from './watch-routes.ts';
import { Watchers } from './watchers.ts';

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
  /** Names, without ports, by which clients may call the node beside its IP addresses and `localhost`. */
  readonly hostNames?: readonly string[];
  /** Whether the node is about to stop and not ready any more, though it still serves. */
  readonly isDraining?: () => boolean;
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
      // Judged with all other values of the header, in the form of every other error.
      requireHostHeader: false,
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
    clientErrorHandler: (error, socket) => {
      // The client would take what is said now for the answer to its earlier request.
      if (connections.owesAnswer(socket)) socket.destroy();
      else answerUnreadable(service, error, socket);
    },
  });
  // Node would drop the headers beyond its own limit silently, conditions among them. The bytes of the head are limit enough.
  fastify.server.maxHeadersCount = 0;
  const connections = new Connections(fastify.server, limits, (isActive) => service.alarms.set('fds', isActive));
  const api: Api = { service, waits, watchers, connections, largeWork: new LargeWork(WAITING_BODIES_MAX_BYTES) };
  answerOddRequests(service, fastify.server);
  fastify.setErrorHandler((error, request, reply) => sendError(service, reply, error, log, request.routeOptions.bodyLimit));
  fastify.decorateReply('problemCode', null);
  traceRequests(fastify);
  const traffic = new RecentTraffic();
  const latency = new RequestLatency(traffic);
  latency.measure(fastify);
  controlFlow(fastify, connections);
  refuseMisdirected(fastify, new HostNames(options.hostNames ?? []));
  refuseForeignPages(fastify);
  readJsonBodies(fastify, api.largeWork);
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
  healthRoutes(server, api, options.isDraining ?? (() => false));
  if (options.dashboard !== undefined) dashboardRoutes(server, api, options.dashboard, traffic);
  metricsRoutes(server, api, latency, options.gauges ?? {});
  openApiRoutes(server, api, openApi);
  return fastify;
}

function ajvFormats(): Record<string, (text: string) => boolean> {
  return Object.fromEntries(Object.entries(FORMATS).map(([name, { test }]) => [name, test]));
}
