// Claims: PUT, POST extend, DELETE, GET and check on one lease.
import { CheckBody, CheckReply, ClaimBody, ClaimPath, ClaimShape, ExtendBody } from '../contract/claims.ts';
import { checkHolderName } from '../contract/secretaries.ts';
import type { ClaimCommand, LeaseKey } from '../lease/commands.ts';
import type { ClaimView, Outcome } from '../lease/outcomes.ts';
import type { Failure, ReadView, Settled } from '../replica/service.ts';
import { type Answer, sendAnswer } from './answer.ts';
import type { Api, ApiReply, ApiRequest, ApiServer } from './api.ts';
import { invalidArgument, sendProblem } from './errors.ts';
import { onHangUp } from './hang-up.ts';
import { readConsistency, readInteger, readText } from './query.ts';
import { acceptDone, type Change, change, notHeld, outcomeOf, read, settledAnswer } from './reply.ts';
import { readRequestKey } from './request-key.ts';

/** Path of one lease. */
export const LEASE_URL = '/v1/leases/:namespace/:model/:lease';

const CLAIM_REPLIES = { 200: ClaimShape, 201: ClaimShape };

/** Registers the routes of claims. */
export function leaseRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  server.put(LEASE_URL, { schema: { params: ClaimPath, body: ClaimBody, response: CLAIM_REPLIES } }, (request, reply) => {
    const command = claimCommand(keyOf(request.params), request.body);
    const waitMs = request.body.waitMs ?? 0;
    if (waitMs === 0) change(api, request, reply, { command, accept: acceptClaim });
    else claimInTurn(api, request, reply, command, waitMs);
  });

  server.post(`${LEASE_URL}/extend`, { schema: { params: ClaimPath, body: ExtendBody, response: CLAIM_REPLIES } }, (request, reply) => {
    change(api, request, reply, extendChange(keyOf(request.params), request.body));
  });

  server.delete(LEASE_URL, { schema: { params: ClaimPath }, config: { query: ['holder', 'fence'] } }, (request, reply) => {
    const key = keyOf(request.params);
    const holder = readText(request, 'holder');
    if (holder === null) throw invalidArgument('the query must have a holder');
    const fence = readInteger(request, 'fence', 0, Number.MAX_SAFE_INTEGER);
    change(api, request, reply, releaseChange(key, holder, fence));
  });

  server.get(
    LEASE_URL,
    { schema: { params: ClaimPath, response: CLAIM_REPLIES }, config: { query: ['consistency'] } },
    (request, reply) => {
      const key = keyOf(request.params);
      read(api, request, reply, (view) => {
        const claim = view.state.claim(key, view.nowMs);
        if (claim === null) {
          sendProblem(service, reply, 'lease-not-found', 'nobody holds the lease', { index: view.index });
          return;
        }
        sendAnswer(service, reply, claimAnswer(200, claim, view.index));
      });
    },
  );

  server.post(
    `${LEASE_URL}/check`,
    { schema: { params: ClaimPath, body: CheckBody, response: { 200: CheckReply } }, config: { query: ['consistency'] } },
    (request, reply) => {
      const attempt = request.body.attempt ?? 0;
      if (attempt > 0 && readConsistency(request) === 'stale') throw invalidArgument('attempt from 1 on needs a linearizable check');
      const answer = claimCheck(keyOf(request.params), request.body);
      read(api, request, reply, (view) => sendAnswer(service, reply, answer(view)));
    },
  );
}

/** The full name that a path tells. */
export function keyOf(path: LeaseKey): LeaseKey {
  return { namespace: path.namespace, model: path.model, lease: path.lease };
}

function checkHolder(key: LeaseKey, holder: string): void {
  const fault = checkHolderName(key.namespace, holder);
  if (fault !== null) throw invalidArgument(fault);
}

