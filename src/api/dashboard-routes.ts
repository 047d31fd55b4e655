// The dashboard: the page at `/`, its files, the feed that it asks one node for a few times a second, and what it asks every node once a second.
import type { NodeReport } from '../contract/dashboard.ts';
import type { Api, ApiReply, ApiRequest, ApiServer } from './api.ts';
import { dashboardFeed, LastEvents } from './dashboard-feed.ts';
import type { DashboardPage } from './dashboard-pages.ts';
import { readInteger } from './query.ts';
import { type RecentTraffic, TRAFFIC_BOUNDS_MS } from './recent-traffic.ts';
import { sendBody, sendFailure } from './reply.ts';
import { stamp } from './stamp.ts';

/** What a dashboard is made of. */
export interface Dashboard {
  readonly pages: readonly DashboardPage[];
  /** URL at which the process that started all nodes takes orders; null where there is none, and then no button is shown. */
  readonly control: string | null;
}

/** Stands in the page where it is told whom its policy lets it ask. */
const ASKS = '%asks%';

/** Registers the page, its files, its feed and the node's report. */
export function dashboardRoutes(server: ApiServer, api: Api, { pages, control }: Dashboard, traffic: RecentTraffic): void {
  const { service } = api;
  const lastEvents = new LastEvents(service.events);

  for (const { name, type, content } of pages) {
    server.get(name === 'index.html' ? '/' : `/dashboard/${name}`, (_request, reply: ApiReply) => {
      const members = origins(api);
      stamp(service, reply);
      reply.header('content-type', type);
      reply.header('content-security-policy', contentPolicy([...members, ...(control === null ? [] : [control])]));
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
      reply.header('cache-control', 'no-cache');
      // The page must know it in order to load itself anew once it should ask a member that its policy does not know.
      reply.send(name === 'index.html' ? content.toString().replace(ASKS, members.join(' ')) : content);
    });
  }

  server.get('/dashboard/feed', (request, reply) => {
    letMembersRead(api, request, reply);
    // This node's own view: a dashboard is wanted most while there is no leader to confirm it.
    service.read('stale', (result) => {
      if (result.kind === 'failed') sendFailure(service, reply, result.failure);
      else sendBody(service, reply, 200, dashboardFeed(service, result.view, lastEvents, control));
    });
  });

  server.get('/dashboard/node', { config: { query: ['after'] } }, (request, reply) => {
    letMembersRead(api, request, reply);
    const { node, leader, term, appliedIndex } = service.status();
    const seconds = traffic.after(readInteger(request, 'after', 0, Number.MAX_SAFE_INTEGER) ?? -1);
    const { clockS } = traffic;
    const report: NodeReport = {
      ...{ node, role: service.figures().role, leader, term, appliedIndex },
      ...{ clockS, boundsMs: TRAFFIC_BOUNDS_MS, seconds },
    };
    sendBody(service, reply, 200, report);
  });
}

// Nothing but our own files and the cluster's own nodes: whatever a holder calls itself, no script of its comes to life, and no other host is asked.
function contentPolicy(connect: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ['connect-src', "'self'", ...connect].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Where the members' own dashboards are. */
function origins(api: Api): string[] {
  return api.service.status().members.flatMap(({ http }) => (/^[\w.:[\]-]+$/.test(http) ? [`http://${http}`] : []));
}

// The page of a node that has died goes on with the others, so theirs may read this feed, and no other site may.
function letMembersRead(api: Api, request: ApiRequest, reply: ApiReply): void {
  const { origin } = request.raw.headers;
  reply.header('vary', 'origin');
  if (origin !== undefined && origins(api).includes(origin.replace('//localhost:', '//127.0.0.1:')))
    reply.header('access-control-allow-origin', origin);
}
