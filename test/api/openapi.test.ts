// GET /openapi.json: every route of the contract stands in it, its form is sound, and real answers are what it says.
import { Check } from 'typebox/schema';
import { expect, test } from 'vitest';
import { DESCRIBED, meaningOf } from '../../src/api/meanings.ts';
import { OpenApi } from '../../src/api/openapi.ts';
import { type Harness, L, start } from './harness.ts';

interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const LEASE = '/v1/leases/{namespace}/{model}/{lease}';
/** The calls of the HTTP contract. */
const CALLS = [
  ...[`PUT ${LEASE}`, `GET ${LEASE}`, `DELETE ${LEASE}`, `POST ${LEASE}/extend`, `POST ${LEASE}/check`, `GET ${LEASE}/expired`],
  ...[`PUT ${LEASE}/pins/{entity}`, `DELETE ${LEASE}/pins/{entity}`, 'GET /v1/pins', 'GET /v1/pins/{namespace}/{model}'],
  ...['GET /v1/leases', 'GET /v1/leases/{namespace}/{model}', `GET ${LEASE}/history`],
  ...['POST /v1/lessor/leases', 'GET /v1/lessor/leases', 'GET /v1/lessor/leases/{id}', 'DELETE /v1/lessor/leases/{id}'],
  ...['POST /v1/lessor/leases/{id}/renew', 'PUT /v1/lessor/leases/{id}/keys/{key}', 'DELETE /v1/lessor/leases/{id}/keys/{key}'],
  ...['PUT /v1/kv/{key}', 'GET /v1/kv/{key}', 'DELETE /v1/kv/{key}', 'GET /v1/kv', 'POST /v1/txn', 'POST /v1/batch', 'GET /v1/watch'],
  ...['GET /v1/cluster', 'POST /v1/cluster/transfer', 'POST /v1/cluster/members', 'DELETE /v1/cluster/members/{id}'],
  ...['POST /v1/cluster/members/{id}/promote', 'GET /livez', 'GET /readyz', 'GET /metrics', 'GET /openapi.json', 'GET /docs'],
];

async function read({ call }: Pick<Harness, 'call'>): Promise<Document> {
  const answer = await call('GET', '/openapi.json');
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json', 'leasehold-node': 'n1' } });
  return answer.body as unknown as Document;
}

function operations({ paths }: Document): [path: string, method: string, operation: OperationObject][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, OperationObject] => [path, method, operation]),
  );
}

test('every call of the contract stands in the document, and nothing else', async () => {
  const found = operations(await read(start())).map(([path, method]) => `${method.toUpperCase()} ${path}`);
  expect(found.sort()).toEqual([...CALLS].sort());
});

test('each operation has a name of its own, its path’s parameters, an answer and the problem', async () => {
  const document = await read(start());
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'Leasehold', version: 'v1' });
  const names = new Set<string>();
  for (const [path, method, { operationId, summary, tags, parameters, requestBody, responses }] of operations(document)) {
    expect(names.has(operationId), operationId).toBe(false);
    names.add(operationId);
    expect(summary, operationId).not.toBe('');
    expect(tags, operationId).toEqual([expect.stringMatching(/^[a-z]+$/)]);
    const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect(inPath, operationId).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    expect(new Set(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).size, operationId).toBe(parameters.length);
    expect(Object.keys(responses), operationId).toContain('default');
    expect(
      Object.keys(responses).some((status) => /^20[014]$/.test(status)),
      operationId,
    ).toBe(true);
    if (requestBody !== undefined) expect(['put', 'post', 'delete'], operationId).toContain(method);
  }
});

test('every reference leads somewhere, and every schema is of known types with its required fields among its properties', async () => {
  const document = await read(start());
  const types = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'];
  let schemas = 0;
  const walk = (node: unknown, where: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { $ref, type, properties, required } = node as Record<string, unknown>;
    if (typeof $ref === 'string') {
      const target = $ref.slice(2).split('/');
      expect($ref.startsWith('#/'), where).toBe(true);
      expect(
        target.reduce((at: unknown, part) => (at as Record<string, unknown> | undefined)?.[part], document),
        where,
      ).toBeDefined();
    }
    // A field that is called so is a schema, not a type.
    if (typeof type === 'string' || Array.isArray(type)) {
      schemas += 1;
      for (const each of [type].flat()) expect(types, where).toContain(each);
      if (Array.isArray(required)) for (const field of required) expect(properties, where).toHaveProperty([field]);
    }
    for (const [key, child] of Object.entries(node)) walk(child, `${where}/${key}`);
  };
  walk(document, '#');
  expect(schemas).toBeGreaterThan(200);
});

