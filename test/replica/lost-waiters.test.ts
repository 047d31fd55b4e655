// Waiters whose node is gone are dropped: those of an earlier life by the node itself, those of a silent node by the primary.
import { beforeEach, expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import type { Life } from '../../src/lease/waiters.ts';
import { LostWaiters } from '../../src/replica/lost-waiters.ts';
import { leaseKey } from '../lease/log.ts';

let state: StateMachine;
let heard: Map<number, number | null>;
let proposed: { command: Command; done: () => void }[];
const lessor = { isPrimary: true };
let lost: LostWaiters;

beforeEach(() => {
  state = new StateMachine({ vacated: () => undefined });
  heard = new Map();
  proposed = [];
  lessor.isPrimary = true;
  lost = new LostWaiters(
    {
      life: { node: 1, incarnation: 4 },
      lessor,
      view: { heardMs: (node) => heard.get(node) ?? null },
      state: () => state,
      propose: (command, done) => proposed.push({ command, done }),
    },
    3,
  );
  apply({ kind: 'claim', key: leaseKey('l'), holder: 'a', durationMs: 1000 }, { node: 1, incarnation: 4 });
});

function apply(command: Command, origin: Life): void {
  state.apply({ index: state.appliedIndex + 1, term: 1, timeMs: 0, origin }, toTuple(command));
}

function waitAt(node: number, incarnation: number): void {
  apply({ kind: 'claim', key: leaseKey('l'), holder: `h${node}-${incarnation}`, durationMs: 1000, waitMs: 1000 }, { node, incarnation });
}

function ticks(count: number): void {
  for (let tick = 0; tick < count; tick += 1) lost.tick();
}

test('a node that is heard keeps its waiters; one that falls silent loses them after the limit, or after five times that while it is connected', () => {
  waitAt(2, 1);
  for (let tick = 0; tick < 20; tick += 1) {
    heard.set(2, tick);
    lost.tick();
  }
  expect(proposed).toEqual([]);
  ticks(14);
  expect(proposed).toEqual([]);
  ticks(1);
  expect(proposed.map(({ command }) => command)).toEqual([{ kind: 'drop-waiters', node: 2, incarnation: 1 }]);
  waitAt(3, 1);
  heard.set(3, 1);
  ticks(1);
  heard.set(3, null);
  ticks(2);
  expect(proposed).toHaveLength(1);
  ticks(1);
  expect(proposed).toHaveLength(2);
});

test('a node without a connection, or one that is no member any more, counts as silent', () => {
  waitAt(9, 1);
  ticks(4);
  expect(proposed.map(({ command }) => command)).toEqual([{ kind: 'drop-waiters', node: 9, incarnation: 1 }]);
});

test('a drop is proposed once at a time, and again if it came to nothing', () => {
  waitAt(9, 1);
  ticks(10);
  expect(proposed).toHaveLength(1);
  proposed[0]?.done();
  ticks(1);
  expect(proposed).toHaveLength(2);
});

test('only the primary judges others, but every node drops what its own earlier lives left', () => {
  lessor.isPrimary = false;
  waitAt(2, 1);
  waitAt(1, 3);
  waitAt(1, 4);
  ticks(10);
  expect(proposed.map(({ command }) => command)).toEqual([{ kind: 'drop-waiters', node: 1, incarnation: 3 }]);
});

test('one long stop of this process is one tick, whatever the clock says', () => {
  waitAt(2, 1);
  heard.set(2, 100);
  ticks(1);
  // Sixty seconds later it wakes up; the first tick comes before what waits in its sockets.
  ticks(1);
  heard.set(2, 60_100);
  ticks(2);
  expect(proposed).toEqual([]);
});
