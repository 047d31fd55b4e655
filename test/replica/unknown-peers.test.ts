// Peers that are not members: what they send changes nothing on a node that has a member to talk to, and what a lagging node needs arrives.
import { beforeEach, describe, expect, test } from 'vitest';
import type { PeerFrame } from '../../src/env.ts';
import { codec } from '../../src/io/codec.ts';
import { ManualClock } from '../../src/io/manual-clock.ts';
import type { PeerMessage } from '../../src/raft/messages.ts';
import { imageFault } from '../../src/replica/image-check.ts';
import { Roster } from '../../src/replica/roster.ts';
import { UnknownPeers } from '../../src/replica/unknown-peers.ts';
import { hostileMessages, type Stranger } from '../sim/stranger.ts';
import { MemberWorld } from './member-world.ts';

const NUMBERS = [1, 2, 3];

describe('a process that is not a member', () => {
  let world: MemberWorld;
  let stranger: Stranger;

  beforeEach(() => {
    world = new MemberWorld(5);
    stranger = world.stranger(9);
    world.until('the links to the stranger', () => stranger.linked.length === 3);
    world.load(200);
  });

  const facts = () =>
    NUMBERS.map((node) => world.replica(`n${node}`).raftStatus()).map(({ term, leader, vote }) => ({ term, leader, vote }));

  /** What the cluster must still do. */
  const serves = () => {
    const before = world.granted.size;
    world.load(500);
    expect(world.granted.size - before).toBeGreaterThan(20 * world.up.length);
    world.pass(200);
    for (const name of world.up) expect(world.missing(name), name).toEqual([]);
  };

  test('does not end a leadership, raise a term, get a vote or displace an entry, whatever it sends', () => {
    const before = facts();
    const { commit } = world.replica('n1').raftStatus();
    const term = before[0]?.term ?? 0;
    for (const hostileTerm of [term, term + 1, term + 2 ** 29, term + 2 ** 31, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
      for (const message of hostileMessages(hostileTerm, commit)) {
        for (const node of NUMBERS) stranger.raft(node, message);
        world.pass(10);
      }
    }
    world.pass(3_000);
    expect(facts()).toEqual(before);
    expect(world.up).toEqual(['n1', 'n2', 'n3']);
    serves();
  });

  test('leaves no trace that a restart would find', () => {
    for (const node of NUMBERS) stranger.raft(node, { kind: 'heartbeat', term: Number.MAX_SAFE_INTEGER, commit: 0, context: 0 });
    world.pass(500);
    for (const name of ['n1', 'n2', 'n3']) world.crash(name);
    for (const name of ['n1', 'n2', 'n3']) world.start(name);
    world.until('a leader', () => world.leader !== null);
    expect(world.replica('n1').term).toBeLessThan(20);
    serves();
  });

  test('cannot delay an election while it talks all the time', () => {
    const leader = world.leader ?? '';
    world.crash(leader);
    const others = world.up.map((name) => Number(name.slice(1)));
    let elected = false;
    for (let ms = 0; ms < 1_500 && !elected; ms += 10) {
      const term = Math.max(...world.up.map((name) => world.replica(name).term));
      for (const node of others) {
        for (const kind of ['heartbeat', 'vote'] as const) {
          const fields = kind === 'vote' ? { logTerm: term, index: 2 ** 40, transfer: true } : { commit: 0, context: 0 };
          stranger.raft(node, { kind, term: term + 1, ...fields });
        }
      }
      world.pass(10);
      elected = world.leader !== null && world.leader !== leader;
    }
    expect(elected).toBe(true);
    serves();
  });

  test('forwards nothing, confirms no read, answers no request, and offers no state', () => {
    const leader = world.leader ?? '';
    const { term } = world.replica(leader);
    const images = world.up.map((name) => world.images(name));
    const conf = { voters: [9], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const last = { index: 10_000, term, conf, roster: new Uint8Array(0), count: 0, sum: 0 };
    const frames: PeerFrame[] = [
      { kind: 'forward', term, commands: [new Uint8Array(40)] },
      { kind: 'refuse', term, sequences: Array.from({ length: 2_000 }, (_, at) => at), noRoom: null },
      { kind: 'barrier', term, id: 1 },
      { kind: 'barrier-reply', id: 1, index: 1, timeMs: 2 ** 50 },
      { kind: 'member-change', term, id: 1, change: new Uint8Array(3) },
      { kind: 'member-reply', id: 1, reply: new Uint8Array(3) },
      { kind: 'image', term, id: 1, position: 0, records: [], last },
      { kind: 'image', term: term + 1, id: 2, position: 0, records: [], last },
      { kind: 'image-ack', id: 1, position: 5 },
    ];
    for (const node of NUMBERS) for (const frame of frames) stranger.say(node, frame);
    world.pass(500);
    const answers = stranger.received.map(({ frame }) => frame).filter(({ kind }) => kind !== 'health');
    // An image that is not accepted is rejected, so that a leader tries again.
    expect(answers).toEqual(NUMBERS.flatMap(() => [1, 2].map((id) => ({ kind: 'image-ack', id, position: -1 }))));
    expect(world.up.map((name) => world.images(name))).toEqual(images);
    serves();
  });

  test('may speak before any member does: it loses its hold when a member is linked', () => {
    for (const name of ['n1', 'n2', 'n3']) world.crash(name);
    world.start('n1');
    const speak = (node: number, ms: number) => {
      for (let at = 0; at < ms; at += 20) {
        stranger.raft(node, { kind: 'heartbeat', term: 40, commit: 0, context: 0 });
        world.pass(20);
      }
    };
    speak(1, 3_000);
    expect(world.replica('n1').term, 'a node that is alone follows a leader of a newer configuration').toBe(40);
    expect(world.replica('n1').leader, 'and asks nothing of it').toBe('');
    world.start('n2');
    world.start('n3');
    speak(1, 2_500);
    expect(world.leader).not.toBeNull();
    serves();
  });
});

test('a peer that poses as a member cannot end a node with a snapshot message, a foreign image or a far term', () => {
  const world = new MemberWorld(6);
  const leader = world.leader ?? '';
  const [follower, other] = world.up.filter((name) => name !== leader) as [string, string];
  const { term } = world.replica(leader);
  const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const to = Number(follower.slice(1));
  const from = Number(other.slice(1));
  const snapshot = { index: 5_000, term, conf };
  const answers: PeerFrame[] = [];
  world.onSent = (_from, _to, frame) => {
    if (frame.kind === 'image-ack') answers.push(frame);
  };
  world.say(other, follower, { kind: 'raft', message: { kind: 'snapshot', from, to, term, snapshot } });
  world.say(other, follower, { kind: 'image', term, id: 1, position: 0, records: [], last: null });
  world.say(other, follower, { kind: 'raft', message: { kind: 'heartbeat', from, to, term: 2 ** 52, commit: 0, context: 0 } });
  world.pass(1_000);
  expect([world.up, world.leader, world.replica(follower).term]).toEqual([['n1', 'n2', 'n3'], leader, term]);
  // The answer of a node that takes an image in would be its position.
  expect(answers).toEqual([{ kind: 'image-ack', id: 1, position: -1 }]);
});

test('an image that would end the node at every start is not installed', () => {
  const term = 7;
  const founders = [1, 2, 3].map((node) => ({ node, name: `n${node}`, peer: `n${node}:7901` }));
  const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [4], learnersNext: [], autoLeave: false };
  const joint = { voters: [1, 2], votersOutgoing: [1, 3], learners: [4], learnersNext: [3], autoLeave: true };
  const roster = Roster.founded(founders).encode(codec);
  const last = { index: 5_000, term, conf, roster, count: 0, sum: 0 };
  const fault = (change: object) => imageFault({ ...last, ...change }, term, founders, codec);
  for (const good of [{}, { roster: new Uint8Array(0) }, { conf: joint }, { term: 1, index: 1 }]) expect(fault(good)).toBeNull();
  const odd = [
    { roster: Uint8Array.of(1, 2, 3) },
    { roster: Uint8Array.of(0x91, 99) },
    { conf: { ...conf, voters: [] } },
    { conf: { ...conf, learners: [3] } },
    { conf: { ...conf, learnersNext: [4] } },
    { conf: { ...conf, autoLeave: true } },
    { conf: { ...joint, learnersNext: [9] } },
    { index: 0 },
    { term: 0 },
    { term: term + 1 },
  ];
  for (const change of odd) expect(fault(change), JSON.stringify(change)).not.toBeNull();
});

describe('a node that lags behind the configuration', () => {
  test('follows a leader that it does not know, as soon as a member that it knows follows that leader', () => {
    const world = new MemberWorld(11);
    world.crash('n3');
    world.join('n4', {});
    world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
    world.lead('n4');
    world.load(200);
    world.start('n3');
    let waitedMs = 0;
    for (; world.missing('n3').length > 0 && waitedMs < 3_000; waitedMs += 20) world.pass(20);
    expect(waitedMs).toBeLessThan(1_500);
  });

  test('follows a leader that it does not know when all members that it knows have been replaced', () => {
    const world = new MemberWorld(12);
    world.crash('n3');
    for (const name of ['n4', 'n5']) {
      world.join(name, {});
      world.until(`${name} to vote`, () => world.members.split(' ').includes(name));
    }
    world.lead('n4');
    for (const name of ['n1', 'n2']) expect(world.remove(name).ok).toBe(true);
    world.until('the removed nodes to end', () => world.up.join(' ') === 'n4 n5');
    world.load(200);
    world.start('n3');
    let waitedMs = 0;
    for (; world.missing('n3').length > 0 && waitedMs < 6_000; waitedMs += 20) world.pass(20);
    expect(waitedMs).toBeLessThan(4_000);
    // Its vote is needed now.
    world.crash('n5');
    world.load(2_000);
    expect(world.leader).not.toBeNull();
  });
});

describe('the rules, one by one', () => {
  const raft = (kind: PeerMessage['kind'], fields: object = {}): PeerFrame =>
    ({ kind: 'raft', message: { kind, from: 9, to: 1, term: 5, commit: 0, ...fields } }) as unknown as PeerFrame;
  const image = { kind: 'image', term: 5, id: 1, position: 0, records: [], last: null } as const;
  const needed: PeerFrame[] = [raft('append'), raft('heartbeat'), image];

  function rules(linked: number[], reports: Record<number, { readonly leader: number; readonly atMs: number }> = {}, isOnlyVoter = false) {
    const clock = new ManualClock();
    const leaderless: { sinceMs: number | null; isReceiving: boolean } = { sinceMs: null, isReceiving: false };
    const host = {
      term: 5,
      lastIndex: 7,
      isOnlyVoter,
      isKnown: (node: number) => node <= 3,
      linkedMembers: () => linked,
      reportedLeader: (peer: number) => reports[peer] ?? null,
      leaderlessSinceMs: () => leaderless.sinceMs,
      isReceiving: () => leaderless.isReceiving,
    };
    return { clock, leaderless, unknown: new UnknownPeers(clock, host, 1_000) };
  }

  test('an unknown peer never sends a commit index above the last entry, nor a term far ahead', async () => {
    const { clock, unknown } = rules([]);
    await clock.advance(1_000);
    expect(unknown.accepts(9, raft('heartbeat', { commit: 8 }))).toBe(false);
    expect(unknown.accepts(9, raft('heartbeat', { commit: 7 }))).toBe(true);
    expect(unknown.accepts(9, raft('append', { term: 5 + 2 ** 20 + 1 }))).toBe(false);
    expect(unknown.accepts(9, raft('append', { term: 5 + 2 ** 20 }))).toBe(true);
    const reported = rules([2], { 2: { leader: 9, atMs: 0 } });
    expect(reported.unknown.accepts(9, raft('heartbeat', { commit: 8 }))).toBe(false);
  });

  test('the only voter of a cluster accepts no unknown peer, however long it is alone', async () => {
    const { clock, leaderless, unknown } = rules([], {}, true);
    leaderless.sinceMs = clock.now();
    await clock.advance(60_000);
    for (const frame of [...needed, raft('vote', { transfer: false }), raft('pre-vote', { transfer: false })]) {
      expect(unknown.accepts(9, frame)).toBe(false);
    }
  });

  test('a member is accepted with everything', () => {
    const { unknown } = rules([]);
    for (const frame of [...needed, raft('vote'), raft('timeout-now')]) expect(unknown.accepts(2, frame)).toBe(true);
    expect(unknown.ignored).toBe(0);
  });

  test('an unknown peer is accepted as a leader only while a linked member has reported it lately', async () => {
    const reports = { 2: { leader: 9, atMs: 0 } };
    const { clock, unknown } = rules([2], reports);
    reports[2] = { leader: 9, atMs: clock.now() };
    for (const frame of needed) expect(unknown.accepts(9, frame)).toBe(true);
    for (const frame of needed) expect(unknown.accepts(8, frame)).toBe(false);
    expect(unknown.accepts(9, raft('vote', { transfer: false }))).toBe(false);
    await clock.advance(2_001);
    for (const frame of needed) expect(unknown.accepts(9, frame)).toBe(false);
    expect(unknown.ignored).toBe(7);
  });

  test('without a leader for long, a node accepts one in windows, and does not cut off a state that it receives', async () => {
    const { clock, leaderless, unknown } = rules([2]);
    leaderless.sinceMs = clock.now();
    const open: string[] = [];
    for (let ms = 0; ms < 16_000; ms += 500) {
      open.push(unknown.accepts(9, raft('heartbeat')) ? '+' : '-');
      await clock.advance(500);
    }
    expect(open.join('')).toBe('----++++----++++----++++----++++');
    leaderless.isReceiving = true;
    expect(unknown.accepts(9, image)).toBe(true);
    leaderless.isReceiving = false;
    await clock.advance(5_000);
    leaderless.sinceMs = null;
    expect(unknown.accepts(9, raft('heartbeat'))).toBe(false);
  });

  test('a node that was alone gives the members time to elect before its first window, unless it receives a state', async () => {
    const linked: number[] = [];
    const { clock, leaderless, unknown } = rules(linked);
    leaderless.sinceMs = clock.now();
    const looks = async (count: number): Promise<string> => {
      let open = '';
      for (let look = 0; look < count; look++) {
        open += unknown.accepts(9, raft('heartbeat')) ? '+' : '-';
        await clock.advance(500);
      }
      return open;
    };
    expect(await looks(6)).toBe('--++++');
    linked.push(2);
    expect(await looks(8)).toBe('---++++-');
    linked.length = 0;
    unknown.linkClosed();
    expect(await looks(3)).toBe('--+');
    linked.push(2);
    leaderless.isReceiving = true;
    expect(unknown.accepts(9, image)).toBe(true);
  });

  test('alone for the given time, a node accepts a leader and a candidate, and a higher term once in that time', async () => {
    const linked: number[] = [2];
    const { clock, unknown } = rules(linked);
    await clock.advance(5_000);
    expect(unknown.accepts(9, raft('heartbeat'))).toBe(false);
    linked.length = 0;
    unknown.linkClosed();
    await clock.advance(999);
    for (const frame of needed) expect(unknown.accepts(9, frame)).toBe(false);
    await clock.advance(1);
    for (const frame of [...needed, raft('vote', { transfer: false }), raft('pre-vote', { transfer: false })]) {
      expect(unknown.accepts(9, frame)).toBe(true);
    }
    expect(unknown.accepts(9, raft('heartbeat', { term: 6 }))).toBe(true);
    expect(unknown.accepts(9, raft('heartbeat', { term: 7 }))).toBe(false);
    expect(unknown.accepts(9, raft('vote', { term: 7, transfer: false }))).toBe(false);
    await clock.advance(1_000);
    expect(unknown.accepts(9, raft('vote', { term: 7, transfer: false }))).toBe(true);
    const never: PeerFrame[] = [
      raft('vote', { transfer: true }),
      raft('pre-vote', { transfer: true }),
      raft('timeout-now'),
      raft('transfer-leader'),
      raft('snapshot'),
      raft('append-response'),
      raft('read-index'),
      { kind: 'forward', term: 5, commands: [] },
      { kind: 'barrier-reply', id: 1, index: 1, timeMs: 1 },
      { kind: 'member-change', term: 5, id: 1, change: new Uint8Array(0) },
    ];
    for (const frame of never) expect(unknown.accepts(9, frame), JSON.stringify(frame)).toBe(false);
  });
});
