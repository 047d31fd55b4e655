// Exactly once: a command under a caller's key is carried out once, and a repeat is told what is true of the first outcome.
import { beforeEach, describe, expect, test } from 'vitest';
import type { BareCommand } from '../../src/lease/commands.ts';
import { LEASE_WAITERS_MAX, REMEMBERED_BYTES_MAX, REMEMBERED_FOR_MS, REMEMBERED_MAX, TXN_READ_KEYS_MAX } from '../../src/lease/limits.ts';
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

function once(key: string, command: BareCommand, since: number | null = null): Outcome {
  return log.apply({ kind: 'once', key, command, since });
}

/** As an entry of version 0.1.0. */
function onceOld(key: string, command: BareCommand): Outcome {
  return log.apply({ kind: 'once', key, command });
}

/** The answer to a repeat, of a first outcome at `firstIndex`, that is true at the present index. */
function now(firstIndex: number, outcome: object): object {
  return { kind: 'repeated', firstIndex, index: log.index, outcome };
}

/** The same about the past: as it was at the index of the first. */
function past(firstIndex: number, outcome: object): object {
  return { kind: 'repeated', firstIndex, index: firstIndex, outcome };
}

const notHeld = (holder: string | null, fence: number | null): object => ({
  kind: 'refused',
  refusal: { code: 'not-held', holder, fence },
});
const refusal = (code: string): object => ({ kind: 'refused', refusal: { code } });

const claim = (holder: string, waitMs?: number): BareCommand => ({
  kind: 'claim',
  key: redis,
  holder,
  durationMs: 100,
  ...(waitMs === undefined ? {} : { waitMs }),
});
const put = (value: string): BareCommand => ({ kind: 'put', key: 'k', value, lease: null, assert: [], precondition: null });

describe('a repeat', () => {
  test('I12 of a write is told the outcome and the index of the first, and changes nothing', () => {
    const first = once('a', put('v'));
    once('b', put('w'));
    const before = dumped(log.state);
    expect(once('a', put('v'))).toEqual(past(1, first));
    expect(dumped(log.state)).toBe(before);
    expect(log.state.key('k')?.value).toBe('w');
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
    expect(once('a', put('v'))).toEqual(past(1, first));
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
    expect(once('t', txn)).toEqual(past(1, first));
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
    // Read again, so it is true at the index of the repeat.
    expect(once('t', read)).toMatchObject(now(2, { results: [{ keys: [{ value: 'now' }] }] }));
  });

  test('of a transaction says that it was applied if what it read is too much now to be read again in one entry', () => {
    log.put('k', 'v'.repeat(60_000));
    const ops = [{ kind: 'get-prefix', prefix: 'k' } as const, { kind: 'put', key: 'count', value: '1', lease: null } as const];
    const read: BareCommand = { kind: 'txn', assert: [], compare: [], success: ops, failure: [] };
    once('t', read);
    const first = log.index;
    for (let at = 1; at < TXN_READ_KEYS_MAX; at += 1) log.put(`k${at}`, '');
    expect(once('t', read)).toMatchObject(now(first, { kind: 'txn', succeeded: true }));
    log.put('k-one-more', '');
    expect(once('t', read)).toMatchObject(
      now(first, { kind: 'refused', refusal: { code: 'conflict', detail: expect.stringContaining(`was applied at log index ${first}`) } }),
    );
    expect(log.state.key('count')?.version).toBe(1);
  });

  test('of a grant that version 0.1.0 remembered, with lists, shows the lease as it is', () => {
    onceOld('r', { kind: 'grant', id: '7', ttlMs: 100 });
    const old = { id: '7', ttlMs: 100, remainingMs: 100, keys: ['a', 'b'], claims: [{ namespace: 'n', model: 'm', lease: 'l' }] };
    replaceOutcome('r', { kind: 'grant', grant: old });
    log.timeMs += 30;
    const shown = { id: '7', ttlMs: 100, remainingMs: 70, keyCount: 0, claimCount: 0, attachedIndex: 0 };
    expect(once('r', { kind: 'grant', id: '7', ttlMs: 100 })).toEqual(now(1, { kind: 'grant', grant: shown }));
  });
});

