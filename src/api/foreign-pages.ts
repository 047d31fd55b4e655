// Keeps the pages of other sites from changing anything: whoever runs a browser on a machine that reaches the cluster visits strangers with it.
import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.ts';

/** What a browser says of where a request comes from, when that is another origin; a page cannot set it (Fetch Metadata). */
const FOREIGN = new Set(['cross-site', 'same-site']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what a page of another origin wants changed. A browser asks first for most of that, and is told no; but a POST without a body
 * it sends at once, and that is enough to move leadership. What is no browser sends no such header.
 */
export function refuseForeignPages(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const site = request.headers['sec-fetch-site'];
    const isForeign = !READING.has(request.method) && typeof site === 'string' && FOREIGN.has(site);
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
