// Lets a request whose body has no required field come without a body.
import type { ApiReply } from './api.ts';

/** Hook before validation: an absent body counts as an empty object. The body `null` is present, and not an object. */
export function allowEmptyBody(request: { body?: unknown }, _reply: ApiReply, done: () => void): void {
  if (request.body === undefined) request.body = {};
  done();
}
