// Bad input: each is refused with its code, in the one form of all errors, and leaves no trace in the log or the state.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CallOptions, type Harness, L, start } from './harness.ts';

const CLAIM = { holder: 'A', durationMs: 1000 };
const UUID = '0b2b6b1e-1d3c-4c55-8f4a-3f0f3f5d2c11';

type Case = readonly [what: string, method: string, url: string, options: CallOptions, code?: string, status?: number];

const json = (body: unknown): CallOptions => ({ body });
const withHeaders = (headers: Record<string, string>, body: unknown = { value: 'v' }): CallOptions => ({ body, headers });

const BODIES: readonly Case[] = [
  ...[0, -1, 1.5, '5', null, true, [], {}, 2 ** 53].map(
    (durationMs): Case => [`durationMs ${JSON.stringify(durationMs)}`, 'PUT', L, json({ holder: 'A', durationMs })],
  ),
  ['durationMs 1e400', 'PUT', L, json('{"holder":"A","durationMs":1e400}')],
  ['durationMs -0', 'PUT', L, json('{"holder":"A","durationMs":-0}')],
  ['a fence of -0', 'POST', `${L}/extend`, json('{"holder":"A","durationMs":1,"fence":-0}')],
  ['neither durationMs nor session', 'PUT', L, json({ holder: 'A' })],
  ['both durationMs and session', 'PUT', L, json({ ...CLAIM, session: '1' })],
  ['no holder', 'PUT', L, json({ durationMs: 1 })],
  ['a holder that is a number', 'PUT', L, json({ holder: 1, durationMs: 1 })],
  ['an unknown field', 'PUT', L, json({ ...CLAIM, extra: 1 })],
  ['__proto__ as a field', 'PUT', L, json('{"holder":"A","durationMs":1,"__proto__":{"admin":true}}')],
  ['constructor as a field', 'PUT', L, json('{"holder":"A","durationMs":1,"constructor":{"prototype":{"admin":true}}}')],
  ['a field twice', 'PUT', L, json('{"holder":"A","holder":"B","durationMs":1}')],
  ['a field twice, once escaped', 'PUT', L, json('{"holder":"A","h\\u006flder":"B","durationMs":1}')],
  ['20 000 brackets', 'PUT', L, json('['.repeat(20_000))],
  ['nested beyond the limit', 'PUT', L, json(`{"holder":"A","durationMs":1,"x":${'['.repeat(20)}${']'.repeat(20)}}`)],
  ['33 fields in one object', 'PUT', L, json(`{${Array.from({ length: 33 }, (_, at) => `"${at}":0`).join(',')}}`)],
  [
    '380 000 distinct fields',
    'POST',
    '/v1/batch',
    json(`{${Array.from({ length: 380_000 }, (_, at) => `"${at.toString(36)}":0`).join(',')}}`),
  ],
  ['a bracket too many', 'PUT', L, json('{"holder":"A","durationMs":1}]')],
  ['trailing garbage', 'PUT', L, json('{"holder":"A","durationMs":1}x')],
  ['a byte order mark', 'PUT', L, json('\ufeff{"holder":"A","durationMs":1}')],
  ['UTF-16', 'PUT', L, json(Buffer.from('{"holder":"A","durationMs":1}', 'utf16le'))],
  [
    'bytes that are not UTF-8',
    'PUT',
    L,
    json(Buffer.concat([Buffer.from('{"durationMs":1,"holder":"'), Buffer.from([0xff]), Buffer.from('"}')])),
  ],
  ['half a surrogate pair as a holder', 'PUT', L, json('{"holder":"\\ud800","durationMs":1}')],
  ['half a surrogate pair as a value', 'PUT', '/v1/kv/k', json('{"value":"\\udc00"}')],
  ['no JSON', 'PUT', L, json('holder=A')],
  ['an empty JSON body', 'PUT', L, withHeaders({}, '')],
  ['a list for a body', 'PUT', L, json([])],
  ['null for a body', 'PUT', L, json('null')],
  ...['null', '[]', '"x"', '1', 'true'].flatMap((body): Case[] => [
    [`${body} for the body of a delete`, 'DELETE', '/v1/kv/k', json(body)],
    [`${body} for the body of a pin`, 'PUT', `${L}/pins/e`, json(body)],
    [`${body} for the body of an unpin`, 'DELETE', `${L}/pins/e`, json(body)],
    [`${body} for the body of a renewal`, 'POST', '/v1/lessor/leases/7/renew', json(body)],
    [`${body} for the body of a revocation`, 'DELETE', '/v1/lessor/leases/7', json(body)],
    [`${body} for the body of an attachment`, 'PUT', '/v1/lessor/leases/7/keys/k', json(body)],
    [`${body} for the body of a detachment`, 'DELETE', '/v1/lessor/leases/7/keys/k', json(body)],
    [`${body} for the body of a transfer`, 'POST', '/v1/cluster/transfer', json(body)],
    [`${body} for the body of a promotion`, 'POST', '/v1/cluster/members/n4/promote', json(body)],
    [`${body} for the body of a removal`, 'DELETE', '/v1/cluster/members/n4', json(body)],
    [`${body} for the body of a release`, 'DELETE', `${L}?holder=A`, json(body)],
  ]),
  ['a fence in the body of a release', 'DELETE', `${L}?holder=A`, json({ fence: 1 })],
  ['waitMs -1', 'PUT', L, json({ ...CLAIM, waitMs: -1 })],
  ['waitMs 300001', 'PUT', L, json({ ...CLAIM, waitMs: 300_001 })],
  ['waitMs as text', 'PUT', L, json({ ...CLAIM, waitMs: '5' })],
  ...[5, -5, '0', '-1', '01', '1.0', '9223372036854775808', '1e3', '', 'x'].map(
    (session): Case => [`session ${JSON.stringify(session)}`, 'PUT', L, json({ holder: 'A', session })],
  ),
  ['an empty body for extend', 'POST', `${L}/extend`, {}],
  ['a fence as text', 'POST', `${L}/extend`, json({ ...CLAIM, fence: '1' })],
  ['a negative attempt', 'POST', `${L}/check`, json({ holder: 'A', attempt: -1 })],
  ['a body for a pin', 'PUT', `${L}/pins/e`, json({ holder: 'A' })],
  ['ttlMs 0', 'POST', '/v1/lessor/leases', json({ ttlMs: 0 })],
  ['a lease id as a number', 'POST', '/v1/lessor/leases', json({ ttlMs: 1, id: 5 })],
  ['a negative lease id', 'POST', '/v1/lessor/leases', json({ ttlMs: 1, id: '-5' })],
  ['a lease id above 2^63-1', 'POST', '/v1/lessor/leases', json({ ttlMs: 1, id: '9223372036854775808' })],
  ['a key without a value', 'PUT', '/v1/kv/k', json({})],
  ['a number for a value', 'PUT', '/v1/kv/k', json({ value: 1 })],
  [
    'an assertion of neither holder nor fence',
    'PUT',
    '/v1/kv/k',
    json({ value: '', assert: [{ namespace: 'n', model: 'm', lease: 'l' }] }),
  ],
  [
    'an assertion with an unknown field',
    'PUT',
    '/v1/kv/k',
    json({ value: '', assert: [{ namespace: 'n', model: 'm', lease: 'l', fence: 1, x: 1 }] }),
  ],
  [
    'an assertion with a bad name',
    'PUT',
    '/v1/kv/k',
    json({ value: '', assert: [{ namespace: 'n', model: 'm', lease: 'l.l', fence: 1 }] }),
  ],
  ['101 assertions', 'PUT', '/v1/kv/k', json({ value: '', assert: Array(101).fill({ namespace: 'n', model: 'm', lease: 'l', fence: 1 }) })],
  ['an operation of two kinds', 'POST', '/v1/txn', json({ success: [{ put: { key: 'a', value: '' }, get: { key: 'a' } }] })],
  ['an operation of no kind', 'POST', '/v1/txn', json({ success: [{}] })],
  ['both key and prefix', 'POST', '/v1/txn', json({ success: [{ get: { key: 'a', prefix: 'a' } }] })],
  ['neither key nor prefix', 'POST', '/v1/txn', json({ success: [{ delete: {} }] })],
  ['a comparison with an unknown target', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'age', op: '=', value: 1 }] })],
  ['a comparison with an unknown operator', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'mod', op: '>=', value: 1 }] })],
  ['a revision compared with text', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'mod', op: '=', value: '1' }] })],
  ['a revision compared with 1.5', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'mod', op: '=', value: 1.5 }] })],
  ['a value compared with a number', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'value', op: '=', value: 1 }] })],
  ['a lease compared with a number', 'POST', '/v1/txn', json({ compare: [{ key: 'a', target: 'lease', op: '=', value: 1 }] })],
  ['1001 operations', 'POST', '/v1/txn', json({ success: Array(1001).fill({ get: { key: 'a' } }) })],
  ['no body for a transaction', 'POST', '/v1/txn', {}],
  ['a transfer to a number', 'POST', '/v1/cluster/transfer', json({ to: 2 })],
];

