// What becomes of a request that was passed on: applied once, tried again only when it surely was not, unknown when nobody can tell.
import { beforeEach, describe, expect, test } from 'vitest';
import { codec } from '../../src/io/codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { lastStamp, open, stampTime } from '../../src/replica/envelope.ts';
import { Requests } from '../../src/replica/requests.ts';
import type { Settled } from '../../src/replica/service.ts';

const RENEW: Command = { kind: 'renew', id: '7' };

let requests: Requests;
let settled: Settled[];

beforeEach(() => {
  requests = new Requests(codec, { node: 2, incarnation: 5 });
  settled = [];
});

function add(nowMs = 0, once = false): void {
  requests.add(RENEW, nowMs, once, (outcome) => settled.push(outcome));
}

function send(term: number): number[] {
  return requests.takeUnsent(term, 100, 1e6).map((envelope) => open(envelope)?.sequence ?? -1);
}

describe('a request', () => {
  test('carries who took it and in which life of the node, and gets its time where it is appended', () => {
    add();
    const [envelope] = requests.takeUnsent(1, 1, 1e6);
    stampTime(envelope as Uint8Array, 1234);
    expect(open(envelope as Uint8Array)).toMatchObject({ node: 2, incarnation: 5, sequence: 1, timeMs: 1234 });
    expect(codec.decode(open(envelope as Uint8Array)?.command as Uint8Array)).toEqual(['renew', '7']);
  });

  test('is settled once, with the index and outcome of its entry', () => {
    add();
    send(1);
    expect(requests.applied(1, 99, { kind: 'done' })).toBe(true);
    expect(requests.applied(1, 100, { kind: 'done' })).toBe(false);
    expect(settled).toEqual([{ kind: 'applied', index: 99, outcome: { kind: 'done' } }]);
  });

  test('is settled by its own number alone, not by what comes next in the log', () => {
    add();
    send(1);
    expect(requests.applied(7, 98, { kind: 'done' })).toBe(false);
    expect(settled).toEqual([]);
    requests.applied(1, 99, { kind: 'done' });
    expect(settled).toHaveLength(1);
  });

  test('sent in a term of which a later one is applied is surely lost, and goes out again under a new number', () => {
    add();
    add();
    expect(send(3)).toEqual([1, 2]);
    requests.applied(2, 10, { kind: 'done' });
    requests.termReached(3);
    expect(requests.hasUnsent).toBe(false);
    requests.termReached(4);
    expect(send(4)).toEqual([3]);
    expect(settled).toHaveLength(1);
    requests.applied(3, 20, { kind: 'done' });
    expect(settled[1]).toMatchObject({ kind: 'applied', index: 20 });
  });

  test('that is made while others are told that they fail goes out all the same', () => {
    requests.add(RENEW, 0, false, () => add());
    requests.failUnsent({ definite: true, code: 'stopping', detail: '' });
    expect(send(1)).toEqual([2]);
  });

  test('that was lost goes out again before those that came after it, as a batch counts on its order', () => {
    add();
    expect(send(3)).toEqual([1]);
    add();
    requests.termReached(4);
    const again = requests.takeUnsent(4, 100, 1e6).map((envelope) => open(envelope)?.sequence ?? -1);
    expect(again).toEqual([3, 4]);
    requests.applied(3, 20, { kind: 'done' });
    expect(settled).toEqual([{ kind: 'applied', index: 20, outcome: { kind: 'done' } }]);
    // The second one is known by its new number alone.
    expect(requests.applied(2, 21, { kind: 'done' })).toBe(false);
    expect(requests.applied(4, 21, { kind: 'done' })).toBe(true);
  });

  test('that was never sent does not die with a term', () => {
    add();
    requests.termReached(9);
    expect(send(9)).toEqual([1]);
  });

  test('for one term only dies with it, definitely', () => {
    add(0, true);
    send(3);
    requests.termReached(4);
    expect(settled).toMatchObject([{ kind: 'failed', failure: { definite: true, code: 'no-leader' } }]);
    expect(requests.count).toBe(0);
  });

  test('that found no leader in time is not accepted; one that is in a log for too long has an unknown outcome', () => {
    add(0);
    send(1);
    add(0);
    requests.expire(999, 1000, 5000);
    expect(settled).toEqual([]);
    requests.expire(1000, 1000, 5000);
    expect(settled).toMatchObject([{ failure: { definite: true, code: 'no-leader' } }]);
    requests.expire(5000, 1000, 5000);
    expect(settled[1]).toMatchObject({ failure: { definite: false, code: 'outcome-unknown' } });
    expect(send(1)).toEqual([]);
  });

  test('in the part of the log that a snapshot jumped over has an unknown outcome; one that was not sent goes on', () => {
    add();
    send(1);
    add();
    requests.logJumped();
    expect(settled).toMatchObject([{ failure: { definite: false } }]);
    expect(send(2)).toEqual([2]);
  });

  test('that could not be sent after all goes first the next time, and counts as unsent', () => {
    add();
    add();
    add();
    const taken = requests.takeUnsent(1, 2, 1e6);
    requests.putBack(taken);
    requests.termReached(2);
    expect(send(2)).toEqual([1, 2, 3]);
    expect(requests.sentIn(2)).toHaveLength(3);
  });

  test('refused by the leader is overloaded, definitely', () => {
    add();
    send(1);
    requests.refused([1, 77], null);
    expect(settled).toMatchObject([{ failure: { definite: true, code: 'overloaded' } }]);
  });

  test('that the leader has no room for is not accepted, with the resource', () => {
    add();
    send(1);
    const noRoom = { resource: 'keys', used: 10, limit: 10 } as const;
    requests.refused([1], noRoom);
    expect(settled).toMatchObject([{ failure: { definite: true, code: 'no-room', noRoom } }]);
  });

  test('that stands in a log when the node stops is unknown, any other surely did nothing', () => {
    add();
    send(1);
    add();
    requests.failAll({ definite: true, code: 'stopping', detail: '' });
    expect(settled.map((outcome) => outcome.kind === 'failed' && outcome.failure.code)).toEqual(['stopping', 'outcome-unknown']);
  });
});

