// Keeps the pages of other sites from changing anything: whoever runs a browser on a machine that reaches the cluster visits strangers with it.
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.ts';

/** What a browser says of where a request comes from, when that is another origin; a page cannot set it (Fetch Metadata). */
const FOREIGN = new Set(['cross-site', 'same-site']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what a page of another origin wants changed. A browser asks first for most of that, and is told no; but a POST without a body
 * it sends at once, and that is enough to move leadership. What is no browser sends neither header.
 */
export function refuseForeignPages(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const isForeign = !READING.has(request.method) && isFromElsewhere(request.headers);
    done(
      isForeign
        ? new ApiError(
            'invalid-argument',
            'a page of another origin may change nothing here: serve it from the origin of the node, or let its own server ask',
          )
        : undefined,
    );
  });
}

/** The site is said only to https and to this machine's own addresses. To others a browser tells the origin, of all that is no read. */
function isFromElsewhere({ 'sec-fetch-site': site, origin, host }: IncomingHttpHeaders): boolean {
  if (typeof site === 'string') return FOREIGN.has(site);
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host;
}