test('a format is told in words as well', async () => {
  const { paths } = await read(start());
  const body = paths[LEASE]?.put?.requestBody?.content['application/json']?.schema;
  expect(body).toHaveProperty(['properties', 'holder'], {
    type: 'string',
    format: 'name',
    description: expect.stringContaining('must have'),
  });
});

test('every field and every part of a path says what it means, and nothing is described that is not there', async () => {
  const document = await read(start());
  const seen = new Set<string>();
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties } = node as { properties?: Readonly<Record<string, { readonly description?: string }>> };
    for (const [field, { description }] of Object.entries(properties ?? {})) {
      seen.add(field);
      expect(description, field).toMatch(/^[A-Z].+\.$/);
    }
    for (const child of Object.values(node)) walk(child);
  };
  walk(document);
  for (const [, , { parameters, operationId }] of operations(document)) {
    for (const { name, description, in: place } of parameters) {
      if (place === 'path') seen.add(name);
      expect(description, `${name} of ${operationId}`).toMatch(/^.+\.$/);
    }
  }
  expect([...DESCRIBED].sort()).toEqual([...seen].sort());
});

test('a word that has two senses is described by what stands beside it', async () => {
  const { paths, components } = await read(start());
  const put = paths['/v1/kv/{key}']?.put?.requestBody?.content['application/json']?.schema;
  expect(put).toHaveProperty('properties.lease.description', expect.stringContaining('granted lease'));
  expect(put).toHaveProperty('properties.assert.items.properties.lease.description', expect.stringContaining('third part'));
  expect(components.schemas.Problem).toHaveProperty('properties.type.description', expect.stringContaining('RFC 9457'));
  expect(() => meaningOf('mystery', [])).toThrow('mystery is not described');
});

test('a body that may be absent is not required, one that may not be is', async () => {
  const { paths } = await read(start());
  expect(paths[LEASE]?.put?.requestBody?.required).toBe(true);
  expect(paths['/v1/cluster/transfer']?.post?.requestBody?.required).toBe(false);
  expect(paths[LEASE]?.get?.requestBody).toBeUndefined();
});

test.each([
  ['PUT', LEASE, L, { holder: 'alice', durationMs: 60_000 }],
  ['POST', `${LEASE}/check`, `${L}/check`, { holder: 'alice' }],
  ['GET', LEASE, L, undefined],
  ['GET', '/v1/leases', '/v1/leases', undefined],
  ['PUT', '/v1/kv/{key}', '/v1/kv/k', { value: 'v' }],
  ['GET', '/v1/cluster', '/v1/cluster', undefined],
] as const)('the answer of %s %s is what the document says, and a problem is one', async (method, path, url, body) => {
  const harness = start();
  await harness.call('PUT', L, { body: { holder: 'alice', durationMs: 60_000 } });
  const { paths, components } = await read(harness);
  const operation = paths[path]?.[method.toLowerCase()];
  if (body !== undefined) expect(Check(operation?.requestBody?.content['application/json']?.schema ?? {}, body)).toBe(true);
  const answer = await harness.call(method, url, body === undefined ? {} : { body });
  const shape = operation?.responses[answer.status]?.content?.['application/json']?.schema;
  expect(shape).toBeDefined();
  expect(Check(shape ?? {}, answer.body)).toBe(true);
  expect(Check(shape ?? {}, {})).toBe(false);
  const problem = await harness.call('GET', '/v1/leases/ns/m/nobody');
  expect(problem.status).toBe(404);
  expect(Check(components.schemas.Problem ?? {}, problem.body)).toBe(true);
});

test('a query parameter that nobody described keeps the server from coming up', () => {
  const route = { method: 'GET' as const, url: '/livez', handler: () => undefined, config: { query: ['mystery'] } };
  expect(() => new OpenApi().add(route)).toThrow('mystery is not described');
});
