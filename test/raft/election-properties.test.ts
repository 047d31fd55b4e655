// What elections must and must not do, beyond the paper: stale messages, duels, pre-votes and the quorum check.
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/raft/messages.ts';
import { append, ELECTION_TICKS, entriesOf, Network, type NodeSetup, only, TestNode, vote, voteRequest } from './network.ts';

const ROLES = ['follower', 'pre-candidate', 'candidate', 'leader'] as const;

/** A node in `role` at term 1, or at term 0 before a pre-vote. */
function nodeIn(role: (typeof ROLES)[number]): TestNode {
  const node = new TestNode({ preVote: role === 'pre-candidate' });
  if (role === 'leader') node.lead();
  else if (role !== 'follower') node.do((raft) => raft.campaign());
  expect(node.role).toBe(role);
  return node;
}

function trio(setup: NodeSetup = {}): Network {
  // Different timeouts, so that time alone resolves a split vote.
  return new Network(...[1, 2, 3].map((id) => new TestNode({ random: () => id, ...setup, id })));
}

describe('terms', () => {
  for (const role of ROLES) {
    test(`a ${role} steps down at a later term, and follows whoever leads it`, () => {
      for (const message of [voteRequest({ term: 3 }), append({ term: 3 })]) {
        const node = nodeIn(role);
        node.step(message);
        const leader = message.kind === 'append' ? 2 : 0;
        expect([node.role, node.raft.term, node.raft.leader]).toEqual(['follower', 3, leader]);
      }
    });

    test(`a ${role} grants a vote in a later term`, () => {
      const node = nodeIn(role);
      const sent = node.step(voteRequest({ from: 3, term: 3, index: 9, logTerm: 2 }));
      expect(sent).toContainEqual(vote(1, 3, 3));
      expect([node.role, node.raft.term, node.raft.status().vote]).toEqual(['follower', 3, 3]);
    });

    test(`a ${role} grants a pre-vote without any change of term, role or vote`, () => {
      const node = nodeIn(role);
      const { role: before, term, vote: cast } = node.raft.status();
      const sent = node.step(voteRequest({ kind: 'pre-vote', from: 3, term: 3, index: 9, logTerm: 2 }));
      expect(sent).toContainEqual({ ...vote(1, 3, 3), kind: 'pre-vote-response' });
      expect(node.raft.status()).toMatchObject({ role: before, term, vote: cast });
    });
  }

  test('within a term a vote depends on the log and on the vote already given', () => {
    for (const cast of [0, 2, 3]) {
      for (const logTerm of [1, 2, 3]) {
        for (const index of [1, 2, 3]) {
          const node = new TestNode({ terms: [2, 2], hardState: { term: 3, vote: cast } });
          const isUpToDate = logTerm > 2 || (logTerm === 2 && index >= 2);
          const sent = node.step(voteRequest({ term: 3, logTerm, index }));
          expect(sent, `vote ${cast}, log ${logTerm}/${index}`).toEqual([vote(1, 2, 3, !(isUpToDate && cast !== 3))]);
        }
      }
    }
  });

  for (const role of ['candidate', 'leader'] as const) {
    test(`a ${role} has given its vote of this term to itself`, () => {
      expect(nodeIn(role).step(voteRequest({ term: 1, index: 9, logTerm: 1 }))).toEqual([vote(1, 2, 1, true)]);
    });
  }
});