const BAD_NAMES = [
  '',
  'a.b',
  'a#b',
  'a$b',
  ' ',
  'a b',
  '\t',
  '\r\n',
  '\v',
  '\f',
  '\0',
  '\x7f',
  '\u0085',
  '\u00a0',
  '\u2003',
  '\u2028',
  '\u200b',
  '\u3000',
  '\ufeff',
  'x'.repeat(257),
  'é'.repeat(129),
];

const NAMES: readonly Case[] = BAD_NAMES.flatMap((name): Case[] => {
  const part = encodeURIComponent(name);
  return [
    [`lease ${JSON.stringify(name)}`, 'PUT', `/v1/leases/ns/m/${part}`, json(CLAIM)],
    [`model ${JSON.stringify(name)}`, 'PUT', `/v1/leases/ns/${part}/l`, json(CLAIM)],
    [`namespace ${JSON.stringify(name)}`, 'PUT', `/v1/leases/${part}/m/l`, json(CLAIM)],
    [`entity ${JSON.stringify(name)}`, 'PUT', `${L}/pins/${part}`, {}],
    [`holder ${JSON.stringify(name)}`, 'PUT', L, json({ holder: name, durationMs: 1000 })],
    [`holder ${JSON.stringify(name)} in the query`, 'DELETE', `${L}?holder=${part}`, {}],
  ];
});