test('the last stamped entry tells the time, whatever unstamped ones follow', () => {
  add();
  const [data] = requests.takeUnsent(1, 1, 1e6) as [Uint8Array];
  stampTime(data, 500);
  const empty = { kind: 'normal', term: 1, index: 2, data: new Uint8Array(0) } as const;
  expect(lastStamp([{ kind: 'normal', term: 1, index: 1, data }, empty])).toBe(500);
  expect(lastStamp([empty])).toBeNull();
});

describe('the bytes of requests under way', () => {
  const limits = { maxPendingRequests: 1_000, maxPendingBytes: 8_000 };
  const put = (): Command => ({ kind: 'put', key: 'k', value: 'x'.repeat(1_000), lease: null, assert: [], precondition: null });

  test('bound what is admitted, and the last eighth is for renewals', () => {
    let count = 0;
    for (; requests.admits(put(), limits); count++) requests.add(put(), 0, false, () => {});
    expect(count).toBe(7);
    expect([requests.admits(RENEW, limits), requests.admits(put(), limits)]).toEqual([true, false]);
    requests.add(put(), 0, false, () => {});
    expect(requests.admits(RENEW, limits)).toBe(false);
  });

  test('are free again however a request ends', () => {
    add();
    const one = requests.bytes;
    expect(one).toBeGreaterThan(24);
    send(1);
    add();
    add();
    requests.applied(1, 9, { kind: 'done' });
    expect(requests.bytes).toBe(2 * one);
    send(1);
    // Tried again in a later term under a new number.
    requests.termReached(2);
    expect(requests.bytes).toBe(2 * one);
    requests.withdraw(requests.addSent(RENEW, 0, 2, () => {}));
    expect(requests.bytes).toBe(2 * one);
    requests.failAll({ definite: true, code: 'stopping', detail: '' });
    expect([requests.bytes, requests.count]).toEqual([0, 0]);
  });
});
