// What changes of membership must and must not do: one at a time, applied when committed, joint where needed.
import { describe, expect, test } from 'vitest';
import { Changer, EMPTY_MEMBERSHIP, type Membership, restore, toConfState } from '../../src/raft/confchange.ts';
import type { ConfChange, ConfChangeItem, Entry, NodeId } from '../../src/raft/types.ts';
import { acknowledge, append, ELECTION_TICKS, Network, only, TestNode, vote } from './network.ts';

function change(...changes: ConfChangeItem[]): ConfChange {
  return { v1: false, transition: 'auto', changes };
}

const ADD_4: ConfChangeItem = { type: 'add-voter', node: 4 };
const LIMITS = { maxMessages: 1, maxBytes: 0 };

/** A leader of term 1 with its opening entry on everybody. */
function settledLeader(setup: ConstructorParameters<typeof TestNode>[0] = {}): TestNode {
  const node = new TestNode(setup);
  node.lead();
  for (const from of node.conf.voters) if (from !== 1) node.step(acknowledge(from, 1, 1, 1));
  return node;
}

function kinds(node: TestNode): string[] {
  return node.log.map(({ kind }) => kind);
}

describe('one change at a time', () => {
  test('a change is an entry, and a second one becomes an empty entry until the first is applied', () => {
    const node = settledLeader();
    node.do((raft) => raft.proposeConfChange(change(ADD_4)));
    node.do((raft) => raft.proposeConfChange(change({ type: 'add-voter', node: 5 })));
    expect(kinds(node)).toEqual(['normal', 'conf-change', 'normal']);
    expect(node.log.at(-1)).toMatchObject({ data: new Uint8Array(0) });
    node.step(acknowledge(2, 1, 1, 3));
    expect(node.conf.voters).toEqual([1, 2, 3, 4]);
    node.do((raft) => raft.proposeConfChange(change({ type: 'add-voter', node: 5 })));
    expect(kinds(node).at(-1)).toBe('conf-change');
  });

  test('a change for which there is no room stands in the way of no other one', () => {
    const node = settledLeader({ maxUncommittedBytes: 10 });
    node.propose('12345678');
    expect(node.raft.proposeConfChange(change(ADD_4))).toBe('proposal-dropped');
    node.step(acknowledge(2, 1, 1, 2));
    expect(node.raft.proposeConfChange(change(ADD_4))).toBe('ok');
    node.drain();
    expect(kinds(node)).toEqual(['normal', 'normal', 'conf-change']);
  });

  test('a new leader assumes that a change may be in its log, until all of it is applied', () => {
    const node = new TestNode({ terms: [1] });
    node.lead();
    node.do((raft) => raft.proposeConfChange(change(ADD_4)));
    expect(kinds(node)).toEqual(['normal', 'normal', 'normal']);
    node.step(acknowledge(2, 1, 2, 3));
    node.do((raft) => raft.proposeConfChange(change(ADD_4)));
    expect(kinds(node).at(-1)).toBe('conf-change');
  });

  test('nobody stands for election who has a committed change that is not applied', () => {
    for (const v1 of [true, false]) {
      const node = new TestNode({ hardState: { term: 1 } });
      const entry: Entry = { kind: 'conf-change', term: 1, index: 1, change: { ...change(ADD_4), v1 } };
      node.raft.step(append({ term: 1, entries: [entry], commit: 1 }));
      node.raft.campaign();
      expect(node.role).toBe('follower');
      node.drain();
      node.do((raft) => raft.campaign());
      expect(node.role).toBe('candidate');
    }
  });

  test('a change that does not fit becomes an empty entry', () => {
    const removeAll = [1, 2, 3].map((id): ConfChangeItem => ({ type: 'remove', node: id }));
    for (const misfit of [change(), change(...removeAll)]) {
      const node = settledLeader();
      node.do((raft) => raft.proposeConfChange(misfit));
      expect(kinds(node)).toEqual(['normal', 'normal']);
    }
    const lone = settledLeader({ voters: [1] });
    lone.do((raft) => raft.proposeConfChange(change({ type: 'remove', node: 1 })));
    expect([kinds(lone), lone.conf.voters]).toEqual([['normal', 'normal'], [1]]);
  });
});

