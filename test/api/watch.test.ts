// GET /v1/watch: what is sent, from where it goes on, and what is left behind.
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ServerLimits } from '../../src/api/server.ts';
import { WATCH_SILENCE_MAX_MS } from '../../src/contract/limits.ts';
import type { Command } from '../../src/lease/commands.ts';
import { type Harness, L, settleDown, start } from './harness.ts';
import { EVENTS_KEPT } from './local-service.ts';
import { allGone, listen, RawClient, until } from './raw-client.ts';
import { Watching, type WatchOptions } from './watching.ts';

const key = (lease: string, namespace = 'ns') => ({ namespace, model: 'm', lease });
const claim = (lease: string, namespace = 'ns'): Command => ({ kind: 'claim', key: key(lease, namespace), holder: 'h', durationMs: 50 });
const put = (name: string, value = 'v'): Command => ({ kind: 'put', key: name, value, lease: null, assert: [], precondition: null });

/** So long a connection is left open for the last words. */
const LINGERS_MS = 1_900;

interface Watched extends Harness {
  apply(...commands: Command[]): void;
  watch(options?: WatchOptions): Promise<Watching>;
  /** Opens one without waiting for anything. */
  open(options?: WatchOptions): Watching;
}

async function watched(limits: Partial<ServerLimits> = {}): Promise<Watched> {
  const harness = start(limits);
  const origin = `http://127.0.0.1:${await listen(harness)}`;
  const open = (options: WatchOptions = {}): Watching => {
    const watching = new Watching(origin, options);
    onTestFinished(() => watching.hangUp());
    return watching;
  };
  return {
    ...harness,
    apply: (...commands) => {
      for (const command of commands) harness.service.submit(command, () => undefined);
    },
    open,
    watch: async (options = {}) => {
      const watching = open(options);
      await until(() => watching.isReady || watching.closed);
      return watching;
    },
  };
}

describe('what is sent', () => {
  test('first the comment that nothing is missed from here, then each event with its id, type and data', async () => {
    const { watch, apply, service } = await watched();
    apply(claim('before'));
    const watching = await watch();
    expect(watching.headers).toMatchObject({ 'content-type': 'text/event-stream', 'leasehold-node': 'n1', 'leasehold-index': '1' });
    apply(claim('l'), { kind: 'pin', key: key('l'), entity: 'e' }, { kind: 'release', key: key('l'), holder: 'h', fence: null });
    apply(put('k'), { kind: 'delete', key: 'k', assert: [], precondition: null });
    await until(() => watching.events.length === 5);
    expect(watching.text.startsWith(': ready\nid: 1.0\n\nid: 2.0\nevent: claimed\ndata: {')).toBe(true);
    const lease = { namespace: 'ns', model: 'm', lease: 'l', holder: 'h', fence: 2, session: null, durationMs: 50, timeMs: 0 };
    expect(watching.events.map(({ data }) => JSON.parse(data))).toEqual([
      { type: 'claimed', index: 2, ...lease },
      { type: 'pinned', index: 3, ...lease, entity: 'e' },
      { type: 'released', index: 4, ...lease },
      { type: 'put', index: 5, key: 'k', value: 'v', createRevision: 5, modRevision: 5, version: 1, lease: null },
      { type: 'deleted', index: 6, key: 'k', createRevision: 5, modRevision: 6, lease: null, cause: 'deleted' },
    ]);
    expect(watching.lines.at(-1)).toBe('6.0 deleted k');
    expect(service.applied).toHaveLength(6);
  });

  test('a lease that ran out is told as expired, a revoked one as revoked, with all that lived by it in one entry', async () => {
    const { watch, apply, service } = await watched();
    apply({ kind: 'grant', id: '7', ttlMs: 90 }, { kind: 'claim-session', key: key('s'), holder: 'h', session: '7' }, claim('l'));
    apply({ ...put('k'), lease: '7' } as Command);
    const watching = await watch();
    service.advance(60);
    apply({ kind: 'revoke', id: '7' });
    await until(() => watching.events.length === 3);
    expect(watching.lines).toEqual(['5.0 expired l', '6.0 revoked s', '6.1 deleted k']);
    expect(JSON.parse(watching.events[0]?.data ?? '')).toMatchObject({ lateMs: 10, holder: 'h' });
    expect(JSON.parse(watching.events[1]?.data ?? '')).toMatchObject({ session: '7' });
    expect(JSON.parse(watching.events[2]?.data ?? '')).toMatchObject({ cause: 'revoked', lease: '7' });
  });

  test.each([
    ['?namespace=ns', ['claimed l', 'claimed l2']],
    ['?namespace=ns&model=m&lease=l', ['claimed l']],
    ['?lease=l', ['claimed l', 'claimed l']],
    ['?model=other', []],
    ['?prefix=a%2F', ['put a/1']],
    ['?prefix=', ['put a/1', 'put b/1']],
    ['?namespace=other&prefix=b', ['claimed l', 'put b/1']],
    ['', ['claimed l', 'claimed l2', 'claimed l', 'put a/1', 'put b/1']],
  ])('%s gives those events only', async (query, expected) => {
    const { watch, apply } = await watched();
    const watching = await watch({ query });
    const all = await watch();
    apply(claim('l'), claim('l2'), claim('l', 'other'), put('a/1'), put('b/1'));
    await until(() => all.events.length === 5);
    await until(() => watching.events.length >= expected.length);
    expect(watching.lines.map((line) => line.replace(/^\S+ /, ''))).toEqual(expected);
  });

  test.each([
    ['?namespace=', {}],
    ['?lease=a.b', {}],
    ['?prefix=%00', {}],
    ['?prefix=a&prefix=b', {}],
    ['?key=a', {}],
    ['', { 'last-event-id': '' }],
    ['', { 'last-event-id': '12' }],
    ['', { 'last-event-id': '12.' }],
    ['', { 'last-event-id': '-1.0' }],
    ['', { 'last-event-id': '01.0' }],
    ['', { 'last-event-id': '1.0.0' }],
    ['', { 'last-event-id': '9007199254740993.0' }],
    ['', { 'last-event-id': 'latest' }],
  ])('%s with %o is refused', async (query, headers) => {
    const { call } = start();
    const answer = await call('GET', `/v1/watch${query}`, { headers });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid-argument']);
  });
});

