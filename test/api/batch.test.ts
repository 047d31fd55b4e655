// POST /v1/batch: many operations in one request, each with the outcome that it would have had alone, in order.
import { describe, expect, test } from 'vitest';
import type { Service } from '../../src/replica/service.ts';
import { type Harness, start } from './harness.ts';

const LEASE = { namespace: 'ns', model: 'm', lease: 'l' };

interface Result {
  readonly status: number;
  readonly body: Record<string, unknown> | null;
}

async function batch(harness: Harness, ops: unknown): Promise<Result[]> {
  const { status, body, text } = await harness.call('POST', '/v1/batch', { body: { ops } });
  expect([status, text]).toEqual([200, text]);
  expect(body.index).toBe(harness.service.appliedIndex);
  return body.results as Result[];
}

function claim(holder: string, lease = 'l'): unknown {
  return { claim: { ...LEASE, lease, holder, durationMs: 1000 } };
}

describe('a batch may have claims denied by a read', () => {
  const release = (holder: string, lease = 'l'): unknown => ({ release: { ...LEASE, lease, holder } });
  const bad = { claim: { ...LEASE, holder: 'b' } };

  test.each([
    ['of different leases and nothing else', [claim('b'), claim('b', 'k'), bad], {}, false],
    ['but not of one lease twice', [claim('b'), claim('c')], {}, true],
    ['but not beside a release', [release('a'), claim('b')], {}, true],
    ['but not before one', [claim('b'), release('a')], {}, true],
    ['but not beside a check', [claim('b'), { check: { ...LEASE, holder: 'b' } }], {}, true],
    ['but not beside a write', [claim('b'), { put: { key: 'k', value: 'v' } }], {}, true],
  ])('%s', async (_title, ops, headers, inOrder) => {
    const harness = start();
    const asked: unknown[] = [];
    const service: Service = harness.service;
    const submit = service.submit.bind(service);
    service.submit = (command, settle, ordered) => {
      asked.push(ordered);
      submit(command, settle);
    };
    await harness.call('POST', '/v1/batch', { body: { ops }, headers });
    expect(new Set(asked)).toEqual(new Set([inOrder]));
  });
});

describe('a batch', () => {
  test('carries out every kind of operation, with the bodies of the single calls', async () => {
    const harness = start();
    await harness.call('POST', '/v1/lessor/leases', { body: { ttlMs: 5000, id: '77' } });
    const results = await batch(harness, [
      claim('a'),
      { extend: { ...LEASE, holder: 'a', durationMs: 2000 } },
      { check: { ...LEASE, holder: 'a', attempt: 1 } },
      { renew: { id: '77' } },
      { put: { key: 'k', value: 'v', lease: '77', assert: [{ ...LEASE, holder: 'a' }] } },
      { delete: { key: 'k' } },
      { release: { ...LEASE, holder: 'a' } },
    ]);
    expect(results.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200, 204, 204]);
    expect(results[0]?.body).toMatchObject({ holder: 'a', fence: 2, durationMs: 1000, index: 2 });
    expect(results[1]?.body).toMatchObject({ holder: 'a', fence: 2, durationMs: 2000, index: 3 });
    expect(results[2]?.body).toEqual({ held: true, fence: 2, assertion: { ...LEASE, holder: 'a', fence: 2, minIndex: 3 }, index: 3 });
    expect(results[3]?.body).toMatchObject({ id: '77', ttlMs: 5000 });
    expect(results[4]?.body).toMatchObject({ key: 'k', value: 'v', lease: '77', createRevision: 5 });
    expect(results[5]?.body).toBeNull();
  });

  test('gives each operation its own outcome: one refusal stops nobody', async () => {
    const harness = start();
    const results = await batch(harness, [claim('a'), claim('b'), { delete: { key: 'none' } }, { renew: { id: '0' } }, claim('b', 'l2')]);
    expect(results.map(({ status, body }) => [status, body?.code])).toEqual([
      [201, undefined],
      [409, 'claim-denied'],
      [404, 'key-not-found'],
      [404, 'lease-not-found'],
      [201, undefined],
    ]);
    expect(results[1]?.body).toMatchObject({ holder: 'a', fence: 1, index: 2 });
  });

  test('of none is answered at once', async () => {
    expect(await batch(start(), [])).toEqual([]);
  });

  test('takes 1000 operations, and one more is too large', async () => {
    const harness = start();
    const ops = Array.from({ length: 1001 }, (_, at) => claim('a', `l${at}`));
    expect((await batch(harness, ops.slice(1))).every(({ status }) => status === 201)).toBe(true);
    const refused = await harness.call('POST', '/v1/batch', { body: { ops } });
    expect([refused.status, refused.body.code]).toEqual([413, 'too-large']);
    expect(harness.service.appliedIndex).toBe(1000);
  });

  test('may have 4 MiB, and is told that limit beyond it', async () => {
    const harness = start();
    const value = 'v'.repeat(60_000);
    const ops = Array.from({ length: 68 }, (_, at) => ({ put: { key: `k${at}`, value } }));
    expect((await batch(harness, ops)).every(({ status }) => status === 200)).toBe(true);
    const refused = await harness.call('POST', '/v1/batch', { body: { ops: [...ops, ...ops] } });
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([413, 'too-large', 'the body has more than 4194304 bytes']);
    const single = await harness.call('PUT', '/v1/kv/k', { body: { value: 'v'.repeat(1024 * 1024) } });
    expect(single.body.detail).toBe('the body has more than 1048576 bytes');
  });
});

