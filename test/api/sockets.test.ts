// What only shows on a real socket: paths as they are sent, broken HTTP, bodies without end, keep-alive, slow clients.
import { describe, expect, test } from 'vitest';
import { DEFAULT_SERVER_LIMITS } from '../../src/api/server.ts';
import { L, start } from './harness.ts';
import { listen, RawClient } from './raw-client.ts';

async function connectTo(harness: ReturnType<typeof start>): Promise<RawClient> {
  return new RawClient(await listen(harness));
}

const CLAIM = { holder: 'A', durationMs: 1000 };

describe('on a kept connection', () => {
  test('requests are answered in order, also when they were sent at once', async () => {
    const harness = start();
    const client = await connectTo(harness);
    for (const name of ['a', 'b', 'c']) client.request('PUT', `/v1/leases/ns/m/${name}`, CLAIM);
    for (const lease of ['a', 'b', 'c']) expect(await client.answer()).toMatchObject({ status: 201, body: { lease } });
    client.request('GET', '/v1/leases');
    expect((await client.answer()).body.leases).toHaveLength(3);
  });

  test('a refusal does not end it', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.request('PUT', '/v1/leases/ns/m/a.b', CLAIM);
    client.request('GET', '/nowhere');
    client.request('PATCH', L, CLAIM);
    client.request('PUT', L, CLAIM);
    const statuses = [];
    for (let count = 0; count < 4; count++) statuses.push((await client.answer()).status);
    expect(statuses).toEqual([400, 404, 405, 201]);
  });

  test('an empty body of JSON on GET and DELETE is no body', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.request('GET', '/v1/leases');
    client.request('DELETE', `${L}?holder=A`);
    client.request('DELETE', '/v1/kv/none');
    expect([(await client.answer()).status, (await client.answer()).status, (await client.answer()).status]).toEqual([200, 204, 404]);
  });
});

describe('a path as it is sent', () => {
  test.each(['.', '..', '%2e', '%2E%2e', 'a#', 'a#b', 'a%23b', 'caf\u00c3\u00a9', 'a%00b', 'a%20b', '%ff'])(
    '%j names no lease',
    async (part) => {
      const harness = start();
      const client = await connectTo(harness);
      const body = JSON.stringify(CLAIM);
      client.write(
        Buffer.from(
          `PUT /v1/leases/ns/m/${part} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          'latin1',
        ),
      );
      expect(await client.answer()).toMatchObject({ status: 400, body: { code: 'invalid-argument' } });
      expect(harness.service.applied).toEqual([]);
    },
  );

  test('%2E names a key of the store', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.request('PUT', '/v1/kv/..', { value: 'v' });
    expect(await client.answer()).toMatchObject({ status: 200, body: { key: '..' } });
    client.request('GET', '/v1/kv/%2E%2e');
    expect(await client.answer()).toMatchObject({ status: 200, body: { key: '..' } });
  });

  test('an absolute one is the same path', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.request('GET', 'http://evil.example/v1/leases');
    expect((await client.answer()).status).toBe(200);
  });
});

describe('what is no request', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['both lengths', 'PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'],
    ['a doubled length', 'PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [
      'an unknown coding',
      'PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: xchunked\r\n\r\n{"value":""}',
    ],
    ['no host', 'GET /v1/leases HTTP/1.1\r\n\r\n'],
  ])('%s is answered 400 and the connection closed', async (_what, bytes) => {
    const harness = start();
    const client = await connectTo(harness);
    client.write(bytes);
    expect((await client.answer()).status).toBe(400);
    await client.end();
    expect(harness.service.applied).toEqual([]);
  });

  test('broken HTTP and too many headers are answered in the form of all errors', async () => {
    const harness = start();
    const port = await listen(harness);
    const broken = new RawClient(port);
    broken.write('hello\r\n\r\n');
    expect(await broken.answer()).toMatchObject({
      status: 400,
      headers: {
        'content-type': 'application/problem+json',
        'leasehold-node': 'n1',
        'leasehold-term': '3',
        'leasehold-index': '0',
        connection: 'close',
      },
      body: { code: 'invalid-argument', status: 400 },
    });
    const large = new RawClient(port);
    large.write(`GET /v1/leases HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(await large.answer()).toMatchObject({ status: 431, body: { code: 'too-large', status: 431 } });
  });
});

describe('a body', () => {
  test('whose length is too large is refused before it is sent', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{');
    expect(await client.answer()).toMatchObject({ status: 413, body: { code: 'too-large' } });
    await client.end();
  });

  test('without end is refused at the limit', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 20; sent++) client.write(chunk);
    expect(await client.answer()).toMatchObject({ status: 413, body: { code: 'too-large' } });
    await client.end();
  });

  test('in pieces is put together', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const bytes = Buffer.from('{"value":"é"}');
    for (const byte of bytes) client.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
    client.write('0\r\n\r\n');
    expect(await client.answer()).toMatchObject({ status: 200, body: { value: 'é' } });
  });

  test('that never comes whole ends the connection with 408, and others are served meanwhile', async () => {
    const harness = start({ headersTimeoutMs: 300, requestTimeoutMs: 600 });
    const port = await listen(harness);
    const slow = new RawClient(port);
    slow.write('PUT /v1/kv/k HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{');
    const prompt = new RawClient(port);
    prompt.request('GET', '/livez');
    expect((await prompt.answer()).status).toBe(200);
    expect(await slow.answer()).toMatchObject({ status: 408, headers: { 'content-type': 'application/problem+json' } });
    await slow.end();
    expect(harness.service.applied).toEqual([]);
  });
});

test('connections beyond the limit are closed, and the others go on', async () => {
  const harness = start({ connectionsMax: 1 });
  const port = await listen(harness);
  const first = new RawClient(port);
  first.request('GET', '/livez');
  expect((await first.answer()).status).toBe(200);
  const second = new RawClient(port);
  second.request('GET', '/livez');
  await second.end();
  first.request('GET', '/livez');
  expect((await first.answer()).status).toBe(200);
});

test('connections on which nothing was asked yet do not hold up the end of the server', async () => {
  const harness = start();
  const port = await listen(harness);
  const silent = [new RawClient(port), new RawClient(port)];
  const asked = new RawClient(port);
  asked.request('GET', '/v1/leases');
  await asked.answer();
  const beganMs = performance.now();
  await harness.server.close();
  expect(performance.now() - beganMs).toBeLessThan(DEFAULT_SERVER_LIMITS.headersTimeoutMs / 2);
  for (const client of silent) await client.end();
});
