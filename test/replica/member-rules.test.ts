// What the leader proposes when it is asked to change the members, and what it refuses.
import { describe, expect, test } from 'vitest';
import { codec } from '../../src/io/codec.ts';
import { type ConfState, EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import {
  decodeChange,
  decodePuts,
  decodeReply,
  encodeChange,
  encodePuts,
  encodeReply,
  type Member,
} from '../../src/replica/member-codec.ts';
import { type Decision, decide, MEMBERS_MAX, nextStep, type Situation } from '../../src/replica/member-rules.ts';
import { Roster } from '../../src/replica/roster.ts';
import type { MemberChange } from '../../src/replica/service.ts';

const FOUNDERS = [1, 2, 3].map((node) => ({ node, name: `n${node}`, peer: `host:${7900 + node}` }));

function newcomer(node: number, more: Partial<Member> = {}): Member {
  return { node, name: `n${node}`, peer: `host:${7900 + node}`, http: '', disk: `disk-${node}`, promote: true, replaces: 0, ...more };
}

interface Given {
  readonly self?: number;
  readonly learners?: readonly Member[];
  readonly voters?: readonly number[];
  readonly unreachable?: readonly number[];
  readonly behind?: readonly number[];
}

function situation({ self = 1, learners = [], voters = [1, 2, 3], unreachable = [], behind = [] }: Given = {}): Situation {
  const conf = { ...EMPTY_CONF_STATE, voters, learners: learners.map(({ node }) => node) };
  const isReachable = (node: number): boolean => !unreachable.includes(node);
  return {
    self,
    conf,
    roster: Roster.founded(FOUNDERS).after(learners, { ...conf, voters: [1, 2, 3] }),
    isReachable,
    isCurrent: (node) => isReachable(node) && !behind.includes(node),
  };
}

function add(more: Partial<MemberChange & { kind: 'add' }> = {}): MemberChange {
  return { kind: 'add', id: 'n4', peer: 'host:7904', http: '', disk: null, replaces: null, promote: true, force: false, ...more };
}

function refusal(decision: Decision): string {
  expect(decision.kind).toBe('refused');
  return decision.kind === 'refused' ? decision.detail : '';
}

describe('adding', () => {
  test('makes a learner with the next number', () => {
    expect(decide(add({ disk: 'd' }), situation())).toEqual({
      kind: 'propose',
      node: 4,
      items: [{ type: 'add-learner', node: 4 }],
      put: { node: 4, name: 'n4', peer: 'host:7904', http: '', disk: 'd', promote: true, replaces: 0 },
    });
  });

  test('the same node once more is done already; the node of a member that was announced tells its disk', () => {
    const known = situation({ learners: [newcomer(4)] });
    expect(decide(add({ disk: 'disk-4' }), known)).toMatchObject({ kind: 'done', member: { node: 4 } });
    expect(decide(add({ disk: null }), known)).toMatchObject({ kind: 'done' });
    const announced = situation({ learners: [newcomer(4, { disk: null })] });
    expect(decide(add({ disk: 'd', http: 'host:7804' }), announced)).toMatchObject({
      kind: 'propose',
      items: [{ type: 'update', node: 4 }],
      put: { disk: 'd', http: 'host:7804', promote: true },
    });
  });

  test('a known id on another disk is refused, and so is a founder that comes by joining', () => {
    expect(refusal(decide(add({ disk: 'other' }), situation({ learners: [newcomer(4)] })))).toContain('leasehold member remove n4');
    expect(refusal(decide(add({ id: 'n2', peer: 'host:7902', disk: 'd' }), situation()))).toContain('since its first start');
  });

  test('an address that is taken, an unknown member to replace, and one member too many are refused', () => {
    expect(refusal(decide(add({ peer: 'host:7902' }), situation()))).toContain('n2 is a member at host:7902');
    expect(decide(add({ replaces: 'n9' }), situation())).toMatchObject({ kind: 'refused', code: 'member-not-found' });
    const many = Array.from({ length: MEMBERS_MAX - 3 }, (_, place) => newcomer(4 + place));
    expect(refusal(decide(add({ id: 'more', peer: 'host:1' }), situation({ learners: many })))).toContain(`${MEMBERS_MAX} members`);
  });
});

describe('removing', () => {
  const remove = (id: string, force = false): MemberChange => ({ kind: 'remove', id, force });

  test('a follower is proposed, the leader hands over first', () => {
    expect(decide(remove('n2'), situation())).toEqual({ kind: 'propose', node: 2, items: [{ type: 'remove', node: 2 }], put: null });
    expect(decide(remove('n1'), situation())).toEqual({ kind: 'hand-over' });
  });

  test('is refused when the voters that remain could commit nothing, unless it is forced', () => {
    for (const given of [{ unreachable: [3] }, { behind: [3] }]) {
      expect(refusal(decide(remove('n2'), situation(given)))).toMatch(
        /^without n2 nothing could be committed: of 2 voters 2 are needed, but n3/,
      );
      expect(decide(remove('n2', true), situation(given))).toMatchObject({ kind: 'propose' });
    }
    expect(decide(remove('n3'), situation({ unreachable: [3] })), 'a dead member may go').toMatchObject({ kind: 'propose' });
  });

  test('the last voter stays, forced or not; an unknown member is not found', () => {
    expect(refusal(decide(remove('n1', true), situation({ voters: [1] })))).toContain('last voter');
    expect(decide(remove('n9'), situation())).toMatchObject({ kind: 'refused', code: 'member-not-found' });
  });

  test('a learner may always go', () => {
    const given = { learners: [newcomer(4)], unreachable: [2, 3, 4] };
    expect(decide(remove('n4'), situation(given))).toMatchObject({ kind: 'propose', node: 4 });
  });
});

describe('promoting', () => {
  const promote = (id: string, force = false): MemberChange => ({ kind: 'promote', id, force });

  test('a learner that has caught up becomes a voter, and its wish is fulfilled', () => {
    expect(decide(promote('n4'), situation({ learners: [newcomer(4)] }))).toMatchObject({
      kind: 'propose',
      items: [{ type: 'add-voter', node: 4 }],
      put: { node: 4, promote: false, replaces: 0 },
    });
    expect(decide(promote('n2'), situation())).toMatchObject({ kind: 'done' });
  });

  test('one that cannot be reached or lags is refused, unless it is forced', () => {
    const learners = [newcomer(4)];
    expect(refusal(decide(promote('n4'), situation({ learners, unreachable: [4] })))).toContain('cannot be reached');
    expect(refusal(decide(promote('n4'), situation({ learners, behind: [4] })))).toContain('not caught up');
    expect(decide(promote('n4', true), situation({ learners, unreachable: [4] }))).toMatchObject({ kind: 'propose' });
    const announced = situation({ learners: [newcomer(4, { disk: null })] });
    expect(refusal(decide(promote('n4', true), announced)), 'a vote of nobody').toContain('never been started');
  });

  test('the leader does it of its own accord, for those that are to become voters and have caught up', () => {
    expect(nextStep(situation({ learners: [newcomer(4, { promote: false })] }))).toBeNull();
    expect(nextStep(situation({ learners: [newcomer(4)], behind: [4] }))).toBeNull();
    expect(nextStep(situation({ learners: [newcomer(4), newcomer(5)], behind: [4] }))).toMatchObject({ node: 5 });
  });

  test('a replacement comes in and the other goes in one change; a leader that is replaced hands over first', () => {
    const learners = [newcomer(4, { replaces: 3 })];
    expect(nextStep(situation({ learners, unreachable: [3] }))).toMatchObject({
      items: [
        { type: 'add-voter', node: 4 },
        { type: 'remove', node: 3 },
      ],
    });
    expect(nextStep(situation({ learners, self: 3 }))).toEqual({ kind: 'hand-over' });
    const alone = situation({ learners: [newcomer(4, { replaces: 1 })], voters: [1] });
    expect(nextStep(alone), 'nobody else could lead').toMatchObject({ items: [{ type: 'add-voter', node: 4 }], put: { replaces: 1 } });
    const voting = { ...alone, conf: { ...alone.conf, voters: [1, 4], learners: [] } };
    expect(nextStep(voting)).toEqual({ kind: 'hand-over' });
    expect(nextStep({ ...voting, self: 4 })).toMatchObject({ items: [{ type: 'remove', node: 1 }] });
    expect(nextStep(situation({ learners: [newcomer(4, { replaces: 9 })] }))).toMatchObject({ items: [{ node: 4 }] });
  });
});

describe('the roster', () => {
  test('is what it was after it has been saved, and begins with the founders', () => {
    const grown = situation({ learners: [newcomer(4), newcomer(7, { disk: null, replaces: 2 })] }).roster;
    const again = Roster.decode(grown.encode(codec), FOUNDERS, codec);
    expect(again.members).toEqual(grown.members);
    expect(again.greatest).toBe(7);
    expect(Roster.decode(new Uint8Array(0), FOUNDERS, codec).members).toEqual(Roster.founded(FOUNDERS).members);
    expect(() => Roster.decode(codec.encode([9, 1, []]), FOUNDERS, codec)).toThrow('format');
    // As it was before it knew who leaves.
    const old = Roster.decode(codec.encode([1, 9, []]), FOUNDERS, codec);
    expect([old.greatest, old.members, old.leaving]).toEqual([9, [], []]);
  });

  test('whoever is removed leaves until the next change, and only then is gone', () => {
    const voters = (...nodes: number[]): ConfState => ({ ...EMPTY_CONF_STATE, voters: nodes });
    const left = Roster.founded(FOUNDERS).after([], voters(1, 2));
    const again = Roster.decode(left.encode(codec), FOUNDERS, codec);
    for (const roster of [left, again]) {
      expect(roster.members.map(({ node }) => node)).toEqual([1, 2]);
      expect(roster.leaving.map(({ node }) => node)).toEqual([3]);
      expect([roster.isGone(3), roster.isGone(2), roster.isGone(4)]).toEqual([false, false, false]);
    }
    const sealed = again.after([], voters(1, 2));
    expect(sealed.leaving).toEqual([]);
    expect([sealed.isGone(3), sealed.isGone(2), sealed.isGone(4)]).toEqual([true, false, false]);
  });

  test('whoever is no part of the configuration is gone, and no number comes again', () => {
    const grown = situation({ learners: [newcomer(4)] }).roster;
    const shrunk = grown.after([], { ...EMPTY_CONF_STATE, voters: [1, 2], votersOutgoing: [1, 2, 3] });
    expect(shrunk.members.map(({ node }) => node)).toEqual([1, 2, 3]);
    expect(shrunk.get(4)).toBeUndefined();
    expect(shrunk.greatest).toBe(4);
    expect(decide(add(), { ...situation(), roster: shrunk })).toMatchObject({ node: 5 });
  });

  test('a context that cannot be read says nothing', () => {
    expect(decodePuts(encodePuts([newcomer(4)], codec), codec)).toEqual([newcomer(4)]);
    for (const bytes of [undefined, Uint8Array.of(0xc1), codec.encode(7), codec.encode([[1, 2]])])
      expect(decodePuts(bytes, codec)).toEqual([]);
  });
});

test('changes and answers pass between nodes unaltered', () => {
  const changes: MemberChange[] = [
    add({ disk: 'd', replaces: 'n2' }),
    { kind: 'remove', id: 'n1', force: true },
    { kind: 'promote', id: 'n4', force: false },
  ];
  for (const change of changes) expect(decodeChange(encodeChange(change, codec), codec)).toEqual(change);
  const replies = [
    { kind: 'done', member: newcomer(4), voter: true, created: false, index: 9 },
    { kind: 'refused', code: 'conflict', detail: 'why' },
    { kind: 'later', detail: 'why', moves: true },
  ] as const;
  for (const reply of replies) expect(decodeReply(encodeReply(reply, codec), codec)).toEqual(reply);
  expect(decodeChange(codec.encode(['destroy', 'n1', true]), codec)).toBeNull();
});
