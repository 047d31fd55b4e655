// Committed entries are applied in order, as many in one turn as it has time for, and Raft learns of exactly those.
import { beforeEach, expect, test } from 'vitest';
import { entriesBytes } from '../../src/raft/sizes.ts';
import type { Entry } from '../../src/raft/types.ts';
import { ApplyQueue } from '../../src/replica/apply-queue.ts';
import { TurnBudget } from '../../src/replica/turn-budget.ts';
import { Calm } from './calm.ts';

const COST_MS = 4;

let nowMs: number;
let applied: number[];
/** The indexes of each response. */
let told: number[][];
/** Of entries that Raft was told of, but the saver was not. */
let toldBytes: number;
let budget: TurnBudget;
let queue: ApplyQueue;

beforeEach(() => {
  nowMs = 1_000;
  applied = [];
  told = [];
  toldBytes = 0;
  budget = new TurnBudget({ now: () => nowMs }, 10);
  queue = new ApplyQueue(1, budget, {
    apply: ({ index }) => {
      applied.push(index);
      nowMs += COST_MS;
    },
    step: ({ entries }) => {
      told.push(entries.map(({ index }) => index));
      toldBytes += entriesBytes(entries);
    },
    applied: (bytes) => {
      toldBytes -= bytes;
    },
  });
});

function add(from: number, to: number): void {
  const entries: Entry[] = [];
  for (let index = from; index <= to; index += 1) entries.push({ kind: 'normal', index, term: 1, data: new Uint8Array(index) });
  queue.add({ kind: 'storage-apply', from: 1, to: -2, term: 0, entries, responses: [] });
}

function turn(): void {
  budget.begin();
  queue.run();
  expect(toldBytes).toBe(0);
}

test('a turn applies until its time is over, the next goes on there, and Raft is told of what was applied alone', () => {
  add(1, 7);
  turn();
  expect([applied, told, queue.isEmpty]).toEqual([[1, 2, 3], [[1, 2, 3]], false]);
  add(8, 8);
  turn();
  turn();
  expect(applied).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(told).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8],
  ]);
  expect(queue.isEmpty).toBe(true);
});

test('a turn that has no time left applies one entry all the same', () => {
  add(1, 2);
  nowMs += 100;
  queue.run();
  expect(applied).toEqual([1]);
});

test('entries before a received state are not applied any more, and Raft has their bytes back', () => {
  add(1, 5);
  turn();
  queue.drop();
  turn();
  expect([applied, told, queue.isEmpty]).toEqual([
    [1, 2, 3],
    [
      [1, 2, 3],
      [4, 5],
    ],
    true,
  ]);
});

test('a node applies what one commit brings in as many turns as it takes, and hears, leads and answers in between', () => {
  const calm = new Calm([1, 2, 3], { turnWorkMs: 0 });
  const leader = calm.leader();
  const settledIn: number[] = [];
  const readIn: number[] = [];
  calm.in(leader, (replica) => {
    for (let n = 0; n < 200; n += 1) {
      const key = { namespace: 'ns', model: 'm', lease: `l${n}` };
      replica.submit({ kind: 'claim', key, holder: 'h', durationMs: 60_000 }, (settled) => {
        expect(settled.kind).toBe('applied');
        settledIn.push(calm.scheduler.executed);
      });
      replica.read('linearizable', () => readIn.push(calm.scheduler.executed));
    }
  });
  calm.pass(2_000);
  expect([settledIn, readIn].map((turns) => turns.length)).toEqual([200, 200]);
  expect(new Set(settledIn).size).toBe(200);
  // The turn in which their barrier is confirmed serves two.
  expect(new Set(readIn).size).toBeGreaterThanOrEqual(199);
  // Reads do not wait for all that is applied.
  expect(readIn[0]).toBeLessThan(settledIn[150] as number);
  calm.in(leader, (replica) => expect([replica.raftStatus().role, replica.state.appliedIndex >= 200]).toEqual(['leader', true]));
});

test('a received state takes the place of entries that wait to be applied, and the node goes on behind it', () => {
  // Node 3 takes seconds to apply what the others apply at once.
  const calm = new Calm([1, 2, 3], { turnWorkMs: 0, saveAfterEntries: 1, keepEntries: 0, mostKeptEntries: 0 }, 2, [0, 0, 100]);
  const leader = calm.leader();
  expect(leader).not.toBe(3);
  const claim = (lease: string): void =>
    calm.in(leader, (replica) =>
      replica.submit({ kind: 'claim', key: { namespace: 'ns', model: 'm', lease }, holder: 'h', durationMs: 60_000 }, () => {}),
    );
  const settled: string[] = [];
  calm.in(3, (replica) =>
    replica.submit({ kind: 'claim', key: { namespace: 'ns', model: 'm', lease: 'own' }, holder: 'h', durationMs: 60_000 }, (end) =>
      settled.push(end.kind),
    ),
  );
  for (let n = 0; n < 100; n += 1) claim(`before ${n}`);
  const received = () => calm.lines.filter((line) => line.includes('gets image ')).length;
  const applied = (node: number): number => {
    let index = 0;
    calm.in(node, (replica) => {
      index = replica.state.appliedIndex;
    });
    return index;
  };
  calm.pass(1_000);
  const [committed, here] = [applied(leader), applied(3)];
  expect(here).toBeLessThan(committed - 50);
  for (const node of [1, 2]) {
    calm.cluster.network.block(node, 3);
    calm.cluster.network.block(3, node);
    calm.cluster.network.reset(node, 3);
  }
  for (let n = 0; n < 20; n += 1) {
    claim(`after ${n}`);
    calm.pass(5);
  }
  for (const node of [1, 2]) {
    calm.cluster.network.unblock(node, 3);
    calm.cluster.network.unblock(3, node);
  }
  calm.pass(10_000, () => received() > 0);
  expect(applied(3)).toBeLessThan(committed);
  calm.pass(20_000);
  expect(applied(3)).toBe(applied(leader));
  claim('last');
  calm.pass(2_000);
  calm.in(3, (replica) => expect(replica.state.claim({ namespace: 'ns', model: 'm', lease: 'last' }, 0)?.holder).toBe('h'));
  expect(settled).toHaveLength(1);
});
