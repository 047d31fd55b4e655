// What the Raft paper says of terms and elections, a test for each sentence (sections 5.1, 5.2 and 5.4.1).
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/raft/messages.ts';
import { append, ELECTION_TICKS, entriesOf, only, TestNode, vote, voteRequest } from './network.ts';

function candidate(): TestNode {
  const node = new TestNode();
  node.do((raft) => raft.campaign());
  return node;
}

function leader(): TestNode {
  const node = new TestNode();
  node.lead();
  return node;
}

const ROLES = { follower: () => new TestNode({ hardState: { term: 1 } }), candidate, leader };

describe('5.1 terms', () => {
  for (const [role, make] of Object.entries(ROLES)) {
    test(`a ${role} that sees a larger term takes it over and becomes a follower`, () => {
      const node = make();
      expect(node.raft.term).toBe(1);
      node.step(append({ term: 2 }));
      expect([node.raft.term, node.role, node.raft.leader]).toEqual([2, 'follower', 2]);
    });

    test(`a ${role} refuses requests with a stale term`, () => {
      const node = make();
      node.step(append({ term: 5, from: 3 }));
      const { terms } = node;
      node.step(append({ term: 4, entries: entriesOf([4]) }));
      node.step({ kind: 'heartbeat', from: 2, to: 1, term: 4, commit: 0, context: 0 });
      expect([node.raft.term, node.raft.leader, node.terms]).toEqual([5, 3, terms]);
    });
  }
});

describe('5.2 leader election', () => {
  test('when servers start up, they begin as followers', () => {
    const node = new TestNode();
    expect([node.role, node.raft.leader, node.raft.term]).toEqual(['follower', 0, 0]);
  });

  test('a leader sends heartbeats to all followers', () => {
    const sent = leader().tick(1);
    expect(only('heartbeat', sent).map(({ to }) => to)).toEqual([2, 3]);
    expect(sent).toHaveLength(2);
  });

  for (const role of ['follower', 'candidate'] as const) {
    test(`a ${role} that hears from nobody over the election timeout begins a new election`, () => {
      const node = ROLES[role]();
      expect(node.tick(ELECTION_TICKS - 1)).toEqual([]);
      const sent = node.tick(1);
      expect([node.role, node.raft.term, node.raft.status().vote]).toEqual(['candidate', 2, 1]);
      expect(only('vote', sent).map(({ to, term }) => [to, term])).toEqual([
        [2, 2],
        [3, 2],
      ]);
    });

    test(`the election timeouts of a ${role} are spread over all of [T, 2T)`, () => {
      const seen = new Set<number>();
      for (let drawn = 0; drawn < ELECTION_TICKS; drawn++) {
        const node = new TestNode({ random: () => drawn });
        if (role === 'candidate') node.do((raft) => raft.campaign());
        const { term } = node.raft;
        let ticks = 0;
        for (; node.raft.term === term && ticks < 3 * ELECTION_TICKS; ticks++) node.tick(1);
        seen.add(ticks);
      }
      expect([...seen]).toEqual(Array.from({ length: ELECTION_TICKS }, (_, i) => ELECTION_TICKS + i));
    });
  }

  const rounds: [size: number, granted: number, refused: number, role: string][] = [
    [1, 0, 0, 'leader'],
    [3, 2, 0, 'leader'],
    [3, 1, 0, 'leader'],
    [3, 1, 1, 'leader'],
    [3, 0, 1, 'candidate'],
    [3, 0, 0, 'candidate'],
    [3, 0, 2, 'follower'],
    [5, 4, 0, 'leader'],
    [5, 2, 2, 'leader'],
    [5, 2, 0, 'leader'],
    [5, 1, 2, 'candidate'],
    [5, 1, 0, 'candidate'],
    [5, 1, 3, 'follower'],
    [5, 0, 3, 'follower'],
  ];
  test('a candidate wins with votes from a majority, is beaten by a majority of refusals, and waits otherwise', () => {
    for (const [size, granted, refused, role] of rounds) {
      const voters = Array.from({ length: size }, (_, i) => i + 1);
      const node = new TestNode({ voters });
      node.do((raft) => raft.campaign());
      for (let i = 0; i < granted + refused; i++) node.step(vote(i + 2, 1, 1, i >= granted));
      expect(node.role, `${granted} votes and ${refused} refusals of ${size}`).toBe(role);
      expect(node.raft.term).toBe(1);
    }
  });

  test('a vote that arrives twice counts once', () => {
    const node = new TestNode({ voters: [1, 2, 3, 4, 5] });
    node.do((raft) => raft.campaign());
    for (let i = 0; i < 5; i++) node.step(vote(2, 1, 1));
    expect(node.role).toBe('candidate');
    // A later refusal by the same voter does not take its vote back, nor the other way round.
    node.step(vote(2, 1, 1, true));
    node.step(vote(3, 1, 1));
    expect(node.role).toBe('leader');
  });

  test('votes of an earlier term count for nothing', () => {
    const node = candidate();
    node.tick(ELECTION_TICKS);
    expect(node.raft.term).toBe(2);
    for (const from of [2, 3]) node.step(vote(from, 1, 1));
    expect(node.role).toBe('candidate');
  });

  test('each server votes for at most one candidate in a term, first come, first served, even after a restart', () => {
    for (const [before, asking, granted] of [
      [0, 2, true],
      [0, 3, true],
      [2, 2, true],
      [3, 3, true],
      [2, 3, false],
      [3, 2, false],
    ] as const) {
      const node = new TestNode({ hardState: { term: 1, vote: before } });
      const request = voteRequest({ from: asking, term: 1 });
      expect(node.step(request)).toEqual([{ ...vote(1, asking, 1), rejected: !granted }]);
      node.restart();
      expect(only('vote-response', node.step(request))[0]?.rejected).toBe(!granted);
      expect(only('vote-response', node.step(voteRequest({ from: 5 - asking, term: 1 })))[0]?.rejected).toBe(granted);
    }
  });

  test('no vote leaves before it is durable', () => {
    const node = new TestNode();
    node.raft.step(voteRequest({ term: 1 }));
    const ready = node.raft.ready();
    expect(only('vote-response', ready.messages)).toHaveLength(1);
    expect([ready.hardState, ready.mustSync]).toEqual([{ term: 1, vote: 2, commit: 0 }, true]);
  });

  test('a candidate that hears from a leader of its own or a later term becomes its follower', () => {
    const heard = (term: number): Message[] => [append({ term }), { kind: 'heartbeat', from: 2, to: 1, term, commit: 0, context: 0 }];
    for (const message of [...heard(1), ...heard(2)]) {
      const node = candidate();
      node.step(message);
      expect([node.role, node.raft.term, node.raft.leader]).toEqual(['follower', message.term, 2]);
    }
  });

  test('a candidate does not heed the leader of an earlier term', () => {
    const node = candidate();
    node.tick(ELECTION_TICKS);
    node.step(append({ term: 1 }));
    expect([node.role, node.raft.term]).toEqual(['candidate', 2]);
  });

  test('a refused vote does not put off the own election', () => {
    const node = new TestNode({ terms: [1], hardState: { term: 1 } });
    node.tick(ELECTION_TICKS - 1);
    expect(only('vote-response', node.step(voteRequest({ term: 1, from: 3 })))[0]?.rejected).toBe(true);
    node.tick(1);
    expect(node.role).toBe('candidate');
  });
});

