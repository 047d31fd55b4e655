// GET L/history: what became of a lease.
import { expect, test } from 'vitest';
import { L, start } from './harness.ts';

test('tells each tenure from its claim to its end, with the cause, and gated writes with both outcomes', async () => {
  const { call, service } = start();
  await call('PUT', L, { body: { holder: 'alice', durationMs: 100 } });
  service.advance(60);
  await call('POST', `${L}/extend`, { body: { holder: 'alice', durationMs: 100 } });
  const gated = { value: 'v', assert: [{ namespace: 'ns', model: 'm', lease: 'l', holder: 'alice', fence: 1 }] };
  expect((await call('PUT', '/v1/kv/k', { body: gated })).status).toBe(200);
  await call('PUT', `${L}/pins/e`);
  await call('DELETE', `${L}/pins/e`);
  service.advance(105);
  await call('PUT', L, { body: { holder: 'bob', durationMs: 1_000 } });
  expect((await call('PUT', '/v1/kv/k', { body: gated })).status).toBe(412);
  const { status, body, headers } = await call('GET', `${L}/history`);
  expect([status, headers['leasehold-index']]).toEqual([200, '8']);
  const alice = { holder: 'alice', fence: 1 };
  expect(body).toEqual({
    history: [
      { type: 'claimed', index: 1, timeMs: 0, ...alice, durationMs: 100 },
      { type: 'extended', index: 2, ...alice, count: 1, lateMs: 0 },
      { type: 'fence-used', index: 3, ...alice, count: 1 },
      { type: 'pinned', index: 4, timeMs: 60, ...alice, by: 'e' },
      { type: 'unpinned', index: 5, timeMs: 60, ...alice, by: 'e' },
      { type: 'expired', index: 6, timeMs: 165, ...alice, durationMs: 100, lateMs: 5, cause: 'deadline', term: 3 },
      { type: 'claimed', index: 7, timeMs: 165, holder: 'bob', fence: 7, durationMs: 1_000 },
      { type: 'fence-refused', index: 8, ...alice, count: 1 },
    ],
    truncated: false,
    index: 8,
  });
});

test('of a lease of which nothing is known there is none', async () => {
  const { call } = start();
  const answer = await call('GET', `${L}/history`);
  expect([answer.status, answer.body.code, answer.body.index]).toEqual([404, 'lease-not-found', 0]);
});

test('is a read like any other: linearizable unless told, strict about its query, and it fails without a leader', async () => {
  const { call, service } = start();
  await call('PUT', L, { body: { holder: 'alice', durationMs: 100 } });
  expect((await call('GET', `${L}/history?limit=3`)).status).toBe(400);
  expect((await call('GET', '/v1/leases/n.s/m/l/history')).status).toBe(400);
  service.failure = { definite: true, code: 'no-leader', detail: 'none' };
  expect((await call('GET', `${L}/history`)).status).toBe(503);
  expect((await call('GET', `${L}/history?consistency=stale`)).status).toBe(200);
});