describe('elections', () => {
  test('an own vote that becomes durable after the election was lost counts for nothing', () => {
    for (const preVote of [false, true]) {
      const node = new TestNode({ voters: [1, 2], preVote });
      node.raft.campaign();
      node.raft.ready();
      node.raft.step({ kind: 'heartbeat', from: 2, to: 1, term: 1, commit: 0, context: 0 });
      node.raft.advance();
      node.drain();
      expect([node.role, node.raft.leader]).toEqual(['follower', 2]);
      node.step(vote(2, 1, 1));
      expect(node.role).toBe('follower');
    }
  });

  test('an own acknowledgement that becomes durable after leadership was lost counts for nothing', () => {
    const node = new TestNode({ voters: [1] });
    node.do((raft) => raft.campaign());
    node.raft.propose([new Uint8Array(1)]);
    node.raft.ready();
    node.raft.step(append({ from: 2, term: 2, index: 1, logTerm: 1, entries: entriesOf([2], 2) }));
    node.raft.advance();
    node.drain();
    expect([node.role, node.terms, node.commit]).toEqual(['follower', [1, 2], 1]);
  });

  test('a new leader replaces entries of later terms that were never committed', () => {
    for (const preVote of [false, true]) {
      const setups: NodeSetup[] = [
        { terms: [1] },
        { terms: [1] },
        // 3 led term 2 with the votes of 4 and 5, and its entry went nowhere.
        { terms: [2], hardState: { vote: 3 } },
        { hardState: { term: 2, vote: 3 } },
        { hardState: { term: 2, vote: 3 } },
      ];
      const network = new Network(...setups.map((setup, i) => new TestNode({ ...setup, preVote, id: i + 1, voters: [1, 2, 3, 4, 5] })));
      network.campaign(1);
      // The first try only learns of term 2.
      expect([network.leaders, network.node(1).raft.term]).toEqual([[], 2]);
      network.campaign(1);
      expect([network.leaders, network.node(1).raft.term]).toEqual([[1], 3]);
      for (const node of network.nodes) expect(node.terms).toEqual([1, 3]);
    }
  });

  test('a candidate that was cut off deposes the leader but cannot win with a short log', () => {
    const network = trio();
    network.loses = ({ from, to }) => from + to === 4;
    network.campaign(1);
    network.campaign(3);
    expect(network.nodes.map(({ role }) => role)).toEqual(['leader', 'follower', 'candidate']);
    network.heal();
    network.campaign(3);
    expect(network.nodes.map(({ role, raft, terms }) => [role, raft.term, terms])).toEqual([
      ['follower', 2, [1]],
      ['follower', 2, [1]],
      ['follower', 2, []],
    ]);
  });

  test('with pre-votes, a candidate that was cut off does not even depose the leader', () => {
    const network = trio({ preVote: true });
    network.loses = ({ from, to }) => from + to === 4;
    network.campaign(1);
    network.campaign(3);
    network.heal();
    network.campaign(3);
    expect(network.nodes.map(({ role, raft }) => [role, raft.term])).toEqual([
      ['leader', 1],
      ['follower', 1],
      ['follower', 1],
    ]);
  });

  test('an append of a deposed leader is ignored', () => {
    const network = trio();
    network.campaign(1);
    network.campaign(2);
    network.campaign(1);
    network.settle([append({ from: 2, to: 1, term: 2, index: 2, logTerm: 2, entries: entriesOf([2], 3) })]);
    network.propose(1, 'x');
    expect(network.node(1).terms).toEqual([1, 2, 3, 3]);
    for (const node of network.nodes) expect(node.log).toEqual(network.node(1).log);
  });

  test('each node can be elected in its turn', () => {
    for (const preVote of [false, true]) {
      const network = trio({ preVote });
      for (const id of [1, 2, 3, 2, 1]) {
        network.campaign(id);
        expect(network.leaders).toEqual([id]);
      }
    }
  });

  test('nobody stands who is a learner, no member, leads already, or installs a snapshot', () => {
    const learner = new TestNode({ id: 4, learners: [4] });
    expect(learner.tick(4 * ELECTION_TICKS)).toEqual([]);
    expect(learner.do((raft) => raft.campaign())).toEqual([]);
    learner.step({ kind: 'timeout-now', from: 2, to: 4, term: 1 });
    expect(learner.role).toBe('follower');
    const stranger = new TestNode({ id: 4 });
    expect(stranger.do((raft) => raft.campaign())).toEqual([]);
    expect(stranger.step({ kind: 'timeout-now', from: 2, to: 4, term: 1 })).toEqual([]);
    const leader = nodeIn('leader');
    expect([leader.do((raft) => raft.campaign()), leader.raft.term]).toEqual([[], 1]);
  });
});

