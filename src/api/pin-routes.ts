// Pins: PUT and DELETE on one, and their lists.
import { PinList, PinPath } from '../contract/claims.ts';
import { NoBody, ScopePath } from '../contract/shapes.ts';
import type { Api, ApiReply, ApiRequest, ApiServer } from './api.ts';
import { readClaimCursor, writeCursor } from './cursors.ts';
import { allowEmptyBody } from './empty-body.ts';
import { keyOf, LEASE_URL } from './lease-routes.ts';
import { readLimit, readText } from './query.ts';
import { acceptDone, change, read, sendBody } from './reply.ts';

/** Registers the routes of pins. */
export function pinRoutes(server: ApiServer, api: Api): void {
  const schema = { schema: { params: PinPath, body: NoBody }, preValidation: allowEmptyBody };
  server.put(`${LEASE_URL}/pins/:entity`, schema, (request, reply) => {
    change(api, request, reply, {
      command: { kind: 'pin', key: keyOf(request.params), entity: request.params.entity },
      accept: acceptDone,
    });
  });
  server.delete(`${LEASE_URL}/pins/:entity`, schema, (request, reply) => {
    change(api, request, reply, {
      command: { kind: 'unpin', key: keyOf(request.params), entity: request.params.entity },
      accept: acceptDone,
    });
  });

  const config = { query: ['limit', 'after', 'consistency'] };
  server.get('/v1/pins', { schema: { response: { 200: PinList } }, config }, (request, reply) => {
    listPins(api, request, reply, null);
  });
  server.get('/v1/pins/:namespace/:model', { schema: { params: ScopePath, response: { 200: PinList } }, config }, (request, reply) => {
    listPins(api, request, reply, { namespace: request.params.namespace, model: request.params.model });
  });
}

function listPins(
  api: Api,
  request: ApiRequest,
  reply: ApiReply,
  scope: { readonly namespace: string; readonly model: string } | null,
): void {
  const limit = readLimit(request);
  const after = readText(request, 'after');
  const place = after === null ? null : readClaimCursor(after, scope);
  read(api, request, reply, (view) => {
    const { items: pins, next } = view.state.pinsPage(scope, place, limit);
    sendBody(api.service, reply, 200, next === null ? { pins, index: view.index } : { pins, next: writeCursor(next), index: view.index });
  });
}
