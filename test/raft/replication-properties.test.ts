// What replication must and must not do, beyond the paper: commit tables, fast repair, late answers, snapshots.
import { describe, expect, test } from 'vitest';
import type { Term } from '../../src/raft/types.ts';
import { acknowledge, append, ELECTION_TICKS, entriesOf, Network, only, TestNode } from './network.ts';

/** All lists of `length` numbers from 0 to `max`. */
function* tuples(length: number, max: number): Generator<number[]> {
  if (length === 0) yield [];
  else for (const rest of tuples(length - 1, max)) for (let i = 0; i <= max; i++) yield [...rest, i];
}

describe('commitment', () => {
  test('the commit index is the last own-term entry that a majority has, whatever the acknowledgements', () => {
    for (const size of [1, 2, 3, 4, 5]) {
      const peers = Array.from({ length: size - 1 }, (_, i) => i + 2);
      for (const matches of tuples(size - 1, 4)) {
        const node = new TestNode({ voters: [1, ...peers], terms: [1, 1] });
        node.lead();
        node.propose('x');
        for (const [i, peer] of peers.entries()) node.step(acknowledge(peer, 1, 2, matches[i] as number));
        const held = [3, 4].filter((index) => [4, ...matches].filter((match) => match >= index).length * 2 > size);
        expect(node.commit, `${matches}`).toBe(Math.max(0, ...held));
      }
    }
  });

  test('a leader counts itself only once its entries are durable', () => {
    const node = new TestNode();
    node.lead();
    node.raft.propose([new Uint8Array(1)]);
    node.raft.ready();
    expect(node.raft.status().progress?.get(1)?.match).toBe(1);
    // One other has it: with the leader's own copy that would be a majority, but that copy can still be lost.
    node.raft.step(acknowledge(2, 1, 1, 2));
    expect(node.commit).toBe(1);
    node.raft.advance();
    expect([node.raft.status().progress?.get(1)?.match, node.commit]).toEqual([2, 2]);
  });

  test('a follower commits no further than the leader says and than it has verified', () => {
    const cases: [logTerm: number, index: number, commit: number, sent: number[], expected: number | 'rejected', log: number[]][] = [
      [3, 2, 3, [], 'rejected', [1, 2]],
      [3, 3, 3, [], 'rejected', [1, 2]],
      [1, 1, 1, [], 1, [1, 2]],
      [0, 0, 1, [2], 1, [2]],
      [2, 2, 3, [2, 2], 3, [1, 2, 2, 2]],
      [2, 2, 4, [2], 3, [1, 2, 2]],
      [1, 1, 4, [2], 2, [1, 2]],
      [1, 1, 3, [], 1, [1, 2]],
      [2, 2, 3, [], 2, [1, 2]],
      [2, 2, 4, [], 2, [1, 2]],
    ];
    for (const [logTerm, index, commit, sent, expected, log] of cases) {
      const node = new TestNode({ terms: [1, 2] });
      const [response] = only(
        'append-response',
        node.step(append({ term: 2, logTerm, index, commit, entries: entriesOf(sent, index + 1) })),
      );
      expect(response?.rejected).toBe(expected === 'rejected');
      expect([node.commit, node.terms]).toEqual([expected === 'rejected' ? 0 : expected, log]);
    }
  });

  test('a heartbeat moves the commit index forward, never back', () => {
    const node = new TestNode({ terms: [1, 1, 1], hardState: { commit: 2 } });
    for (const [commit, expected] of [
      [3, 3],
      [1, 3],
    ] as const) {
      node.step({ kind: 'heartbeat', from: 2, to: 1, term: 1, commit, context: 0 });
      expect(node.commit).toBe(expected);
    }
  });

  test('a heartbeat carries no more commit than the follower is known to have', () => {
    const node = new TestNode();
    node.lead();
    node.step(acknowledge(2, 1, 1, 1));
    const commits = only('heartbeat', node.tick(1)).map(({ to, commit }) => [to, commit]);
    expect(commits).toEqual([
      [2, 1],
      [3, 0],
    ]);
  });
});

