// The dashboard's buttons: orders come from the pages of the cluster's own nodes, and from nobody else.
import { request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlRequest } from '../../src/cli/control.ts';
import { type ButtonServer, serveButtons } from '../../src/cli/control-http.ts';

const ORIGIN = 'http://127.0.0.1:7801';
const JSON_TYPE = { 'content-type': 'application/json' };

let server: ButtonServer;
let orders: ControlRequest[] = [];

beforeEach(async () => {
  orders = [];
  const processes = () => [{ id: 'n1', pid: 7, state: 'running' as const, http: '127.0.0.1:7801', peer: '127.0.0.1:7901' }];
  server = await serveButtons([{ http: '127.0.0.1:7801' }], { processes }, async (order) => {
    orders.push(order);
    if (order.do === 'resume') throw new Error('n1 is not paused');
    return { ok: true, text: 'done' };
  });
});
afterEach(() => server.close());

/** Unlike `fetch`, lets a test say any host. */
function ask(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<{ status: number; allowed: unknown; text: string }> {
  return new Promise((settle, fail) => {
    const sent = request(server.url + path, { method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => settle({ status: answer.statusCode ?? 0, allowed: answer.headers['access-control-allow-origin'], text }));
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

const KILL = JSON.stringify({ do: 'kill', node: 'n1' });

test('an order from a page of a node is carried out, under either name of this machine', async () => {
  for (const origin of [ORIGIN, 'http://localhost:7801']) {
    expect(await ask('OPTIONS', '/orders', { origin })).toMatchObject({ status: 200, allowed: origin });
    expect(await ask('POST', '/orders', { origin, ...JSON_TYPE }, KILL)).toMatchObject({ status: 200, allowed: origin });
  }
  expect(orders).toEqual([
    { do: 'kill', node: 'n1' },
    { do: 'kill', node: 'n1' },
  ]);
  expect((await ask('GET', '/processes', { origin: ORIGIN })).text).toContain('"state":"running"');
});

test('what could not be done is told', async () => {
  const resume = JSON.stringify({ do: 'resume', node: 'n1' });
  const { status, text } = await ask('POST', '/orders', { origin: ORIGIN, ...JSON_TYPE }, resume);
  expect([status, JSON.parse(text)]).toEqual([409, { ok: false, text: 'n1 is not paused' }]);
});

test('no other site, no page without an origin, and no other name for this machine is listened to', async () => {
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'http://127.0.0.1:9999' },
    { origin: 'null' },
    {},
    { origin: ORIGIN, host: `evil.example:${new URL(server.url).port}` },
  ]) {
    for (const [method, path] of [
      ['POST', '/orders'],
      ['OPTIONS', '/orders'],
      ['GET', '/processes'],
    ] as const) {
      const refused = await ask(method, path, { ...JSON_TYPE, ...headers }, method === 'POST' ? KILL : '');
      expect(refused).toMatchObject({ status: 403, allowed: undefined });
    }
  }
  expect(orders).toEqual([]);
});

test('an order that a form could send, is none of ours or is too long is not carried out', async () => {
  const origin = ORIGIN;
  expect((await ask('POST', '/orders', { origin, 'content-type': 'text/plain' }, KILL)).status).toBe(409);
  for (const body of ['{', 'null', '{"do":"kill"}', '{"do":"status","node":"n1"}', '{"do":"format","node":"n1"}', KILL + ' '.repeat(5_000)])
    expect((await ask('POST', '/orders', { origin, ...JSON_TYPE }, body)).status).toBe(409);
  expect((await ask('GET', '/orders', { origin })).status).toBe(404);
  expect(orders).toEqual([]);
});
