// The lessor: granting, renewing, revoking and looking up leases by id, and the keys attached to them.
import { GrantBody, GrantKeyPath, GrantList, GrantPage, GrantPath, GrantShape } from '../contract/lessor.ts';
import { NoBody } from '../contract/shapes.ts';
import type { AttachmentPage, GrantView, Outcome } from '../lease/outcomes.ts';
import type { Service } from '../replica/service.ts';
import { type Answer, sendAnswer } from './answer.ts';
import type { Api, ApiServer } from './api.ts';
import { readCursor, writeCursor } from './cursors.ts';
import { allowEmptyBody } from './empty-body.ts';
import { ApiError } from './errors.ts';
import { readLimit, readText } from './query.ts';
import { acceptDone, type Change, change, outcomeOf, read, refusalAnswer, sendBody } from './reply.ts';

const GRANTS_URL = '/v1/lessor/leases';

/** Registers the routes of the lessor. */
export function lessorRoutes(server: ApiServer, api: Api): void {
  const { service } = api;
  const replies = { 200: GrantShape, 201: GrantShape };

  server.post(GRANTS_URL, { schema: { body: GrantBody, response: replies } }, (request, reply) => {
    const { id = '0', ttlMs } = request.body;
    change(api, request, reply, { command: { kind: 'grant', id: id === '0' ? null : id, ttlMs }, accept: acceptGrant });
  });

  server.get(
    GRANTS_URL,
    { schema: { response: { 200: GrantList } }, config: { query: ['limit', 'after', 'consistency'] } },
    (request, reply) => {
      const limit = readLimit(request);
      const after = readText(request, 'after');
      const place = after === null ? null : readCursor(after);
      read(api, request, reply, (view) => {
        const { items, next } = view.state.grants(place, limit, view.nowMs);
        const leases = items.map((grant) => grantBody(grant, view.index));
        sendBody(
          service,
          reply,
          200,
          next === null ? { leases, index: view.index } : { leases, next: writeCursor(next), index: view.index },
        );
      });
    },
  );

  server.get(
    `${GRANTS_URL}/:id`,
    { schema: { params: GrantPath, response: { 200: GrantPage } }, config: { query: ['limit', 'after', 'consistency'] } },
    (request, reply) => {
      const { id } = request.params;
      const limit = readLimit(request);
      const after = readText(request, 'after');
      const place = after === null ? null : readCursor(after);
      read(api, request, reply, (view) => {
        const grant = view.state.grant(id, view.nowMs);
        const page = view.state.attachments(id, place, limit);
        if (grant === null || page === null) sendAnswer(service, reply, refusalAnswer({ code: 'lease-not-found', id }, view.index));
        else sendBody(service, reply, 200, grantPage(grant, page, view.index));
      });
    },
  );

  server.post(
    `${GRANTS_URL}/:id/renew`,
    { schema: { params: GrantPath, body: NoBody, response: replies }, preValidation: allowEmptyBody },
    (request, reply) => {
      change(api, request, reply, renewChange(service, request.params.id));
    },
  );

  server.delete(`${GRANTS_URL}/:id`, { schema: { params: GrantPath, body: NoBody }, preValidation: allowEmptyBody }, (request, reply) => {
    change(api, request, reply, { command: { kind: 'revoke', id: existing(service, request.params.id) }, accept: acceptDone });
  });

  const attachment = { schema: { params: GrantKeyPath, body: NoBody }, preValidation: allowEmptyBody };
  server.put(`${GRANTS_URL}/:id/keys/:key`, attachment, (request, reply) => {
    const { id, key } = request.params;
    change(api, request, reply, { command: { kind: 'attach', id: existing(service, id), key }, accept: acceptDone });
  });
  server.delete(`${GRANTS_URL}/:id/keys/:key`, attachment, (request, reply) => {
    const { id, key } = request.params;
    change(api, request, reply, { command: { kind: 'detach', id: existing(service, id), key }, accept: acceptDone });
  });
}

// "0" stands for no lease: it is never found, and no log is needed to know it.
function existing(service: Service, id: string): string {
  if (id === '0') throw new ApiError('lease-not-found', 'there is no lease 0', { id, index: service.appliedIndex });
  return id;
}

/** A renewal. Throws a lease-not-found error for "0". */
export function renewChange(service: Service, id: string): Change {
  return { command: { kind: 'renew', id: existing(service, id) }, accept: acceptRenewal };
}

function acceptGrant(outcome: Outcome, index: number): Answer {
  const { grant } = outcomeOf(outcome, 'grant');
  return { status: 201, body: grantBody(grant, index), headers: { location: `${GRANTS_URL}/${grant.id}` } };
}

function acceptRenewal(outcome: Outcome, index: number): Answer {
  return { status: 200, body: grantBody(outcomeOf(outcome, 'grant').grant, index), headers: null };
}

function grantBody(grant: GrantView, index: number): GrantShape {
  const { id, ttlMs, remainingMs, keyCount, claimCount, attachedIndex } = grant;
  return { id, ttlMs, remainingMs, keyCount, claimCount, attachedIndex, index };
}

function grantPage(grant: GrantView, { keys, claims, next }: AttachmentPage, index: number): GrantPage {
  const page = { ...grantBody(grant, index), keys: keys as string[], claims: claims as GrantPage['claims'] };
  return next === null ? page : { ...page, next: writeCursor(next) };
}
