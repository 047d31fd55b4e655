// What linearizable reads and the handing over of leadership must and must not do.
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/raft/messages.ts';
import { acknowledge, ELECTION_TICKS, Network, only, TestNode } from './network.ts';

function read(context: number): (raft: TestNode['raft']) => void {
  return (raft) => raft.readIndex(context);
}

function answer(heartbeat: Message & { kind: 'heartbeat' }): Message {
  return { kind: 'heartbeat-response', from: heartbeat.to, to: heartbeat.from, term: heartbeat.term, context: heartbeat.context };
}

function settledLeader(): TestNode {
  const node = new TestNode();
  node.lead();
  for (const from of [2, 3]) node.step(acknowledge(from, 1, 1, 1));
  return node;
}

describe('reads', () => {
  test('a read is good at the commit index of its request, wherever it is asked for, a learner too', () => {
    const network = new Network(...[1, 2, 3, 4].map((id) => new TestNode({ id, learners: [4] })));
    network.campaign(1);
    for (const [context, id] of [1, 2, 4, 1].entries()) {
      network.propose(1, 'x');
      const { commit } = network.node(1);
      network.do(id, read(context + 1));
      expect(network.node(id).readStates.at(-1)).toEqual({ index: commit, context: context + 1 });
    }
  });

  test('a read is answered only after a quorum has confirmed the leader', () => {
    const node = settledLeader();
    const [heartbeat] = only('heartbeat', node.do(read(1)));
    expect(node.readStates).toEqual([]);
    node.step(answer(heartbeat as never));
    expect(node.readStates).toEqual([{ index: 1, context: 1 }]);
  });

  test('one confirmation serves all reads before it, and each of them once', () => {
    const node = settledLeader();
    node.do(read(1));
    const [heartbeat] = only('heartbeat', node.do(read(2)));
    const unconfirmed = only('heartbeat', node.do(read(3)));
    node.step(answer(heartbeat as never));
    node.step(answer(heartbeat as never));
    expect(node.readStates.map(({ context }) => context)).toEqual([1, 2]);
    node.step(answer(unconfirmed[1] as never));
    expect(node.readStates.map(({ context }) => context)).toEqual([1, 2, 3]);
  });

  test('a read whose heartbeats were lost is confirmed by later ones', () => {
    const node = settledLeader();
    node.do(read(1));
    const [heartbeat] = only('heartbeat', node.tick(1));
    node.step(answer(heartbeat as never));
    expect(node.readStates).toHaveLength(1);
  });

  test('a new leader answers reads only after it has committed an entry of its own term', () => {
    const node = new TestNode({ terms: [1], hardState: { commit: 1 } });
    node.lead();
    for (const heartbeat of only('heartbeat', [...node.do(read(1)), ...node.tick(1)])) node.step(answer(heartbeat));
    expect(node.readStates).toEqual([]);
    const sent = node.step(acknowledge(2, 1, 2, 2));
    node.step(answer(only('heartbeat', sent)[0] as never));
    expect(node.readStates).toEqual([{ index: 2, context: 1 }]);
  });

  test('a lone voter that restarts answers reads at no less than it had committed', () => {
    const node = new TestNode({ voters: [1], terms: [1, 1, 1], hardState: { commit: 1 } });
    node.raft.campaign();
    node.work();
    node.raft.readIndex(1);
    node.drain();
    expect(node.readStates).toEqual([{ index: 4, context: 1 }]);
  });

  test('a late answer to an earlier heartbeat never confirms a later read, even one with the same context', () => {
    const node = settledLeader();
    const early = only('heartbeat', node.do(read(1)));
    node.step(answer(early[0] as never));
    expect(node.readStates).toHaveLength(1);
    // From here on this leader is cut off; answers to its old heartbeats still trickle in, twice.
    node.do(read(1));
    for (let i = 0; i < 2; i++) for (const heartbeat of early) node.step(answer(heartbeat));
    for (const from of [2, 3]) node.step({ kind: 'heartbeat-response', from, to: 1, term: 1, context: 0 });
    expect(node.readStates).toHaveLength(1);
  });

  test('the answers of one follower, however many, and of learners are no quorum', () => {
    const node = new TestNode({ voters: [1, 2, 3, 4, 5], learners: [6, 7] });
    node.lead();
    for (const from of [2, 3]) node.step(acknowledge(from, 1, 1, 1));
    const heartbeats = only('heartbeat', node.do(read(1)));
    for (const heartbeat of heartbeats.filter(({ to }) => [2, 6, 7].includes(to))) for (let i = 0; i < 3; i++) node.step(answer(heartbeat));
    expect(node.readStates).toEqual([]);
    node.step(answer(heartbeats.find(({ to }) => to === 5) as never));
    expect(node.readStates).toHaveLength(1);
  });

  test('a deposed leader answers no read that it could not confirm', () => {
    const node = settledLeader();
    const heartbeats = only('heartbeat', node.do(read(1)));
    node.step({ kind: 'heartbeat', from: 2, to: 1, term: 2, commit: 0, context: 0 });
    for (const heartbeat of heartbeats) node.step(answer(heartbeat));
    node.lead();
    for (const heartbeat of heartbeats) node.step({ ...answer(heartbeat), term: 3 } as never);
    expect(node.readStates).toEqual([]);
  });
});