describe('5.4.1 election restriction', () => {
  test('the request tells of the last entry of the log, to every other server', () => {
    for (const terms of [[1], [1, 2], [1, 2, 2]]) {
      const node = new TestNode({ terms });
      const sent = node.tick(ELECTION_TICKS);
      const last = { index: terms.length, logTerm: terms.at(-1), term: (terms.at(-1) as number) + 1 };
      expect(sent).toEqual([2, 3].map((to) => voteRequest({ from: 1, to, ...last } as never)));
    }
  });

  test('the voter denies its vote if its own log is more up-to-date', () => {
    const logs: [own: number[], logTerm: number, index: number, rejected: boolean][] = [
      [[1], 1, 1, false],
      [[1], 1, 2, false],
      [[1, 1], 1, 1, true],
      [[1], 2, 1, false],
      [[1], 2, 2, false],
      [[1, 1], 2, 1, false],
      [[2], 1, 1, true],
      [[2], 1, 2, true],
      [[2, 2], 1, 1, true],
      [[2, 1], 1, 1, true],
    ];
    for (const kind of ['vote', 'pre-vote'] as const) {
      for (const [terms, logTerm, index, rejected] of logs) {
        const node = new TestNode({ terms });
        const sent = node.step(voteRequest({ kind, term: 3, logTerm, index }));
        expect(sent, `${terms} asked by ${logTerm}/${index}`).toMatchObject([{ kind: `${kind}-response`, to: 2, rejected }]);
      }
    }
  });
});