const URLS: readonly Case[] = [
  ['a path with %zz', 'PUT', '/v1/leases/ns/m/%zz', json(CLAIM)],
  ['a path with a lone %', 'PUT', '/v1/leases/ns/m/%', json(CLAIM)],
  ['a path with %FF', 'PUT', '/v1/leases/ns/m/%FF', json(CLAIM)],
  ['a path with half a surrogate pair', 'PUT', '/v1/leases/ns/m/%ED%A0%80', json(CLAIM)],
  ['a path with an overlong slash', 'PUT', '/v1/leases/ns/m/%C0%AF', json(CLAIM)],
  ['a query with %zz', 'DELETE', `${L}?holder=%zz`, {}],
  ['no holder in the query', 'DELETE', L, {}],
  ['a holder twice', 'DELETE', `${L}?holder=A&holder=A`, {}],
  ['an unknown query parameter', 'DELETE', `${L}?holder=A&force=1`, {}],
  ['a query where none is known', 'PUT', `${L}?holder=A`, json(CLAIM)],
  ['__proto__ in the query', 'GET', `${L}?__proto__=1`, {}],
  ...['x', '1.5', '-1', '', '+1', '01', '1e3', '9007199254740992', '99999999999999999999'].map(
    (fence): Case => [`fence=${fence}`, 'DELETE', `${L}?holder=A&fence=${fence}`, {}],
  ),
  ...['0', '1001', 'x', '1.5', ''].map((limit): Case => [`limit=${limit}`, 'GET', `/v1/leases?limit=${limit}`, {}]),
  ['limit twice', 'GET', '/v1/leases?limit=1&limit=1', {}],
  ['a cursor that is none', 'GET', '/v1/leases?after=*', {}],
  ['a cursor of another list', 'GET', '/v1/leases?after=YQ', {}],
  ['a key filter of two parts', 'GET', '/v1/leases?key=a/b', {}],
  ['a key filter with a name of white space', 'GET', '/v1/leases?key=a/b/%20', {}],
  ['a key filter with white space behind two encodings', 'GET', '/v1/leases?key=a/b/%2520', {}],
  ['a key filter encoded as a whole with white space', 'GET', '/v1/leases?key=a%2Fb%2F%2520', {}],
  ['a key filter with an empty name', 'GET', '/v1/leases?key=a//c', {}],
  ['a key filter of a model with a bad name', 'GET', '/v1/leases/a/b?key=a/b/c.d', {}],
  ['a query of a probe', 'GET', '/livez?probe=1', {}],
  ['a key filter of four parts', 'GET', '/v1/leases?key=a/b/c/d', {}],
  ['an unknown consistency', 'GET', '/v1/leases?consistency=eventual', {}],
  ['a consistency of nothing', 'GET', `${L}?consistency`, {}],
  ['an unknown consistency of the cluster', 'GET', '/v1/cluster?consistency=1', {}],
  ['timeoutMs above the limit', 'GET', `${L}/expired?timeoutMs=300001`, {}],
  ['timeoutMs that is negative', 'GET', `${L}/expired?timeoutMs=-1`, {}],
  ['a prefix with a control character', 'GET', '/v1/kv?prefix=%00', {}],
  ['an empty key', 'PUT', '/v1/kv/', json({ value: '' })],
  ['a key of 1025 bytes', 'PUT', `/v1/kv/${'k'.repeat(1025)}`, json({ value: '' })],
  ['a key with a control character', 'PUT', '/v1/kv/a%0Ab', json({ value: '' })],
  ['a lease id that is no number', 'GET', '/v1/lessor/leases/abc', {}],
  ['a lease id with a leading zero', 'GET', '/v1/lessor/leases/01', {}],
  ['a negative lease id in the path', 'DELETE', '/v1/lessor/leases/-1', {}],
  ['a bad name in a list', 'GET', '/v1/leases/ns/a.b', {}],
];

