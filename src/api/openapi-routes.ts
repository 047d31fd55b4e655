// GET /openapi.json: the contract for programs that make clients of it.
import type { Api, ApiServer } from './api.ts';
import type { OpenApi } from './openapi.ts';
import { stamp } from './stamp.ts';

/** Registers the route; all routes must be in when it is first asked. */
export function openApiRoutes(server: ApiServer, { service }: Api, openApi: OpenApi): void {
  let document: Buffer | null = null;
  server.get('/openapi.json', (_request, reply) => {
    document ??= Buffer.from(String(openApi));
    stamp(service, reply);
    reply.header('content-type', 'application/json');
    reply.send(document);
  });
}