describe('effect of a change', () => {
  test('a newcomer gets the whole log, and a removed member makes the quorum smaller at once', () => {
    const network = new Network(...[1, 2, 3, 4].map((id) => new TestNode({ id })));
    network.campaign(1);
    network.propose(1, 'x');
    network.do(1, (raft) => raft.proposeConfChange(change(ADD_4)));
    network.tick(1, 2);
    expect(network.node(4).log).toEqual(network.node(1).log);
    expect(network.node(4).conf.voters).toEqual([1, 2, 3, 4]);
    network.isolate(3, 4);
    network.propose(1, 'waits for three of four');
    const { commit } = network.node(1);
    expect(commit).toBe(3);
    network.isolate(4);
    network.do(1, (raft) => raft.proposeConfChange(change({ type: 'remove', node: 4 })));
    network.isolate(3, 4);
    network.propose(1, 'two of three are enough');
    expect(network.node(1).commit).toBe(network.node(1).storage.lastIndex());
  });

  test('removing a member commits what the smaller quorum has', () => {
    const node = settledLeader({ voters: [1, 2] });
    node.do((raft) => raft.proposeConfChange(change({ type: 'remove', node: 2 })));
    node.propose('x');
    expect(node.commit).toBe(1);
    node.step(acknowledge(2, 1, 1, 2));
    expect([node.conf.voters, node.commit]).toEqual([[1], 3]);
  });

  test('a learner replicates and may vote, but counts in no quorum and never stands, until it is promoted', () => {
    const leader = new TestNode({ voters: [1], learners: [2] });
    const learner = new TestNode({ id: 2, voters: [1], learners: [2] });
    const network = new Network(leader, learner);
    network.campaign(1);
    network.isolate(2);
    network.propose(1, 'x');
    expect(leader.commit).toBe(2);
    network.heal();
    network.tick(1, 1);
    expect([learner.commit, learner.log]).toEqual([2, leader.log]);
    learner.tick(3 * ELECTION_TICKS);
    expect(learner.role).toBe('follower');
    network.do(1, (raft) => raft.proposeConfChange(change({ type: 'add-voter', node: 2 })));
    expect(learner.conf).toMatchObject({ voters: [1, 2], learners: [] });
    // What was known of the learner goes on for the voter, in every state of its progress.
    leader.do((raft) => raft.reportUnreachable(2));
    network.propose(1, 'y');
    expect(leader.commit).toBe(leader.storage.lastIndex());
    network.settle(learner.tick(ELECTION_TICKS));
    expect(network.leaders).toEqual([2]);
  });

  test('a new voter does not trip the quorum check before it could answer', () => {
    const node = settledLeader({ voters: [1], checkQuorum: true });
    node.tick(ELECTION_TICKS - 1);
    node.do((raft) => raft.proposeConfChange(change({ type: 'add-voter', node: 2 })));
    node.tick(1);
    expect(node.role).toBe('leader');
    node.tick(ELECTION_TICKS);
    expect(node.role).toBe('follower');
  });

  test('a removed leader steps down once that is applied', () => {
    const node = settledLeader();
    node.do((raft) => raft.proposeConfChange(change({ type: 'remove', node: 1 })));
    expect(node.role).toBe('leader');
    node.step(acknowledge(2, 1, 1, 2));
    expect([node.role, node.conf.voters]).toEqual(['follower', [2, 3]]);
    expect(node.tick(3 * ELECTION_TICKS)).toEqual([]);
  });
});

