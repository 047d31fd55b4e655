// What each route is called, in metrics and in the OpenAPI document, and what it does in a few words.

/** An operation of the API. */
export interface Operation {
  readonly name: string;
  readonly summary: string;
}

/** By method and path, as the router writes them. Names are unique. */
const OPERATIONS: Readonly<Record<string, readonly [name: string, summary: string]>> = {
  'PUT /v1/leases/:namespace/:model/:lease': ['claim', 'Claim a lease, or queue for it with waitMs'],
  'GET /v1/leases/:namespace/:model/:lease': ['get-claim', 'Who holds a lease'],
  'DELETE /v1/leases/:namespace/:model/:lease': ['release', 'Give a lease back'],
  'POST /v1/leases/:namespace/:model/:lease/extend': ['extend', 'Extend a claim'],
  'POST /v1/leases/:namespace/:model/:lease/check': ['check', 'Check that a holder holds a lease, and get the assertion of it'],
  'GET /v1/leases/:namespace/:model/:lease/expired': ['wait-expired', 'Wait until nobody holds a lease'],
  'GET /v1/leases/:namespace/:model/:lease/history': ['get-history', 'What happened to a lease, and why it was lost'],
  'PUT /v1/leases/:namespace/:model/:lease/pins/:entity': ['pin', 'Keep a lease from expiring'],
  'DELETE /v1/leases/:namespace/:model/:lease/pins/:entity': ['unpin', 'Let a lease expire again'],
  'GET /v1/leases': ['list-claims', 'All claims'],
  'GET /v1/leases/:namespace/:model': ['list-claims-of-model', 'The claims of one model'],
  'GET /v1/pins': ['list-pins', 'All pins'],
  'GET /v1/pins/:namespace/:model': ['list-pins-of-model', 'The pins of one model'],
  'POST /v1/lessor/leases': ['grant', 'Grant a lease by itself (a session)'],
  'GET /v1/lessor/leases': ['list-grants', 'Granted leases, in order of remaining time'],
  'GET /v1/lessor/leases/:id': ['get-grant', 'One granted lease, with what is attached to it in pages'],
  'DELETE /v1/lessor/leases/:id': ['revoke', 'End a granted lease with all that lives by it'],
  'POST /v1/lessor/leases/:id/renew': ['renew', 'Renew a granted lease'],
  'PUT /v1/lessor/leases/:id/keys/:key': ['attach', 'Let a key live by a granted lease'],
  'DELETE /v1/lessor/leases/:id/keys/:key': ['detach', 'Let a key live by itself again'],
  'PUT /v1/kv/:key': ['put', 'Write a key, if what is asserted holds'],
  'GET /v1/kv/:key': ['get-key', 'Read a key'],
  'DELETE /v1/kv/:key': ['delete', 'Delete a key, if what is asserted holds'],
  'GET /v1/kv': ['list-keys', 'Keys in order'],
  'POST /v1/txn': ['txn', 'Compare, then write, delete and read, all or nothing'],
  'POST /v1/batch': ['batch', 'Many operations in one request, each with an outcome of its own'],
  'GET /v1/watch': ['watch', 'What happens to claims and keys, as server-sent events'],
  'GET /v1/cluster': ['status', 'The cluster as the node asked sees it'],
  'POST /v1/cluster/transfer': ['transfer', 'Hand leadership over'],
  'POST /v1/cluster/members': ['add-member', 'Add or replace a member'],
  'DELETE /v1/cluster/members/:id': ['remove-member', 'Remove a member'],
  'POST /v1/cluster/members/:id/promote': ['promote-member', 'Give a learner a vote'],
  'GET /livez': ['livez', 'Whether the process turns'],
  'GET /readyz': ['readyz', 'Whether the node can serve'],
  'GET /metrics': ['metrics', 'Figures for Prometheus'],
  'GET /openapi.json': ['openapi', 'This document'],
  'GET /docs': ['docs', 'This document as a page for people'],
};

/** Of the dashboard's page, its files and its feed, which are part of this program and not of the contract. */
export function isDashboard(path: string): boolean {
  return path === '/' || path.startsWith('/dashboard/');
}

/** The operation of a route; the HEAD of a GET is that one. Throws for a route that has no name yet, so that no server comes up with it. */
export function operationOf(method: string, path: string): Operation {
  if (isDashboard(path)) return { name: 'dashboard', summary: 'The dashboard' };
  const operation = OPERATIONS[`${method === 'HEAD' ? 'GET' : method} ${path}`];
  if (operation === undefined) throw new Error(`${method} ${path} has no name in api/operations.ts`);
  const [name, summary] = operation;
  return { name, summary };
}