const HEADERS: readonly Case[] = [
  ...[
    '',
    'ns/m/l',
    'ns/m;fence=1',
    'ns/m/l/x;fence=1',
    'ns/m/l;fence=x',
    'ns/m/l;fence=1;fence=1',
    'ns/m/l;owner=A',
    'ns/m/l;holder=',
    'ns/m/l;holder=%zz',
    'n.s/m/l;fence=1',
    'ns/m/l;fence=-1',
    'ns/m/l;fence=1,',
  ].map((header): Case => [`lease-if: ${header}`, 'PUT', '/v1/kv/k', withHeaders({ 'lease-if': header })]),
  ...['1', '*', '"x"', '"1","2"', 'W/"1", "2", "3"', 'W/1', 'w/"1"', '"1",', '""', '"9007199254740993"'].map(
    (header): Case => [`if-match: ${header}`, 'PUT', '/v1/kv/k', withHeaders({ 'if-match': header })],
  ),
  ['if-none-match with a revision', 'PUT', '/v1/kv/k', withHeaders({ 'if-none-match': '"1"' })],
  ...['cross-site', 'same-site'].map(
    (site): Case => [`a page of another origin (${site})`, 'POST', '/v1/cluster/transfer', { headers: { 'sec-fetch-site': site } }],
  ),
  ['a page of another origin, with a body', 'PUT', L, withHeaders({ 'sec-fetch-site': 'cross-site' }, CLAIM)],
  ['if-match and if-none-match', 'DELETE', '/v1/kv/k', withHeaders({ 'if-match': '"1"', 'if-none-match': '*' }, {})],
];

const SECRETARIES: readonly Case[] = [
  ['an application name that is none', 'PUT', '/v1/leases/application-leadership/m/Redis', json({ holder: 'redis/0', durationMs: 1 })],
  ['an application name with a unit', 'PUT', '/v1/leases/application-leadership/m/redis%2F0', json({ holder: 'redis/0', durationMs: 1 })],
  ['a holder that is no unit', 'PUT', '/v1/leases/application-leadership/m/redis', json({ holder: 'redis', durationMs: 1 })],
  ['a checker that is no unit', 'POST', '/v1/leases/application-leadership/m/redis/check', json({ holder: 'redis' })],
  ['a releaser that is no unit', 'DELETE', '/v1/leases/application-leadership/m/redis?holder=redis', {}],
  ['a wait for what is no application', 'GET', '/v1/leases/application-leadership/m/Redis/expired', {}],
  ['a controller that is no UUID', 'PUT', `/v1/leases/singular-controller/${UUID}/redis`, json({ holder: 'machine-0', durationMs: 1 })],
  ['a holder that is no machine', 'PUT', `/v1/leases/singular-controller/${UUID}/${UUID}`, json({ holder: 'redis/0', durationMs: 1 })],
];

