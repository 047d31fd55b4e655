// The error codes of the HTTP contract: one table from code to status and title. Codes are stable; details are for people.

/** Status and title of each code. */
export const PROBLEMS = {
  'invalid-argument': { status: 400, title: 'The request is not valid' },
  'not-found': { status: 404, title: 'There is no such path' },
  'lease-not-found': { status: 404, title: 'There is no such lease' },
  'key-not-found': { status: 404, title: 'There is no such key' },
  'member-not-found': { status: 404, title: 'There is no such member' },
  'method-not-allowed': { status: 405, title: 'The path does not take this method' },
  'wait-timeout': { status: 408, title: 'The wait ran out' },
  'claim-denied': { status: 409, title: 'Somebody else holds the lease' },
  'not-held': { status: 409, title: 'The holder does not hold the lease' },
  'lease-exists': { status: 409, title: 'The lease id is taken' },
  conflict: { status: 409, title: 'The request does not fit what is there' },
  'assertion-failed': { status: 412, title: 'An assertion does not hold' },
  'precondition-failed': { status: 412, title: 'The condition on the key does not hold' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  misdirected: { status: 421, title: 'The host of the request is not a name of the node' },
  overloaded: { status: 429, title: 'The node has too much to do' },
  'no-room': { status: 429, title: 'The cluster has no room for more' },
  'no-leader': { status: 503, title: 'The cluster has no leader that the node can reach' },
  stopping: { status: 503, title: 'The node is stopping' },
  'outcome-unknown': { status: 504, title: 'The request may or may not be carried out' },
  internal: { status: 500, title: 'The node failed at the request' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

/** A stable name for what went wrong. */
export type ProblemCode = keyof typeof PROBLEMS;

/** The `type` of a problem body (RFC 9457): a name, not a page. */
export function problemType(code: ProblemCode): string {
  return `urn:leasehold:problem:${code}`;
}

/** Media type of every error. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
