// An answer as data: status, body and headers of a call, alone or as one of a batch, and how it goes out over HTTP.
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemCode, problemType } from '../contract/codes.ts';
import { RETRY_AFTER_MIN_S } from '../contract/limits.ts';
import type { Problem } from '../contract/problem.ts';
import type { Service } from '../replica/service.ts';
import type { ApiReply } from './api.ts';
import { stamp } from './stamp.ts';

/** What a call is told. A status from 400 on has a problem for its body. */
export interface Answer {
  readonly status: number;
  /** Null for none. */
  readonly body: unknown;
  /** Beside the four of every answer. */
  readonly headers: Readonly<Record<string, string>> | null;
}

/** Facts that stand beside the code in a problem body. */
export type ProblemFacts = Omit<Problem, 'type' | 'title' | 'status' | 'detail' | 'code'>;

/** The answer of a change that has nothing to tell. */
export const DONE: Answer = { status: 204, body: null, headers: null };

/** A problem. `status` only where HTTP has a closer one than the code's; `retryAfterMs` when it is known how long to wait. */
export function problemAnswer(
  code: ProblemCode,
  detail: string,
  facts: ProblemFacts = {},
  options: { readonly status?: number; readonly retryAfterMs?: number | null } = {},
): Answer {
  const status = options.status ?? PROBLEMS[code].status;
  const retryAfterS = retryAfterSeconds(code, options.retryAfterMs ?? null);
  return {
    status,
    body: problemBody(code, status, detail, facts),
    headers: retryAfterS === null ? null : { 'retry-after': String(retryAfterS) },
  };
}

/** The body of a problem. */
export function problemBody(code: ProblemCode, status: number, detail: string, facts: ProblemFacts): Problem {
  return { type: problemType(code), title: PROBLEMS[code].title, status, detail, code, ...facts };
}

/** Sends an answer. */
export function sendAnswer(service: Service, reply: ApiReply, { status, body, headers }: Answer): void {
  stamp(service, reply);
  for (const name in headers) reply.header(name, headers[name] as string);
  reply.code(status);
  if (status < 400) {
    if (body === null) reply.send();
    else reply.send(body);
    return;
  }
  reply.problemCode = (body as Problem).code;
  reply.header('content-type', PROBLEM_MEDIA_TYPE);
  // Bytes, because Fastify would add a charset to text, which JSON has no use for.
  reply.send(Buffer.from(JSON.stringify(body)));
}

function retryAfterSeconds(code: ProblemCode, retryAfterMs: number | null): number | null {
  if (retryAfterMs !== null) return Math.max(RETRY_AFTER_MIN_S, Math.ceil(retryAfterMs / 1000));
  const status = PROBLEMS[code].status;
  return status === 429 || status === 503 || code === 'claim-denied' ? RETRY_AFTER_MIN_S : null;
}
