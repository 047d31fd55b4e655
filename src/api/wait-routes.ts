// GET L/expired: waits until nobody holds a lease.
import { ClaimPath, ExpiredReply } from '../contract/claims.ts';
import { WAIT_DEFAULT_MS, WAIT_MAX_MS } from '../contract/limits.ts';
import type { LeaseKey } from '../lease/commands.ts';
import type { Api, ApiReply, ApiServer } from './api.ts';
import { sendProblem } from './errors.ts';
import { onHangUp } from './hang-up.ts';
import { keyOf, LEASE_URL } from './lease-routes.ts';
import { readInteger } from './query.ts';
import { sendBody, sendFailure } from './reply.ts';

/** Registers the route that waits for a vacancy. */
export function waitRoutes(server: ApiServer, api: Api): void {
  server.get(
    `${LEASE_URL}/expired`,
    { schema: { params: ClaimPath, response: { 200: ExpiredReply } }, config: { query: ['timeoutMs'] }, exposeHeadRoute: false },
    (request, reply) => {
      const timeoutMs = readInteger(request, 'timeoutMs', 0, WAIT_MAX_MS) ?? WAIT_DEFAULT_MS;
      awaitVacancy(api, reply, keyOf(request.params), timeoutMs);
    },
  );
}

// One of five ends comes first, and each undoes what the others left: vacancy, failure, time, hang-up, stop.
function awaitVacancy(api: Api, reply: ApiReply, key: LeaseKey, timeoutMs: number): void {
  const { service } = api;
  let ended = false;
  let cancel = (): void => undefined;
  const end = (answer: () => void): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    endWait();
    forget();
    cancel();
    answer();
  };
  const endWait = api.waits.begin(() => end(() => sendProblem(service, reply, 'stopping', 'the node is stopping')));
  const forget = onHangUp(reply, () => end(() => undefined));
  const timer = setTimeout(() => {
    // The first look may still be under way; only one behind a barrier can say that the lease is held.
    service.read('linearizable', (result) => {
      if (result.kind === 'failed') {
        end(() => sendFailure(service, reply, result.failure));
        return;
      }
      const { state, nowMs, index } = result.view;
      const detail = `the lease was still held after ${timeoutMs} ms`;
      if (state.claim(key, nowMs) === null) end(() => sendBody(service, reply, 200, { expired: true, index } satisfies ExpiredReply));
      else end(() => sendProblem(service, reply, 'wait-timeout', detail, { index }));
    });
  }, timeoutMs);
  const stopWatching = service.waitVacant(
    key,
    (index) => end(() => sendBody(service, reply, 200, { expired: true, index } satisfies ExpiredReply)),
    (failure) => end(() => sendFailure(service, reply, failure)),
  );
  if (!ended) cancel = stopWatching;
}
