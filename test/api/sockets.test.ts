// What only shows on a real socket: paths as they are sent, broken HTTP, bodies without end, keep-alive, slow clients.
import { describe, expect, test, vi } from 'vitest';
import { DEFAULT_SERVER_LIMITS } from '../../src/api/server.ts';
import { L, start } from './harness.ts';
import { listen, RawClient, until } from './raw-client.ts';

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
          `PUT /v1/leases/ns/m/${part} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
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
    client.request('GET', 'http://localhost:7801/v1/leases');
    expect((await client.answer()).status).toBe(200);
  });
});

describe('what is no request', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['both lengths', 'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'],
    ['a doubled length', 'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [
      'an unknown coding',
      'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: xchunked\r\n\r\n{"value":""}',
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
    large.write(`GET /v1/leases HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(await large.answer()).toMatchObject({ status: 431, body: { code: 'too-large', status: 431 } });
  });
});

describe('a body', () => {
  test('whose length is too large is refused before it is sent', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{');
    expect(await client.answer()).toMatchObject({ status: 413, body: { code: 'too-large' } });
    await client.end();
  });

  test('without end is refused at the limit', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 20; sent++) client.write(chunk);
    expect(await client.answer()).toMatchObject({ status: 413, body: { code: 'too-large' } });
    await client.end();
  });

  test('in pieces is put together', async () => {
    const harness = start();
    const client = await connectTo(harness);
    client.write('PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const bytes = Buffer.from('{"value":"é"}');
    for (const byte of bytes) client.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
    client.write('0\r\n\r\n');
    expect(await client.answer()).toMatchObject({ status: 200, body: { value: 'é' } });
  });

  test('that never comes whole ends the connection with 408, and others are served meanwhile', async () => {
    const harness = start({ headersTimeoutMs: 300, requestTimeoutMs: 600 });
    const port = await listen(harness);
    const slow = new RawClient(port);
    slow.write('PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{');
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
  expect(await metric(harness, 'leasehold_http_connections_dropped_total')).toBe(1);
  expect(await metric(harness, 'leasehold_http_connections')).toBe(1);
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

/** A server whose list of keys is as large as a page may be, the connections to it, and how often the list was made. */
async function startWithLargeList(limits: Parameters<typeof start>[0] = {}) {
  const harness = start(limits);
  for (let at = 0; at < 16; at++) await harness.call('PUT', `/v1/kv/${at}`, { body: { value: 'x'.repeat(64 * 1024) } });
  const read = vi.spyOn(harness.service, 'read');
  const port = await listen(harness);
  return { ...harness, port, connect: () => new RawClient(port), lists: () => read.mock.calls.length };
}

const metric = async ({ call }: Pick<ReturnType<typeof start>, 'call'>, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await call('GET', '/metrics')).text)?.[1]);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a client that does not read its answers', () => {
  test('has one page made for it at a time, however many it asks for, and gets all of them in order when it reads on', async () => {
    const server = await startWithLargeList();
    const client = server.connect();
    client.stopReading();
    for (let at = 0; at < 40; at++) client.request('GET', `/v1/kv?limit=${at % 2 === 0 ? 16 : 15}`);
    await until(() => server.lists() > 0);
    await pause(500);
    // What the operating system's buffers take of the first ones counts as read.
    expect(server.lists()).toBeLessThan(10);
    client.readOn();
    for (let at = 0; at < 40; at++) expect((await client.answer()).body.keys).toHaveLength(at % 2 === 0 ? 16 : 15);
  });

  test('does not hold more than a few small answers either', async () => {
    const server = await startWithLargeList();
    const client = server.connect();
    client.stopReading();
    for (let at = 0; at < 100; at++) client.request('GET', '/v1/kv/1');
    await pause(500);
    expect(server.lists()).toBeLessThan(100);
    client.readOn();
    for (let at = 0; at < 100; at++) expect((await client.answer()).status).toBe(200);
  });

  test.each(['/v1/kv', '/v1/kv/1'])('is cut off when it takes nothing of %s for the time limit, and is counted', async (path) => {
    const server = await startWithLargeList({ readerStallMs: 2_000, pipelineHeldMax: 1_000 });
    const client = server.connect();
    client.stopReading();
    // More than the buffers of the operating system take.
    for (let at = 0; at < 600; at++) client.request('GET', path);
    const cutOff = () => metric(server, 'leasehold_http_connections_cut_off_total');
    await until(() => server.lists() > 1);
    expect(await cutOff()).toBe(0);
    const beganMs = performance.now();
    while ((await cutOff()) === 0 && performance.now() - beganMs < 10_000) await pause(50);
    expect(await cutOff()).toBe(1);
    expect(performance.now() - beganMs).toBeGreaterThan(400);
    await expect.poll(() => metric(server, 'leasehold_http_connections'), { timeout: 5_000 }).toBe(0);
  });

  test('that watches keeps a few events, and is given up', async () => {
    const server = await startWithLargeList({ watchStallMs: 1_000, unreadMaxBytes: 64 * 1024 });
    const client = server.connect();
    client.request('GET', '/v1/watch');
    client.stopReading();
    for (let at = 0; at < 200; at++) await server.call('PUT', '/v1/kv/a', { body: { value: 'y'.repeat(64 * 1024) } });
    const beganMs = performance.now();
    while ((await metric(server, 'leasehold_http_connections')) > 0 && performance.now() - beganMs < 10_000) await pause(50);
    expect(await metric(server, 'leasehold_http_connections')).toBe(0);
  });

  test('leaves the room of the node to others: pages wait for it, and those who stall are cut off', async () => {
    const server = await startWithLargeList({ unreadMaxBytes: 4 * 1024 * 1024 });
    const silent = Array.from({ length: 30 }, () => server.connect());
    for (const client of silent) {
      client.stopReading();
      for (let at = 0; at < 10; at++) client.request('GET', '/v1/kv');
    }
    await pause(500);
    // Each has taken some into the buffers of the operating system, and the node keeps four pages in all.
    const reader = server.connect();
    reader.request('GET', '/livez');
    expect((await reader.answer()).status).toBe(200);
    const beganMs = performance.now();
    reader.request('GET', '/v1/kv');
    const { status } = await reader.answer();
    expect([200, 429]).toContain(status);
    expect(performance.now() - beganMs).toBeLessThan(8_000);
    expect(await metric(server, 'leasehold_http_connections_cut_off_total')).toBeGreaterThan(0);
  });

  test('and sends more requests at once than the limit is cut off', async () => {
    const server = await startWithLargeList({ pipelineHeldMax: 20 });
    const client = server.connect();
    client.stopReading();
    client.write('GET /v1/kv HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100));
    await until(() => server.lists() > 0);
    client.readOn();
    await client.end();
    expect(server.lists()).toBeLessThan(100);
    expect(await metric(server, 'leasehold_http_connections_cut_off_total')).toBe(1);
  });
});

