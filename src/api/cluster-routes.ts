// The cluster's own affairs: status as the asked node sees it, and handing over leadership.
import { ClusterReply, TransferBody, TransferReply } from '../contract/cluster.ts';
import type { Api, ApiServer } from './api.ts';
import { allowEmptyBody } from './empty-body.ts';
import { sendProblem } from './errors.ts';
import { readConsistency } from './query.ts';
import { sendBody } from './reply.ts';

/** Registers the routes of the cluster. */
export function clusterRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  server.get('/v1/cluster', { schema: { response: { 200: ClusterReply } }, config: { query: ['consistency'] } }, (request, reply) => {
    // Always the asked node's own view, whatever is asked for; a wrong word is still an error.
    readConsistency(request);
    const { appliedIndex, ...status } = service.status();
    sendBody(service, reply, 200, { ...status, index: appliedIndex });
  });

  server.post(
    '/v1/cluster/transfer',
    { schema: { body: TransferBody, response: { 200: TransferReply } }, preValidation: allowEmptyBody },
    (request, reply) => {
      service.transfer(request.body.to ?? null, (result) => {
        if (result.ok) sendBody(service, reply, 200, { leader: result.leader, term: result.term } satisfies TransferReply);
        else sendProblem(service, reply, result.code, result.detail);
      });
    },
  );
}
