// Rules that were only seen in etcd's recorded runs, each as a sentence, so that they hold where the recordings are absent as well.
import { describe, expect, test } from 'vitest';
import type { ConfChange } from '../../src/raft/types.ts';
import { acknowledge, append, ELECTION_TICKS, only, TestNode, vote, voteRequest } from './network.ts';

const REMOVE_1: ConfChange = { v1: false, transition: 'auto', changes: [{ type: 'remove', node: 1 }] };

describe('votes', () => {
  test('a node that steps down within its term keeps its vote', () => {
    const node = new TestNode();
    node.do((raft) => raft.campaign());
    for (const from of [2, 3]) node.step(vote(from, 1, 1, true));
    expect([node.role, node.raft.term]).toEqual(['follower', 1]);
    expect(node.step(voteRequest({ term: 1, index: 9, logTerm: 1 }))).toEqual([expect.objectContaining({ rejected: true })]);
  });

  test('a vote in a term that is durable already is to be synced too', () => {
    const node = new TestNode({ hardState: { term: 1 } });
    node.raft.step(voteRequest({ term: 1 }));
    const ready = node.raft.ready();
    expect([ready.hardState, ready.mustSync]).toEqual([{ term: 1, vote: 2, commit: 0 }, true]);
  });

  test('a learner gives its vote, since it may have been promoted without knowing', () => {
    const node = new TestNode({ voters: [2, 3], learners: [1] });
    expect(node.step(voteRequest({ term: 1 }))).toEqual([expect.objectContaining({ to: 2, rejected: false })]);
  });

  test('a pre-candidate has no leader any more, so that it does not keep others from a pre-vote', () => {
    const node = new TestNode({ preVote: true, checkQuorum: true });
    node.step(append({ term: 1 }));
    node.tick(ELECTION_TICKS);
    expect([node.role, node.raft.leader]).toEqual(['pre-candidate', 0]);
    const asked = node.step(voteRequest({ from: 3, term: 2, kind: 'pre-vote' } as never));
    expect(only('pre-vote-response', asked)).toEqual([expect.objectContaining({ to: 3, rejected: false })]);
  });
});

describe('flow control', () => {
  test('a probed peer that turns out to have everything is streamed to again', () => {
    const node = new TestNode();
    node.lead();
    node.step(acknowledge(2, 1, 1, 1));
    node.do((raft) => raft.reportUnreachable(2));
    expect(node.raft.status().progress?.get(2)?.state).toBe('probe');
    node.step(acknowledge(2, 1, 1, 1));
    expect(node.raft.status().progress?.get(2)?.state).toBe('replicate');
  });

  test('an acknowledgement from which the log goes on ends the wait for a snapshot, though the snapshot was newer', () => {
    const node = new TestNode({ terms: [1, 1, 1], hardState: { commit: 3 } });
    node.drain();
    node.storage.setSnapshot({ index: 3, term: 1, conf: node.conf });
    node.storage.compact(2);
    node.lead();
    node.step({ ...acknowledge(2, 1, 2, 3), rejected: true } as never);
    expect(node.raft.status().progress?.get(2)).toMatchObject({ state: 'snapshot', pendingSnapshot: 3 });
    node.step(acknowledge(2, 1, 2, 2));
    expect(node.raft.status().progress?.get(2)).toMatchObject({ state: 'replicate', match: 2 });
  });
});

describe('a leader that was removed and is told to stay until another one leads', () => {
  function removedLeader(): TestNode {
    const node = new TestNode({ stepDownOnRemoval: false });
    node.lead();
    for (const from of [2, 3]) node.step(acknowledge(from, 1, 1, 1));
    node.do((raft) => raft.proposeConfChange(REMOVE_1));
    node.propose('behind the change');
    node.step(acknowledge(2, 1, 1, 2));
    expect([node.role, node.conf.voters, node.commit]).toEqual(['leader', [2, 3], 2]);
    return node;
  }

  test('does not count itself', () => {
    const node = removedLeader();
    node.step(acknowledge(2, 1, 1, 3));
    expect(node.commit).toBe(2);
    node.step(acknowledge(3, 1, 1, 3));
    expect(node.commit).toBe(3);
  });

  test('takes no proposals', () => {
    const node = removedLeader();
    expect(node.raft.propose([new Uint8Array(1)])).toBe('proposal-dropped');
    expect(node.log).toHaveLength(3);
  });
});

describe('a leader known to be gone', () => {
  test('is forgotten without putting off the own election', () => {
    const node = new TestNode();
    node.step(append({ term: 1 }));
    node.tick(ELECTION_TICKS - 1);
    node.do((raft) => raft.forgetLeader());
    expect([node.role, node.raft.leader]).toEqual(['follower', 0]);
    node.tick(1);
    expect(node.role).toBe('candidate');
  });

  test('is not forgotten where reads trust in its lease', () => {
    const node = new TestNode({ checkQuorum: true, readOnly: 'lease-based' });
    node.step(append({ term: 1 }));
    node.do((raft) => raft.forgetLeader());
    expect(node.raft.leader).toBe(2);
  });
});
