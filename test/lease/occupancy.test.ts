// The numbers that quotas are compared with: they follow from the records, whatever brought those about.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { claimIdOf } from '../../src/lease/lease-key.ts';
import { claimBytes, keyBytes, sessionBytes, utf8Bytes } from '../../src/lease/occupancy.ts';
import type { StateMachine } from '../../src/lease/state-machine.ts';
import { command } from './arbitraries.ts';
import { Log, leaseKey, restored } from './log.ts';
import { holdsForAll } from './random.ts';

/** The same numbers, counted anew. */
function counted(state: StateMachine, nowMs: number): Record<string, unknown> {
  const claims = state.claims(null, null, 1_000, nowMs).items;
  const keys = state.keys('', null, 1_000).items;
  const sessions = state.grants(null, 1_000, nowMs).items.length;
  const namespaces: Record<string, number> = {};
  let bytes = sessions * sessionBytes();
  for (const claim of claims) {
    bytes += claimBytes(claimIdOf(claim), claim.holder);
    namespaces[claim.namespace] = (namespaces[claim.namespace] ?? 0) + 1;
  }
  for (const { key, value } of keys) bytes += keyBytes(key, value);
  return { claims: claims.length, keys: keys.length, sessions, bytes, namespaces };
}

function shown({ occupancy }: StateMachine, namespaces: readonly string[]): Record<string, unknown> {
  const { claims, keys, sessions, bytes } = occupancy;
  const counts = namespaces.map((namespace) => [namespace, occupancy.claimsIn(namespace)] as const);
  return { claims, keys, sessions, bytes, namespaces: Object.fromEntries(counts.filter(([, count]) => count > 0)) };
}

test('the occupancy is what the records say, after any commands and after a restore', () => {
  holdsForAll(
    fc.property(fc.array(fc.tuple(command, fc.nat(20)), { maxLength: 60, size: 'max' }), (all) => {
      const log = new Log();
      const namespaces = new Set<string>();
      for (const [each, afterMs] of all) {
        log.pass(afterMs).apply(each);
        log.expireDue(3);
        for (const { namespace } of log.state.claims(null, null, 1_000, 0).items) namespaces.add(namespace);
      }
      const expected = counted(log.state, log.timeMs);
      expect(shown(log.state, [...namespaces])).toEqual(expected);
      expect(shown(restored(log.state), [...namespaces])).toEqual(expected);
    }),
    200,
  );
});

test('the bytes of a text are those of its UTF-8', () => {
  holdsForAll(fc.property(fc.string({ unit: 'binary' }), (text) => utf8Bytes(text) === Buffer.byteLength(text)));
});

test('a namespace is full from its share on, until it has fallen to 90% of it', () => {
  const log = new Log();
  const { occupancy } = log.state;
  occupancy.setShare(10);
  const claim = (at: number): unknown => log.claim(leaseKey(`lease-${at}`), 'h', 1_000);
  for (let at = 0; at < 9; at++) claim(at);
  expect(occupancy.hasFullNamespace).toBe(false);
  claim(9);
  expect([occupancy.isFull('ns'), occupancy.isFull('other')]).toEqual([true, false]);
  log.release(leaseKey('lease-0'), 'h');
  expect(occupancy.isFull('ns')).toBe(false);
  occupancy.setShare(5);
  log.claim(leaseKey('lease-0'), 'h', 1_000);
  expect(occupancy.isFull('ns')).toBe(true);
});
