// GET /v1/watch: what happens to claims and keys, as server-sent events.
import { parseWatchId, type WatchId } from '../contract/watch.ts';
import type { Api, ApiRequest, ApiServer } from './api.ts';
import { invalidArgument } from './errors.ts';
import { NO_STORE, stampValues } from './stamp.ts';
import { FILTER_PARAMETERS, readFilter } from './watch-filter.ts';

/** Registers the watch. */
export function watchRoutes(server: ApiServer, api: Api): void {
  server.get('/v1/watch', { config: { query: FILTER_PARAMETERS }, exposeHeadRoute: false }, (request, reply) => {
    const wanted = readFilter(request);
    const id = readLastEventId(request);
    api.watchers.open(reply.raw, wanted, id, () => {
      reply.hijack();
      api.connections.streams(request.raw);
      const [node, leader, term, index] = stampValues(api.service);
      reply.raw.writeHead(200, {
        'leasehold-node': node,
        'leasehold-leader': leader,
        'leasehold-term': term,
        'leasehold-index': index,
        'content-type': 'text/event-stream',
        'cache-control': `${NO_STORE}, no-transform`,
        // Proxies of nginx's kind keep short answers back otherwise.
        'x-accel-buffering': 'no',
        connection: 'close',
      });
      reply.raw.flushHeaders();
    });
  });
}

function readLastEventId({ raw }: ApiRequest): WatchId | null {
  const text = raw.headers['last-event-id'];
  if (text === undefined) return null;
  const id = typeof text === 'string' ? parseWatchId(text) : null;
  if (id === null) throw invalidArgument('last-event-id must be <index>.<position>, as it came with an event');
  return id;
}
