// A node that must not become leader, and a leader that gives leadership up: inputs of the owner that etcd does not have.
import { expect, test } from 'vitest';
import { append, TestNode, voteRequest } from './network.ts';

const ends = { from: 2, to: 1, term: 2 };
const kindsOf = (messages: readonly { readonly kind: string }[]) => messages.map(({ kind }) => kind);

test.each([true, false])('a node that abstains stands for no election, by time or by order (pre-vote %s)', (preVote) => {
  const node = new TestNode({ terms: [1, 2], preVote });
  node.raft.abstain(true);
  expect(node.tick(100)).toEqual([]);
  expect(node.do((raft) => raft.campaign())).toEqual([]);
  expect(node.step({ ...ends, kind: 'timeout-now' })).toEqual([]);
  expect([node.raft.role, node.raft.term]).toEqual(['follower', 2]);
  node.raft.abstain(false);
  expect(kindsOf(node.tick(100))).toContain(preVote ? 'pre-vote' : 'vote');
});

test('a node that abstains votes and follows', () => {
  const node = new TestNode({ terms: [1, 2] });
  node.raft.abstain(true);
  expect(node.step(voteRequest({ ...ends, term: 3, index: 2, logTerm: 2 }))).toMatchObject([{ kind: 'vote-response', rejected: false }]);
  expect(node.step(append({ ...ends, term: 3, index: 2, logTerm: 2, entries: [], commit: 2 }))).toMatchObject([
    { rejected: false, index: 2 },
  ]);
  expect(node.raft.leader).toBe(2);
});

test('a pre-vote that was under way is won in vain', () => {
  const node = new TestNode({ terms: [1, 2], preVote: true });
  node.do((raft) => raft.campaign());
  node.raft.abstain(true);
  expect(node.step({ ...ends, term: 3, kind: 'pre-vote-response', rejected: false })).toEqual([]);
  expect([node.raft.role, node.raft.term]).toEqual(['follower', 2]);
});

test('a leader steps down in its own term: there is nothing to write', () => {
  const node = new TestNode({ terms: [1], hardState: { term: 1 } });
  node.lead();
  const { term } = node.raft;
  node.raft.stepDown();
  expect(node.raft.hasReady()).toBe(true);
  expect(node.raft.ready()).toMatchObject({ hardState: null, entries: [], messages: [] });
  expect([node.raft.role, node.raft.term, node.raft.leader]).toEqual(['follower', term, 0]);
});

test('nobody but a leader steps down', () => {
  const node = new TestNode({ terms: [1, 2] });
  node.step(append({ ...ends, index: 2, logTerm: 2, entries: [], commit: 2 }));
  expect(node.do((raft) => raft.stepDown())).toEqual([]);
  expect(node.raft.leader).toBe(2);
});