const OTHERS: readonly Case[] = [
  ['an unknown path', 'GET', '/v1/leases/a', {}, 'not-found', 404],
  ['an unknown path with a bad body', 'POST', '/v1/nothing', { body: '{', headers: {} }, 'not-found', 404],
  ['a wrong method', 'PATCH', L, json({}), 'method-not-allowed', 405],
  ['a method of no path', 'POST', '/v1/kv', json({}), 'method-not-allowed', 405],
  ['text', 'PUT', L, withHeaders({ 'content-type': 'text/plain' }, 'x'), 'unsupported-media-type', 415],
  ['a form', 'PUT', L, withHeaders({ 'content-type': 'application/x-www-form-urlencoded' }, 'holder=A'), 'unsupported-media-type', 415],
  ['a content type that is none', 'PUT', L, withHeaders({ 'content-type': 'json' }, '{}'), 'unsupported-media-type', 415],
  ['a compressed body', 'PUT', L, withHeaders({ 'content-encoding': 'gzip' }, CLAIM), 'unsupported-media-type', 415],
  ['a body of more than 1 MiB', 'PUT', L, json(`{"holder":"${'A'.repeat(1024 * 1024)}","durationMs":1}`), 'too-large', 413],
  [
    'more than 20 000 fields in objects that are each small',
    'POST',
    '/v1/batch',
    json({ ops: Array.from({ length: 1000 }, () => Object.fromEntries(Array.from({ length: 30 }, (_, at) => [at, 0]))) }),
    'too-large',
    413,
  ],
  ['more than 20 000 items', 'POST', '/v1/batch', json(`{"ops":[${'0,'.repeat(20_010)}0]}`), 'too-large', 413],
  ['1 001 operations in a batch', 'POST', '/v1/batch', json({ ops: Array(1001).fill({ check: {} }) }), 'too-large', 413],
  ['a value of more than 64 KiB', 'PUT', '/v1/kv/k', json({ value: 'x'.repeat(64 * 1024 + 1) }), 'too-large', 413],
  ['a value of fewer letters but more bytes', 'PUT', '/v1/kv/k', json({ value: 'é'.repeat(32 * 1024 + 1) }), 'too-large', 413],
  [
    'such a value in a transaction',
    'POST',
    '/v1/txn',
    json({ failure: [{ put: { key: 'a', value: 'x'.repeat(64 * 1024 + 1) } }] }),
    'too-large',
    413,
  ],
  ['lease 0 looked up', 'GET', '/v1/lessor/leases/0', {}, 'lease-not-found', 404],
  ['lease 0 revoked', 'DELETE', '/v1/lessor/leases/0', {}, 'lease-not-found', 404],
  ['lease 0 renewed', 'POST', '/v1/lessor/leases/0/renew', {}, 'lease-not-found', 404],
  ['a key attached to lease 0', 'PUT', '/v1/lessor/leases/0/keys/k', {}, 'lease-not-found', 404],
];

const GROUPS: readonly (readonly [string, readonly Case[]])[] = [
  ['bodies', BODIES],
  ['names', NAMES],
  ['URLs', URLS],
  ['headers', HEADERS],
  ['secretaries', SECRETARIES],
  ['others', OTHERS],
];

describe.each(GROUPS)('%s: nothing is changed by', (_group, cases) => {
  // One server for all: as nothing changes it, none can see another's traces.
  let harness: Harness;
  beforeAll(() => {
    harness = start({}, afterAll);
  });

  for (const [what, method, url, options, code = 'invalid-argument', status = 400] of cases) {
    test(what, async () => {
      const before = harness.service.dump();
      const answer = await harness.call(method, url, options);
      expect(answer.body).toMatchObject({ code, status, type: `urn:leasehold:problem:${code}` });
      expect(answer.body.title).toEqual(expect.any(String));
      expect(answer.body.detail).toEqual(expect.any(String));
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers).toMatchObject({
        'leasehold-node': 'n1',
        'leasehold-leader': 'n1',
        'leasehold-term': '3',
        'leasehold-index': '0',
      });
      expectUntouched(harness, before);
    });
  }
});

function expectUntouched({ service, log }: Harness, before: string): void {
  expect(service.applied).toEqual([]);
  expect(service.dump()).toBe(before);
  expect(log).toEqual([]);
  expect(({} as { admin?: unknown }).admin).toBeUndefined();
}

