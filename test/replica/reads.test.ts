// Linearizable reads share a barrier that was asked for after the last of them began, and are served when its index is applied.
import { beforeEach, describe, expect, test } from 'vitest';
import { Reads } from '../../src/replica/reads.ts';
import type { ReadResult } from '../../src/replica/service.ts';

let asked: number[];
let canAsk: boolean;
let applied: number;
let served: { name: string; timeMs: number | null }[];
let failed: string[];
let reads: Reads;
/** Reads that one turn has time for. */
let readsPerTurn: number;
let wakes: number;
const names = new Map<(result: ReadResult) => void, string>();

beforeEach(() => {
  asked = [];
  canAsk = true;
  applied = 0;
  served = [];
  failed = [];
  readsPerTurn = Number.POSITIVE_INFINITY;
  wakes = 0;
  reads = newLife(0);
});

function newLife(incarnation: number): Reads {
  let left = 0;
  const budget = {
    next: () => {
      left = readsPerTurn;
    },
    get isSpent() {
      return left <= 0;
    },
  };
  return new Reads(incarnation, {
    budget,
    wake: () => {
      wakes += 1;
    },
    requestBarrier: (id) => {
      if (canAsk) asked.push(id);
      return canAsk;
    },
    appliedIndex: () => applied,
    serve: (answer, timeMs) => {
      left -= 1;
      served.push({ name: names.get(answer) ?? '', timeMs });
    },
  });
}

function read(name: string, nowMs = 0): void {
  const answer = (result: ReadResult) => void failed.push(`${name} ${result.kind === 'failed' ? result.failure.code : ''}`);
  names.set(answer, name);
  reads.add(answer, nowMs);
}

const servedNames = () => served.map(({ name }) => name);

test('reads that wait share one barrier; one that begins later waits for the next', () => {
  read('a');
  read('b');
  reads.pump(1, 0);
  read('c');
  reads.pump(1, 0);
  expect(asked).toHaveLength(1);
  applied = 7;
  reads.confirmed(asked[0] as number, 7, 500);
  expect(served).toEqual([
    { name: 'a', timeMs: 500 },
    { name: 'b', timeMs: 500 },
  ]);
  reads.pump(1, 0);
  expect(asked).toHaveLength(2);
});

test('nothing is served before the index is applied', () => {
  read('a');
  reads.pump(1, 0);
  reads.confirmed(asked[0] as number, 7, null);
  applied = 6;
  reads.serveApplied();
  expect(served).toEqual([]);
  applied = 7;
  reads.serveApplied();
  expect(servedNames()).toEqual(['a']);
});

test('an answer to an earlier life of the node confirms nothing in a later one', () => {
  read('before');
  reads.pump(1, 0);
  reads = newLife(1);
  read('after');
  reads.pump(1, 0);
  applied = 9;
  reads.confirmed(asked[0] as number, 7, null);
  expect(servedNames()).toEqual([]);
  reads.confirmed(asked[1] as number, 9, null);
  expect(servedNames()).toEqual(['after']);
});

test('after a change of leader the barrier is asked anew, and an answer to the old one confirms nothing', () => {
  read('a');
  reads.pump(1, 0);
  reads.restart();
  reads.pump(2, 0);
  reads.confirmed(asked[0] as number, 0, null);
  expect(served).toEqual([]);
  reads.confirmed(asked[1] as number, 0, null);
  expect(servedNames()).toEqual(['a']);
});

test('a barrier without an answer is asked again; a read that waits too long changes nothing and says so', () => {
  read('a', 0);
  reads.pump(1, 0);
  reads.expire(500, 500, 1500, 5000);
  reads.pump(1, 500);
  expect(asked).toHaveLength(2);
  reads.expire(1500, 500, 1500, 5000);
  expect(failed).toEqual(['a no-leader']);
});

test('with nobody to ask reads wait, and go out when there is somebody', () => {
  canAsk = false;
  read('a');
  reads.pump(1, 0);
  canAsk = true;
  reads.pump(1, 10);
  reads.confirmed(asked[0] as number, 0, null);
  expect(servedNames()).toEqual(['a']);
});

test('all end when the node stops, also those whose index is not applied', () => {
  read('a');
  reads.pump(1, 0);
  reads.confirmed(asked[0] as number, 9, null);
  read('b');
  reads.pump(1, 0);
  read('c');
  reads.failAll({ definite: true, code: 'stopping', detail: '' });
  expect(failed).toEqual(['b stopping', 'c stopping', 'a stopping']);
});

test('a read whose index this node does not reach is given up in the end, and one that began later is not', () => {
  read('a', 0);
  reads.pump(1, 0);
  reads.confirmed(asked[0] as number, 7, 500);
  read('b', 4_000);
  reads.pump(1, 4_000);
  reads.confirmed(asked[1] as number, 8, 900);
  reads.expire(4_999, 500, 1_500, 5_000);
  expect(failed).toEqual([]);
  reads.expire(5_000, 500, 1_500, 5_000);
  expect(failed).toEqual(['a no-leader']);
  applied = 8;
  reads.serveApplied();
  expect(servedNames()).toEqual(['b']);
});

describe('reads that one turn has no time for', () => {
  beforeEach(() => {
    readsPerTurn = 2;
    for (const name of ['a', 'b', 'c', 'd', 'e']) read(name, 4_000);
    reads.pump(1, 4_000);
    read('f', 4_500);
    applied = 7;
    reads.confirmed(asked[0] as number, 7, 500);
  });

  test('are served in later turns, in order, before those of the next barrier, with the time of their own', () => {
    expect([servedNames(), wakes]).toEqual([['a', 'b'], 1]);
    reads.pump(1, 4_500);
    reads.confirmed(asked[1] as number, 7, 900);
    expect([servedNames(), wakes]).toEqual([['a', 'b', 'c', 'd'], 2]);
    reads.serveApplied();
    expect(served.slice(4)).toEqual([
      { name: 'e', timeMs: 500 },
      { name: 'f', timeMs: 900 },
    ]);
    reads.serveApplied();
    expect(servedNames()).toHaveLength(6);
  });

  test('are given up like others, and those that were served are not answered again', () => {
    reads.expire(9_000, 500, 1_500, 5_000);
    expect([servedNames(), failed]).toEqual([
      ['a', 'b'],
      ['c no-leader', 'd no-leader', 'e no-leader', 'f no-leader'],
    ]);
  });

  test('end with the node', () => {
    reads.failAll({ definite: true, code: 'stopping', detail: '' });
    expect(failed).toEqual(['f stopping', 'c stopping', 'd stopping', 'e stopping']);
    reads.serveApplied();
    expect(servedNames()).toEqual(['a', 'b']);
  });
});
