// Exactly once: a command under a caller's key is carried out once, and a repeat is told the same, with the index of the first.
import { beforeEach, describe, expect, test } from 'vitest';
import type { BareCommand } from '../../src/lease/commands.ts';
import { LEASE_WAITERS_MAX, REMEMBERED_BYTES_MAX, REMEMBERED_FOR_MS, REMEMBERED_MAX } from '../../src/lease/limits.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import type { TurnEnd } from '../../src/lease/queueing.ts';
import { RememberedOutcomes } from '../../src/lease/remembered.ts';
import { Standing } from '../../src/lease/standing.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { alice, bob, dumped, Log, redis, restored } from './log.ts';

let log: Log;
let ended: TurnEnd[];

beforeEach(() => {
  log = new Log();
  ended = [];
  log.state = new StateMachine({ vacated: () => undefined, turnEnded: (turn) => ended.push(turn) });
});

function once(key: string, command: BareCommand): Outcome {
  return log.apply({ kind: 'once', key, command });
}

const claim = (holder: string, waitMs?: number): BareCommand => ({
  kind: 'claim',
  key: redis,
  holder,
  durationMs: 100,
  ...(waitMs === undefined ? {} : { waitMs }),
});
const put = (value: string): BareCommand => ({ kind: 'put', key: 'k', value, lease: null, assert: [], precondition: null });

describe('a repeat', () => {
  test('I12 is told the outcome and the index of the first, and changes nothing', () => {
    const first = once('a', put('v'));
    once('b', put('w'));
    const before = dumped(log.state);
    expect(once('a', put('v'))).toEqual({ kind: 'repeated', index: 1, outcome: first });
    expect(dumped(log.state)).toBe(before);
    expect(log.state.key('k')?.value).toBe('w');
  });

  test('of a refusal is refused with the facts of then', () => {
    log.claim(redis, alice, 100);
    const refused = once('a', claim(bob));
    log.release(redis, alice);
    expect(once('a', claim(bob))).toEqual({ kind: 'repeated', index: 2, outcome: refused });
    expect(log.shown(redis)).toBeNull();
  });

  test('of a claim whose tenure is over begins no second one', () => {
    once('a', claim(alice));
    log.release(redis, alice);
    expect(once('a', claim(alice))).toMatchObject({ kind: 'repeated', index: 1, outcome: { created: true, claim: { fence: 1 } } });
    expect(log.shown(redis)).toBeNull();
  });

  test('with another command under the same key is a conflict, and nothing is carried out', () => {
    once('a', put('v'));
    expect(once('a', put('w'))).toMatchObject({ refusal: { code: 'conflict' } });
    expect(once('a', claim(alice))).toMatchObject({ refusal: { code: 'conflict' } });
    expect(log.state.key('k')?.value).toBe('v');
  });

  test('is known after an image, too', () => {
    const first = once('a', put('v'));
    log.state = restored(log.state);
    expect(once('a', put('v'))).toEqual({ kind: 'repeated', index: 1, outcome: first });
  });

  test('of a transaction has its puts and what it read then', () => {
    const txn: BareCommand = {
      kind: 'txn',
      assert: [],
      compare: [],
      success: [
        { kind: 'put', key: 'a', value: 'one', lease: null },
        { kind: 'get-prefix', prefix: '' },
        { kind: 'delete', key: 'a' },
      ],
      failure: [],
    };
    const first = once('t', txn);
    log.put('a', 'later');
    expect(once('t', txn)).toEqual({ kind: 'repeated', index: 1, outcome: first });
  });

  test('does not keep a value that its command puts, nor what is too much to keep of what it read', () => {
    const value = 'v'.repeat(60_000);
    once('a', put(value));
    const read: BareCommand = { kind: 'txn', assert: [], compare: [], success: [{ kind: 'get', key: 'k' }], failure: [] };
    once('t', read);
    const kept = [...log.state.dump()].filter(([name]) => name.startsWith('i'));
    expect(JSON.stringify(kept).length).toBeLessThan(1_000);
    expect(once('a', put(value))).toMatchObject({ kind: 'repeated', outcome: { key: { value } } });
    log.put('k', 'now');
    expect(once('t', read)).toMatchObject({ kind: 'repeated', outcome: { results: [{ keys: [{ value: 'now' }] }] } });
  });

  test('of a renewal that version 0.1.0 remembered has counts in place of the lists', () => {
    once('r', { kind: 'grant', id: '7', ttlMs: 100 });
    const old = { id: '7', ttlMs: 100, remainingMs: 100, keys: ['a', 'b'], claims: [{ namespace: 'n', model: 'm', lease: 'l' }] };
    const copy = new StateMachine({ vacated: () => undefined });
    for (const [name, content] of log.state.dump()) {
      const [fingerprint, index, position, timeMs] = content as unknown[];
      const outcome = JSON.stringify({ kind: 'grant', grant: old });
      copy.restore(name, name === 'ir' ? [fingerprint, index, position, timeMs, outcome] : content, 1);
    }
    copy.finishRestore(log.index);
    log.state = copy;
    expect(once('r', { kind: 'grant', id: '7', ttlMs: 100 })).toEqual({
      kind: 'repeated',
      index: 1,
      outcome: { kind: 'grant', grant: { id: '7', ttlMs: 100, remainingMs: 100, keyCount: 2, claimCount: 1, attachedIndex: 0 } },
    });
  });
});