describe('repair', () => {
  /** How many appends a follower with `follower` refuses from a leader with `leader` before they agree. */
  function countRefusals(leader: readonly Term[], follower: readonly Term[]): number {
    const term = Math.max(...leader, ...follower, 1);
    const first = new TestNode({ voters: [1, 2, 3], terms: leader, hardState: { term } });
    const second = new TestNode({ id: 2, terms: follower, hardState: { term } });
    let refusals = 0;
    const network = new Network(first, second);
    network.loses = (message) => {
      if (message.kind === 'append-response' && message.rejected) refusals++;
      return false;
    };
    network.settle(first.lead());
    expect(second.log).toEqual(first.log);
    return refusals;
  }

  test('one refusal skips a whole term of the leader, or of the follower', () => {
    expect(countRefusals([1, 3, 3, 3, 5, 5, 5], [1, 3, 3, 3, 5, 5, 5])).toBe(0);
    expect(countRefusals([1, 3, 3, 3, 5, 5, 5, 5, 5], [1, 1, 1, 1, 2, 2])).toBe(1);
    // Here each side has to tell the other once.
    expect(countRefusals([1, 1, 1, 1, 1, 5], [1, 4, 4, 4, 4, 4])).toBe(2);
    expect(countRefusals([1, 1, 1, 1, 2, 2], [1, 3, 3, 3, 5, 5, 5, 5, 5])).toBe(1);
    expect(countRefusals([1, 2, 2, 4], [])).toBe(1);
    expect(countRefusals([], [1, 2, 2])).toBe(0);
    expect(countRefusals([4, 4, 4, 5], [3, 3, 3, 3, 3])).toBe(1);
    // A longer follower that agrees as far as the leader goes, and one of which nothing fits.
    expect(countRefusals([1, 2, 2, 4, 4, 4, 4], [1, 2, 2, 4, 4, 4, 4, 4, 4])).toBe(0);
    expect(countRefusals([2, 2, 2, 2, 2], [1, 1, 4, 4, 4, 4, 4])).toBe(1);
  });

  test('repair takes no more refusals than the tails have terms', () => {
    // After a common first entry, the leader has even terms and the follower odd ones.
    for (const [a, b, c] of tuples(3, 2) as Generator<[number, number, number]>) {
      const leader = [1, ...Array(a).fill(2), ...Array(b).fill(4), ...Array(c).fill(6)];
      for (const [d, e] of tuples(2, 2) as Generator<[number, number]>) {
        const follower = [1, ...Array(d).fill(3), ...Array(e).fill(5)];
        expect(countRefusals(leader, follower), `${leader} to ${follower}`).toBeLessThanOrEqual(3);
      }
    }
  });

  test('a refusal that comes late never moves the next index below what is acknowledged', () => {
    const node = new TestNode({ terms: [1, 1, 1] });
    node.lead();
    const reject = { ...acknowledge(2, 1, 2, 3), rejected: true, rejectHint: 0 };
    node.step(acknowledge(2, 1, 2, 4));
    for (const state of ['replicate', 'probe'] as const) {
      for (const index of [1, 2, 3, 4]) {
        node.step({ ...reject, index } as never);
        const progress = node.raft.status().progress?.get(2);
        expect([progress?.state, progress?.match, progress?.next]).toEqual([state, 4, 5]);
      }
      node.do((raft) => raft.reportUnreachable(2));
    }
  });

  test('a follower that was away gets everything by appends, in order and whole', () => {
    const network = new Network(
      ...[1, 2, 3].map((id) => new TestNode({ id, maxBytesPerMessage: 64, inflights: { maxMessages: 2, maxBytes: 0 } })),
    );
    network.campaign(1);
    network.isolate(3);
    for (let i = 0; i < 100; i++) network.propose(1, `entry ${i}`);
    network.heal();
    network.tick(1, 2);
    expect(network.node(3).log).toEqual(network.node(1).log);
    expect(network.node(3).commit).toBe(101);
  });
});

