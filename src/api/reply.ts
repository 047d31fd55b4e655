// From what the service says to what HTTP says: changes, refusals, failures and reads.
import { assert, unreachable } from '../assert.ts';
import type { BareCommand } from '../lease/commands.ts';
import type { Outcome, Refusal } from '../lease/outcomes.ts';
import type { Failure, ReadView, Service, Settled } from '../replica/service.ts';
import { type Answer, DONE, problemAnswer, sendAnswer } from './answer.ts';
import type { Api, ApiReply, ApiRequest } from './api.ts';
import { readConsistency } from './query.ts';
import { once, REPLAYED_HEADER, readRequestKey } from './request-key.ts';
import { stamp } from './stamp.ts';

/** Sends a body with its status. */
export function sendBody(service: Service, reply: ApiReply, status: number, body: unknown): void {
  stamp(service, reply);
  reply.code(status);
  reply.send(body);
}

/** A change as a call wants it: what goes into the log, and how its success is told. Both of a batch and of a call of its own. */
export interface Change {
  readonly command: BareCommand;
  readonly accept: (outcome: Outcome, index: number) => Answer;
}

/** Carries out a change and answers. No promise, one closure: this is the hot path. */
export function change(api: Api, request: ApiRequest, reply: ApiReply, { command, accept }: Change): void {
  const { service } = api;
  service.submit(once(readRequestKey(request.raw.headers), command), (settled) =>
    sendAnswer(service, reply, settledAnswer(settled, accept)),
  );
}

/** How a change that has settled is told. */
export function settledAnswer(settled: Settled, accept: Change['accept']): Answer {
  if (settled.kind === 'failed') return failureAnswer(settled.failure);
  const { outcome, index, replayed } = settled;
  const answer = outcome.kind === 'refused' ? refusalAnswer(outcome.refusal, index) : accept(outcome, index);
  return replayed === undefined ? answer : { ...answer, headers: { ...answer.headers, [REPLAYED_HEADER]: String(replayed) } };
}

/** Tells the success of a change that has nothing to show. */
export function acceptDone(outcome: Outcome): Answer {
  outcomeOf(outcome, 'done');
  return DONE;
}

/** The outcome, which must be of that kind: no command ends in a kind that is not its own. */
export function outcomeOf<Kind extends Outcome['kind']>(outcome: Outcome, kind: Kind): Extract<Outcome, { kind: Kind }> {
  assert(outcome.kind === kind, `a command ended in ${outcome.kind} instead of ${kind}`);
  return outcome as Extract<Outcome, { kind: Kind }>;
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
  sendAnswer(service, reply, failureAnswer(failure));
}

/** A failure as an answer; without room, with the resource. */
export function failureAnswer(failure: Failure): Answer {
  return problemAnswer(failure.code, failure.detail, failure.code === 'no-room' ? { ...failure.noRoom } : {});
}

/** A refusal, with the facts that decided at `index`. */
export function refusalAnswer(refusal: Refusal, index: number): Answer {
  switch (refusal.code) {
    case 'claim-denied': {
      const { holder, fence, remainingMs } = refusal;
      // How long a pinned claim will last nobody knows: the least wait is as good as any.
      const retryAfterMs = remainingMs ?? 0;
      return problemAnswer(refusal.code, `${holder} holds the lease`, { holder, fence, remainingMs, index }, { retryAfterMs });
    }
    case 'not-held':
      return notHeld(refusal.holder, refusal.fence, index);
    case 'assertion-failed': {
      const { failed, holder, fence } = refusal;
      return problemAnswer(refusal.code, heldBy(holder, fence), { failed: { ...failed }, holder, fence, index });
    }
    case 'precondition-failed': {
      const { key, modRevision } = refusal;
      const detail = modRevision === null ? 'there is no such key' : `the key was last changed at revision ${modRevision}`;
      return problemAnswer(refusal.code, detail, { key, modRevision, index });
    }
    case 'lease-exists':
      return problemAnswer(refusal.code, `lease ${refusal.id} exists already`, { id: refusal.id, index });
    case 'lease-not-found':
      return problemAnswer(refusal.code, `there is no lease ${refusal.id}`, { id: refusal.id, index });
    case 'key-not-found':
      return keyNotFound(refusal.key, index);
    case 'conflict': {
      const { detail, forgottenIndex } = refusal;
      return problemAnswer(refusal.code, detail, forgottenIndex === undefined ? { index } : { forgottenIndex, index });
    }
    case 'too-large':
    case 'overloaded':
    case 'invalid-argument':
      return problemAnswer(refusal.code, refusal.detail, { index });
    default:
      return unreachable(refusal);
  }
}

/** `409 not-held` with who holds the lease instead; null for nobody. */
export function notHeld(holder: string | null, fence: number | null, index: number): Answer {
  return problemAnswer('not-held', heldBy(holder, fence), { holder, fence, index });
}

/** `404 key-not-found`. */
export function keyNotFound(key: string, index: number): Answer {
  return problemAnswer('key-not-found', 'there is no such key', { key, index });
}

function heldBy(holder: string | null, fence: number | null): string {
  return holder === null ? 'nobody holds the lease' : `${holder} holds the lease by the fence ${fence}`;
}
