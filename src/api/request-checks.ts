// What is checked before a handler runs, for all routes alike: whether the node takes requests, path, query, conditions, names, and body.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkLeaseName } from '../contract/secretaries.ts';
import { DONE, sendAnswer } from './answer.ts';
import type { Api, ApiReply } from './api.ts';
import { checkConditionHeaders, conditionInTrailers, NO_CONDITIONS } from './condition-headers.ts';
import { invalidArgument, sendProblem } from './errors.ts';
import { LIVE_URL } from './health-routes.ts';
import { KnownPaths } from './known-paths.ts';
import { checkQuery } from './query.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Names of the query parameters that the route takes; none when absent. */
    readonly query?: readonly string[];
  }
}

/** Begins to check; before any route is registered. */
export function checkRequests(fastify: FastifyInstance, api: Api): void {
  checkHeads(fastify, api);
  fastify.addHook('preValidation', (request, _reply, done) => {
    // The secretaries judge the lease before anything in the body is looked at, so that the first thing wrong is the one told.
    done(faultOfLease(request) ?? faultOfBody(request) ?? conditionInTrailers(request.raw));
  });
}

// Before a body is read.
function checkHeads(fastify: FastifyInstance, api: Api): void {
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
      answerUnknown(api, paths, request, reply);
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
  fastify.setNotFoundHandler((request, reply) => answerUnknown(api, paths, request, reply));
}

function answerUnknown(api: Api, paths: KnownPaths, request: FastifyRequest, reply: ApiReply): void {
  const methods = request.url === '*' ? paths.allMethods() : paths.methodsOf(request.url);
  if (methods.length === 0) {
    sendProblem(api.service, reply, 'not-found', 'there is no such path: GET /openapi.json lists all paths');
    return;
  }
  reply.header('allow', [...methods, 'OPTIONS'].join(', '));
  // A browser that asks by it whether a page of another origin may call finds no permission in the answer.
  if (request.method === 'OPTIONS') sendAnswer(api.service, reply, DONE);
  else sendProblem(api.service, reply, 'method-not-allowed', `the path takes ${methods.join(', ')}`);
}

function faultOfLease({ params }: FastifyRequest): Error | undefined {
  const { namespace, model, lease } = params as { namespace?: string; model?: string; lease?: string };
  if (namespace === undefined || model === undefined || lease === undefined) return undefined;
  const fault = checkLeaseName(namespace, model, lease);
  return fault === null ? undefined : invalidArgument(fault);
}

/** A body for a route that reads none might be meant to change what the call does. Only an empty object surely is not. */
function faultOfBody({ body, routeOptions }: FastifyRequest): Error | undefined {
  if (body === undefined || routeOptions.schema?.body !== undefined) return undefined;
  const isEmpty = typeof body === 'object' && body !== null && !Array.isArray(body) && Object.keys(body).length === 0;
  return isEmpty ? undefined : invalidArgument('this call takes no body');
}

// Node lets bytes beyond ASCII through, and the router would cut a path at '#': both would name another lease than was meant.
function isPlainUrl(url: string): boolean {
  for (let at = 0; at < url.length; at++) {
    const code = url.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return true;
}
