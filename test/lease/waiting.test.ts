// The queue before a lease: whose turn it is, that the turn comes with the entry that frees the lease, and every way of leaving.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Command } from '../../src/lease/commands.ts';
import { LEASE_WAITERS_MAX, WAITER_GRACE_MS } from '../../src/lease/limits.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import type { TurnEnd } from '../../src/lease/queueing.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { arrayWork } from '../array-work.ts';
import { alice, bob, claimIn, dumped, Log, leaseKey, redis, refusalIn, restored } from './log.ts';

const carol = 'redis/2';

let ended: (TurnEnd & { index: number })[];
let log: WaitingLog;

class WaitingLog extends Log {
  origin = { node: 1, incarnation: 1 };

  constructor() {
    super();
    this.state = new StateMachine({
      vacated: (key, index) => this.vacancies.push({ ...key, index }),
      turnEnded: (turn, index) => ended.push({ ...turn, index }),
    });
  }

  /** The ticket of a claim that must queue. */
  wait(holder: string, waitMs = 1000, session: string | null = null): number {
    const outcome = this.claimOrWait(holder, waitMs, session);
    if (outcome.kind !== 'queued') throw new Error(`not queued: ${JSON.stringify(outcome)}`);
    return outcome.ticket;
  }

  claimOrWait(holder: string, waitMs = 1000, session: string | null = null): Outcome {
    if (session !== null) return this.apply({ kind: 'claim-session', key: redis, holder, session, waitMs });
    return this.apply({ kind: 'claim', key: redis, holder, durationMs: 100, waitMs });
  }

  leave(ticket: number, giveBack: boolean): Outcome {
    return this.apply({ kind: 'leave', ticket, giveBack });
  }

  override applyRaw(tuple: unknown): Outcome {
    this.index += 1;
    return this.state.apply({ index: this.index, term: this.term, timeMs: this.timeMs, origin: this.origin }, tuple);
  }
}

beforeEach(() => {
  ended = [];
  log = new WaitingLog();
});

