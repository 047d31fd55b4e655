// The cluster's own affairs over HTTP: status, transfer and health; and what a fault of ours looks like.
import { describe, expect, test } from 'vitest';
import { ClusterReply } from '../../src/contract/cluster.ts';
import { ALARMS } from '../../src/replica/alarms.ts';
import { start } from './harness.ts';

test('the status is the asked node’s own view, also without a leader', async () => {
  const { call, service } = start();
  service.failure = { definite: true, code: 'no-leader', detail: 'none' };
  service.leader = '';
  const answer = await call('GET', '/v1/cluster');
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    node: 'n1',
    leader: null,
    term: 3,
    commitIndex: 0,
    members: [
      {
        id: 'n1',
        http: '127.0.0.1:7801',
        peer: '127.0.0.1:7901',
        role: 'leader',
        voter: true,
        matchIndex: 0,
        appliedIndex: 0,
        lastContactMs: 0,
        reachable: true,
        snapshot: null,
        alarms: [],
      },
      {
        id: 'n2',
        http: '',
        peer: '127.0.0.1:7902',
        role: 'follower',
        voter: true,
        matchIndex: 0,
        appliedIndex: null,
        lastContactMs: null,
        reachable: false,
        snapshot: { sentRecords: 430, records: 1000, percent: 43 },
        alarms: null,
      },
    ],
    alarms: [],
    index: 0,
  });
  expect((await call('GET', '/v1/cluster?consistency=stale')).status).toBe(200);
});

