// The sweeper: it proposes while something is unfinished, on the primary only, one entry at a time and with rests.
import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/io/manual-clock.ts';
import type { Command } from '../../src/lease/commands.ts';
import { Sweeper } from '../../src/replica/sweeper.ts';

let clock: ManualClock;
let isUnfinished: boolean;
let isPrimary: boolean;
let proposed: { readonly command: Command; readonly done: () => void }[];
let sweeper: Sweeper;

beforeEach(() => {
  clock = new ManualClock();
  isUnfinished = true;
  isPrimary = true;
  proposed = [];
  const lessor = {
    get isPrimary() {
      return isPrimary;
    },
  };
  const propose = (command: Command, done: () => void): void => void proposed.push({ command, done });
  sweeper = new Sweeper({ clock, lessor, state: () => ({ isUnfinished }), term: () => 7, propose }, 100);
});

describe('the sweeper', () => {
  test('proposes an expiry without items, and the next one after a rest as long as the first took', async () => {
    sweeper.watch();
    sweeper.watch();
    expect(proposed.map(({ command }) => command)).toEqual([{ kind: 'expire', term: 7, items: [] }]);
    await clock.advance(20);
    proposed[0]?.done();
    sweeper.watch();
    await clock.advance(19);
    expect(proposed).toHaveLength(1);
    await clock.advance(1);
    expect(proposed).toHaveLength(2);
  });

  test('rests no longer than its limit', async () => {
    sweeper.watch();
    await clock.advance(10_000);
    proposed[0]?.done();
    await clock.advance(100);
    expect(proposed).toHaveLength(2);
  });

  test('proposes nothing when nothing is unfinished, or where another node is the primary', async () => {
    isUnfinished = false;
    sweeper.watch();
    isUnfinished = true;
    isPrimary = false;
    sweeper.watch();
    expect(proposed).toEqual([]);
    isPrimary = true;
    sweeper.watch();
    isUnfinished = false;
    proposed[0]?.done();
    await clock.advance(100);
    expect(proposed).toHaveLength(1);
  });
});