describe('joint consensus', () => {
  const replaceBoth: ConfChangeItem[] = [ADD_4, { type: 'add-voter', node: 5 }, { type: 'remove', node: 2 }, { type: 'remove', node: 3 }];

  test('a joint change is committed by both majorities, and left by the leader, once', () => {
    const node = settledLeader();
    node.do((raft) => raft.proposeConfChange(change(...replaceBoth)));
    node.step(acknowledge(2, 1, 1, 2));
    expect(node.conf).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3], autoLeave: true });
    // The change that leaves is proposed at once, and needs both halves.
    expect(kinds(node)).toEqual(['normal', 'conf-change', 'conf-change']);
    node.propose('x');
    node.step(acknowledge(2, 1, 1, 4));
    expect(node.commit).toBe(2);
    node.step(acknowledge(4, 1, 1, 3));
    expect(node.conf).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [], autoLeave: false });
    node.step(acknowledge(4, 1, 1, 4));
    expect([node.commit, kinds(node).length]).toEqual([4, 4]);
  });

  test('the leader proposes to leave a joint configuration once, however much is applied before that takes effect', () => {
    const node = settledLeader();
    node.do((raft) => raft.proposeConfChange(change(...replaceBoth)));
    for (const text of ['x', 'y']) node.propose(text);
    for (const from of [2, 4]) for (const index of [2, 3, 4]) node.step(acknowledge(from, 1, 1, index));
    expect([node.appliedIndex, kinds(node)]).toEqual([4, ['normal', 'conf-change', 'normal', 'normal', 'conf-change']]);
  });

  for (const [first, second] of [
    [2, 4],
    [4, 2],
  ] as const) {
    test(`an election in a joint configuration needs both majorities, whichever comes first (${first} before ${second})`, () => {
      const node = new TestNode({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
      node.do((raft) => raft.campaign());
      // Both others of one half are that half's majority, and nothing to the other half.
      for (const from of [first, first + 1]) node.step(vote(from, 1, 1));
      expect(node.role).toBe('candidate');
      node.step(vote(second, 1, 1));
      expect(node.role).toBe('leader');
    });

    test(`an entry in a joint configuration needs both majorities, whichever comes first (${first} before ${second})`, () => {
      const node = new TestNode({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
      node.lead();
      for (const from of [first, first + 1]) node.step(acknowledge(from, 1, 1, 1));
      expect(node.commit).toBe(0);
      node.step(acknowledge(second, 1, 1, 1));
      expect(node.commit).toBe(1);
    });

    test(`a leader in a joint configuration stays while both majorities answer, not only one (${first}, then also ${second})`, () => {
      for (const answering of [[first], [first, second]]) {
        const node = new TestNode({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3], checkQuorum: true });
        node.lead();
        for (let i = 0; i < 3 * ELECTION_TICKS && node.role === 'leader'; i++) {
          for (const from of answering) node.step({ kind: 'heartbeat-response', from, to: 1, term: 1, context: 0 });
          node.tick(1);
        }
        expect(node.role, `${answering}`).toBe(answering.length === 2 ? 'leader' : 'follower');
      }
    });

    test(`a read in a joint configuration is confirmed by both majorities (${first} before ${second})`, () => {
      const node = new TestNode({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
      node.lead();
      for (const from of [2, 4]) node.step(acknowledge(from, 1, 1, 1));
      const heartbeats = only(
        'heartbeat',
        node.do((raft) => raft.readIndex(1)),
      );
      const answer = (from: NodeId): unknown =>
        node.step({ kind: 'heartbeat-response', from, to: 1, term: 1, context: heartbeats[0]?.context ?? 0 });
      for (const from of [first, first + 1]) answer(from);
      expect(node.readStates).toEqual([]);
      answer(second);
      expect(node.readStates).toHaveLength(1);
    });
  }

  test('any changes lead to the same configuration one by one as at once, and every configuration can be restored', () => {
    let seed = 7;
    const draw = (bound: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * bound);
    };
    const types = ['add-voter', 'add-learner', 'remove'] as const;
    for (let round = 0; round < 500; round++) {
      const items = Array.from(
        { length: 1 + draw(6) },
        (): ConfChangeItem => ({ type: types[draw(3)] as ConfChangeItem['type'], node: 2 + draw(6) }),
      );
      const start = restore(
        toConfState(mustChange(EMPTY_MEMBERSHIP, (changer) => changer.simple([{ type: 'add-voter', node: 1 }])).configuration),
        1,
        LIMITS,
      );
      let single = start;
      for (const item of items) single = mustChange(single, (changer) => changer.simple([item]));
      const joint = mustChange(start, (changer) => changer.enterJoint(true, items));
      expect(toConfState(restore(toConfState(joint.configuration), 1, LIMITS).configuration)).toEqual(toConfState(joint.configuration));
      const left = mustChange(joint, (changer) => changer.leaveJoint());
      expect(toConfState(left.configuration), JSON.stringify(items)).toEqual(toConfState(single.configuration));
    }
  });
});

function mustChange(before: Membership, step: (changer: Changer) => ReturnType<Changer['leaveJoint']>): Membership {
  const result = step(new Changer(before, 1, LIMITS));
  if (result.kind === 'refused') throw new Error(result.reason);
  return result.membership;
}

describe('progress', () => {
  test('a member that changes its part keeps what is known of it, and the membership before keeps its own', () => {
    const ids: NodeId[] = [1, 2, 3];
    const before = restore({ voters: ids, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }, 5, LIMITS);
    before.progress.get(2)?.maybeUpdate(4);
    const after = mustChange(before, (changer) => changer.simple([{ type: 'add-learner', node: 2 }]));
    const demoted = after.progress.get(2);
    expect([demoted?.match, demoted?.isLearner, before.progress.get(2)?.isLearner]).toEqual([4, true, false]);
    demoted?.becomeReplicate();
    demoted?.becomeSnapshot(9);
    demoted?.becomeProbe();
    expect([demoted?.next, before.progress.get(3)]).toEqual([10, after.progress.get(3)]);
  });
});