test('when lease, holder and duration are all bad, the error is about the lease; then about the holder', async () => {
  const { call } = start();
  const bad = { holder: 'b.b', durationMs: 0 };
  expect((await call('PUT', '/v1/leases/ns/m/a.a', { body: bad })).body.detail).toMatch(/^lease "a\.a"/);
  expect((await call('PUT', '/v1/leases/application-leadership/m/A', { body: bad })).body.detail).toMatch(/^lease "A"/);
  expect((await call('PUT', L, { body: bad })).body.detail).toMatch(/^holder/);
  expect((await call('PUT', L, { body: { ...bad, holder: 'b' } })).body.detail).toMatch(/^durationMs/);
});

test('a wrong method is told the right ones', async () => {
  const { call } = start();
  expect((await call('PATCH', L, { body: {} })).headers.allow).toBe('DELETE, GET, HEAD, PUT, OPTIONS');
  expect((await call('TRACE', '/v1/kv/a%2Fb')).headers.allow).toBe('DELETE, GET, HEAD, PUT, OPTIONS');
});

test('OPTIONS tells the methods of a path, and grants nothing to pages of other origins', async () => {
  const { call } = start();
  const asked = { headers: { origin: 'http://evil.example', 'access-control-request-method': 'PUT' } };
  const answer = await call('OPTIONS', `${L}/extend`, asked);
  expect(answer).toMatchObject({ status: 204, text: '', headers: { allow: 'POST, OPTIONS', 'leasehold-node': 'n1' } });
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect((await call('OPTIONS', '/livez?x=1')).headers.allow).toBe('GET, HEAD, OPTIONS');
  expect(await call('OPTIONS', '/nowhere')).toMatchObject({ status: 404, body: { code: 'not-found' } });
});

test('an unknown parameter is told what the call takes', async () => {
  const { call } = start();
  expect((await call('GET', '/livez?verbose')).body.detail).toBe(
    'the query has an unknown parameter "verbose": this call takes no parameter',
  );
  expect((await call('GET', '/v1/kv?from=a')).body.detail).toContain('takes only prefix, limit, after, consistency');
});

test('bodies and values at their limits are taken', async () => {
  const { call } = start();
  expect((await call('PUT', '/v1/kv/a', { body: { value: 'x'.repeat(64 * 1024) } })).status).toBe(200);
  expect((await call('PUT', '/v1/kv/b', { body: { value: 'é'.repeat(32 * 1024) } })).status).toBe(200);
  const claim = JSON.stringify(CLAIM);
  expect((await call('PUT', L, { body: claim + ' '.repeat(1024 * 1024 - claim.length) })).status).toBe(201);
  expect((await call('PUT', `/v1/kv/${'%C3%A9'.repeat(512)}`, { body: { value: '' } })).status).toBe(200);
  expect((await call('PUT', `/v1/leases/ns/m/${'%C3%A9'.repeat(128)}`, { body: CLAIM })).status).toBe(201);
});

test('what no body is needed for takes none, an empty one of JSON, and an empty object', async () => {
  const { call } = start();
  await call('POST', '/v1/lessor/leases', { body: { ttlMs: 1000, id: '5' } });
  for (const options of [{}, { body: '', headers: { 'content-type': 'application/json' } }, { body: {} }]) {
    expect((await call('PUT', `${L}/pins/e`, options)).status).toBe(204);
    expect((await call('DELETE', `${L}/pins/e`, options)).status).toBe(204);
    expect((await call('POST', '/v1/lessor/leases/5/renew', options)).status).toBe(200);
    expect((await call('DELETE', `${L}?holder=A`, options)).status).toBe(204);
    expect((await call('GET', '/v1/leases', options)).status).toBe(200);
  }
});

test('the secretaries take what Juju takes', async () => {
  const { call } = start();
  const application = '/v1/leases/application-leadership/m/my-redis2-b';
  expect((await call('PUT', application, { body: { holder: 'my-redis2-b/10', durationMs: 1 } })).status).toBe(201);
  for (const [model, lease] of [
    [UUID, UUID],
    ['m', UUID],
    ['own-model', 'own-model'],
  ]) {
    const path = `/v1/leases/singular-controller/${model}/${lease}`;
    expect((await call('PUT', path, { body: { holder: 'machine-0-lxd-1', durationMs: 1 } })).status).toBe(201);
  }
  expect((await call('PUT', '/v1/leases/elsewhere/m/Redis', { body: { holder: 'anyone', durationMs: 1 } })).status).toBe(201);
});
