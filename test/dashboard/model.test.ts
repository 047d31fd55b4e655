// What the dashboard says of a feed: handovers with their gaps, one line of time for leaders and leases, and durations for people.
import { describe, expect, test } from 'vitest';
import type { DashboardFeed } from '../../src/contract/dashboard.ts';
import { agoText, durationText, handoverText, lastHandover, timeline } from '../../src/dashboard/model.ts';
import { riskOf } from '../../src/dashboard/risk.ts';

const LEASE = { namespace: 'ns', model: 'm', lease: 'l', holder: 'alice', entity: null, lateMs: 0 };

const FEED: DashboardFeed = {
  control: null,
  cluster: { node: 'n1', leader: 'n2', term: 4, commitIndex: 9, index: 9, members: [], alarms: [] },
  leaderlessMs: null,
  waiting: 0,
  leases: [],
  moreLeases: false,
  events: [
    { ...LEASE, type: 'expired', index: 8, position: 1, agoMs: 4_100, lateMs: 40 },
    { ...LEASE, type: 'unpinned', index: 8, position: 0, agoMs: 4_100, entity: 'backup' },
    { ...LEASE, type: 'claimed', index: 3, position: 0, agoMs: 4_900 },
  ],
  reigns: [
    { index: 2, term: 1, agoMs: 4_950, node: 'n1', leaderlessMs: null },
    { index: 6, term: 4, agoMs: 4_200, node: 'n2', leaderlessMs: 84.4 },
  ],
};

test('a handover names both leaders and the gap that the new one measured', () => {
  const handover = lastHandover(FEED);
  expect(handover).toEqual({ term: 4, from: 'n1', to: 'n2', gapMs: 84.4, agoMs: 4_200 });
  expect(handover && handoverText(handover)).toBe('without a leader: n2 took over from n1 in term 4');
});

test('a first leader takes over from nobody, and one that was elected again from nobody else', () => {
  const first = lastHandover({ ...FEED, reigns: FEED.reigns.slice(0, 1) });
  expect(first && handoverText(first)).toBe('n1 leads in term 1');
  const again = lastHandover({ ...FEED, reigns: FEED.reigns.map((reign) => ({ ...reign, node: 'n1' })) });
  expect(again && handoverText(again)).toBe('without a leader: n1 leads in term 4');
  expect(lastHandover({ ...FEED, reigns: [] })).toBeNull();
});

test('leaders and leases stand in one line of time, in the order of the log, newest first', () => {
  expect(timeline(FEED).map(({ text }) => text)).toEqual([
    'ns/m/l expired, alice had it (40 ms past its deadline)',
    'ns/m/l unpinned by backup',
    'n2 leads term 4 after 84 ms without a leader',
    'alice claimed ns/m/l',
    'n1 leads term 1',
  ]);
});

test('durations are told in units that people read', () => {
  const told = [84.4, 999, 9_460, 59_999, 125_000, 11_520_000, 356_400_000].map(durationText);
  expect(told).toEqual(['84 ms', '999 ms', '9.4 s', '59.9 s', '2 min 05 s', '3 h 12 min', '4 d 3 h']);
  expect([0, 12_900, 300_000, 7_200_000, 345_600_000].map(agoText)).toEqual(['now', '12 s', '5 min', '2 h', '4 d']);
});

describe('before an order', () => {
  const member = (id: string, voter = true) => ({
    ...{ id, http: '', peer: '', role: 'follower' as const, voter, matchIndex: null, appliedIndex: null, lastContactMs: 0 },
    ...{ reachable: true, snapshot: null, alarms: [] },
  });
  const cluster = { ...FEED.cluster, members: ['n1', 'n2', 'n3'].map((id) => member(id)) };
  const running = new Map([
    ['n1', 'running'],
    ['n2', 'running'],
    ['n3', 'running'],
  ] as const);

  test('a kill is always thought over, and says who goes on', () => {
    expect(riskOf('kill', 'n2', cluster, running)).toBe(
      'Its process ends at once, as in a crash. Another member takes over; no lease is lost.',
    );
    expect(riskOf('kill', 'n1', cluster, running)).toContain('The others go on without it.');
    for (const order of ['pause', 'resume', 'restart', 'lead'] as const) expect(riskOf(order, 'n1', cluster, running)).toBeNull();
  });

  test('it is said when no majority would be left', () => {
    const oneDown = new Map([...running, ['n3', 'down'] as const]);
    expect(riskOf('kill', 'n1', cluster, oneDown)).toContain('Only 1 of 3 voters would be left: nobody can lead');
    expect(riskOf('pause', 'n1', cluster, oneDown)).toMatch(/^Only 1 of 3 voters would be left/);
    expect(riskOf('kill', 'n1', { ...cluster, members: [member('n1')] }, running)).toContain('No voter would be left');
    expect(riskOf('pause', 'n4', { ...cluster, members: [...cluster.members, member('n4', false)] }, oneDown)).toBeNull();
  });
});
