// The caller tries other endpoints exactly where what is known of the outcome allows it.
import { afterEach, describe, expect, test } from 'vitest';
import { LeaseholdError } from '../../src/client/errors.ts';
import { type Call, HttpCaller } from '../../src/client/http.ts';
import { pathOf } from '../../src/client/names.ts';
import { deadUrl, problem, type StubAnswer, StubServer } from '../cli/stub-server.ts';

const stubs: StubServer[] = [];
const callers: HttpCaller[] = [];

afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

async function stub(...answers: StubAnswer[]): Promise<StubServer> {
  const server = await StubServer.start(...answers);
  stubs.push(server);
  return server;
}

function caller(endpoints: readonly string[], options: { patienceMs?: number; attemptMs?: number } = {}): HttpCaller {
  const made = new HttpCaller({ endpoints, patienceMs: 0, ...options });
  callers.push(made);
  return made;
}

async function failureOf(promise: Promise<unknown>): Promise<LeaseholdError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LeaseholdError);
  return error as LeaseholdError;
}

const put: Call = { method: 'PUT', path: '/v1/kv/k', body: { value: 'v' }, effect: 'once' };
const claim: Call = { method: 'PUT', path: '/v1/leases/a/b/c', body: { holder: 'h', durationMs: 1_000 }, effect: 'repeatable' };
const read: Call = { method: 'GET', path: '/v1/leases/a/b/c', effect: 'none' };
const ok: StubAnswer = { status: 200, body: { fine: true } };