/** Restores the state with another remembered outcome, or fingerprint, under the key. */
function replaceOutcome(key: string, outcome: object | string, fingerprint?: unknown): void {
  const copy = new StateMachine({ vacated: () => undefined, turnEnded: (turn) => ended.push(turn) });
  for (const [name, content] of log.state.dump()) {
    const [known, index, position, timeMs] = content as unknown[];
    const text = typeof outcome === 'string' ? outcome : JSON.stringify(outcome);
    copy.restore(name, name === `i${key}` ? [fingerprint ?? known, index, position, timeMs, text] : content, 1);
  }
  copy.finishRestore(log.index);
  log.state = copy;
}

describe('a repeat says no more than what is true', () => {
  const extend: BareCommand = { kind: 'extend', key: redis, holder: alice, durationMs: 100, fence: null };
  const release: BareCommand = { kind: 'release', key: redis, holder: alice, fence: null };
  const bySession: BareCommand = { kind: 'claim-session', key: redis, holder: alice, session: '7' };
  const grant: BareCommand = { kind: 'grant', id: '7', ttlMs: 100 };

  test('of a claim that is still held: with the time that is left, in the same tenure', () => {
    once('a', claim(alice));
    log.timeMs += 60;
    expect(once('a', claim(alice))).toMatchObject(now(1, { kind: 'claim', created: true, claim: { fence: 1, remainingMs: 40 } }));
    log.apply({ kind: 'extend', key: redis, holder: alice, durationMs: 900, fence: null });
    expect(once('a', claim(alice))).toMatchObject(now(1, { claim: { fence: 1, durationMs: 900, remainingMs: 900 } }));
  });

  test.each([
    ['claim', claim(alice), null],
    ['extend', extend, claim(alice)],
    ['claim by a session', bySession, grant],
  ])('of a %s whose tenure has ended: not held, by whoever holds the lease now, and no second tenure begins', (_name, command, before) => {
    if (before !== null) log.apply(before);
    expect(once('a', command)).toMatchObject({ kind: 'claim' });
    const firstIndex = log.index;
    log.release(redis, alice);
    expect(once('a', command)).toEqual(now(firstIndex, notHeld(null, null)));
    expect(log.shown(redis)).toBeNull();
    log.claim(redis, bob, 100);
    const fence = log.index;
    expect(once('a', command)).toEqual(now(firstIndex, notHeld(bob, fence)));
    log.release(redis, bob);
    // The same holder again, by another request: another tenure.
    log.claim(redis, alice, 100);
    expect(once('a', command)).toEqual(now(firstIndex, notHeld(alice, log.index - 1)));
  });

  test('of a claim by a session that has ended: not held', () => {
    log.grant('7', 100);
    once('a', bySession);
    log.revoke('7');
    expect(once('a', bySession)).toEqual(now(2, notHeld(null, null)));
  });

  test('of a denied claim: denied while that tenure lasts, with the time that is left, then not held', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob));
    log.timeMs += 60;
    const denied = { kind: 'refused', refusal: { code: 'claim-denied', holder: alice, fence: 1, remainingMs: 40 } };
    expect(once('a', claim(bob))).toEqual(now(2, denied));
    log.release(redis, alice);
    expect(once('a', claim(bob))).toEqual(now(2, notHeld(null, null)));
    expect(log.shown(redis)).toBeNull();
  });

  test('of an extension that was refused: by whoever holds the lease now', () => {
    once('a', extend);
    log.claim(redis, bob, 100);
    expect(once('a', extend)).toEqual(now(1, notHeld(bob, 2)));
  });

  test('of a gated write that was refused: by whoever holds the lease now', () => {
    const gated: BareCommand = { ...put('v'), assert: [{ ...redis, holder: alice }] } as BareCommand;
    once('a', gated);
    log.claim(redis, bob, 100);
    expect(once('a', gated)).toMatchObject(now(1, { refusal: { code: 'assertion-failed', holder: bob, fence: 2 } }));
  });

  test('of a release: done, unless the same holder has the lease again', () => {
    log.claim(redis, alice, 100);
    once('a', release);
    once('f', { kind: 'release', key: redis, holder: alice, fence: 1 });
    log.claim(redis, bob, 100);
    expect(once('a', release)).toEqual(now(2, { kind: 'done' }));
    log.release(redis, bob);
    log.claim(redis, alice, 100);
    expect(once('a', release)).toMatchObject(now(2, refusal('conflict')));
    // One tenure was released by its fence, and is over for ever.
    expect(once('f', { kind: 'release', key: redis, holder: alice, fence: 1 })).toEqual(now(3, { kind: 'done' }));
    expect(log.shown(redis)?.holder).toBe(alice);
  });

  test('of a pin or an attachment: done while it is there, and the reverse of their removal', () => {
    const pin: BareCommand = { kind: 'pin', key: redis, entity: 'e' };
    const attach: BareCommand = { kind: 'attach', id: '7', key: 'k' };
    log.apply(grant);
    log.put('k', 'v');
    once('p', pin);
    once('t', attach);
    expect([once('p', pin), once('t', attach)]).toMatchObject([{ outcome: { kind: 'done' } }, { outcome: { kind: 'done' } }]);
    once('u', { ...pin, kind: 'unpin' } as BareCommand);
    once('d', { ...attach, kind: 'detach' } as BareCommand);
    expect([once('p', pin), once('t', attach)]).toMatchObject([{ outcome: refusal('conflict') }, { outcome: refusal('conflict') }]);
    expect(log.state.sizes.pins).toBe(0);
    log.apply(pin);
    log.apply(attach);
    const undone = [once('u', { ...pin, kind: 'unpin' } as BareCommand), once('d', { ...attach, kind: 'detach' } as BareCommand)];
    expect(undone).toMatchObject([{ outcome: refusal('conflict') }, { outcome: refusal('conflict') }]);
    expect(log.state.key('k')?.lease).toBe('7');
  });

  test('of a grant and a renewal: the lease as it is, and not found once it has ended, though another has its id', () => {
    once('g', grant);
    once('r', { kind: 'renew', id: '7' });
    log.timeMs += 60;
    const shown = { kind: 'grant', grant: { id: '7', remainingMs: 40 } };
    expect([once('g', grant), once('r', { kind: 'renew', id: '7' })]).toMatchObject([{ outcome: shown }, { outcome: shown }]);
    once('v', { kind: 'revoke', id: '7' });
    log.apply(grant);
    log.state = restored(log.state);
    const gone = refusal('lease-not-found');
    expect([once('g', grant), once('r', { kind: 'renew', id: '7' })]).toMatchObject([{ outcome: gone }, { outcome: gone }]);
    expect(once('v', { kind: 'revoke', id: '7' })).toMatchObject({ outcome: refusal('conflict') });
    expect(log.state.grant('7', log.timeMs)).not.toBeNull();
  });

  test('of what was refused because something was there or was missing: a conflict once that has changed', () => {
    const renew: BareCommand = { kind: 'renew', id: '7' };
    const drop: BareCommand = { kind: 'delete', key: 'k', assert: [], precondition: null };
    once('r', renew);
    once('d', drop);
    expect([once('r', renew), once('d', drop)]).toMatchObject([
      { outcome: refusal('lease-not-found') },
      { outcome: refusal('key-not-found') },
    ]);
    log.apply(grant);
    once('g', grant);
    log.put('k', 'v');
    expect(once('g', grant)).toMatchObject({ outcome: refusal('lease-exists') });
    expect([once('r', renew), once('d', drop)]).toMatchObject([{ outcome: refusal('conflict') }, { outcome: refusal('conflict') }]);
    log.revoke('7');
    expect(once('g', grant)).toMatchObject({ outcome: refusal('conflict') });
    expect(log.state.key('k')?.value).toBe('v');
  });
});