describe('the turn', () => {
  test('EL-65 comes in order of arrival, one for each entry that frees the lease, with that entry’s index as the fence', () => {
    log.claim(redis, alice, 100);
    const tickets = ['b', 'c', 'd'].map((holder) => log.wait(holder));
    for (const [at, holder] of [alice, 'b', 'c'].entries()) {
      log.release(redis, holder);
      expect(ended.map(({ ticket, index }) => [ticket, index])).toEqual([[tickets[at], log.index]]);
      expect(claimIn(ended.splice(0)[0]?.outcome as Outcome)).toMatchObject({ fence: log.index, remainingMs: 100 });
      expect(log.vacancies.at(-1)).toEqual({ ...redis, index: log.index });
    }
    expect(log.shown(redis)).toMatchObject({ holder: 'd', fence: log.index });
    expect(log.state.waiting).toBe(0);
  });

  test('comes with an expiry, and with the revocation or expiry of a session', () => {
    log.claim(redis, alice, 10);
    log.wait(bob);
    log.expireAfter(11);
    expect(log.shown(redis)).toMatchObject({ holder: bob, fence: log.index });
    log.grant('7', 50);
    log.claimBySession(redis, bob, '7');
    log.wait(carol);
    log.revoke('7');
    expect(log.shown(redis)).toMatchObject({ holder: carol, fence: log.index });
    log.grant('8', 50);
    log.claimBySession(redis, carol, '8');
    log.wait(alice);
    log.expireAfter(51);
    expect(log.shown(redis)).toMatchObject({ holder: alice, fence: log.index });
  });

  test('does not come while the claim is pinned', () => {
    log.claim(redis, alice, 10);
    log.pin(redis, 'e');
    log.wait(bob);
    log.expireAfter(500);
    expect(log.shown(redis)?.holder).toBe(alice);
    log.unpin(redis, 'e');
    log.expireAfter(1);
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('passes over one whose time was over when it came, who is told to ask again', () => {
    log.claim(redis, alice, 100);
    const late = log.wait(bob, 10);
    log.wait(carol, 1000);
    log.expireAfter(101);
    expect(log.shown(redis)?.holder).toBe(carol);
    expect(ended[0]).toMatchObject({ ticket: late, outcome: null });
  });

  test('EL-66 never comes to one whose session has ended (etcd #11456): it is told at once, and the next one still waits', () => {
    log.grant('7', 50);
    log.claim(redis, alice, 1000);
    const first = log.wait(bob, 5000, '7');
    log.wait(carol, 5000);
    log.expireAfter(51);
    expect(ended).toEqual([
      { ticket: first, ...log.origin, index: log.index, outcome: { kind: 'refused', refusal: { code: 'lease-not-found', id: '7' } } },
    ]);
    expect(log.shown(redis)?.holder).toBe(alice);
    log.release(redis, alice);
    expect(log.shown(redis)?.holder).toBe(carol);
  });

  test('is not that of a session which ends by the same entry as the claim', () => {
    log.grant('7', 50);
    log.claimBySession(redis, alice, '7');
    log.wait(bob, 5000, '7');
    log.wait(carol);
    log.revoke('7');
    expect(log.shown(redis)).toMatchObject({ holder: carol, session: null });
    expect(log.state.waiting).toBe(0);
  });

  test('waits for nobody when the lease is free, or held by the claimer itself', () => {
    expect(claimIn(log.claimOrWait(alice)).fence).toBe(1);
    log.wait(bob);
    expect(log.claimOrWait(alice)).toMatchObject({ kind: 'claim', created: false });
    expect(refusalIn(log.claimOrWait(carol, 10, '99'))).toEqual({ code: 'lease-not-found', id: '99' });
  });

  test('a claimer that does not wait is denied as before', () => {
    log.claim(redis, alice, 100);
    log.wait(bob);
    expect(refusalIn(log.apply({ kind: 'claim', key: redis, holder: carol, durationMs: 5 })).code).toBe('claim-denied');
  });
});

describe('a repeat of a holder that waits', () => {
  test('keeps its place, and both requests are told of the tenure when it comes', () => {
    log.claim(redis, alice, 100);
    const first = log.wait(bob);
    log.wait(carol);
    const again = log.wait(bob);
    log.release(redis, alice);
    expect(ended.map(({ ticket, outcome }) => [ticket, outcome?.kind === 'claim' && outcome.created])).toEqual([
      [first, true],
      [again, false],
    ]);
    log.release(redis, bob);
    expect(log.shown(redis)?.holder).toBe(carol);
  });

  test('stands in for a first request that leaves, also in a state that was read back', () => {
    log.claim(redis, alice, 100);
    const first = log.wait(bob);
    log.wait(carol);
    log.wait(bob);
    log.leave(first, true);
    log.state = restored(log.state, (names) => names.reverse());
    log.release(redis, alice);
    expect(log.shown(redis)?.holder).toBe(bob);
    log.release(redis, bob);
    expect(log.shown(redis)?.holder).toBe(carol);
  });
});

describe('leaving', () => {
  test('when the time is up is told who holds the lease, and leaves nothing', () => {
    log.claim(redis, alice, 100);
    const before = dumped(log.state);
    const ticket = log.wait(bob);
    expect(refusalIn(log.leave(ticket, false))).toEqual({ code: 'claim-denied', holder: alice, fence: 1, remainingMs: 100 });
    expect(dumped(log.state)).toBe(before);
    log.release(redis, alice);
    expect(log.shown(redis)).toBeNull();
  });

  test('after the turn came is too late for whom it came, and stands', () => {
    log.claim(redis, alice, 100);
    const ticket = log.wait(bob);
    log.release(redis, alice);
    expect(log.leave(ticket, false)).toEqual({ kind: 'done' });
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('of a caller that hung up gives back what it was granted meanwhile, to the next one', () => {
    log.claim(redis, alice, 100);
    const ticket = log.wait(bob);
    log.wait(carol);
    log.release(redis, alice);
    log.leave(ticket, true);
    expect(log.shown(redis)).toMatchObject({ holder: carol, fence: log.index });
    const atOnce = log.index + 2;
    log.release(redis, carol);
    log.claimOrWait(alice);
    log.leave(atOnce, true);
    expect(log.shown(redis)).toBeNull();
  });

  test.each([
    ['its holder claimed again', () => log.claim(redis, bob, 100)],
    ['its holder extended it', () => log.extend(redis, bob, 100)],
    ['its holder moved it to a session', () => log.grant('7', 50) && log.claimBySession(redis, bob, '7')],
    ['its holder gave it up and took it anew', () => log.release(redis, bob) && log.claim(redis, bob, 100)],
  ])('gives nothing back when %s since: somebody relies on it', (_case, touch) => {
    log.claim(redis, alice, 100);
    const ticket = log.wait(bob);
    log.release(redis, alice);
    touch();
    log.leave(ticket, true);
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('gives nothing back when another request of the same holder was granted with it', () => {
    log.claim(redis, alice, 100);
    const ticket = log.wait(bob);
    log.wait(bob);
    log.release(redis, alice);
    log.leave(ticket, true);
    expect(log.shown(redis)?.holder).toBe(bob);
  });

  test('twice, or by a ticket that never was, changes nothing', () => {
    log.claim(redis, alice, 100);
    const ticket = log.wait(bob);
    log.leave(ticket, true);
    const before = dumped(log.state);
    expect(log.leave(ticket, true)).toEqual({ kind: 'done' });
    expect(log.leave(99, true)).toEqual({ kind: 'done' });
    expect(log.leave(1, true)).toEqual({ kind: 'done' });
    expect(dumped(log.state)).toBe(before);
  });
});

describe('waiters that nobody speaks for', () => {
  test('are dropped with the life of their node, and told to ask again', () => {
    log.claim(redis, alice, 100);
    const tickets = [log.wait(bob)];
    log.origin = { node: 2, incarnation: 1 };
    log.wait(carol);
    log.origin = { node: 1, incarnation: 2 };
    log.wait('d');
    log.apply({ kind: 'drop-waiters', node: 1, incarnation: 1 });
    expect(ended.map(({ ticket, outcome }) => [ticket, outcome])).toEqual([[tickets[0], null]]);
    expect(log.state.waitingLives()).toEqual([
      { node: 2, incarnation: 1 },
      { node: 1, incarnation: 2 },
    ]);
    log.release(redis, alice);
    expect(log.shown(redis)?.holder).toBe(carol);
  });

  test('end by time like a lease, some while after their caller’s', () => {
    log.claim(redis, alice, 100_000);
    const ticket = log.wait(bob, 10);
    expect(log.pass(10 + WAITER_GRACE_MS).expireDue()).toBe(false);
    expect(log.pass(1).expireDue()).toBe(true);
    expect(ended).toMatchObject([{ ticket, outcome: null }]);
    expect([log.state.waiting, log.state.waitingFor(redis)]).toEqual([0, 0]);
  });
});

test('ten thousand waits that are begun and left leave nothing behind, and one more at a time is refused as overloaded', () => {
  log.claim(redis, alice, 1000);
  // All but what has been: the last event and the tenures that ended.
  const held = (): string => JSON.stringify([...log.state.dump()].filter(([name]) => !/^[hm]/.test(name)));
  const before = held();
  for (let at = 0; at < LEASE_WAITERS_MAX; at += 1) log.wait(`h${at}`);
  expect(refusalIn(log.claimOrWait('one-more')).code).toBe('overloaded');
  expect(log.apply({ kind: 'claim', key: leaseKey('other'), holder: bob, durationMs: 5, waitMs: 5 }).kind).toBe('claim');
  log.release(leaseKey('other'), bob);
  const first = log.index - 2 - LEASE_WAITERS_MAX;
  for (let at = 0; at < LEASE_WAITERS_MAX; at += 1) log.leave(first + at, true);
  expect([log.state.waiting, log.state.waitingFor(redis)]).toEqual([0, 0]);
  expect(held()).toBe(before);
});

describe('the work of an entry', () => {
  function queue(requests: number, command: (at: number) => Command): Log {
    const log = new Log();
    log.grant('7', 100_000);
    log.claim(redis, 'holder', 100_000);
    for (let at = 0; at < requests; at += 1) log.apply(command(at));
    return log;
  }

  const ofOneHolder = (): Command => ({ kind: 'claim', key: redis, holder: 'one', durationMs: 100, waitMs: 1_000 });
  const bySession = (at: number): Command => ({ kind: 'claim-session', key: redis, holder: `h${at}`, session: '7', waitMs: 1_000 });
  const ofMany = (at: number): Command => ({ kind: 'claim', key: redis, holder: `h${at}`, durationMs: 100, waitMs: 1_000 });

  test.each<[string, (at: number) => Command, (log: Log) => unknown]>([
    ['a release with requests of one holder in the line', ofOneHolder, (log) => log.release(redis, 'holder')],
    ['the end of a session by which requests wait', bySession, (log) => log.revoke('7')],
    ['a release with requests in the line whose time is over', ofMany, (log) => log.pass(2_000).release(redis, 'holder')],
    ['dropping the waiters of a node', ofMany, (log) => log.apply({ kind: 'drop-waiters', node: 0, incarnation: 0 })],
  ])('of %s grows in proportion to the requests', (title, command, entry) => {
    const [few, many] = [500, 2_000].map((requests) => {
      const log = queue(requests, command);
      expect(log.state.waiting).toBe(requests);
      const work = arrayWork(() => {
        entry(log);
        // What the budget of the entry does not cover is left to later ones.
        while (log.state.isUnfinished) log.apply({ kind: 'expire', term: 1, items: [] });
        while (log.state.waiting > 0 && title.startsWith('dropping')) entry(log);
      });
      expect(log.state.waiting).toBe(0);
      return work;
    }) as [number, number];
    expect(many).toBeLessThan(6 * few + 1_000);
  });
});