describe('endpoints', () => {
  test('an endpoint that nobody listens on is passed over', async () => {
    const alive = await stub(ok);
    expect((await caller([await deadUrl(), alive.url]).call(put)).body).toEqual({ fine: true });
  });

  test('the endpoint that answered is asked first from then on', async () => {
    const leaderless = await stub(problem(503, 'no-leader'));
    const calls = caller([leaderless.url, (await stub(ok)).url]);
    await calls.call(put);
    await calls.call(put);
    expect(leaderless.requests).toHaveLength(1);
  });

  test('when nobody listens anywhere, the call fails at once as unreachable, whatever the patience', async () => {
    const began = performance.now();
    const error = await failureOf(caller([await deadUrl(), await deadUrl()], { patienceMs: 60_000 }).call(put));
    expect(error).toMatchObject({ code: 'unreachable', failure: 'not-accepted', status: null });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test.each(['no-leader', 'stopping'])('"%s" sends the call to the next endpoint, even one that must not be made twice', async (code) => {
    const first = await stub(problem(503, code));
    const second = await stub(ok);
    expect((await caller([first.url, second.url]).call(put)).endpoint).toBe(second.url);
  });

  test('while no node takes the call it is tried again until the patience ends', async () => {
    const server = await stub(problem(503, 'no-leader'), problem(429, 'overloaded'), ok);
    expect((await caller([server.url], { patienceMs: 20_000 }).call(put)).status).toBe(200);
    expect(server.requests).toHaveLength(3);
    const stubborn = await stub(problem(503, 'no-leader'));
    expect(await failureOf(caller([stubborn.url], { patienceMs: 120 }).call(put))).toMatchObject({
      code: 'no-leader',
      failure: 'not-accepted',
    });
  });

  test('a refusal is final and carries its facts', async () => {
    const first = await stub(problem(409, 'claim-denied', { holder: 'bob', fence: 7, remainingMs: 12, index: 9 }));
    const second = await stub(ok);
    const error = await failureOf(caller([first.url, second.url]).call(claim));
    expect(error).toMatchObject({ code: 'claim-denied', status: 409, failure: 'refused', message: 'detail of claim-denied' });
    expect(error.facts).toEqual({ holder: 'bob', fence: 7, remainingMs: 12, index: 9 });
    expect(second.requests).toHaveLength(0);
  });
});

describe('unknown outcomes', () => {
  test.each<[string, StubAnswer]>([
    ['a connection that breaks', 'hangUp'],
    ['an answer that does not come', 'silent'],
    ['a 504', problem(504, 'outcome-unknown')],
  ])('after %s, a call that must not be made twice is not, and its outcome is unknown', async (_, answer) => {
    const first = await stub(answer);
    const second = await stub(ok);
    const error = await failureOf(caller([first.url, second.url], { attemptMs: 200 }).call(put));
    expect(error).toMatchObject({ code: 'outcome-unknown', failure: 'unknown' });
    expect(second.requests).toHaveLength(0);
  });

  test.each<[string, StubAnswer]>([
    ['a connection that breaks', 'hangUp'],
    ['an answer that does not come', 'silent'],
    ['a 504', problem(504, 'outcome-unknown')],
  ])('after %s, a repeatable call and a read go on to the next endpoint', async (_, answer) => {
    for (const call of [claim, read]) {
      const first = await stub(answer);
      const second = await stub(ok);
      expect((await caller([first.url, second.url], { attemptMs: 200 }).call(call)).endpoint).toBe(second.url);
    }
  });

  test('a repeatable call that may have been applied stays unknown when later attempts are not accepted', async () => {
    const first = await stub('hangUp');
    const second = await stub(problem(503, 'no-leader'));
    expect(await failureOf(caller([first.url, second.url]).call(claim))).toMatchObject({ failure: 'unknown' });
    expect(await failureOf(caller([first.url, second.url]).call(read))).toMatchObject({ code: 'no-leader', failure: 'not-accepted' });
  });

  test('an answer that is not Leasehold’s is said to be one', async () => {
    const stranger = await stub({ status: 404, body: { hello: 'world' } });
    expect(await failureOf(caller([stranger.url]).call(read))).toMatchObject({ code: 'unexpected-answer' });
  });
});

describe('waits', () => {
  test('a later attempt asks for the rest of the wait only, in the query of a GET and the body of a PUT', async () => {
    const first = await stub('hangUp');
    const second = await stub(ok);
    await caller([first.url, second.url]).call({ ...read, wait: { field: 'timeoutMs', ms: 5_000 } });
    await caller([first.url, second.url]).call({ ...claim, wait: { field: 'waitMs', ms: 5_000 } });
    const asked = second.requests.map(({ url, body }) =>
      Number(new URL(url, 'http://x').searchParams.get('timeoutMs') ?? (body as { waitMs: number }).waitMs),
    );
    expect(asked).toHaveLength(2);
    for (const ms of asked) expect(ms > 0 && ms <= 5_000).toBe(true);
  });

  test('an aborted call throws the reason of its signal', async () => {
    const server = await stub('silent');
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(caller([server.url]).call({ ...read, signal })).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = caller([server.url]).call({ ...read, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(pending).rejects.toBe(reason);
  });
});

test('path segments are percent-encoded, slashes too', () => {
  expect(pathOf('a', 'b/c', 'd e', '%')).toBe('/a/b%2Fc/d%20e/%25');
});

describe('a call under an idempotency key', () => {
  const keyed: Call = { ...put, effect: 'keyed' };
  const headersOf = ({ requests }: StubServer) =>
    requests.map(({ headers }) => [headers['idempotency-key'], headers['idempotency-since']] as const);

  test('says on a later attempt which log index was seen before the first that might have been applied, and only then', async () => {
    const refusal = { ...(problem(503, 'no-leader') as { readonly status: number }), headers: { 'leasehold-index': '50' } };
    const first = await stub(ok, refusal, 'hangUp', ok);
    const calls = caller([first.url], { patienceMs: 5_000 });
    await calls.call(read);
    await calls.call(keyed);
    const [, refused, lost, retried] = headersOf(first);
    expect(new Set([refused?.[0], lost?.[0], retried?.[0]]).size).toBe(1);
    // The answer that refused it showed 50, and nothing can have been applied before that.
    expect([refused?.[1], lost?.[1], retried?.[1]]).toEqual([undefined, undefined, '50']);
  });

  test('says nothing while no answer has shown an index', async () => {
    const server = await stub('hangUp', ok);
    await caller([server.url], { patienceMs: 5_000 }).call(keyed);
    expect(headersOf(server).map(([, since]) => since)).toEqual([undefined, undefined]);
  });

  test('has an unknown outcome if a later attempt is refused because it might be forgotten', async () => {
    const server = await stub(ok, 'hangUp', problem(409, 'conflict', { forgottenIndex: 99 }));
    const calls = caller([server.url], { patienceMs: 5_000 });
    await calls.call(read);
    expect(await failureOf(calls.call(keyed))).toMatchObject({ code: 'outcome-unknown', failure: 'unknown' });
  });
});
