// A line of log for each request, for those who asked for `debug`: what it was, about which lease, and how it ended.
import type { FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { leaseNameOf, operationNameOf, stampedOn } from './request-facts.ts';

/** What would begin another line, or command a terminal. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** Begins to tell; before any route is registered. A caller who hung up got no answer and has no line. */
export function logRequests(fastify: FastifyInstance, log: Log): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const operation = operationNameOf(request);
    const lease = leaseNameOf(request);
    const status = reply.statusCode;
    const code = reply.problemCode ?? undefined;
    const durationMs = Math.round(reply.elapsedTime * 1_000) / 1_000;
    const outcome = code === undefined ? `${status}` : `${status} ${code}`;
    // Also a name that was refused is told.
    const about = lease === undefined ? operation : `${operation} ${lease.replace(CONTROL, encodeURIComponent)}`;
    log(`${about}: ${outcome} in ${durationMs} ms`, 'debug', {
      ...{ operation, lease, status, code, durationMs },
      ...stampedOn(reply),
    });
    done();
  });
}
