// Health frames: sent on every link every 500 ms, always within the bounds of the frame, and kept per link with the time of arrival.
import { expect, test } from 'vitest';
import type { NodeHealth, PeerFrame } from '../../src/env.ts';
import { codec } from '../../src/io/codec.ts';
import { ManualClock } from '../../src/io/manual-clock.ts';
import { Wire } from '../../src/io/wire.ts';
import { PeerHealth } from '../../src/replica/peer-health.ts';
import { MemberWorld } from './member-world.ts';

const GOOD: NodeHealth = { syncPendingMs: 1, syncP99Ms: 2, loopP99Ms: 3, freeBytes: 4, alarms: ['fds'], stopping: false };

function started(local: () => NodeHealth = () => GOOD) {
  const clock = new ManualClock();
  const sent: { readonly to: number; readonly frame: PeerFrame }[] = [];
  const health = new PeerHealth(clock, { send: (to, frame) => sent.push({ to, frame }) > 0 }, local, () => 7);
  health.start();
  return { clock, sent, health };
}

test('a new link carries a report at once, every link one each 500 ms, a closed link none', async () => {
  const { clock, sent, health } = started();
  health.up(2);
  expect(sent.map(({ to }) => to)).toEqual([2]);
  health.up(3);
  await clock.advance(1_000);
  expect(sent.map(({ to }) => to)).toEqual([2, 3, 2, 3, 2, 3]);
  health.down(2);
  await clock.advance(500);
  expect(sent.slice(6).map(({ to }) => to)).toEqual([3]);
  health.stop();
  await clock.advance(5_000);
  expect(sent).toHaveLength(7);
});

test('the last report of a peer is kept with its time of arrival until its link closes', async () => {
  const { clock, health } = started();
  health.received(2, GOOD, 3);
  expect(health.of(2), 'a peer without a link').toBeNull();
  health.up(2);
  expect(health.of(2)).toBeNull();
  health.received(2, GOOD, 3);
  const firstMs = clock.now();
  await clock.advance(700);
  expect(health.of(2)).toEqual({ health: GOOD, leader: 3, atMs: firstMs });
  const next = { ...GOOD, stopping: true };
  health.received(2, next, 0);
  expect(health.of(2)).toEqual({ health: next, leader: 0, atMs: firstMs + 700 });
  health.down(2);
  expect(health.of(2)).toBeNull();
});

test('whatever is measured locally, the frame can be read by the peer', () => {
  const odd = [Number.NaN, -1, 0.4, 1.5, Number.POSITIVE_INFINITY, 2 ** 60];
  for (const value of odd) {
    const alarms = ['no-room', 'Not A Name', '', ...Array.from({ length: 20 }, () => 'disk-low')];
    const { sent, health } = started(() => ({
      ...GOOD,
      syncPendingMs: value,
      freeBytes: value,
      syncP99Ms: value,
      loopP99Ms: value,
      alarms,
    }));
    health.up(2);
    const bytes = Buffer.concat(new Wire(1, codec, 10_000).encode(sent[0]?.frame as PeerFrame));
    const read = new Wire(2, codec, 10_000).decode(bytes[4] as number, bytes.subarray(5), 1);
    const expected = Number.isNaN(value) || value < 1 ? 0 : Math.min(Math.round(value), Number.MAX_SAFE_INTEGER);
    expect(read, String(value)).toMatchObject({ kind: 'health', leader: 7, health: { freeBytes: expected, loopP99Ms: expected } });
    if (read.kind === 'health') expect(read.health.alarms).toEqual(['no-room', ...Array.from({ length: 15 }, () => 'disk-low')]);
  }
});

test('every node of a cluster reports on every link each 500 ms, and reports that it stops', () => {
  const world = new MemberWorld(3);
  const reports = new Map<string, NodeHealth[]>();
  world.onSent = (from, to, frame) => {
    if (frame.kind !== 'health') return;
    const link = `${from} ${to}`;
    reports.set(link, [...(reports.get(link) ?? []), frame.health]);
  };
  world.pass(5_000);
  for (const [link, sent] of reports) expect([9, 10, 11], link).toContain(sent.length);
  expect([...reports.keys()].toSorted()).toEqual(['1 2', '1 3', '2 1', '2 3', '3 1', '3 2']);
  expect([...reports.values()].flat().every((health) => !health.stopping)).toBe(true);
  reports.clear();
  // Leadership does not move: the leader waits for the transfer for as long as a transfer may take.
  const leader = world.leader ?? '';
  for (const name of world.up) if (name !== leader) world.pause(name);
  world.replica(leader).stop(() => {});
  world.pass(700);
  expect([...reports.values()].flat().some((health) => health.stopping)).toBe(true);
});