describe('going on', () => {
  test('after any event, at any place of its entry, exactly the later ones follow', async () => {
    const { watch, apply } = await watched();
    const op = { kind: 'put', value: 'v', lease: null } as const;
    apply(claim('l'), { kind: 'txn', assert: [], compare: [], success: [1, 2, 3].map((n) => ({ ...op, key: `k${n}` })), failure: [] });
    apply(claim('l2'));
    const all = ['1.0 claimed l', '2.0 put k1', '2.1 put k2', '2.2 put k3', '3.0 claimed l2'];
    for (const [at, line] of all.entries()) {
      const watching = await watch({ lastEventId: line.split(' ')[0] ?? '' });
      await until(() => watching.events.length === all.length - at - 1);
      expect(watching.lines).toEqual(all.slice(at + 1));
    }
    const whole = await watch({ lastEventId: '0.0' });
    await until(() => whole.events.length === all.length);
    expect(whole.lines).toEqual(all);
  });

  test('from further than this node has come waits until it has', async () => {
    const { open, apply, service } = await watched();
    apply(claim('a'));
    service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    const watching = open({ lastEventId: '3.0' });
    await until(() => watching.status === 200);
    expect(watching.isReady).toBe(false);
    service.failure = null;
    apply(claim('b'), claim('c'), claim('d'));
    await until(() => watching.events.length === 1);
    expect(watching.text).toMatch(/^: ready\nid: 3.0\n\n/);
    expect(watching.lines).toEqual(['4.0 claimed d']);
  });

  test('without a leader a new watch waits until it can promise to miss nothing', async () => {
    const { open, service, apply } = await watched();
    service.failure = { definite: true, code: 'no-leader', detail: 'none' };
    const watching = open();
    await until(() => watching.status === 200);
    await sleep(50);
    expect(watching.text).toBe('');
    service.failure = null;
    await until(() => watching.isReady);
    apply(claim('l'));
    await until(() => watching.events.length === 1);
  });

  test('after an id of which later events are not kept, one reset says so, and one can go on from that', async () => {
    const { watch, apply } = await watched();
    for (let n = 0; n < EVENTS_KEPT + 10; n++) apply(put('k'));
    const watching = await watch({ lastEventId: '5.0' });
    apply(claim('l'));
    await until(() => watching.events.length === 2);
    const index = EVENTS_KEPT + 10;
    expect(watching.lines).toEqual([`${index}.0 reset`, `${index + 1}.0 claimed l`]);
    expect(JSON.parse(watching.events[0]?.data ?? '')).toMatchObject({ type: 'reset', index });
    const again = await watch({ lastEventId: watching.events[0]?.id ?? '' });
    await until(() => again.events.length === 1);
    expect(again.lines).toEqual([`${index + 1}.0 claimed l`]);
    const kept = await watch({ lastEventId: '11.0' });
    await until(() => kept.events.length === EVENTS_KEPT);
    expect(kept.lines[0]).toBe('12.0 put k');
  });

  test('after an id from beyond the log, which is another cluster’s, there is a reset too', async () => {
    const { watch, apply } = await watched();
    apply(claim('l'));
    const watching = await watch({ lastEventId: '900.0' });
    apply(claim('l2'));
    await until(() => watching.events.length === 2);
    expect(watching.lines).toEqual(['1.0 reset', '2.0 claimed l2']);
  });

  test('a node whose state jumped resets the watches that it has', async () => {
    const { watch, apply, service } = await watched();
    apply(claim('l'));
    const watching = await watch();
    service.events.startAfter({ index: 1, position: 5 }, 1);
    service.events.tell();
    apply(claim('l2'));
    await until(() => watching.events.length === 2);
    expect(watching.lines).toEqual(['1.5 reset', '2.0 claimed l2']);
  });

  test('a watch of rare events is told how far it has come, so that it can go on when it is cut', async () => {
    const { watch, apply } = await watched();
    const watching = await watch({ query: '?lease=rare' });
    apply(claim('rare'));
    for (let n = 0; n < 8_192; n++) {
      apply(put('k'));
      if (n % 1_000 === 0) await sleep(1);
    }
    await until(() => watching.stream.lastId !== '1.0' && watching.events.length === 1);
    expect(watching.lines).toEqual(['1.0 claimed rare']);
    expect(watching.stream.lastId).toBe('8193.0');
  });
});