describe('the whole batch is refused, and nothing is carried out,', () => {
  test.each([
    ['for an operation of no known kind', { ops: [claim('a'), { steal: {} }] }],
    ['for an operation of two kinds', { ops: [{ claim: {}, release: {} }] }],
    ['for an operation of none', { ops: [claim('a'), {}] }],
    ['for an operation that is no object', { ops: [claim('a'), null] }],
    ['without operations', {}],
    ['for an unknown field beside them', { ops: [claim('a')], waitMs: 5 }],
  ])('%s', async (_case, body) => {
    const harness = start();
    const { status, body: problem } = await harness.call('POST', '/v1/batch', { body });
    expect([status, problem.code]).toEqual([400, 'invalid-argument']);
    expect(harness.service.appliedIndex).toBe(0);
  });
});

describe('one operation is refused for its fields, and the others are carried out:', () => {
  test.each([
    ['a wait', { claim: { ...LEASE, holder: 'a', durationMs: 5, waitMs: 5 } }, /unknown field "waitMs"/],
    ['no term', { claim: { ...LEASE, holder: 'a' } }, /durationMs or session/],
    ['a duration of text', { extend: { ...LEASE, holder: 'a', durationMs: '5' } }, /durationMs/],
    ['a name that is none', { release: { ...LEASE, lease: 'a.b', holder: 'a' } }, /lease/],
    ['no object', { check: 'l' }, /object/],
    [
      'a lease that its namespace forbids',
      { check: { ...LEASE, namespace: 'application-leadership', lease: '9', holder: 'a/0' } },
      /lease/,
    ],
    ['an empty assertion', { put: { key: 'k', value: 'v', assert: [LEASE] } }, /holder or a fence/],
    ['a lease id of number', { renew: { id: 7 } }, /id/],
  ])('%s', async (_case, op, detail) => {
    const harness = start();
    const [bad, good] = await batch(harness, [op, claim('b', 'other')]);
    expect([bad?.status, bad?.body?.code]).toEqual([400, 'invalid-argument']);
    expect(bad?.body?.detail).toMatch(detail);
    expect(good?.status).toBe(201);
  });

  test('a value that is too large has a 413 of its own', async () => {
    const [bad] = await batch(start(), [{ put: { key: 'k', value: 'v'.repeat(65_537) } }]);
    expect([bad?.status, bad?.body?.code]).toEqual([413, 'too-large']);
  });
});

describe('a check in a batch', () => {
  test('sees the changes before it and none after it', async () => {
    const check = { check: { ...LEASE, holder: 'a' } };
    const release = { release: { ...LEASE, holder: 'a' } };
    const results = await batch(start(), [check, claim('a'), check, check, release, check, claim('b'), check]);
    expect(results.map(({ status }) => status)).toEqual([409, 201, 200, 200, 204, 409, 201, 409]);
    expect(results[5]?.body).toMatchObject({ holder: null, index: 2 });
    expect(results[7]?.body).toMatchObject({ holder: 'b', fence: 3, index: 3 });
  });

  test('sees the changes before it while they are under way, and none after it', async () => {
    const harness = start();
    harness.service.held = true;
    const answered = batch(harness, [claim('a'), { check: { ...LEASE, holder: 'a' } }, { release: { ...LEASE, holder: 'a' } }]);
    while (harness.service.heldCount < 2) await new Promise((resolve) => setImmediate(resolve));
    harness.service.release();
    expect((await answered).map(({ status }) => status)).toEqual([201, 200, 204]);
  });

  test('has a failure of its own when there is no leader', async () => {
    const harness = start();
    harness.service.failure = { definite: true, code: 'no-leader', detail: 'gone' };
    const results = await batch(harness, [{ check: { ...LEASE, holder: 'a' } }, claim('a'), { check: { ...LEASE, holder: 'a' } }]);
    expect(results.map(({ status, body }) => [status, body?.code])).toEqual([
      [503, 'no-leader'],
      [503, 'no-leader'],
      [503, 'no-leader'],
    ]);
  });
});