describe('a claim that waits under a key', () => {
  test('is remembered when its turn comes, whatever its repeat says of waiting', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    expect(once('a', claim(bob, 400))).toEqual({ kind: 'queued', ticket: 3 });
    log.release(redis, alice);
    expect(ended).toMatchObject([
      { ticket: 2, outcome: { kind: 'claim', created: true } },
      { ticket: 3, outcome: { kind: 'repeated', index: 4, outcome: { kind: 'claim', created: true } } },
    ]);
    expect(once('a', claim(bob))).toMatchObject({ kind: 'repeated', index: 4, outcome: { created: true, claim: { fence: 4 } } });
  });

  test('is remembered as denied when its time was up', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    const denied = log.apply({ kind: 'leave', ticket: 2, giveBack: false });
    log.release(redis, alice);
    expect(once('a', claim(bob, 500))).toEqual({ kind: 'repeated', index: 3, outcome: denied });
  });

  test('is forgotten when its caller hung up, waiting or granted, so that it can ask anew', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    log.apply({ kind: 'leave', ticket: 2, giveBack: true });
    expect(once('a', claim(bob, 500)).kind).toBe('queued');
    log.release(redis, alice);
    log.apply({ kind: 'leave', ticket: 4, giveBack: true });
    expect(log.state.sizes.remembered).toBe(0);
    expect(once('a', claim(bob, 500))).toMatchObject({ kind: 'claim', created: true });
  });

  test('is still remembered as it was told to one caller when another one under its key hung up before that', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    once('a', claim(bob, 400));
    const denied = log.apply({ kind: 'leave', ticket: 3, giveBack: false });
    // The word of the first caller's node came late.
    log.apply({ kind: 'leave', ticket: 2, giveBack: true });
    expect(once('a', claim(bob, 500))).toEqual({ kind: 'repeated', index: 4, outcome: denied });
  });

  test('is not given back for its first caller once a repeat was answered', () => {
    once('a', claim(bob, 500));
    once('a', claim(bob, 500));
    log.apply({ kind: 'leave', ticket: 1, giveBack: true });
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('keeps its turn when there is no room for its repeat, which is tried anew the next time', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    for (let at = 1; at < LEASE_WAITERS_MAX; at += 1) log.apply(claim(`h${at}`, 500));
    expect(once('a', claim(bob, 500))).toMatchObject({ refusal: { code: 'overloaded' } });
    expect(once('b', claim('late', 500))).toMatchObject({ refusal: { code: 'overloaded' } });
    log.release(redis, alice);
    expect(log.shown(redis)?.holder).toBe(bob);
    expect(once('b', claim('late', 500)).kind).toBe('queued');
  });

  test('is given back although somebody else’s request of an earlier tenure is repeated', () => {
    once('a', claim(alice));
    once('r', { kind: 'release', key: redis, holder: alice, fence: null });
    once('b', claim(bob, 500));
    once('a', claim(alice));
    once('r', { kind: 'release', key: redis, holder: alice, fence: null });
    log.apply({ kind: 'leave', ticket: 3, giveBack: true });
    expect(log.shown(redis)).toBeNull();
  });

  test('by a session that ends is remembered in the same order on every node, however it came by its state', () => {
    const key = { namespace: 'ns', model: 'model', lease: 'other' };
    const bySession = (of: typeof key): BareCommand => ({ kind: 'claim-session', key: of, holder: bob, session: '7', waitMs: 500 });
    log.grant('7', 1000);
    log.claim(redis, alice, 5000);
    log.claim(key, alice, 5000);
    once('a', bySession(redis));
    once('b', bySession(key));
    once('c', bySession(redis));
    const copy = new Log();
    copy.state = restored(log.state);
    copy.index = log.index;
    for (const each of [log, copy]) each.revoke('7');
    expect(dumped(copy.state)).toBe(dumped(log.state));
  });

  test('is a conflict for another command meanwhile', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    expect(once('a', put('v'))).toMatchObject({ refusal: { code: 'conflict' } });
  });
});

describe('what is remembered is bounded', () => {
  let standing: Standing;
  let outcomes: RememberedOutcomes;

  beforeEach(() => {
    standing = new Standing();
    outcomes = new RememberedOutcomes(standing);
  });

  function note(key: string, outcome = '{}'): void {
    standing.index += 1;
    outcomes.put(key, 1, outcome);
  }

  test('by number: the oldest goes', () => {
    for (let at = 0; at <= REMEMBERED_MAX; at += 1) note(`k${at}`);
    expect([outcomes.size, outcomes.get('k0'), outcomes.get('k1')?.key]).toEqual([REMEMBERED_MAX, undefined, 'k1']);
  });

  test('by size', () => {
    const big = 'x'.repeat(REMEMBERED_BYTES_MAX / 4);
    for (const key of ['a', 'b', 'c', 'd', 'e']) note(key, big);
    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => outcomes.get(key) !== undefined)).toEqual(['c', 'd', 'e']);
  });

  test('by lease time, a few an entry, and never before its time', () => {
    for (let at = 0; at < 100; at += 1) note(`k${at}`);
    standing.timeMs = REMEMBERED_FOR_MS;
    note('still');
    expect(outcomes.size).toBe(101);
    standing.timeMs += 1;
    note('later');
    expect(outcomes.size).toBe(86);
    for (let at = 0; at < 10; at += 1) note('later');
    expect(outcomes.size).toBe(2);
  });

  test('alike on every node, however it came by its state', () => {
    for (let at = 0; at < 30; at += 1) once(`k${30 - at}`, put(`${at}`));
    const copy = new Log();
    copy.state = restored(log.state, (names) => names.reverse());
    copy.index = log.index;
    for (const each of [log, copy]) {
      each.timeMs = REMEMBERED_FOR_MS + 1;
      each.apply({ kind: 'once', key: 'new', command: put('x') });
    }
    expect(dumped(copy.state)).toBe(dumped(log.state));
    expect(log.state.sizes.remembered).toBe(15);
  });
});
