// What each route is called, in metrics and wherever else a short name is wanted.

/** By method and path, as the router writes them. The HEAD of a GET counts as that. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'PUT /v1/leases/:namespace/:model/:lease': 'claim',
  'GET /v1/leases/:namespace/:model/:lease': 'get-claim',
  'DELETE /v1/leases/:namespace/:model/:lease': 'release',
  'POST /v1/leases/:namespace/:model/:lease/extend': 'extend',
  'POST /v1/leases/:namespace/:model/:lease/check': 'check',
  'GET /v1/leases/:namespace/:model/:lease/expired': 'wait-expired',
  'GET /v1/leases/:namespace/:model/:lease/history': 'get-history',
  'PUT /v1/leases/:namespace/:model/:lease/pins/:entity': 'pin',
  'DELETE /v1/leases/:namespace/:model/:lease/pins/:entity': 'unpin',
  'GET /v1/leases': 'list-claims',
  'GET /v1/leases/:namespace/:model': 'list-claims',
  'GET /v1/pins': 'list-pins',
  'GET /v1/pins/:namespace/:model': 'list-pins',
  'POST /v1/lessor/leases': 'grant',
  'GET /v1/lessor/leases': 'list-grants',
  'GET /v1/lessor/leases/:id': 'get-grant',
  'DELETE /v1/lessor/leases/:id': 'revoke',
  'POST /v1/lessor/leases/:id/renew': 'renew',
  'PUT /v1/lessor/leases/:id/keys/:key': 'attach',
  'DELETE /v1/lessor/leases/:id/keys/:key': 'detach',
  'PUT /v1/kv/:key': 'put',
  'GET /v1/kv/:key': 'get-key',
  'DELETE /v1/kv/:key': 'delete',
  'GET /v1/kv': 'list-keys',
  'POST /v1/txn': 'txn',
  'POST /v1/batch': 'batch',
  'GET /v1/watch': 'watch',
  'GET /v1/cluster': 'status',
  'POST /v1/cluster/transfer': 'transfer',
  'POST /v1/cluster/members': 'add-member',
  'DELETE /v1/cluster/members/:id': 'remove-member',
  'POST /v1/cluster/members/:id/promote': 'promote-member',
  'GET /livez': 'livez',
  'GET /readyz': 'readyz',
  'GET /metrics': 'metrics',
};

/** The operation of a route. Throws for one that has no name yet, so that no server comes up with it. */
export function operationOf(method: string, path: string): string {
  const operation = OPERATIONS[`${method === 'HEAD' ? 'GET' : method} ${path}`];
  if (operation === undefined) throw new Error(`${method} ${path} has no name in api/operations.ts`);
  return operation;
}
