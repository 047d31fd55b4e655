// What the Raft paper says of replication and commitment, a test for each sentence (sections 5.3 and 5.4.2).
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/raft/messages.ts';
import { acknowledge, append, entriesOf, Network, only, TestNode } from './network.ts';

function appliedTexts(node: TestNode): string[] {
  return [...node.applied.values()].map((entry) => (entry.kind === 'normal' ? new TextDecoder().decode(entry.data) : 'change'));
}

/** A leader of term 1 whose opening entry everybody has. */
function settledLeader(voters: number[]): TestNode {
  const node = new TestNode({ voters });
  node.lead();
  for (const from of voters) if (from !== 1) node.step(acknowledge(from, 1, 1, 1));
  return node;
}

describe('5.3 log replication', () => {
  test('the leader appends the command and sends it to every other server, with the entry before it', () => {
    const node = settledLeader([1, 2, 3]);
    const sent = node.propose('x');
    expect(only('append', sent)).toMatchObject(
      [2, 3].map((to) => ({ from: 1, to, term: 1, index: 1, logTerm: 1, commit: 1, entries: [{ term: 1, index: 2 }] })),
    );
    expect([node.terms, node.commit]).toEqual([[1, 1], 1]);
  });

  test('an entry is committed once a majority has it, not before', () => {
    const cases: [size: number, acknowledging: number[], committed: boolean][] = [
      [1, [], true],
      [3, [], false],
      [3, [2], true],
      [3, [2, 3], true],
      [5, [], false],
      [5, [2], false],
      [5, [2, 3], true],
      [5, [2, 3, 4, 5], true],
    ];
    for (const [size, acknowledging, committed] of cases) {
      const node = settledLeader(Array.from({ length: size }, (_, i) => i + 1));
      node.propose('x');
      for (const from of acknowledging) node.step(acknowledge(from, 1, 1, 2));
      expect(node.commit, `${acknowledging} of ${size}`).toBe(committed ? 2 : 1);
      expect(appliedTexts(node)).toEqual(committed ? ['', 'x'] : ['']);
    }
  });

  test('the same server acknowledging twice is one server', () => {
    const node = settledLeader([1, 2, 3, 4, 5]);
    node.propose('x');
    for (let i = 0; i < 4; i++) node.step(acknowledge(2, 1, 1, 2));
    expect(node.commit).toBe(1);
  });

  test('the leader tells the followers of the highest index that it knows to be committed', () => {
    const node = settledLeader([1, 2, 3]);
    node.propose('x');
    const sent = only('append', node.step(acknowledge(2, 1, 1, 2)));
    expect(sent.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test('committing an entry commits all before it, also those of earlier leaders', () => {
    for (const terms of [[], [2], [1, 2], [1]]) {
      const node = new TestNode({ terms, hardState: { term: 2 } });
      node.lead();
      node.propose('x');
      const last = terms.length + 2;
      for (const from of [2, 3]) node.step(acknowledge(from, 1, 3, last));
      expect(appliedTexts(node)).toEqual([...terms.map((term, i) => `${term}/${i + 1}`), '', 'x']);
    }
  });

  test('a follower applies what it learns to be committed, in log order', () => {
    for (const commit of [1, 2, 3, 4]) {
      const node = new TestNode({ hardState: { term: 1 } });
      node.step(append({ term: 1, entries: entriesOf([1, 1, 1, 1]), commit }));
      expect(appliedTexts(node)).toEqual(['1/1', '1/2', '1/3', '1/4'].slice(0, commit));
    }
  });

  test('a follower refuses entries unless it has the one before them, and hints at where the logs may meet', () => {
    // Its log: 1/1 committed, 2/2.
    const cases: [logTerm: number, index: number, hint: null | { rejectHint: number; logTerm: number }][] = [
      [0, 0, null],
      [1, 1, null],
      [2, 2, null],
      [1, 2, { rejectHint: 1, logTerm: 1 }],
      [3, 2, { rejectHint: 2, logTerm: 2 }],
      [3, 3, { rejectHint: 2, logTerm: 2 }],
    ];
    for (const [logTerm, index, hint] of cases) {
      const node = new TestNode({ terms: [1, 2], hardState: { commit: 1 } });
      const [response] = only('append-response', node.step(append({ term: 3, logTerm, index })));
      if (hint === null) expect(response).toMatchObject({ rejected: false, index: Math.max(index, 1) });
      else expect(response).toMatchObject({ rejected: true, index, ...hint });
    }
  });

  test('a follower deletes what conflicts and all behind it, appends what is new, and keeps what matches', () => {
    const cases: [index: number, logTerm: number, sent: number[], log: number[], written: number[]][] = [
      [2, 2, [3], [1, 2, 3], [3]],
      [1, 1, [3, 4], [1, 3, 4], [3, 4]],
      [0, 0, [1], [1, 2], []],
      [0, 0, [3], [3], [3]],
      [0, 0, [1, 2], [1, 2], []],
      [1, 1, [2, 2], [1, 2, 2], [2]],
    ];
    for (const [index, logTerm, sent, log, written] of cases) {
      const node = new TestNode({ terms: [1, 2] });
      node.raft.step(append({ term: 4, index, logTerm, entries: entriesOf(sent, index + 1) }));
      expect(node.raft.ready().entries.map(({ term }) => term)).toEqual(written);
      const whole = new TestNode({ terms: [1, 2] });
      whole.step(append({ term: 4, index, logTerm, entries: entriesOf(sent, index + 1) }));
      expect(whole.terms, `${sent} after ${index}`).toEqual(log);
    }
  });

  test('no acknowledgement leaves before its entries are durable', () => {
    const node = new TestNode();
    node.raft.step(append({ term: 1, entries: entriesOf([1]) }));
    const ready = node.raft.ready();
    expect([ready.entries.length, ready.mustSync, only('append-response', ready.messages).length]).toEqual([1, true, 1]);
  });

  test('the leader brings a follower of any shape to its own log (Figure 7)', () => {
    const lead = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    for (const follower of [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]) {
      // The third one only votes: the second may have more than the leader-to-be.
      const first = new TestNode({ terms: lead, hardState: { term: 8 } });
      const second = new TestNode({ id: 2, terms: follower, hardState: { term: 7 } });
      const network = new Network(first, second, new TestNode({ id: 3, hardState: { term: 8 } }));
      network.campaign(1);
      expect(network.leaders).toEqual([1]);
      network.propose(1, 'x');
      expect(second.terms).toEqual([...lead, 9, 9]);
      expect(second.log).toEqual(first.log);
    }
  });
});

describe('5.4.2 committing entries from previous terms', () => {
  test('only entries of the own term are committed by counting replicas', () => {
    for (const [acknowledged, commit] of [
      [1, 0],
      [2, 0],
      [3, 3],
    ] as const) {
      const node = new TestNode({ terms: [1, 2] });
      node.lead();
      expect(node.raft.term).toBe(3);
      node.step(acknowledge(2, 1, 3, acknowledged));
      expect(node.commit).toBe(commit);
    }
  });

  test('Figure 8: an old entry on a majority is not committed, and a later leader may replace it', () => {
    // The second entry is on 1, 2 and 3 of five, in term 2; 5 has one of term 3 in its place.
    const nodes = [[1, 2], [1, 2], [1], [1], [1, 3]].map(
      (terms, i) => new TestNode({ id: i + 1, voters: [1, 2, 3, 4, 5], terms, hardState: { term: 3 } }),
    );
    const network = new Network(...nodes);
    // 1 leads in term 4 and gets its old entry to 3, but its opening entry to nobody.
    const withoutOpening = (message: Message): Message =>
      message.kind === 'append' ? { ...message, entries: message.entries.filter(({ term }) => term < 4) } : message;
    const [first, , third] = nodes as [TestNode, TestNode, TestNode];
    first.lead();
    network.node(2).step({ kind: 'heartbeat', from: 1, to: 2, term: 4, commit: 0, context: 0 });
    third.step(withoutOpening(append({ from: 1, to: 3, term: 4, index: 1, logTerm: 1, entries: first.log.slice(1) })));
    for (const from of [2, 3]) first.step(acknowledge(from, 1, 4, 2));
    expect([third.terms, first.commit]).toEqual([[1, 2], 0]);
    // 1 is gone; 5 wins with the votes of those without a newer entry, and the old entry is overwritten.
    network.isolate(1);
    network.campaign(5);
    network.campaign(5);
    expect(network.leaders).toContain(5);
    expect(third.terms.slice(0, 2)).toEqual([1, 3]);
  });

  test('a leader that has committed nothing of its term passes no old commit off as new, until its own entry is replicated', () => {
    const network = new Network(...[1, 2, 3, 4, 5].map((id) => new TestNode({ id, voters: [1, 2, 3, 4, 5] })));
    network.campaign(1);
    network.loses = ({ from, to }) => [3, 4, 5].includes(from) || [3, 4, 5].includes(to);
    network.propose(1, 'a');
    network.propose(1, 'b');
    expect(network.node(1).commit).toBe(1);
    // 2 takes over, but no append of its term arrives anywhere.
    network.loses = ({ kind }) => kind === 'append';
    network.campaign(2);
    expect([network.node(2).role, network.node(2).commit]).toEqual(['leader', 1]);
    network.heal();
    network.tick(2, 1);
    expect(network.nodes.map(({ commit }) => commit)).toEqual([4, 4, 4, 4, 4]);
    network.propose(2, 'c');
    expect(network.node(2).commit).toBe(5);
  });
});
