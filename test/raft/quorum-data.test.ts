// Replays etcd's quorum files, and checks on each of their blocks what must hold between the quorum functions.
import { afterAll, describe, expect, test } from 'vitest';
import { committedIndex, jointCommittedIndex, jointVoteResult, type VoteResult, voteResult } from '../../src/raft/quorum.ts';
import type { Index, NodeId } from '../../src/raft/types.ts';
import { type Block, readDataFiles, valuesFor } from './datadriven.ts';

const files = readDataFiles('quorum/testdata');
const blocks = files.reduce((sum, file) => sum + file.blocks.length, 0);
let replayed = 0;

afterAll(() => console.log(`quorum ${replayed}/${blocks}`));

describe('quorums give what etcd recorded', () => {
  test('the data files are there, or their absence was told', () => {
    expect([
      [0, 0],
      [4, 127],
    ]).toContainEqual([files.length, blocks]);
  });
  for (const file of files) {
    test(file.name, () => {
      for (const block of file.blocks) {
        const actual = block.command === 'vote' ? runVote(block) : runCommitted(block);
        expect(actual, `line ${block.line}`).toBe(block.expected);
        replayed++;
      }
    });
  }
});

interface Configured {
  readonly incoming: Set<NodeId>;
  /** Undefined when the block asks for a single majority. */
  readonly outgoing: Set<NodeId> | undefined;
  /** Distinct, in the order in which values are given to them. */
  readonly ids: readonly NodeId[];
}

function readConfiguration(block: Block): Configured {
  const incoming = new Set((valuesFor(block, 'cfg') ?? []).filter((id) => id !== '').map(Number));
  const joint = valuesFor(block, 'cfgj');
  const outgoing = joint === undefined ? undefined : new Set(joint[0] === 'zero' ? [] : joint.map(Number));
  return { incoming, outgoing, ids: [...new Set([...incoming, ...(outgoing ?? [])])] };
}

/** Values by id; those given as `_` are missing, as nothing is known of them. */
function readValues<T>(block: Block, key: string, ids: readonly NodeId[], parse: (text: string) => T): Map<NodeId, T> {
  const values = new Map<NodeId, T>();
  const texts = (valuesFor(block, key) ?? []).filter((text) => text !== '');
  texts.forEach((text, position) => {
    if (text !== '_') values.set(ids[position] as NodeId, parse(text));
  });
  return values;
}

function runVote(block: Block): string {
  const { incoming, outgoing, ids } = readConfiguration(block);
  const votes = readValues(block, 'votes', ids, (text) => text === 'y');
  const voteOf = (id: NodeId): boolean | undefined => votes.get(id);
  const names: Record<VoteResult, string> = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };
  if (outgoing === undefined) {
    const result = voteResult(incoming, voteOf);
    expect(jointVoteResult(incoming, new Set(), voteOf), 'joint with nobody is the same').toBe(result);
    expect(jointVoteResult(incoming, incoming, voteOf), 'joint with itself is the same').toBe(result);
    return `${names[result]}\n`;
  }
  const result = jointVoteResult(incoming, outgoing, voteOf);
  expect(jointVoteResult(outgoing, incoming, voteOf), 'the halves are equal').toBe(result);
  return `${names[result]}\n`;
}

function runCommitted(block: Block): string {
  const { incoming, outgoing, ids } = readConfiguration(block);
  const matches = readValues(block, 'idx', ids, Number);
  const matchOf = (id: NodeId): Index | undefined => matches.get(id);
  const decide = (match: (id: NodeId) => Index | undefined): Index =>
    outgoing === undefined ? committedIndex(incoming, match) : jointCommittedIndex(incoming, outgoing, match);
  const committed = decide(matchOf);
  if (outgoing === undefined) {
    expect(jointCommittedIndex(incoming, new Set(), matchOf), 'joint with nobody is the same').toBe(committed);
    expect(jointCommittedIndex(incoming, incoming, matchOf), 'joint with itself is the same').toBe(committed);
    expect(committedByDefinition(incoming, matchOf), 'the definition gives the same').toBe(committed);
  } else {
    expect(jointCommittedIndex(outgoing, incoming, matchOf), 'the halves are equal').toBe(committed);
  }
  for (const id of ids) {
    const match = matches.get(id);
    if (match === undefined || match >= committed) continue;
    // What has not reached the committed index does not matter, however far behind.
    expect(
      decide((other) => (other === id ? match - 1 : matchOf(other))),
      `${id} one lower`,
    ).toBe(committed);
    expect(
      decide((other) => (other === id ? 0 : matchOf(other))),
      `${id} at nothing`,
    ).toBe(committed);
  }
  return `${drawMatches(ids, matches)}${committed === Number.POSITIVE_INFINITY ? '∞' : committed}\n`;
}

function committedByDefinition(voters: ReadonlySet<NodeId>, matchOf: (id: NodeId) => Index | undefined): Index {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const candidates = [0, ...[...voters].map((id) => matchOf(id) ?? 0)];
  const held = candidates.filter((index) => [...voters].filter((id) => (matchOf(id) ?? 0) >= index).length * 2 > voters.size);
  return Math.max(...held);
}

function drawMatches(ids: readonly NodeId[], matches: ReadonlyMap<NodeId, Index>): string {
  if (ids.length === 0) return '<empty majority quorum>';
  const byIndex = [...ids].sort((left, right) => (matches.get(left) ?? 0) - (matches.get(right) ?? 0) || left - right);
  const bars = new Map<NodeId, number>();
  byIndex.forEach((id, position) => {
    const before = byIndex[position - 1];
    const grew = before !== undefined && (matches.get(before) ?? 0) < (matches.get(id) ?? 0);
    bars.set(id, grew ? position : before === undefined ? 0 : (bars.get(before) as number));
  });
  let text = `${' '.repeat(ids.length)}    idx\n`;
  for (const id of [...ids].sort((left, right) => left - right)) {
    const bar = bars.get(id) as number;
    const drawn = matches.has(id) ? `${'x'.repeat(bar)}>${' '.repeat(ids.length - bar)}` : `?${' '.repeat(ids.length)}`;
    text += `${drawn} ${String(matches.get(id) ?? 0).padStart(5)}    (id=${id.toString(16)})\n`;
  }
  return text;
}