/** A claim, as its body tells it. */
export function claimCommand(key: LeaseKey, body: ClaimTerms): ClaimCommand {
  const { holder, durationMs, session } = body;
  checkHolder(key, holder);
  if (session === undefined) {
    if (durationMs === undefined) throw invalidArgument('the body must have durationMs or session');
    return { kind: 'claim', key, holder, durationMs };
  }
  if (durationMs !== undefined) throw invalidArgument('the body must not have both durationMs and session');
  return { kind: 'claim-session', key, holder, session };
}

/** What a body says of a claim. */
interface ClaimTerms {
  readonly holder: string;
  readonly durationMs?: number | undefined;
  readonly session?: string | undefined;
}

/** An extension, as its body tells it. */
export function extendChange(key: LeaseKey, { holder, durationMs, fence }: ExtendBody): Change {
  checkHolder(key, holder);
  return { command: { kind: 'extend', key, holder, durationMs, fence: fence ?? null }, accept: acceptExtension };
}

/** A release; null for any tenure of the holder's. */
export function releaseChange(key: LeaseKey, holder: string, fence: number | null): Change {
  checkHolder(key, holder);
  return { command: { kind: 'release', key, holder, fence }, accept: acceptDone };
}

/** A check, as its body tells it: what a view of the state says to it. */
export function claimCheck(key: LeaseKey, { holder, attempt = 0 }: CheckBody): (view: ReadView) => Answer {
  checkHolder(key, holder);
  return ({ state, index, nowMs }) => {
    const claim = state.claim(key, nowMs);
    if (claim === null || claim.holder !== holder) return notHeld(claim?.holder ?? null, claim?.fence ?? null, index);
    const assertion = { ...key, holder, fence: claim.fence, ...(attempt > 0 ? { minIndex: index } : {}) };
    return { status: 200, body: { held: true, fence: claim.fence, assertion, index } satisfies CheckReply, headers: null };
  };
}

// Waits for the lease as long as it takes, the wait is over, the caller hangs up or the node stops.
function claimInTurn(api: Api, request: ApiRequest, reply: ApiReply, command: ClaimCommand, waitMs: number): void {
  const { service } = api;
  const requestKey = readRequestKey(request.raw.headers);
  let leave: (failure: Failure | null) => void = () => undefined;
  const endWait = api.waits.begin(() => leave({ definite: true, code: 'stopping', detail: 'the node is stopping' }));
  const forget = onHangUp(reply, () => {
    endWait();
    leave(null);
  });
  const settle = (settled: Settled): void => {
    endWait();
    forget();
    sendAnswer(service, reply, settledAnswer(settled, acceptClaim));
  };
  leave = service.claimInTurn(command, waitMs, settle, requestKey?.key ?? null, requestKey?.since ?? null);
}

/** Tells how a claim went: 201 for a new tenure, 200 for one that goes on. */
export function acceptClaim(outcome: Outcome, index: number): Answer {
  const { claim, created } = outcomeOf(outcome, 'claim');
  return claimAnswer(created ? 201 : 200, claim, index);
}

function acceptExtension(outcome: Outcome, index: number): Answer {
  return claimAnswer(200, outcomeOf(outcome, 'claim').claim, index);
}

function claimAnswer(status: 200 | 201, claim: ClaimView, index: number): Answer {
  const etag = `"${claim.fence}"`;
  return { status, body: claimBody(claim, index), headers: status === 201 ? { location: pathOf(claim), etag } : { etag } };
}

function pathOf({ namespace, model, lease }: LeaseKey): string {
  return `/v1/leases/${encodeURIComponent(namespace)}/${encodeURIComponent(model)}/${encodeURIComponent(lease)}`;
}

/** A claim as it stands in an answer. */
export function claimBody(claim: ClaimView, index: number): ClaimShape {
  const { namespace, model, lease, holder, fence, durationMs, remainingMs, session, pinnedBy } = claim;
  return { namespace, model, lease, holder, fence, durationMs, remainingMs, session, pinnedBy: pinnedBy as string[], index };
}
