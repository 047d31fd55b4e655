// Connects the routes with the limits of connections: which answers may be large, and when a request begins and ends.
import type { FastifyInstance, onSendHookHandler } from 'fastify';
import type { Connections } from './connections.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Room that the route's answers might need, in bytes; 0 if they are always small or made once for all. */
    answerReserveBytes?: number;
  }
}

const PAGE_BYTES = 1024 * 1024;
const RESULTS_BYTES = 64 * 1024;
/** By operation. Pages are filled whatever is asked for; results are as large as the request makes them. */
const RESERVES: Readonly<Record<string, number>> = {
  'list-claims': PAGE_BYTES,
  'list-claims-of-model': PAGE_BYTES,
  'list-pins': PAGE_BYTES,
  'list-pins-of-model': PAGE_BYTES,
  'list-grants': PAGE_BYTES,
  'get-grant': PAGE_BYTES,
  'list-keys': PAGE_BYTES,
  'get-key': RESULTS_BYTES,
  'get-history': RESULTS_BYTES,
  txn: RESULTS_BYTES,
  batch: RESULTS_BYTES,
};

/** Begins to control the flow; after operations are named and before any other hook of a request. */
export function controlFlow(fastify: FastifyInstance, connections: Connections): void {
  fastify.addHook('onRoute', (route) => {
    const reserve = RESERVES[route.config?.operation ?? ''] ?? 0;
    route.config = { ...route.config, answerReserveBytes: reserve };
    if (reserve === 0) return;
    // Of these routes alone, so that the others are as fast as before.
    const sized: onSendHookHandler = (request, _reply, payload, done) => {
      const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
      connections.sized(request.raw, bytes);
      done(null, payload);
    };
    route.onSend = [sized, ...[route.onSend ?? []].flat()];
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const { answerReserveBytes = 0 } = request.routeOptions.config;
    connections.admit(request.raw, reply.raw, answerReserveBytes, done);
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    connections.finished(request.raw);
    done();
  });
}
