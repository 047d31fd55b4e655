// Lets a request whose body has no required field come without a body.
import type { ApiReply } from './api.ts';

/** Hook before validation: an absent body counts as an empty object. */
export function allowEmptyBody(request: { body?: unknown }, _reply: ApiReply, done: () => void): void {
  request.body ??= {};
  done();
}