describe('two commands with one fingerprint under one key', () => {
  const fingerprint = (key: string): unknown => (new Map(log.state.dump()).get(`i${key}`) as unknown[])[0];
  const txn: BareCommand = { kind: 'txn', assert: [], compare: [], success: [{ kind: 'get', key: 'k' }], failure: [] };
  const commands: readonly BareCommand[] = [
    claim(alice),
    put('v'),
    txn,
    { ...txn, success: [{ kind: 'put', key: 'k', value: 'v', lease: null }] } as BareCommand,
    { ...txn, success: [] } as BareCommand,
    { kind: 'grant', id: '7', ttlMs: 100 },
    { kind: 'release', key: redis, holder: alice, fence: null },
  ];

  test('are a conflict, whatever the one is and the other left behind; the state and the node go on', () => {
    for (const [at, first] of commands.entries()) {
      for (const [place, second] of commands.entries()) {
        if (at === place) continue;
        log = new Log();
        // As if their fingerprints of version 0.1.0, 53 bits, were equal: those can be constructed.
        onceOld('b', second);
        const same = fingerprint('b');
        log = new Log();
        const outcome = onceOld('a', first);
        const text = new Map(log.state.dump()).get('ia') as unknown[];
        replaceOutcome('a', String(text[4]), same);
        expect([at, place, outcome.kind, onceOld('a', second)]).toMatchObject([at, place, outcome.kind, refusal('conflict')]);
      }
    }
  });

  test.each([
    '{"kind":"refused"}',
    '{"kind":"refused","refusal":{"code":"x"}}',
    '{"kind":"queued","ticket":1}',
    '{"kind":"claim"}',
    '{"kind":"txn","succeeded":true,"results":[null]}',
    '',
  ])('an outcome that no such command has, %s, is never told', (text) => {
    once('a', txn);
    replaceOutcome('a', text);
    expect(once('a', txn)).toMatchObject(refusal('conflict'));
  });

  test('have 128 bits of SHA-256 to differ in, and entries of version 0.1.0 keep theirs', () => {
    onceOld('a', put('v'));
    expect(fingerprint('a')).toBeTypeOf('number');
    once('b', put('v'));
    expect(fingerprint('b')).toMatch(/^[0-9a-f]{32}$/);
    expect([once('a', put('v')), once('b', put('v'))]).toMatchObject([{ kind: 'repeated' }, { kind: 'repeated' }]);
  });
});