describe('silence', () => {
  test('is broken in time, with the place to go on from', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { watch, apply } = await watched();
    const watching = await watch({ query: '?lease=l' });
    apply(put('k'), put('k'));
    await settleDown();
    for (let minute = 0; minute < 4; minute++) vi.advanceTimersByTime(WATCH_SILENCE_MAX_MS);
    await until(() => watching.comments.length >= 5);
    expect(watching.text.startsWith(': ready\nid: 0.0\n\n: still here\nid: 2.0\n\n')).toBe(true);
    expect(watching.events).toEqual([]);
  });
});

describe('limits', () => {
  test('one watch too many is refused as overloaded, and there is room again when one ends', async () => {
    const { watch, open } = await watched({ watchersMax: 2 });
    const first = await watch();
    await watch();
    const third = open();
    await until(() => third.closed);
    expect(third.status).toBe(429);
    first.hangUp();
    await until(() => first.closed);
    await sleep(20);
    expect((await watch()).isReady).toBe(true);
  });

  test('a reader that falls out of the events that are kept is dropped with a reason', async () => {
    const { watch, apply } = await watched();
    const watching = await watch();
    watching.stopReading();
    // More than the sockets on both sides take.
    for (let round = 0; round < 200; round++) {
      for (let n = 0; n < 100; n++) apply(put('k', 'x'.repeat(1_000)));
      await sleep(1);
    }
    watching.readOn();
    await until(() => watching.closed);
    const last = watching.events.at(-1);
    expect([last?.type, JSON.parse(last?.data ?? '')]).toEqual(['error', expect.objectContaining({ code: 'overloaded' })]);
    const ids = watching.events.slice(0, -1).map(({ id }) => Number(id.split('.')[0]));
    expect(ids).toEqual(ids.map((_, at) => at + 1));
    expect(last?.id).toBe(`${ids.length}.0`);
  });

  test('a reader that takes nothing for too long is cut', async () => {
    const { watch, apply, server } = await watched({ watchStallMs: 1_000 });
    const watching = await watch();
    watching.stopReading();
    // More than the sockets on both sides take, slowly enough that each event is sent before it is forgotten.
    for (let n = 0; n < 500; n++) {
      apply(put('k', 'x'.repeat(60_000)));
      await sleep(0);
    }
    const began = performance.now();
    await allGone({ server });
    expect(performance.now() - began).toBeGreaterThan(LINGERS_MS);
    expect(watching.closed).toBe(false);
  });

  test('a stop of the node ends watches with that reason, in time', async () => {
    const { watch, server } = await watched();
    const watching = await watch();
    const began = performance.now();
    await server.close();
    await until(() => watching.closed);
    expect(watching.events.map(({ type, data }) => [type, JSON.parse(data).code])).toEqual([['error', 'stopping']]);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('one that stands behind another request on its connection ends with the connection, too', async () => {
    const harness = await watched({ watchersMax: 1 });
    await harness.call('PUT', L, { body: { holder: 'A', durationMs: 1000 } });
    const client = new RawClient((harness.server.server.address() as AddressInfo).port);
    client.request('PUT', L, { holder: 'B', durationMs: 1000, waitMs: 60_000 });
    client.request('GET', '/v1/watch');
    await until(() => harness.service.waitingCounts[0] === 1);
    await settleDown();
    client.hangUp();
    await allGone(harness);
    const next = await harness.watch();
    expect(next.status).toBe(200);
  });

  test('a thousand watches, opened and cut at any moment, leave nothing behind', async () => {
    const harness = await watched();
    const { open, apply, service } = harness;
    const listeners = new Set<unknown>();
    const { subscribe } = service.events;
    service.events.subscribe = (listener) => {
      const stop = subscribe.call(service.events, listener);
      listeners.add(stop);
      return () => {
        listeners.delete(stop);
        stop();
      };
    };
    for (let round = 0; round < 10; round++) {
      const watches = Array.from({ length: 100 }, () => open());
      // The first are cut before they are answered, the last after they have seen an event.
      for (const [at, watching] of watches.entries()) {
        if (at % 2 === 0) {
          if (at % 4 === 0) await until(() => watching.isReady);
          apply(claim(`l${round}/${at}`));
        }
        watching.hangUp();
      }
    }
    await allGone(harness);
    await until(() => listeners.size === 0);
    const { status } = await harness.call('GET', L);
    expect(status).toBe(404);
    await harness.server.close();
  });
});
