// For those who ask for it, each request has a line that says what it was, about which lease, and how it ended; nobody else pays for that.
import { expect, onTestFinished, test } from 'vitest';
import { createServer } from '../../src/api/server.ts';
import type { LogFields, LogLevel } from '../../src/log.ts';
import { L } from './harness.ts';
import { LocalService } from './local-service.ts';

interface Line extends LogFields {
  readonly text: string;
  readonly level: LogLevel;
}

function start(logRequests: boolean) {
  const lines: Line[] = [];
  const server = createServer({
    service: new LocalService(),
    log: (text, level, fields) => lines.push({ text, level, ...fields }),
    logRequests,
  });
  onTestFinished(() => server.close());
  const call = async (method: 'GET' | 'PUT', url: string, payload?: object) => {
    const { statusCode, headers } = await server.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
    return { status: statusCode, index: Number(headers['leasehold-index']), term: Number(headers['leasehold-term']) };
  };
  return { lines, call };
}

test('a line has operation, lease, status, code, time, and the term and index that the caller was told', async () => {
  const { lines, call } = start(true);
  const claimed = await call('PUT', L, { holder: 'alice', durationMs: 60_000 });
  const denied = await call('PUT', L, { holder: 'bob', durationMs: 60_000 });
  const put = await call('PUT', '/v1/kv/k', { value: 'a secret' });
  const unknown = await call('GET', '/v1/nothing');
  const about = { level: 'debug', durationMs: expect.any(Number) };
  expect(lines).toEqual([
    { ...about, ...claimed, text: expect.stringMatching(/^claim ns\/m\/l: 201 in [\d.]+ ms$/), operation: 'claim', lease: 'ns/m/l' },
    {
      ...about,
      ...denied,
      text: expect.stringMatching(/^claim ns\/m\/l: 409 claim-denied in [\d.]+ ms$/),
      operation: 'claim',
      lease: 'ns/m/l',
      code: 'claim-denied',
    },
    { ...about, ...put, text: expect.stringMatching(/^put: 200 in [\d.]+ ms$/), operation: 'put' },
    { ...about, ...unknown, text: expect.stringMatching(/^none: 404 not-found in [\d.]+ ms$/), operation: 'none', code: 'not-found' },
  ]);
  // What is kept in the store is its owner's.
  expect(JSON.stringify(lines)).not.toContain('secret');
});

test('without being asked the server says nothing of a request', async () => {
  const { lines, call } = start(false);
  await call('PUT', L, { holder: 'alice', durationMs: 60_000 });
  await call('GET', '/v1/nothing');
  expect(lines).toEqual([]);
});

test('a name with control characters, which is refused, cannot make a second line or speak to a terminal', async () => {
  const { lines, call } = start(true);
  await call('PUT', '/v1/leases/ns/m/l%0An1%20leads%20term%207%1B%5B2J%E2%80%A8', { holder: 'alice', durationMs: 60_000 });
  expect(lines.map(({ text, status }) => [status, /[\p{Cc}\u2028\u2029]/u.test(text)])).toEqual([[400, false]]);
});
