// The events of each entry: what is told, in which order, under which ids.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { StateEvent } from '../../src/lease/events.ts';
import { leaseKeyOf } from '../../src/lease/lease-key.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { alice, bob, Log, leaseKey, redis, restored } from './log.ts';

/** `12.0 claimed redis by redis/0 12`, `13.1 deleted key`. */
function line(event: StateEvent): string {
  const id = `${event.index}.${event.position} ${event.type}`;
  if ('key' in event) return `${id} ${event.key}${event.cause === null ? '' : ` (${event.cause})`}`;
  const late = event.lateMs === 0 ? '' : ` ${event.lateMs} late`;
  const entity = event.entity === null ? '' : ` by ${event.entity}`;
  return `${id} ${leaseKeyOf(event.claimId).lease} of ${event.holder} ${event.fence}${late}${entity}`;
}

const lines = (log: Log): string[] => log.events.map(line);

describe('claims', () => {
  test('U-3 a tenure is told from its claim to its end, with the fence and how late it was', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.pass(50).extend(redis, alice, 100);
    log.pass(130).extend(redis, alice, 100);
    log.expireAfter(101);
    log.claim(redis, bob, 100);
    log.release(redis, bob);
    expect(lines(log)).toEqual([
      '1.0 claimed redis of redis/0 1',
      '2.0 extended redis of redis/0 1',
      '3.0 extended redis of redis/0 1 30 late',
      '4.0 expired redis of redis/0 1 1 late',
      '5.0 claimed redis of redis/1 5',
      '6.0 released redis of redis/1 5',
    ]);
    expect(log.events[1]).toMatchObject({ durationMs: 100, session: null, timeMs: 50 });
  });

  test('an extension that the deadline did not need is told all the same, for the holder lives', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.claim(redis, alice, 10);
    expect(lines(log)).toEqual(['1.0 claimed redis of redis/0 1', '2.0 extended redis of redis/0 1']);
    expect(log.events[1]).toMatchObject({ durationMs: 100 });
  });

  test('what is refused tells nothing', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 100 });
    log.extend(redis, bob, 100);
    log.release(redis, bob);
    log.put('key', 'v', '99');
    log.put('key', 'v', null, { assert: [{ ...redis, holder: bob }] });
    log.delete('key');
    log.revoke('99');
    log.applyRaw('nonsense');
    expect(lines(log)).toEqual(['1.0 claimed redis of redis/0 1']);
  });

  test('pins are told when they change, with the holder or with none', () => {
    const log = new Log();
    log.pin(redis, 'e1');
    log.pin(redis, 'e1');
    log.claim(redis, alice, 10);
    log.pin(redis, 'e2');
    log.expireAfter(50);
    log.unpin(redis, 'e3');
    log.unpin(redis, 'e1');
    expect(lines(log)).toEqual([
      '1.0 pinned redis of null null by e1',
      '3.0 claimed redis of redis/0 3',
      '4.0 pinned redis of redis/0 3 by e2',
      '6.0 unpinned redis of redis/0 3 by e1',
    ]);
  });
});

describe('leases and keys', () => {
  test('EL-41 the end of a lease tells one deletion for each key, after its claims, all in one entry', () => {
    const log = new Log();
    log.grant('7', 100);
    log.claimBySession(redis, alice, '7');
    log.put('b', '1', '7');
    log.put('a', '2', '7');
    log.events.length = 0;
    log.expireAfter(103);
    expect(lines(log)).toEqual(['5.0 expired redis of redis/0 2 3 late', '5.1 deleted a (expired)', '5.2 deleted b (expired)']);
    expect(log.events[0]).toMatchObject({ session: '7', durationMs: 100 });
    expect(log.events[1]).toMatchObject({ lease: '7', value: null, createRevision: 4 });
    log.expireDue();
    expect(log.events).toHaveLength(3);
  });

  test('a revoke says so of all that it ends, pinned or not; an expiry spares what is pinned', () => {
    const log = new Log();
    log.grant('7', 100);
    log.claimBySession(redis, alice, '7');
    log.claimBySession(leaseKey('mysql'), bob, '7');
    log.pin(redis, 'e');
    log.put('k', '1', '7');
    log.events.length = 0;
    log.expireAfter(101);
    log.grant('8', 100);
    log.claimBySession(redis, alice, '8');
    log.revoke('8');
    expect(lines(log)).toEqual([
      '6.0 expired mysql of redis/1 3 1 late',
      '6.1 deleted k (expired)',
      '8.0 extended redis of redis/0 2',
      '9.0 revoked redis of redis/0 2',
    ]);
  });

  test('a transaction tells its writes in order, each with its place', () => {
    const log = new Log();
    log.put('p/1', 'old');
    log.put('p/2', 'old');
    const put = { kind: 'put', key: 'q', value: 'new', lease: null } as const;
    log.apply({
      kind: 'txn',
      assert: [],
      compare: [],
      success: [put, { kind: 'delete-prefix', prefix: 'p/' }, { ...put, value: 'newer' }],
      failure: [],
    });
    expect(lines(log).slice(2)).toEqual(['3.0 put q', '3.1 deleted p/1 (deleted)', '3.2 deleted p/2 (deleted)', '3.3 put q']);
    expect(log.events[5]).toMatchObject({ value: 'newer', version: 2, createRevision: 3 });
  });
});

test('ids grow, whoever listens or not, and a node that begins with an image tells the same from there on', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 60 }), fc.nat(59), (steps, cut) => {
      const log = new Log();
      const silent = new StateMachine({ vacated: () => undefined });
      let later: { readonly state: StateMachine; readonly events: StateEvent[]; readonly from: number } | null = null;
      for (const [at, step] of steps.entries()) {
        if (at === cut) {
          const events: StateEvent[] = [];
          later = { state: restored(log.state, undefined, (event) => events.push(event)), events, from: log.events.length };
          expect(later.state.lastEvent).toEqual(log.state.lastEvent);
        }
        log.pass(3);
        const command = [
          { kind: 'claim', key: redis, holder: alice, durationMs: 5 },
          { kind: 'release', key: redis, holder: alice, fence: null },
          { kind: 'pin', key: redis, entity: 'e' },
          { kind: 'unpin', key: redis, entity: 'e' },
          { kind: 'grant', id: '7', ttlMs: 5 },
          { kind: 'claim-session', key: redis, holder: alice, session: '7' },
          { kind: 'put', key: 'k', value: 'v', lease: '7', assert: [], precondition: null },
          { kind: 'expire', term: 1, items: log.state.due(log.timeMs, 10) },
        ][step] as Parameters<typeof log.apply>[0];
        log.apply(command);
        const entry = { index: log.index, term: 1, timeMs: log.timeMs };
        silent.apply(entry, toTuple(command));
        later?.state.apply(entry, toTuple(command));
        const last = log.events.at(-1);
        expect(log.state.lastEvent).toEqual(
          last === undefined ? { index: 0, position: 0 } : { index: last.index, position: last.position },
        );
        expect(silent.lastEvent).toEqual(log.state.lastEvent);
      }
      for (const [at, event] of log.events.entries()) {
        const before = log.events[at - 1];
        const next = before === undefined || before.index < event.index ? 0 : before.position + 1;
        expect(event.position).toBe(next);
        expect(event.index).toBeGreaterThanOrEqual(before?.index ?? 1);
      }
      if (later !== null) expect(later.events).toEqual(log.events.slice(later.from));
    }),
  );
});