describe('snapshots', () => {
  const META = { index: 11, term: 11, conf: { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false } };
  const SNAPSHOT = { kind: 'snapshot', from: 2, to: 1, term: 11, snapshot: META } as const;

  test('a snapshot replaces log and configuration, and a second one at the same place is not installed', () => {
    const node = new TestNode({ voters: [1, 2], terms: [1, 1] });
    expect(only('append-response', node.step(SNAPSHOT))).toEqual([acknowledge(1, 2, 11, 11)]);
    expect([node.storage.firstIndex(), node.storage.lastIndex(), node.commit, node.appliedIndex]).toEqual([12, 11, 11, 11]);
    expect([node.raft.status().conf, node.raft.leader]).toEqual([META.conf, 2]);
    node.raft.step(SNAPSHOT);
    const again = node.raft.ready();
    expect([again.snapshot, again.messages]).toEqual([null, [acknowledge(1, 2, 11, 11)]]);
  });

  test('nobody stands for election before the snapshot is installed', () => {
    const node = new TestNode();
    node.raft.step(SNAPSHOT);
    for (let i = 0; i < 3 * ELECTION_TICKS; i++) node.raft.tick();
    expect(node.role).toBe('follower');
    node.drain();
    node.tick(3 * ELECTION_TICKS);
    expect(node.role).toBe('candidate');
  });

  test('a snapshot from before the commit index is ignored', () => {
    const node = new TestNode({ terms: [1, 1, 1], hardState: { term: 11, commit: 2 } });
    const sent = node.step({ ...SNAPSHOT, snapshot: { ...META, index: 1, term: 1 } });
    expect([sent, node.terms, node.commit]).toEqual([[acknowledge(1, 2, 11, 2)], [1, 1, 1], 2]);
  });

  test('a snapshot from before the compacted part of the log is ignored too', () => {
    const node = new TestNode({ terms: [1, 1, 1, 1], hardState: { term: 11, commit: 3 } });
    node.drain();
    node.compact();
    const sent = node.step({ ...SNAPSHOT, snapshot: { ...META, index: 2, term: 1 } });
    expect([sent, node.storage.firstIndex(), node.terms, node.commit]).toEqual([[acknowledge(1, 2, 11, 3)], 4, [1], 3]);
  });

  test('a snapshot of entries that the log has moves only the commit index', () => {
    const node = new TestNode({ terms: [1, 1, 1], hardState: { term: 11, commit: 1 } });
    const sent = node.step({ ...SNAPSHOT, snapshot: { ...META, index: 2, term: 1 } });
    expect([sent, node.terms, node.commit]).toEqual([[acknowledge(1, 2, 11, 2)], [1, 1, 1], 2]);
  });

  test('a snapshot from before this node was a member brings it to where the log goes on', () => {
    const node = new TestNode({ id: 4, voters: [] });
    node.step({ ...SNAPSHOT, to: 4 });
    expect([node.commit, node.raft.status().conf.voters]).toEqual([11, [1, 2, 3]]);
    const change = { v1: true, transition: 'auto', changes: [{ type: 'add-voter', node: 4 }] } as const;
    node.step(
      append({ to: 4, term: 11, index: 11, logTerm: 11, entries: [{ kind: 'conf-change', term: 11, index: 12, change }], commit: 12 }),
    );
    expect(node.raft.status().conf.voters).toEqual([1, 2, 3, 4]);
  });

  test('an isolated follower whose entries are gone recovers by a snapshot, then commits', () => {
    const network = new Network(...[1, 2, 3].map((id) => new TestNode({ id })));
    network.campaign(1);
    network.isolate(3);
    for (let i = 0; i < 50; i++) network.propose(1, `entry ${i}`);
    network.node(1).compact();
    network.heal();
    network.tick(1, 2);
    const third = network.node(3);
    expect(third.events.filter(({ kind }) => kind === 'snapshot-restored')).toHaveLength(1);
    network.propose(1, 'x');
    expect([third.commit, third.appliedIndex, third.terms]).toEqual([52, 52, [1]]);
  });

  test('nothing but heartbeats goes to a peer while a snapshot is under way, until it is acknowledged or reported', () => {
    for (const end of ['acknowledged', 'succeeded', 'failed'] as const) {
      const node = new TestNode({ terms: [1, 1, 1], hardState: { commit: 3 } });
      node.drain();
      node.compact();
      node.lead();
      node.step({ ...acknowledge(2, 1, 2, 3), rejected: true, rejectHint: 0 } as never);
      expect(node.raft.status().progress?.get(2)?.state).toBe('snapshot');
      node.propose('x');
      const sent = node.propose('y').filter(({ to }) => to === 2);
      expect(sent).toEqual([]);
      if (end === 'acknowledged') node.step(acknowledge(2, 1, 2, 3));
      else node.do((raft) => raft.reportSnapshot(2, end === 'succeeded'));
      const progress = node.raft.status().progress?.get(2);
      expect([progress?.state, progress?.isPaused]).toEqual(end === 'acknowledged' ? ['replicate', false] : ['probe', true]);
    }
  });
});
