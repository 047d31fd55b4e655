// The saved image: what its records are, and which ones are refused.
import { describe, expect, test } from 'vitest';
import { ImageError } from '../../src/lease/records.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { alice, Log, leaseKey, redis, takeAll } from './log.ts';

const fresh = (): StateMachine => new StateMachine({ vacated: () => undefined });
const standing = ['m', [1, 0, 9, 9, 2]] as const;

function restore(records: readonly (readonly [string, unknown])[], index = 9): StateMachine {
  const state = fresh();
  for (const [name, content] of records) state.restore(name, content, 1);
  state.finishRestore(index);
  return state;
}

describe('the records', () => {
  test('are plain arrays, in order of name; a plain claim is one record with the lease it makes for itself', () => {
    const log = new Log().pass(5);
    log.grant('7', 100);
    log.claim(redis, alice, 30);
    log.claimBySession(leaseKey('mysql'), alice, '7');
    log.put('key', 'value', '7');
    log.put('free', 'x');
    log.pin(redis, 'e2');
    log.pin(redis, 'e1');
    expect([...log.state.dump()]).toEqual([
      ['c\0ns\0model\0mysql', [alice, 3, '7']],
      [
        'c\0ns\0model\0redis',
        [
          alice,
          2,
          30,
          35,
          [
            ...[5, 0, 0, 0, 0],
            ...[0, 0, 0, 0, false],
            [
              [0, 6, 5, 'e2'],
              [0, 7, 5, 'e1'],
            ],
          ],
        ],
      ],
      ['kfree', ['x', 5, 5, 1, null]],
      ['kkey', ['value', 4, 4, 1, '7']],
      ['l7', [100, 105, 4]],
      ['m', [2, 5, 5, 7, 0]],
      ['p\0ns\0model\0redis', ['e1', 'e2']],
    ]);
  });

  test('a new state has one record to save, a saved one none, and a read back one none', () => {
    const state = fresh();
    expect(takeAll(state)).toEqual([{ name: 'm', content: [2, 0, 0, 0, 0], savedChecksum: null }]);
    expect(state.changedCount).toBe(0);
    expect(restore([standing]).changedCount).toBe(0);
  });

  test('an extension marks one record, and a record that is gone still knows the checksum on disk', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    for (const { name } of takeAll(log.state)) log.state.noteSaved(name, 77);
    log.pass(1).extend(redis, alice, 10);
    log.release(redis, alice);
    expect(takeAll(log.state)).toEqual([
      { name: 'c\0ns\0model\0redis', content: null, savedChecksum: 77 },
      { name: 'm', content: [2, 1, 3, 3, 0], savedChecksum: 77 },
      {
        name: 'hr0001',
        content: [1, ['\0ns\0model\0redis', alice, 1, 0, 10, null, 0, 3, 1, 1, 0, [0, 1, 2, 0, 0]]],
        savedChecksum: null,
      },
    ]);
  });

  test('every way in which a record can change marks it, and nothing else is marked', () => {
    const log = new Log();
    const { state } = log;
    const changedBy = (change: () => unknown): string[] => {
      state.takeChanges();
      change();
      return takeAll(state).map(({ name }) => name);
    };
    const claim = (name: string): string => `c\0ns\0model\0${name}`;
    const pins = 'p\0ns\0model\0redis';
    expect(changedBy(() => log.grant('7', 10))).toEqual(['l7']);
    expect(changedBy(() => log.grant('8', 50))).toEqual(['l8']);
    expect(changedBy(() => log.claim(redis, alice, 10))).toEqual([claim('redis'), 'm']);
    expect(changedBy(() => log.claimBySession(redis, alice, '7'))).toEqual([claim('redis'), 'l7', 'm']);
    expect(changedBy(() => log.claimBySession(leaseKey('mysql'), alice, '7'))).toEqual([claim('mysql'), 'l7', 'm']);
    expect(changedBy(() => log.put('key', ''))).toEqual(['kkey', 'm']);
    expect(changedBy(() => log.put('key', ''))).toEqual(['kkey', 'm']);
    expect(changedBy(() => log.apply({ kind: 'attach', id: '8', key: 'key' }))).toEqual(['kkey', 'l8']);
    expect(changedBy(() => log.apply({ kind: 'attach', id: '8', key: 'key' }))).toEqual([]);
    expect(changedBy(() => log.apply({ kind: 'detach', id: '8', key: 'key' }))).toEqual(['kkey', 'l8']);
    expect(changedBy(() => log.apply({ kind: 'attach', id: '7', key: 'key' }))).toEqual(['kkey', 'l7']);
    expect(changedBy(() => log.renew('7'))).toEqual([]);
    expect(changedBy(() => log.pin(redis, 'e1'))).toEqual([claim('redis'), 'm', pins]);
    expect(changedBy(() => log.pin(redis, 'e2'))).toEqual([claim('redis'), 'm', pins]);
    expect(changedBy(() => log.pin(redis, 'e2'))).toEqual([]);
    expect(changedBy(() => log.unpin(redis, 'e1'))).toEqual([claim('redis'), 'm', pins]);
    expect(changedBy(() => log.pass(1).renew('7'))).toEqual(['l7', 'm']);
    expect(changedBy(() => log.expireAfter(11))).toEqual([claim('mysql'), claim('redis'), 'kkey', 'l7', 'm', 'hl0001']);
    expect(changedBy(() => log.extend(redis, alice, 10))).toEqual([claim('redis'), 'm']);
    expect(changedBy(() => log.unpin(redis, 'e2'))).toEqual([claim('redis'), 'm', pins]);
    expect(changedBy(() => log.expireAfter(11))).toEqual([claim('redis'), 'm', 'hl0001']);
    expect(changedBy(() => log.apply({ kind: 'lead', term: 1, node: 'n1', leaderlessMs: 5 }))).toEqual(['r']);
    expect(changedBy(() => log.revoke('8'))).toEqual(['l8']);
    expect([...state.dump()].map(([name]) => name)).toEqual(['hl0001', 'm', 'r']);
  });

  test('a change while the last save is under way knows the checksum of what that save writes', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    const [taken] = takeAll(log.state);
    log.release(redis, alice);
    log.state.noteSaved(taken?.name ?? '', 77);
    expect(takeAll(log.state)[0]).toEqual({ name: taken?.name, content: null, savedChecksum: 77 });
  });
});

