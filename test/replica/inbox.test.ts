// Requests that followers pass on are taken at most once in a term, in order, within a limit.
import { expect, test } from 'vitest';
import { open, seal } from '../../src/replica/envelope.ts';
import { Inbox } from '../../src/replica/inbox.ts';

const request = (sequence: number, node = 2, incarnation = 1) => seal({ node, incarnation }, sequence, new Uint8Array([1]));
const numbers = (envelopes: readonly Uint8Array[]) => envelopes.map((envelope) => open(envelope)?.sequence);

test('what comes again over a new connection is taken once; what is new with it is taken', () => {
  const inbox = new Inbox(10, 1e6, () => false);
  expect(inbox.add(2, [request(1), request(2)])).toEqual([]);
  expect(inbox.add(2, [request(1), request(2), request(3)])).toEqual([]);
  expect(numbers(inbox.take(10, 1e6))).toEqual([1, 2, 3]);
  inbox.add(2, [request(2)]);
  expect(inbox.isEmpty).toBe(true);
});

test('a restarted node counts anew, and nobody speaks for another', () => {
  const inbox = new Inbox(10, 1e6, () => false);
  inbox.add(2, [request(5)]);
  inbox.add(2, [request(1, 2, 2), request(1, 3), new Uint8Array(3)]);
  inbox.add(3, [request(1, 3)]);
  expect(inbox.take(10, 1e6)).toHaveLength(3);
});

test('an earlier incarnation of a node is not taken after a later one, so that one entry per node is kept', () => {
  const inbox = new Inbox(100_000, 1e9, () => false);
  inbox.add(2, [request(7, 2, 3)]);
  inbox.add(2, [request(8, 2, 2), request(1, 2, 1), request(7, 2, 3), request(8, 2, 3), request(1, 2, 4)]);
  inbox.add(3, [request(Number.NaN, 3, 9), request(1, 3, 1)]);
  expect(inbox.take(10, 1e6).map((envelope) => [open(envelope)?.node, open(envelope)?.incarnation, open(envelope)?.sequence])).toEqual([
    [2, 3, 7],
    [2, 3, 8],
    [2, 4, 1],
    [3, 1, 1],
  ]);
});

test('in a new leadership the same numbers are taken again', () => {
  const inbox = new Inbox(10, 1e6, () => false);
  inbox.add(2, [request(1)]);
  inbox.clear();
  expect(inbox.isEmpty).toBe(true);
  inbox.add(2, [request(1)]);
  expect(inbox.isEmpty).toBe(false);
});

test('over its limit it says which are refused, and takes what fits again', () => {
  const inbox = new Inbox(2, 1e6, () => false);
  expect(inbox.add(2, [request(1), request(2), request(3)])).toEqual([3]);
  const taken = inbox.take(1, 1e6);
  expect(numbers(taken)).toEqual([1]);
  inbox.putBack(taken);
  expect(numbers(inbox.take(10, 1e6))).toEqual([1, 2]);
});

test('keeps no larger frame alive', () => {
  const frame = new Uint8Array(10_000);
  frame.set(request(1), 500);
  const inbox = new Inbox(3, 1e6, () => false);
  inbox.add(2, [frame.subarray(500, 525)]);
  expect(inbox.take(1, 1e6)[0]?.buffer.byteLength).toBeLessThan(10_000);
});

test('it is bounded by bytes, and the last eighth of them is for renewals', () => {
  const isRenewal = (command: Uint8Array): boolean => command[0] === 1;
  const big = (sequence: number) => seal({ node: 2, incarnation: 1 }, sequence, new Uint8Array(76));
  const inbox = new Inbox(100, 800, isRenewal);
  expect(inbox.add(2, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(big))).toEqual([8, 9]);
  expect(
    inbox.add(
      2,
      [10, 11, 12, 13, 14].map((sequence) => request(sequence)),
    ),
  ).toEqual([14]);
  expect(inbox.take(3, 1e6)).toHaveLength(3);
  expect(inbox.add(2, [15, 16, 17, 18].map(big))).toEqual([17, 18]);
});
