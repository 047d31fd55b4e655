// Every route that a server registers, each with a request that it takes, for rules that hold for all routes.
import { onTestFinished, vi } from 'vitest';
import { OpenApi } from '../../src/api/openapi.ts';
import { createServer, type ServerOptions } from '../../src/api/server.ts';
import { type CallOptions, callOf, type Harness } from './harness.ts';
import { LocalService } from './local-service.ts';

/** A route, and a request of it that succeeds on a fresh {@link startWithRoutes} server. */
export interface ExampleCall {
  readonly route: string;
  readonly method: string;
  readonly url: string;
  readonly options: CallOptions;
}

const PLACES: Readonly<Record<string, string>> = { namespace: 'ns', model: 'm', lease: 'l', entity: 'e', id: '7', key: 'k' };
const CLAIM = { holder: 'A', durationMs: 60_000 };
const QUERIES: Readonly<Record<string, string>> = { 'DELETE /v1/leases/:namespace/:model/:lease': '?holder=A' };
const BODIES: Readonly<Record<string, unknown>> = {
  'PUT /v1/leases/:namespace/:model/:lease': CLAIM,
  'POST /v1/leases/:namespace/:model/:lease/extend': CLAIM,
  'POST /v1/leases/:namespace/:model/:lease/check': { holder: 'A' },
  'POST /v1/lessor/leases': { ttlMs: 60_000 },
  'PUT /v1/kv/:key': { value: 'v' },
  'POST /v1/txn': { success: [{ put: { key: 'k', value: 'v' } }] },
  'POST /v1/batch': { ops: [{ put: { key: 'k', value: 'v' } }, { claim: { namespace: 'ns', model: 'm', lease: 'l', ...CLAIM } }] },
  'POST /v1/cluster/members': { id: 'n4', peer: '127.0.0.1:7904' },
};

/** A server with a dashboard on a service where the lease `ns/m/l`, the granted lease 7 and the key `k` exist, and its routes. */
export async function startWithRoutes(
  options: Partial<ServerOptions> = {},
): Promise<Harness & { readonly routes: readonly ExampleCall[] }> {
  const routes: ExampleCall[] = [];
  const spy = vi.spyOn(OpenApi.prototype, 'add').mockImplementation(({ method, url }) => {
    for (const verb of [method].flat()) {
      const route = `${verb} ${url}`;
      const body = BODIES[route];
      routes.push({
        route,
        method: verb,
        url: url.replace(/:(\w+)/g, (_all, name: string) => PLACES[name] ?? name) + (QUERIES[route] ?? ''),
        options: body === undefined ? {} : { body },
      });
    }
  });
  const service = new LocalService();
  const pages = ['index.html', 'main.js'].map((name) => ({ name, type: 'text/html', content: Buffer.from('page') }));
  const log: string[] = [];
  const server = createServer({ service, log: (line) => log.push(line), dashboard: { pages, control: null }, ...options });
  spy.mockRestore();
  onTestFinished(() => server.close());
  const call = callOf(server);
  await call('POST', '/v1/lessor/leases', { body: { ttlMs: 60_000, id: '7' } });
  await call('PUT', '/v1/leases/ns/m/l', { body: CLAIM });
  await call('PUT', '/v1/kv/k', { body: { value: 'v' } });
  return { service, server, log, call, routes };
}