describe('leadership transfer', () => {
  function trio(checkQuorum = false): Network {
    const network = new Network(...[1, 2, 3].map((id) => new TestNode({ id, checkQuorum, random: () => id })));
    network.campaign(1);
    return network;
  }

  function transfer(to: number): (raft: TestNode['raft']) => void {
    return (raft) => raft.transferLeader(to);
  }

  test('leadership goes to a follower that is up to date at once, also when the follower asks', () => {
    for (const asking of [1, 2]) {
      const network = trio();
      network.do(asking, transfer(2));
      expect(network.leaders).toEqual([2]);
      network.do(2, transfer(1));
      expect(network.leaders).toEqual([1]);
    }
  });

  test('the quorum check, which keeps others from voting, does not stand in its way', () => {
    const network = trio(true);
    network.tick(1, 1);
    network.campaign(3);
    expect(network.leaders).toEqual([1]);
    network.do(1, transfer(2));
    expect(network.leaders).toEqual([2]);
  });

  test('a follower that is behind catches up first, by a snapshot if it must', () => {
    for (const compacts of [false, true]) {
      const network = trio();
      network.isolate(3);
      network.propose(1, 'x');
      if (compacts) network.node(1).compact();
      network.heal();
      network.do(1, transfer(3));
      network.tick(1, 3);
      expect(network.leaders, `compacted: ${compacts}`).toEqual([3]);
    }
  });

  test('no proposals are taken meanwhile, and again after an election timeout', () => {
    const network = trio();
    const leader = network.node(1);
    network.isolate(3);
    network.do(1, transfer(3));
    expect(leader.raft.status().transferee).toBe(3);
    expect(leader.raft.propose([new Uint8Array(1)])).toBe('proposal-dropped');
    network.tick(1, ELECTION_TICKS - 1);
    expect(leader.raft.status().transferee).toBe(3);
    // The same request again does not extend the time.
    network.do(1, transfer(3));
    network.tick(1, 1);
    expect([leader.role, leader.raft.status().transferee]).toEqual(['leader', 0]);
    expect(leader.raft.propose([new Uint8Array(1)])).toBe('ok');
  });

  test('a transfer to nobody, to itself or to a learner is none', () => {
    const node = new TestNode({ learners: [4] });
    node.lead();
    for (const target of [1, 4, 9]) {
      expect(node.do(transfer(target))).toEqual([]);
      expect([node.role, node.raft.status().transferee]).toEqual(['leader', 0]);
    }
  });

  test('a transfer under way is replaced by one to another node, and called off by one to itself', () => {
    const network = trio();
    network.isolate(3);
    network.do(1, transfer(3));
    network.do(1, transfer(1));
    expect(network.node(1).raft.status().transferee).toBe(0);
    network.do(1, transfer(3));
    network.do(1, transfer(2));
    expect(network.leaders).toContain(2);
  });

  test('a target that is removed is given up', () => {
    const network = trio();
    network.isolate(3);
    const change = { v1: true, transition: 'auto', changes: [{ type: 'remove', node: 3 }] } as const;
    const leader = network.node(1);
    leader.raft.proposeConfChange(change);
    leader.raft.transferLeader(3);
    network.settle();
    expect([leader.conf.voters, leader.raft.status().transferee]).toEqual([[1, 2], 0]);
  });

  test('a later term ends it', () => {
    const network = trio();
    network.isolate(3);
    network.do(1, transfer(3));
    network.campaign(2);
    expect(network.node(1).raft.status()).toMatchObject({ role: 'follower', transferee: 0 });
  });
});