test('bodies that arrive too slowly give way when all of them take too much room', async () => {
  const harness = start({ arrivingMaxBytes: 900 * 1024 });
  const port = await listen(harness);
  const begin = (): RawClient => {
    const client = new RawClient(port);
    client.write('POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 800000\r\n\r\n');
    client.write(' '.repeat(400_000));
    return client;
  };
  const first = [begin(), begin(), begin()];
  for (const client of first.slice(0, 2)) await client.end();
  const batch = JSON.stringify({ ops: [{ put: { key: 'k', value: 'v' } }] });
  first[2]?.write(' '.repeat(400_000 - batch.length) + batch);
  expect(await first[2]?.answer()).toMatchObject({ status: 200, body: { results: [{ status: 200 }] } });
});

test('a request behind a large body on its connection sees what that did', async () => {
  const harness = start();
  const client = new RawClient(await listen(harness));
  for (let round = 0; round < 5; round++) {
    client.request('POST', '/v1/batch', {
      ops: [{ put: { key: 'k', value: `${round}${'x'.repeat(60_000)}` } }, { put: { key: 'other', value: 'y'.repeat(60_000) } }],
    });
    client.request('GET', '/v1/kv/k');
  }
  for (let round = 0; round < 5; round++) {
    expect((await client.answer()).body.results).toHaveLength(2);
    expect(String((await client.answer()).body.value).slice(0, 1)).toBe(String(round));
  }
});

test('a condition behind thousands of headers counts', async () => {
  const harness = start();
  const client = new RawClient(await listen(harness));
  const many = Array.from({ length: 2_500 }, () => 'a:\r\n').join('');
  const put = 'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n';
  client.write(`${put}${many}If-Match: "999"\r\n\r\n{"value":"v"}`);
  expect((await client.answer()).status).toBe(412);
});

describe('the end of the server', () => {
  test.each<[string, string | null]>([
    ['a request whose head is half there', 'PUT /v1/kv/k HTTP/1.1\r\nHost: localho'],
    [
      'a request whose body is half there',
      'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{',
    ],
    [
      'a chunked body without end',
      'PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
    ],
    ['an answered request and half of the next', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HT'],
    ['a kept connection', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a watch', 'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a wait and half of another request', `GET ${L}/expired HTTP/1.1\r\nHost: localhost\r\n\r\nGET /l`],
    ['answers that nobody reads', null],
  ])('is not held up by %s', async (_what, bytes) => {
    const server = await startWithLargeList();
    await server.call('PUT', L, { body: CLAIM });
    const client = server.connect();
    if (bytes === null) {
      client.stopReading();
      for (let at = 0; at < 20; at++) client.request('GET', '/v1/kv');
    } else client.write(bytes);
    await pause(300);
    const beganMs = performance.now();
    await server.server.close();
    expect(performance.now() - beganMs).toBeLessThan(3_500);
    client.readOn();
    await client.end();
  });
});

test('the alarm for descriptors is raised at 80% of the connections, and clears by itself', async () => {
  const harness = start({ connectionsMax: 10 });
  const port = await listen(harness);
  const clients = Array.from({ length: 7 }, () => new RawClient(port));
  await until(() => harness.server.server.listening);
  await pause(600);
  expect(harness.service.alarms.has('fds')).toBe(false);
  clients.push(new RawClient(port));
  await until(() => harness.service.alarms.has('fds'));
  for (const client of clients.slice(0, 3)) client.hangUp();
  await until(() => !harness.service.alarms.has('fds'));
});
