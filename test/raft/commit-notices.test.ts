// News of a commit goes without an answer where nobody learns from one; whatever looks for an answer gets it.
import { expect, test } from 'vitest';
import type { Append, Message } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE, type Entry } from '../../src/raft/types.ts';

function follower(answerCommitNotices: boolean) {
  const storage = new MemoryStorage();
  storage.setSnapshot({ index: 0, term: 0, conf: { ...EMPTY_CONF_STATE, voters: [1, 2, 3] } });
  const node = new RawNode({
    id: 2,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage,
    random: () => 0,
    applied: 0,
    asyncStorageWrites: false,
    preVote: true,
    checkQuorum: true,
    maxBytesPerMessage: 1e6,
    maxApplyingBytes: 1e6,
    maxUncommittedBytes: 0,
    inflights: { maxMessages: 10, maxBytes: 0 },
    forwardProposals: false,
    stepDownOnRemoval: true,
    validateConfChanges: true,
    answerCommitNotices,
    readOnly: 'safe',
  });
  /** Steps an append; returns the answers and the indexes to apply. */
  return (append: Partial<Append>): { answers: Message[]; applied: number[] } => {
    node.step({ kind: 'append', from: 1, to: 2, term: 1, logTerm: 0, index: 0, entries: [], commit: 0, ...append });
    const ready = node.ready();
    if (ready.hardState !== null) storage.setHardState(ready.hardState);
    storage.append(ready.entries);
    node.advance();
    return {
      answers: ready.messages.filter(({ kind }) => kind === 'append-response'),
      applied: ready.committedEntries.map(({ index }) => index),
    };
  };
}

const entry = (index: number): Entry => ({ kind: 'normal', term: 1, index, data: new Uint8Array(1) });

test('an append that only tells a newer commit index is carried out and not answered', () => {
  const step = follower(false);
  expect(step({ entries: [entry(1), entry(2)] }).answers).toMatchObject([{ index: 2, rejected: false }]);
  expect(step({ index: 2, logTerm: 1, commit: 2 })).toEqual({ answers: [], applied: [1, 2] });
});

test('etcd’s way answers it', () => {
  const step = follower(true);
  step({ entries: [entry(1)] });
  expect(step({ index: 1, logTerm: 1, commit: 1 }).answers).toMatchObject([{ index: 1 }]);
});

test('a leader that looks for where the logs meet is answered, though it tells no entry', () => {
  const step = follower(false);
  step({ entries: [entry(1), entry(2)] });
  step({ index: 2, logTerm: 1, commit: 2 });
  expect(step({ index: 2, logTerm: 1, commit: 2 }).answers).toMatchObject([{ index: 2 }]);
});

test('the first append of a leader is answered even if it only tells a commit index', () => {
  const step = follower(false);
  step({ entries: [entry(1)] });
  expect(step({ from: 3, term: 2, index: 1, logTerm: 1, commit: 1 }).answers).toMatchObject([{ to: 3, index: 1, term: 2 }]);
});

test('one that does not fit is refused as ever', () => {
  const step = follower(false);
  step({ entries: [entry(1)] });
  expect(step({ index: 5, logTerm: 1, commit: 5 }).answers).toMatchObject([{ rejected: true, index: 5 }]);
});
