// What may come through the door: every kind of message, from everybody, in every role.
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/assert.ts';
import { APPEND_THREAD, APPLY_THREAD, type Message } from '../../src/raft/messages.ts';
import { NONE, type NodeId, type Term } from '../../src/raft/types.ts';
import { acknowledge, append, entriesOf, TestNode, voteRequest } from './network.ts';

const SENDERS: readonly NodeId[] = [NONE, 1, 2, 3, 9, APPEND_THREAD, APPLY_THREAD];
const TERMS: readonly Term[] = [0, 1, 2, 3, 4];

function messagesOf(from: NodeId, term: Term): Message[] {
  const ends = { from, to: 1, term };
  const snapshot = {
    index: 9,
    term: 2,
    conf: { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  };
  return [
    append({ ...ends, index: 2, logTerm: 2, entries: entriesOf([2], 3), commit: 1 }),
    { ...acknowledge(from, 1, term, 2) },
    { ...acknowledge(from, 1, term, 2), rejected: true } as Message,
    { ...ends, kind: 'heartbeat', commit: 1, context: 0 },
    { ...ends, kind: 'heartbeat-response', context: 3 },
    voteRequest({ ...ends, index: 9, logTerm: 2 }),
    voteRequest({ ...ends, kind: 'pre-vote', index: 9, logTerm: 2 }),
    voteRequest({ ...ends, index: 1, logTerm: 1, transfer: true }),
    { ...ends, kind: 'vote-response', rejected: false },
    { ...ends, kind: 'pre-vote-response', rejected: true },
    { ...ends, kind: 'snapshot', snapshot },
    { ...ends, kind: 'timeout-now' },
    { ...ends, kind: 'transfer-leader', transferee: 3 },
    { ...ends, kind: 'read-index', context: 5 },
    { ...ends, kind: 'read-index-response', index: 1, context: 5 },
    { ...ends, kind: 'propose', payloads: [{ kind: 'normal', data: new Uint8Array(1) }] },
    { ...ends, kind: 'storage-append', hardState: null, entries: [], snapshot: null, responses: [] },
    { ...ends, kind: 'storage-append-response', logTerm: 2, index: 2, snapshot: null },
    { ...ends, kind: 'storage-apply', entries: [], responses: [] },
    { ...ends, kind: 'storage-apply-response', entries: [] },
  ];
}

/** Of term 2, with two entries. */
const ROLES: Readonly<Record<string, () => TestNode>> = {
  follower: () => new TestNode({ terms: [1, 2] }),
  'pre-candidate': () => {
    const node = new TestNode({ terms: [1, 2], preVote: true });
    node.do((raft) => raft.campaign());
    return node;
  },
  candidate: () => {
    const node = new TestNode({ terms: [1, 1], hardState: { term: 1 } });
    node.do((raft) => raft.campaign());
    return node;
  },
  leader: () => {
    const node = new TestNode({ terms: [1], hardState: { term: 1 } });
    node.lead();
    return node;
  },
};

describe('5.16 empty, unknown and local messages', () => {
  for (const [role, make] of Object.entries(ROLES)) {
    test(`5.16 a ${role} survives every message from everybody, and changes term and vote only by the rules`, () => {
      for (const from of SENDERS) {
        for (const term of TERMS) {
          for (const message of messagesOf(from, term)) {
            const node = make();
            const before = node.raft.status();
            expect([node.role, before.term]).toEqual([role, 2]);
            node.step(message);
            const after = node.raft.status();
            const label = JSON.stringify(message);
            if (after.term === 2 && before.vote !== NONE) expect(after.vote, label).toBe(before.vote);
            // A later term comes from a message that carries it, or from an election that one has started.
            if (after.term > 2)
              expect(term === after.term || ['timeout-now', 'pre-vote-response'].includes(message.kind), label).toBe(true);
            expect(after.term, label).toBeGreaterThanOrEqual(2);
          }
        }
      }
    });

    test(`5.16 a ${role} takes nothing from nobody, from its own storage's name only storage answers, and no leader's message from itself`, () => {
      for (const from of [NONE, 1, APPEND_THREAD, APPLY_THREAD]) {
        for (const message of messagesOf(from, 2)) {
          if (from === APPEND_THREAD && message.kind === 'storage-append-response') continue;
          if (from === APPLY_THREAD && message.kind === 'storage-apply-response') continue;
          const isOwnPromise = ['append-response', 'vote-response', 'pre-vote-response', 'propose', 'read-index'];
          if (from === 1 && isOwnPromise.includes(message.kind)) continue;
          const node = make();
          expect(node.raft.step(message), JSON.stringify(message)).toBe('local-message');
          expect(node.raft.hasReady()).toBe(false);
        }
      }
    });
  }

  test('5.16 answers of those who are no members are refused', () => {
    for (const message of messagesOf(9, 2).filter(({ kind }) => kind.endsWith('response') && !kind.startsWith('storage'))) {
      expect(new TestNode().raft.step(message)).toBe('peer-not-found');
    }
  });

  test('5.16 without a term only proposals and read requests are taken', () => {
    for (const message of messagesOf(2, 0)) {
      const isTaken = message.kind === 'propose' || message.kind === 'read-index';
      expect(new TestNode({ terms: [1] }).raft.step(message) === 'local-message', message.kind).toBe(!isTaken);
    }
  });

  test('5.16 a proposal of nothing is a mistake of the caller, and ends the process', () => {
    const node = ROLES.leader?.();
    expect(() => node?.raft.propose([])).toThrow(InvariantError);
  });
});
