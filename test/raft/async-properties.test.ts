// Asynchronous storage writes: what must wait for the disk, and what an answer of the disk may and may not say.
import { describe, expect, test } from 'vitest';
import type { Message, StorageAppend } from '../../src/raft/messages.ts';
import type { Ready } from '../../src/raft/ready.ts';
import { append, entriesOf, only, TestNode, voteRequest } from './network.ts';

function asyncNode(terms: number[] = []): TestNode {
  return new TestNode({ asyncStorageWrites: true, terms });
}

/** Makes durable what the Ready asks for; gives the answers, to be stepped whenever the test likes. */
function write(node: TestNode, ready: Ready): readonly Message[] {
  const [work] = only('storage-append', ready.messages) as StorageAppend[];
  if (work === undefined) return [];
  if (work.hardState !== null) node.storage.setHardState(work.hardState);
  node.storage.append(work.entries);
  return work.responses;
}

describe('asynchronous storage', () => {
  test('acknowledgements and votes leave with the answer of the disk, requests at once', () => {
    const follower = asyncNode();
    follower.raft.step(append({ term: 1, entries: entriesOf([1]) }));
    const acknowledging = follower.raft.ready();
    expect(acknowledging.messages.map(({ kind }) => kind)).toEqual(['storage-append']);
    expect(write(follower, acknowledging).map(({ kind }) => kind)).toEqual(['append-response', 'storage-append-response']);
    follower.raft.step(voteRequest({ term: 2, index: 9, logTerm: 1 }));
    const voting = follower.raft.ready();
    expect(only('vote-response', voting.messages)).toEqual([]);
    expect(only('vote-response', write(follower, voting) as Message[])).toHaveLength(1);
    const candidate = asyncNode();
    candidate.raft.campaign();
    expect(candidate.raft.ready().messages.map(({ kind }) => kind)).toEqual(['vote', 'vote', 'storage-append']);
  });

  test('a candidate counts its own vote only when that is durable', () => {
    const node = asyncNode();
    node.raft.campaign();
    const ready = node.raft.ready();
    node.raft.step({ kind: 'vote-response', from: 2, to: 1, term: 1, rejected: false });
    expect(node.role).toBe('candidate');
    for (const response of write(node, ready)) node.raft.step(response);
    expect(node.role).toBe('leader');
  });

  test('entries are applied only when they are durable here', () => {
    const node = asyncNode();
    node.raft.step(append({ term: 1, entries: entriesOf([1, 1]), commit: 2 }));
    const ready = node.raft.ready();
    expect([ready.committedEntries, only('storage-apply', ready.messages)]).toEqual([[], []]);
    for (const response of write(node, ready)) if (response.to === 1) node.raft.step(response);
    const next = node.raft.ready();
    expect(next.committedEntries).toEqual(entriesOf([1, 1]));
    expect(only('storage-apply', next.messages)).toMatchObject([{ entries: next.committedEntries }]);
  });

  test('no more is handed out for applying than the budget, until some of it is applied', () => {
    const node = new TestNode({ asyncStorageWrites: true, terms: [1, 1, 1], maxApplyingBytes: 1, hardState: { commit: 3 } });
    const first = node.raft.ready();
    expect(first.committedEntries.map(({ index }) => index)).toEqual([1]);
    expect(node.raft.hasReady()).toBe(false);
    for (const apply of only('storage-apply', first.messages)) for (const response of apply.responses) node.raft.step(response);
    expect(node.raft.ready().committedEntries.map(({ index }) => index)).toEqual([2]);
  });

  test('a late answer for entries that were replaced since makes nothing durable, though the first ones stand again', () => {
    // A, then B in its place, then A again: each write is under way when the next one comes.
    const node = asyncNode([1]);
    const [, ...a] = entriesOf([1, 1]);
    const [, ...b] = entriesOf([1, 2]);
    node.raft.step(append({ term: 1, index: 1, logTerm: 1, entries: a }));
    const firstA = node.raft.ready();
    node.raft.step(append({ from: 3, term: 2, index: 1, logTerm: 1, entries: b }));
    const onlyB = node.raft.ready();
    node.raft.step(append({ term: 3, index: 1, logTerm: 1, entries: a }));
    const secondA = node.raft.ready();
    node.raft.step(append({ term: 3, index: 2, logTerm: 1, commit: 2 }));
    node.raft.ready();
    for (const [ready, applied] of [
      [firstA, []],
      [onlyB, []],
      [secondA, [2]],
    ] as const) {
      for (const response of write(node, ready)) if (response.to === 1) node.raft.step(response);
      const committed = node.raft.hasReady() ? node.raft.ready().committedEntries : [];
      expect(committed.map(({ index }) => index)).toEqual(applied);
    }
  });
});