describe('pre-votes and the quorum check', () => {
  test('a node that comes back with a smaller term completes the election when the leader is gone', () => {
    const network = trio({ preVote: true });
    network.campaign(1);
    network.isolate(3);
    network.campaign(2);
    network.campaign(3);
    expect(network.nodes.map(({ role, raft }) => [role, raft.term])).toEqual([
      ['follower', 2],
      ['leader', 2],
      ['pre-candidate', 1],
    ]);
    network.isolate(2);
    expect(network.awaitLeader([1, 3])).toBe(1);
  });

  test('with both on, a leader emerges when the old one is cut off', () => {
    const network = trio({ preVote: true, checkQuorum: true });
    network.campaign(1);
    network.isolate(1);
    expect(network.awaitLeader([2, 3])).toBeDefined();
  });

  test('a node with a late term and a short log cannot wedge the group when pre-votes are turned on', () => {
    const network = trio({ preVote: true });
    const third = network.node(3);
    third.restart({ preVote: false });
    network.campaign(1);
    network.isolate(3);
    network.propose(1, 'x');
    for (let i = 0; i < 3; i++) network.campaign(3);
    expect(third.raft.term).toBeGreaterThan(network.node(1).raft.term);
    third.restart({ preVote: true });
    network.isolate(1);
    expect(network.awaitLeader([3, 2])).toBe(2);
  });

  test('a candidate of a later term that nobody hears is freed by answering the leader', () => {
    const network = trio({ checkQuorum: true });
    network.campaign(1);
    network.isolate(3);
    network.campaign(3);
    network.campaign(3);
    network.heal();
    expect(network.node(3).raft.term).toBe(3);
    network.tick(1, 1);
    expect(network.awaitLeader([1, 2, 3])).toBeDefined();
    network.tick(network.leaders[0] as number, 1);
    const terms = network.nodes.map(({ raft }) => raft.term);
    expect(new Set(terms).size).toBe(1);
  });

  test('a leader steps down when no quorum has answered for an election timeout, and not while one does', () => {
    const node = new TestNode({ checkQuorum: true });
    node.lead();
    const answer: Message = { kind: 'heartbeat-response', from: 2, to: 1, term: 1, context: 0 };
    for (let i = 0; i < 3 * ELECTION_TICKS; i++) {
      node.step(answer);
      node.tick(1);
      expect(node.role).toBe('leader');
    }
    let ticks = 0;
    for (; node.role === 'leader' && ticks <= 2 * ELECTION_TICKS; ticks++) node.tick(1);
    expect(ticks).toBeLessThanOrEqual(2 * ELECTION_TICKS);
    expect([node.role, node.raft.term, node.raft.leader]).toEqual(['follower', 1, 0]);
  });

  test('nodes that know no leader vote at once, those who hear from one only after an election timeout', () => {
    const network = trio({ checkQuorum: true, random: () => ELECTION_TICKS - 1 });
    network.campaign(1);
    expect(network.leaders).toEqual([1]);
    network.campaign(3);
    expect([network.leaders, network.node(2).raft.term]).toEqual([[1], 1]);
    // Time passes for 2 without a word from the leader.
    network.node(2).tick(ELECTION_TICKS);
    network.settle([voteRequest({ from: 3, to: 2, term: 2, index: 1, logTerm: 1 })]);
    expect([network.node(3).role, network.node(2).raft.status().vote]).toEqual(['leader', 3]);
  });

  test('a split pre-vote is resolved by time', () => {
    const network = trio({ preVote: true });
    network.campaign(1);
    network.isolate(1);
    const both = [2, 3].flatMap((id) => network.node(id).do((raft) => raft.campaign()));
    network.settle(both);
    network.awaitLeader([2, 3]);
    expect(only('append', network.node(2).tick(1))).toEqual([]);
    expect(network.leaders.filter((id) => id !== 1)).toHaveLength(1);
  });
});
