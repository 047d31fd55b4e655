// Pins: they stop a claim's expiry for whoever holds it, and need no holder themselves.
import { expect, test } from 'vitest';
import { alice, bob, Log, leaseKey, redis, refusalIn } from './log.ts';

test('JL-58 a pinned claim is held past its deadline and is not in the expiry queue', () => {
  const log = new Log();
  log.claim(redis, alice, 100);
  log.pin(redis, 'e1');
  log.pass(5000);
  expect(log.state.nextDeadlineMs()).toBeNull();
  expect(log.expireDue()).toBe(false);
  expect(log.shown(redis)).toMatchObject({ holder: alice, remainingMs: null, pinnedBy: ['e1'] });
  expect(refusalIn(log.apply({ kind: 'claim', key: redis, holder: bob, durationMs: 1 }))).toMatchObject({ remainingMs: null });
});

test('JL-59 after the last unpin a lapsed claim is due at once, and a renewal before that keeps it', () => {
  for (const renewed of [false, true]) {
    const log = new Log();
    log.claim(redis, alice, 100);
    log.pin(redis, 'e1');
    log.pass(500);
    if (renewed) log.extend(redis, alice, 100);
    log.unpin(redis, 'e1');
    expect(log.expireDue()).toBe(!renewed);
    expect(log.shown(redis)?.holder).toBe(renewed ? alice : undefined);
  }
});

test('JL-60 a claim pinned by two expires only after both have unpinned', () => {
  const log = new Log();
  log.claim(redis, alice, 100);
  log.pin(redis, 'e1');
  log.pin(redis, 'e2');
  log.pass(500).unpin(redis, 'e1');
  expect(log.expireDue()).toBe(false);
  log.unpin(redis, 'e2');
  expect(log.expireDue()).toBe(true);
});

test('JL-62 a pin on a free lease leaves it free and binds the next claimant', () => {
  const log = new Log();
  expect(log.pin(redis, 'e1')).toEqual({ kind: 'done' });
  expect(log.shown(redis)).toBeNull();
  expect(log.claim(redis, alice, 100)).toMatchObject({ remainingMs: null, pinnedBy: ['e1'] });
  expect(log.expireAfter(5000).shown(redis)?.holder).toBe(alice);
  log.unpin(redis, 'e1');
  log.expireDue();
  expect(log.shown(redis)).toBeNull();
});

test('JL-64 pins are listed with sorted entities, unheld ones too, by scope, and go with their last entity', () => {
  const log = new Log();
  const other = leaseKey('redis', 'ns', 'other');
  log.claim(redis, alice, 100);
  for (const entity of ['e2', 'e1', 'e10']) log.pin(redis, entity);
  log.pin(leaseKey('mysql'), 'e1');
  log.pin(other, 'e1');
  const scope = { namespace: 'ns', model: 'model' };
  expect(log.state.pins(scope)).toEqual([
    { ...leaseKey('mysql'), entities: ['e1'] },
    { ...redis, entities: ['e1', 'e10', 'e2'] },
  ]);
  expect(log.state.pins(null)).toHaveLength(3);
  log.unpin(leaseKey('mysql'), 'e1');
  expect(log.state.pins(scope).map((pin) => pin.lease)).toEqual(['redis']);
});

test('pinning twice and unpinning what is not pinned are done and change nothing', () => {
  const log = new Log();
  log.claim(redis, alice, 100);
  log.pin(redis, 'e1');
  log.state.takeChanges();
  expect(log.pin(redis, 'e1')).toEqual({ kind: 'done' });
  expect(log.unpin(redis, 'e2')).toEqual({ kind: 'done' });
  expect(log.unpin(leaseKey('nobody'), 'e1')).toEqual({ kind: 'done' });
  expect(log.state.changedCount).toBe(0);
  log.unpin(redis, 'e1');
  expect(log.state.pins(null)).toEqual([]);
});

test('JR-4 releasing a pinned claim frees it, and the pin binds the next claimant', () => {
  const log = new Log();
  log.claim(redis, alice, 100);
  log.pin(redis, 'e1');
  log.release(redis, alice);
  expect(log.shown(redis)).toBeNull();
  expect(log.claim(redis, bob, 100).pinnedBy).toEqual(['e1']);
});

test('a view keeps the pins that it was made with', () => {
  const log = new Log();
  log.pin(redis, 'e1');
  const view = log.claim(redis, alice, 100);
  log.pin(redis, 'e0');
  expect(view.pinnedBy).toEqual(['e1']);
});

test('neither pins nor renewals of pinned claims move the revision', () => {
  const log = new Log();
  log.claim(redis, alice, 100);
  log.pin(redis, 'e1');
  log.extend(redis, alice, 500);
  log.unpin(redis, 'e1');
  expect(log.state.revision).toBe(1);
});

test('a page of pins ends by its limit, or early when it has many entities', () => {
  const log = new Log();
  for (let lease = 0; lease < 12; lease += 1) {
    for (let at = 0; at < 1_000; at += 1) log.pin(leaseKey(`l${String(lease).padStart(2, '0')}`), `e${at}`);
  }
  const first = log.state.pinsPage(null, null, 1_000);
  expect(first.items.map(({ lease }) => lease)).toEqual(['l00', 'l01', 'l02', 'l03', 'l04']);
  const second = log.state.pinsPage(null, first.next, 2);
  expect(second.items.map(({ lease }) => lease)).toEqual(['l05', 'l06']);
  expect(log.state.pinsPage(null, log.idOf(leaseKey('l10')), 1_000)).toMatchObject({ items: [{ lease: 'l11' }], next: null });
});
