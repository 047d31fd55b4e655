// From what the service says to what HTTP says: changes, refusals, failures and reads.
import { assert } from '../assert.ts';
import type { Command } from '../lease/commands.ts';
import type { Outcome, Refusal } from '../lease/outcomes.ts';
import type { Failure, ReadView, Service } from '../replica/service.ts';
import type { Api, ApiReply, ApiRequest } from './api.ts';
import { sendProblem } from './errors.ts';
import { readConsistency } from './query.ts';
import { stamp } from './stamp.ts';

/** Sends a body with its status. */
export function sendBody(service: Service, reply: ApiReply, status: number, body: unknown): void {
  stamp(service, reply);
  reply.code(status);
  reply.send(body);
}

/** Sends 204. */
export function sendDone(service: Service, reply: ApiReply): void {
  stamp(service, reply);
  reply.code(204);
  reply.send();
}

/** Carries out a command; what was neither refused nor failed is answered by `accept`. No promise, one closure: this is the hot path. */
export function change<Kind extends Outcome['kind']>(
  api: Api,
  reply: ApiReply,
  command: Command,
  kind: Kind,
  accept: (service: Service, reply: ApiReply, outcome: Extract<Outcome, { kind: Kind }>, index: number) => void,
): void {
  const { service } = api;
  service.submit(command, (settled) => {
    if (settled.kind === 'failed') {
      sendFailure(service, reply, settled.failure);
    } else if (settled.outcome.kind === 'refused') {
      sendRefusal(service, reply, settled.outcome.refusal, settled.index);
    } else {
      assert(settled.outcome.kind === kind, `${command.kind} ended in ${settled.outcome.kind}`);
      accept(service, reply, settled.outcome as Extract<Outcome, { kind: Kind }>, settled.index);
    }
  });
}

/** Carries out a command whose success has nothing to tell. */
export function changeQuietly(api: Api, reply: ApiReply, command: Command): void {
  change(api, reply, command, 'done', sendDone);
}

/** Reads the state as the request's `consistency` wants it and answers by `answer`, during which alone the view is valid. */
export function read(api: Api, request: ApiRequest, reply: ApiReply, answer: (view: ReadView) => void): void {
  api.service.read(readConsistency(request), (result) => {
    if (result.kind === 'failed') sendFailure(api.service, reply, result.failure);
    else answer(result.view);
  });
}

/** Sends a failure: the request was not accepted, or its outcome is not known. */
export function sendFailure(service: Service, reply: ApiReply, failure: Failure): void {
  sendProblem(service, reply, failure.code, failure.detail);
}

/** Sends a refusal with the facts that decided at `index`. */
export function sendRefusal(service: Service, reply: ApiReply, refusal: Refusal, index: number): void {
  switch (refusal.code) {
    case 'claim-denied': {
      const { holder, fence, remainingMs } = refusal;
      // How long a pinned claim will last nobody knows: the least wait is as good as any.
      const retryAfterMs = remainingMs ?? 0;
      sendProblem(service, reply, refusal.code, `${holder} holds the lease`, { holder, fence, remainingMs, index }, { retryAfterMs });
      return;
    }
    case 'not-held':
      sendNotHeld(service, reply, refusal.holder, refusal.fence, index);
      return;
    case 'assertion-failed': {
      const { failed, holder, fence } = refusal;
      const detail = holder === null ? 'nobody holds the lease' : `${holder} holds the lease by the fence ${fence}`;
      sendProblem(service, reply, refusal.code, detail, { failed: { ...failed }, holder, fence, index });
      return;
    }
    case 'precondition-failed': {
      const { key, modRevision } = refusal;
      const detail = modRevision === null ? 'there is no such key' : `the key was last changed at revision ${modRevision}`;
      sendProblem(service, reply, refusal.code, detail, { key, modRevision, index });
      return;
    }
    case 'lease-exists':
      sendProblem(service, reply, refusal.code, `lease ${refusal.id} exists already`, { id: refusal.id, index });
      return;
    case 'lease-not-found':
      sendProblem(service, reply, refusal.code, `there is no lease ${refusal.id}`, { id: refusal.id, index });
      return;
    case 'key-not-found':
      sendKeyNotFound(service, reply, refusal.key, index);
      return;
    case 'conflict':
    case 'invalid-argument':
      sendProblem(service, reply, refusal.code, refusal.detail, { index });
  }
}

/** Sends `409 not-held` with who holds the lease instead; null for nobody. */
export function sendNotHeld(service: Service, reply: ApiReply, holder: string | null, fence: number | null, index: number): void {
  const detail = holder === null ? 'nobody holds the lease' : `${holder} holds the lease by the fence ${fence}`;
  sendProblem(service, reply, 'not-held', detail, { holder, fence, index });
}

/** Sends `404 key-not-found`. */
export function sendKeyNotFound(service: Service, reply: ApiReply, key: string, index: number): void {
  sendProblem(service, reply, 'key-not-found', 'there is no such key', { key, index });
}