describe('reading back', () => {
  test('an empty image at index 0 is a new state', () => {
    const state = restore([], 0);
    expect([state.appliedIndex, state.revision, state.timeMs, state.changedCount]).toEqual([0, 0, 0, 1]);
    state.skip(1);
  });

  test('goes on at the index of the image', () => {
    const state = restore([standing], 12);
    expect([state.appliedIndex, state.revision, state.lastEvent]).toEqual([12, 9, { index: 9, position: 2 }]);
    expect(() => state.skip(12)).toThrow('entry 12 applied after entry 12');
  });

  test('what lives by a lease is in its place before the lease’s own record has come, so that no work is left for the end', () => {
    const state = fresh();
    for (let number = 0; number < 1000; number += 1) state.restore(`c\0ns\0model\0lease-${number}`, ['alice', 1, '7'], 1);
    state.restore('kkey', ['value', 2, 2, 1, '7'], 1);
    expect(state.claims(null, null, 1000, 0).items).toHaveLength(1000);
    expect(state.key('key')?.lease).toBe('7');
    state.restore('l7', [500, 600], 1);
    state.restore(...standing, 1);
    state.finishRestore(9);
    expect(state.claim(leaseKey('lease-999', 'ns', 'model'), 100)).toMatchObject({ session: '7', durationMs: 500, remainingMs: 500 });
    expect(state.attachments('7', null, 2000)?.claims).toHaveLength(1000);
    expect(state.nextDeadlineMs()).toBe(600);
  });

  test('an image of the time before events does not know which was the last', () => {
    expect(restore([['m', [1, 0, 9]]], 12).lastEvent).toEqual({ index: 0, position: 0 });
  });

  test('JL-69 a record that this version does not save is refused', () => {
    const claim = 'c\0ns\0m\0l';
    const bad: [string, unknown][] = [
      ['m', [0, 0, 0]],
      ['m', [3, 0, 0]],
      ['m', [1, -1, 0]],
      ['m', [1, 0]],
      ['m', [1, 0, 0, 0]],
      ['m', [1, 0, 0, 0, -1]],
      ['mx', [1, 0, 0]],
      ['m', { 0: 1, 1: 0, 2: 0 }],
      ['', []],
      ['x', []],
      ['c', ['h', 1, 1, 1]],
      ['c\0ns\0m', ['h', 1, 1, 1]],
      ['cns\0m\0l', ['h', 1, 1, 1]],
      ['c\0ns\0m\0l\0l', ['h', 1, 1, 1]],
      ['c\0n s\0m\0l', ['h', 1, 1, 1]],
      [claim, ['h', 1, 1, 1, [0, 1, 2, 0]]],
      [claim, ['h', 1, 1, 1, 7]],
      [claim, ['h', 1, 1, 1, [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]],
      [claim, ['h', 1, '7', 5, [0, 0, 0, 0, 0]]],
      [claim, ['h', 1, 1, 1, [0, 0, 0, 0, 0, 0, 0, 0, 0, false, [[9, 1, 1, 'e']]]]],
      ['hl0000', [1]],
      ['hl0001', [1]],
      ['hl0001', [257]],
      ['hl0002', [1, [claim.slice(1), 'h', 1, 0, 10, null, 0, 3, 1, 1, 0]]],
      ['hl1', [1, [claim.slice(1), 'h', 1, 0, 10, null, 0, 3, 1, 1, 0]]],
      ['hl0001', [1, [claim.slice(1), 'h', 1, 0, 10, null, 3, 3, 1, 1, 0]]],
      ['hl0001', [1, [claim.slice(1), 'h', 1, 0, 10, null, 0, 3, 1, 1]]],
      ['hx0001', [1, [claim.slice(1), 'h', 1, 0, 10, null, 0, 3, 1, 1, 0]]],
      ['r', []],
      ['r', [0, [1, 1, 1, 'n1', null]]],
      ['r', [1, [1, 1, 1, 'n 1', null]]],
      ['rx', [1, [1, 1, 1, 'n1', null]]],
      [claim, ['h', 0, 1, 1]],
      [claim, ['h', 1, 0, 1]],
      [claim, ['h', 1, 1, -1]],
      [claim, ['h', 1, 1]],
      [claim, ['', 1, 1, 1]],
      [claim, ['h', 1, '0']],
      [claim, ['h', 1, '5', 4]],
      ['k', ['v', 1, 1, 1, null]],
      ['k\0', ['v', 1, 1, 1, null]],
      ['kk', ['v', 2, 1, 1, null]],
      ['kk', ['v', 1, 1, 0, null]],
      ['kk', ['v', 1, 1, 1, '0']],
      ['kk', [1, 1, 1, 1, null]],
      ['l0', [1, 1]],
      ['l05', [1, 1]],
      ['l5', [0, 1]],
      ['l5', [1, 1, 0]],
      ['l5', [1, 1, -1]],
      ['l5', [1, 1, null]],
      ['l5', [1, 1, 1, 0]],
      ['l5', [1, 1, 1, null]],
      ['l5', [1, 1, 1, 1, 1]],
      ['p\0ns\0m\0l', []],
      ['p\0ns\0m\0l', ['b', 'a']],
      ['p\0ns\0m\0l', ['a', 'a']],
      ['p\0ns\0m\0l', ['a b']],
      ['pa', ['e']],
      ['w0', [1, claim.slice(1), 'h', null, 5, 1, 1, 9, 0, null]],
      ['w07', [1, claim.slice(1), 'h', null, 5, 1, 1, 9, 0, null]],
      ['w7', [8, claim.slice(1), 'h', null, 5, 1, 1, 9, 0, null]],
      ['w7', [7, 'l', 'h', null, 5, 1, 1, 9, 0, null]],
      ['w7', [7, claim.slice(1), 'h h', null, 5, 1, 1, 9, 0, null]],
      ['w7', [7, claim.slice(1), 'h', null, 0, 1, 1, 9, 0, null]],
      ['w7', [7, claim.slice(1), 'h', '5', 5, 1, 1, 9, 0, null]],
      ['w7', [7, claim.slice(1), 'h', null, 5, 1, 1, 9, 0]],
      ['w7', [7, claim.slice(1), 'h', null, 5, 1, 1, 9, 0, 'a b']],
      ['i', [1, 1, 0, 1, '']],
      ['ia b', [1, 1, 0, 1, '']],
      ['ia', [1, 0, 0, 1, '']],
      ['ia', [1, 1, 0, 1, '{']],
      ['ia', [1, 1, 0, 1, '5']],
      ['ia', [1, 1, 0, 1]],
      ['w7', [7, claim.slice(1), 'h', null, 5, 1, -1, 9, 0, null]],
    ];
    for (const [name, content] of bad) expect(() => fresh().restore(name, content, 1), JSON.stringify([name, content])).toThrow(ImageError);
  });

  test('records that do not fit together are refused', () => {
    const claim = (fence: number, session: string) => ['c\0ns\0m\0l', ['h', fence, session]] as const;
    const lease = ['l5', [10, 10]] as const;
    expect(restore([standing, claim(9, '5'), lease]).claim({ namespace: 'ns', model: 'm', lease: 'l' }, 0)?.session).toBe('5');
    expect(() => restore([standing, claim(9, '6'), lease])).toThrow('names lease 6, which it lacks');
    expect(() => restore([standing, ['kk', ['v', 1, 1, 1, '6']]])).toThrow('names lease 6, which it lacks');
    expect(() => restore([standing, claim(10, '5'), lease])).toThrow('revisions disagree');
    const held = ['c\0ns\0m\0l', ['h', 3, 5, 5]] as const;
    const waiter = (holder: string, session: string | null, fence = 0, ticket = 4) =>
      [`w${ticket}`, [4, held[0].slice(1), holder, session, session === null ? 5 : 0, 1, 1, 9, fence, null]] as const;
    const waiting = (...records: (readonly [string, unknown])[]) => restore([standing, held, lease, ...records], 9).waiting;
    expect(waiting(waiter('g', null))).toBe(1);
    expect(waiting(waiter('g', '5'))).toBe(1);
    expect(waiting(waiter('h', null, 3))).toBe(0);
    expect(() => waiting(waiter('g', '6'))).toThrow('waiter 4 does not fit');
    // A line that is being served: a later entry answers the holder's further requests.
    expect(waiting(waiter('h', null))).toBe(1);
    expect(restore([standing, held, lease, waiter('h', null)], 9).isUnfinished).toBe(true);
    expect(restore([standing, held, lease, waiter('g', null)], 9).isUnfinished).toBe(false);
    expect(() => waiting(waiter('h', null, 2))).toThrow('waiter 4 does not fit');
    expect(() => waiting(waiter('g', null, 0, 10))).toThrow('waiter 10 does not fit');
    expect(() => waiting(waiter('h', null, 3), waiter('h', null, 3, 5))).toThrow('two records');
    expect(() => restore([standing, waiter('g', null)], 9)).toThrow('waiter 4 does not fit');
    expect(() => restore([standing], 8)).toThrow('revisions disagree');
    expect(() => restore([lease])).toThrow('lacks its time and revision');
    expect(() => restore([], 1)).toThrow('lacks its time and revision');
  });

  test('a record that comes twice is refused', () => {
    const twice: [string, unknown][] = [
      ['m', [1, 0, 9]],
      ['l5', [10, 10]],
      ['kk', ['v', 1, 1, 1, null]],
      ['kk', ['v', 1, 1, 1, '5']],
      ['c\0ns\0m\0l', ['h', 1, 1, 1]],
      ['p\0ns\0m\0l', ['e']],
      ['ia', [1, 1, 0, 1, '{"kind":"done"}']],
    ];
    for (const record of twice) {
      const others = twice.filter(([name]) => name === 'm' || name === 'l5').filter(([name]) => name !== record[0]);
      expect(() => restore([...others, record, record]), record[0]).toThrow(/two records/);
    }
  });

  test('is possible only before a state runs, and a state runs only after it is whole', () => {
    const state = fresh();
    state.restore('m', [1, 0, 0], 1);
    expect(() => state.skip(1)).toThrow('half an image');
    state.finishRestore(0);
    expect(() => state.restore('l5', [1, 1], 1)).toThrow('running state');
    expect(() => state.finishRestore(0)).toThrow('running state');
  });

  test('pins are found whether they come before or after the claim that they keep', () => {
    const claim = ['c\0ns\0m\0l', ['h', 1, 5, 5]] as const;
    const pins = ['p\0ns\0m\0l', ['e']] as const;
    for (const records of [
      [standing, claim, pins],
      [standing, pins, claim],
    ]) {
      expect(restore(records).nextDeadlineMs()).toBeNull();
    }
  });
});