test('an alarm is shown while its condition lasts, in a fixed order, as a list and as metrics', async () => {
  const { call, service } = start();
  const shown = async () => {
    const { alarms, members } = (await call('GET', '/v1/cluster')).body as ClusterReply;
    const metrics = (await call('GET', '/metrics')).text.match(/^leasehold_alarm\{alarm="[a-z-]+"\} 1$/gm) ?? [];
    expect(members.map((member) => member.alarms)).toEqual([alarms, null]);
    expect(metrics.map((line) => line.split('"')[1])).toEqual(alarms);
    return alarms;
  };
  expect((await call('GET', '/metrics')).text.match(/^leasehold_alarm\{.* 0$/gm)).toHaveLength(ALARMS.length);
  service.alarms.set('fds', true);
  service.alarms.set('disk-stall', true);
  expect(await shown()).toEqual(['disk-stall', 'fds']);
  service.alarms.set('disk-stall', false);
  expect(await shown()).toEqual(['fds']);
});

test('the contract names every alarm', () => {
  const { properties } = ClusterReply as unknown as { properties: { alarms: { items: { enum: string[] } } } };
  expect(properties.alarms.items.enum).toEqual(ALARMS);
});

test('a transfer is answered once the other node leads', async () => {
  const { call, service } = start();
  expect(await call('POST', '/v1/cluster/transfer', { body: { to: 'n2' } })).toMatchObject({
    status: 200,
    body: { leader: 'n2', term: 4 },
  });
  expect(service.transferredTo).toBe('n2');
  expect((await call('POST', '/v1/cluster/transfer')).status).toBe(200);
  expect(service.transferredTo).toBeNull();
});

test.each([
  ['member-not-found', 404],
  ['no-leader', 503],
  ['conflict', 409],
] as const)('a transfer that fails with %s is answered %d', async (code, status) => {
  const { call, service } = start();
  service.transferResult = { ok: false, code, detail: 'why' };
  expect(await call('POST', '/v1/cluster/transfer', { body: { to: 'n9' } })).toMatchObject({ status, body: { code, detail: 'why' } });
});

test('a node lives without a leader, but is not ready', async () => {
  const { call, service } = start();
  expect(await call('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  service.failure = { definite: true, code: 'overloaded', detail: 'too much' };
  expect(await call('GET', '/livez')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await call('GET', '/readyz')).toMatchObject({ status: 503, body: { code: 'no-leader' }, headers: { 'retry-after': '1' } });
});

describe('readiness', () => {
  const CHECKS = ['stopping', 'disk', 'applied', 'divergence', 'read'];
  const verbose = (failed: string, read: boolean | null) =>
    CHECKS.map((name) => ({ name, ok: name === failed ? false : name === 'read' ? read : true }));

  test('a node is ready if and only if every check passes; verbose lists them all', async () => {
    const { call, service } = start();
    expect((await call('GET', '/readyz?verbose')).body).toEqual({ status: 'ok', checks: verbose('', true) });
    const { conditionNow } = service;
    const faults: [string, () => void, () => void][] = [
      ['stopping', () => Object.assign(conditionNow, { isStopping: true }), () => Object.assign(conditionNow, { isStopping: false })],
      ['disk', () => Object.assign(conditionNow, { syncPendingMs: 1_000 }), () => Object.assign(conditionNow, { syncPendingMs: 999 })],
      ['applied', () => Object.assign(conditionNow, { applyLag: 2_001 }), () => Object.assign(conditionNow, { applyLag: 2_000 })],
      ['divergence', () => service.alarms.set('divergence', true), () => service.alarms.set('divergence', false)],
    ];
    for (const [name, begin, end] of faults) {
      begin();
      const answer = await call('GET', '/readyz');
      expect(answer).toMatchObject({
        status: 503,
        body: { code: name === 'stopping' ? 'stopping' : 'no-leader', failed: [name] },
        headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
      });
      expect(answer.body).not.toHaveProperty('checks');
      expect((await call('GET', '/readyz?verbose')).body).toMatchObject({ failed: [name], checks: verbose(name, null) });
      expect((await call('GET', '/livez')).status).toBe(200);
      end();
      expect((await call('GET', '/readyz')).status).toBe(200);
    }
    service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    expect((await call('GET', '/readyz?verbose')).body).toMatchObject({ failed: ['read'], checks: verbose('read', false) });
  });

  test('a disk that begins to hang while the barrier is awaited is told at once, not after a second', async () => {
    const { call, service } = start();
    service.read = () => {};
    setTimeout(() => Object.assign(service.conditionNow, { syncPendingMs: 1_200 }), 50);
    // After a second the barrier would have failed as well.
    expect((await call('GET', '/readyz')).body).toMatchObject({ failed: ['disk'] });
  });

  test.each(['/readyz?verbos', '/readyz?verbose=no', '/readyz?verbose&verbose', '/livez?verbose', '/livez?x=1'])(
    '%s is answered 400 with what is wrong',
    async (url) => {
      const answer = await start().call('GET', url);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-argument' } });
      expect(answer.body.detail).toContain('verbos'.slice(0, url.includes('verbos') ? 6 : 0));
    },
  );
});

test('a node whose barrier takes more than a second is not ready, and a late answer does no harm', async () => {
  const { call, service } = start();
  const { read } = service;
  let late: () => void = () => undefined;
  service.read = (consistency, answer) => {
    late = () => read.call(service, consistency, answer);
  };
  expect(await call('GET', '/readyz')).toMatchObject({ status: 503, body: { code: 'no-leader' } });
  late();
});

test('a fault of ours is answered 500 without its insides, and told to the log', async () => {
  const { call, service, log } = start();
  service.status = () => {
    throw new Error('secret insides');
  };
  const answer = await call('GET', '/v1/cluster');
  expect(answer).toMatchObject({ status: 500, body: { code: 'internal' }, headers: { 'content-type': 'application/problem+json' } });
  expect(answer.text).not.toContain('secret');
  expect(log.join()).toContain('secret insides');
});

test('a head request answers as the get does, without a body', async () => {
  const { call } = start();
  await call('PUT', '/v1/kv/k', { body: { value: 'v' } });
  expect(await call('HEAD', '/v1/kv/k')).toMatchObject({ status: 200, text: '', headers: { etag: '"1"', 'leasehold-index': '1' } });
  expect(await call('HEAD', '/v1/kv/none')).toMatchObject({ status: 404, text: '' });
});