describe('a key whose outcome might be forgotten', () => {
  /** Remembers outcomes of so many bytes that a few thousand make the oldest go, until they do. */
  const fill = (): void => {
    log.put('big', 'x'.repeat(15_000));
    const read: BareCommand = { kind: 'txn', assert: [], compare: [], success: [{ kind: 'get', key: 'big' }], failure: [] };
    for (let size = 0, at = 0; log.state.sizes.remembered > size; at += 1) {
      size = log.state.sizes.remembered;
      once(`f${at}`, read);
    }
  };

  test('is refused if it is in use since before the last outcome that is forgotten, and carried out otherwise', () => {
    once('a', claim(alice));
    log.release(redis, alice);
    fill();
    const forgottenIndex = 4;
    expect(once('x', claim(bob), 0)).toMatchObject({ refusal: { code: 'conflict', forgottenIndex } });
    expect(log.shown(redis)).toBeNull();
    expect(once('a', claim(alice), 0)).toMatchObject({ refusal: { code: 'conflict', forgottenIndex } });
    const copy = restored(log.state);
    expect(dumped(copy)).toBe(dumped(log.state));
    log.state = copy;
    expect(once('y', claim(bob), forgottenIndex - 1)).toMatchObject({ refusal: { code: 'conflict', forgottenIndex } });
    expect(once('y', claim(bob), forgottenIndex)).toMatchObject({ kind: 'claim', created: true });
    // Whoever says nothing is carried out, as ever.
    expect(once('z', claim(bob))).toMatchObject({ kind: 'claim', created: false });
  });

  test('by an account that begins with the first entry of this version, at the oldest outcome that is left', () => {
    const before = log.state.dump();
    expect(new Map(before).get('m')).toMatchObject({ length: 5 });
    onceOld('a', put('v'));
    onceOld('b', put('v'));
    once('c', put('v'), 0);
    expect(new Map(log.state.dump()).get('m')).toMatchObject([3, 0, 2, 2, 0, 1]);
    expect(once('d', put('v'), 1)).toMatchObject({ kind: 'key' });
  });

  test('by age, too', () => {
    once('a', put('v'));
    log.timeMs += REMEMBERED_FOR_MS + 1;
    once('b', put('w'));
    expect(once('a', put('v'), 0)).toMatchObject({ refusal: { code: 'conflict', forgottenIndex: 1 } });
    expect(log.state.key('k')?.value).toBe('w');
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
      { ticket: 3, outcome: now(4, { kind: 'claim', created: true }) },
    ]);
    expect(once('a', claim(bob))).toMatchObject(now(4, { created: true, claim: { fence: 4 } }));
  });

  test('is remembered as denied when its time was up', () => {
    log.claim(redis, alice, 100);
    once('a', claim(bob, 500));
    const denied = log.apply({ kind: 'leave', ticket: 2, giveBack: false });
    expect(once('a', claim(bob, 500))).toEqual(now(3, denied));
    log.release(redis, alice);
    expect(once('a', claim(bob, 500))).toEqual(now(3, notHeld(null, null)));
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
    expect(once('a', claim(bob, 500))).toEqual(now(4, denied));
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
