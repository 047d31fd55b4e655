// Whether the node lives, and whether it can serve.
import { HealthReply } from '../contract/cluster.ts';
import type { Api, ApiServer } from './api.ts';
import { sendProblem } from './errors.ts';
import { sendBody } from './reply.ts';

/** How long a node may take to reach the leader and still count as ready, in milliseconds. */
const READY_WITHIN_MS = 1000;

/** Path that answers as long as the process turns, even while it is stopping. */
export const LIVE_URL = '/livez';

/** Registers the routes of health. */
export function healthRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  server.get(LIVE_URL, { schema: { response: { 200: HealthReply } } }, (_request, reply) => {
    sendBody(service, reply, 200, { status: 'ok' });
  });

  server.get('/readyz', { schema: { response: { 200: HealthReply } } }, (_request, reply) => {
    let answered = false;
    const timer = setTimeout(() => {
      answered = true;
      sendProblem(service, reply, 'no-leader', `no leader confirmed a read within ${READY_WITHIN_MS} ms`);
    }, READY_WITHIN_MS);
    service.read('linearizable', (result) => {
      if (answered) return;
      clearTimeout(timer);
      if (result.kind === 'view') sendBody(service, reply, 200, { status: 'ok' });
      else sendProblem(service, reply, 'no-leader', result.failure.detail);
    });
  });
}
