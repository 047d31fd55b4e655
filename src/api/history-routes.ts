// GET L/history: what became of a lease, for whoever asks why it was lost.
import { ClaimPath } from '../contract/claims.ts';
import { HistoryReply } from '../contract/history.ts';
import type { Api, ApiServer } from './api.ts';
import { sendProblem } from './errors.ts';
import { keyOf, LEASE_URL } from './lease-routes.ts';
import { read, sendBody } from './reply.ts';

/** Registers the history of a lease. */
export function historyRoutes(server: ApiServer, api: Api): void {
  server.get(
    `${LEASE_URL}/history`,
    { schema: { params: ClaimPath, response: { 200: HistoryReply } }, config: { query: ['consistency'] } },
    (request, reply) => {
      const key = keyOf(request.params);
      read(api, request, reply, ({ state, index }) => {
        const view = state.history(key);
        if (view === null) sendProblem(api.service, reply, 'lease-not-found', 'nothing is known of the lease', { index });
        else sendBody(api.service, reply, 200, { history: [...view.items], truncated: view.truncated, index } satisfies HistoryReply);
      });
    },
  );
}
