// Claims: PUT, POST extend, DELETE, GET and check on one lease.
import { CheckBody, CheckReply, ClaimBody, ClaimPath, ClaimShape, ExtendBody } from '../contract/claims.ts';
import { checkHolderName } from '../contract/secretaries.ts';
import type { Command, LeaseKey } from '../lease/commands.ts';
import type { ClaimView, Outcome } from '../lease/outcomes.ts';
import type { Service, Settled } from '../replica/service.ts';
import type { Api, ApiReply, ApiServer } from './api.ts';
import { ApiError, invalidArgument, sendProblem } from './errors.ts';
import { onHangUp } from './hang-up.ts';
import { readConsistency, readInteger, readText } from './query.ts';
import { change, changeQuietly, read, sendBody, sendFailure, sendNotHeld, sendRefusal } from './reply.ts';

/** Path of one lease. */
export const LEASE_URL = '/v1/leases/:namespace/:model/:lease';

const CLAIM_REPLIES = { 200: ClaimShape, 201: ClaimShape };

/** Registers the routes of claims. */
export function leaseRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  server.put(LEASE_URL, { schema: { params: ClaimPath, body: ClaimBody, response: CLAIM_REPLIES } }, (request, reply) => {
    const command = claimCommand(request.params, request.body);
    const waitMs = request.body.waitMs ?? 0;
    if (waitMs === 0) change(api, reply, command, 'claim', sendClaimed);
    else claimInTurn(api, reply, command, waitMs);
  });

  server.post(`${LEASE_URL}/extend`, { schema: { params: ClaimPath, body: ExtendBody, response: CLAIM_REPLIES } }, (request, reply) => {
    const { holder, durationMs, fence } = request.body;
    const key = keyOf(request.params);
    checkHolder(key, holder);
    change(api, reply, { kind: 'extend', key, holder, durationMs, fence: fence ?? null }, 'claim', sendExtended);
  });

  server.delete(LEASE_URL, { schema: { params: ClaimPath }, config: { query: ['holder', 'fence'] } }, (request, reply) => {
    const key = keyOf(request.params);
    const holder = readText(request, 'holder');
    if (holder === null) throw invalidArgument('the query must have a holder');
    checkHolder(key, holder);
    const fence = readInteger(request, 'fence', 0, Number.MAX_SAFE_INTEGER);
    changeQuietly(api, reply, { kind: 'release', key, holder, fence });
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
        sendClaim(service, reply, 200, claim, view.index);
      });
    },
  );

  server.post(
    `${LEASE_URL}/check`,
    { schema: { params: ClaimPath, body: CheckBody, response: { 200: CheckReply } }, config: { query: ['consistency'] } },
    (request, reply) => {
      const { holder, attempt = 0 } = request.body;
      const key = keyOf(request.params);
      checkHolder(key, holder);
      if (attempt > 0 && readConsistency(request) === 'stale') throw invalidArgument('attempt from 1 on needs a linearizable check');
      read(api, request, reply, (view) => {
        const claim = view.state.claim(key, view.nowMs);
        if (claim === null || claim.holder !== holder) {
          sendNotHeld(service, reply, claim?.holder ?? null, claim?.fence ?? null, view.index);
          return;
        }
        const assertion = { ...key, holder, fence: claim.fence, ...(attempt > 0 ? { minIndex: view.index } : {}) };
        sendBody(service, reply, 200, { held: true, fence: claim.fence, assertion, index: view.index } satisfies CheckReply);
      });
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

function claimCommand(path: LeaseKey, body: ClaimBody): Extract<Command, { kind: 'claim' | 'claim-session' }> {
  const key = keyOf(path);
  const { holder, durationMs, session } = body;
  checkHolder(key, holder);
  if (session === undefined) {
    if (durationMs === undefined) throw invalidArgument('the body must have durationMs or session');
    return { kind: 'claim', key, holder, durationMs };
  }
  if (durationMs !== undefined) throw invalidArgument('the body must not have both durationMs and session');
  return { kind: 'claim-session', key, holder, session };
}

// Waits for the lease as long as it takes, the wait is over, the caller hangs up or the node stops.
function claimInTurn(api: Api, reply: ApiReply, command: Extract<Command, { kind: 'claim' | 'claim-session' }>, waitMs: number): void {
  const { service } = api;
  let settledAlready = false;
  let leave = (): void => undefined;
  const finish = (settled: Settled): void => {
    settledAlready = true;
    endWait();
    forget();
    if (settled.kind === 'failed') sendFailure(service, reply, settled.failure);
    else if (settled.outcome.kind === 'claim') sendClaimed(service, reply, settled.outcome, settled.index);
    else if (settled.outcome.kind === 'refused') sendRefusal(service, reply, settled.outcome.refusal, settled.index);
    else throw new ApiError('internal', `a claim ended in ${settled.outcome.kind}`);
  };
  const endWait = api.waits.begin(() => {
    leave();
    finish({ kind: 'failed', failure: { definite: true, code: 'stopping', detail: 'the node is stopping' } });
  });
  const forget = onHangUp(reply, () => {
    endWait();
    leave();
  });
  const leaveQueue = api.claimQueue.enter({ command, waitMs, settle: finish });
  if (!settledAlready) leave = leaveQueue;
}

function sendClaimed(service: Service, reply: ApiReply, outcome: Extract<Outcome, { kind: 'claim' }>, index: number): void {
  if (outcome.created) reply.header('location', pathOf(outcome.claim));
  sendClaim(service, reply, outcome.created ? 201 : 200, outcome.claim, index);
}

function pathOf({ namespace, model, lease }: LeaseKey): string {
  return `/v1/leases/${encodeURIComponent(namespace)}/${encodeURIComponent(model)}/${encodeURIComponent(lease)}`;
}

function sendExtended(service: Service, reply: ApiReply, outcome: Extract<Outcome, { kind: 'claim' }>, index: number): void {
  sendClaim(service, reply, 200, outcome.claim, index);
}

function sendClaim(service: Service, reply: ApiReply, status: number, claim: ClaimView, index: number): void {
  reply.header('etag', `"${claim.fence}"`);
  sendBody(service, reply, status, claimBody(claim, index));
}

/** A claim as it stands in an answer. */
export function claimBody(claim: ClaimView, index: number): ClaimShape {
  const { namespace, model, lease, holder, fence, durationMs, remainingMs, session, pinnedBy } = claim;
  return { namespace, model, lease, holder, fence, durationMs, remainingMs, session, pinnedBy: pinnedBy as string[], index };
}
