// What every transport must keep, real or simulated: the conformance suite of the network seam in src/env.ts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PeerFrame, PeerInfo, Transport, TransportEvents } from '../../src/env.ts';
import type { NodeId } from '../../src/raft/types.ts';

/** A network of the nodes 1, 2 and 3 (named n1, n2, n3), with neither loss nor delay of its own. */
export interface TransportWorld {
  /** Opens the transport of a new process of `node`. It is not yet started. */
  open(node: NodeId): Promise<Transport>;
  /** What `node` tells its peers of itself. */
  info(node: NodeId): PeerInfo;
  /** The process of `node` is gone at once, without a goodbye. */
  kill(node: NodeId): void;
  /** Breaks the connection between two nodes; another can be made at once. */
  reset(one: NodeId, other: NodeId): void;
  /** What travels from one node to another waits on its way, and comes on after {@link TransportWorld.unblock}. */
  block(from: NodeId, to: NodeId): void;
  unblock(from: NodeId, to: NodeId): void;
  /** Lets time pass until `condition` holds; false when it does not for a long while. */
  until(condition: () => boolean): Promise<boolean>;
  /** Lets this much time pass. */
  pass(delayMs: number): Promise<void>;
  /** Closes everything. */
  end(): Promise<void>;
}

/** A node of a test: keeps what its transport told, and checks that `up` and `down` alternate. */
class Node implements TransportEvents {
  readonly transport: Transport;
  readonly frames: { readonly from: NodeId; readonly frame: PeerFrame }[] = [];
  /** `up n2`, `down 2`, in order. */
  readonly changes: string[] = [];
  readonly peers = new Map<NodeId, PeerInfo>();
  readonly oddities: string[] = [];
  readonly #up = new Set<NodeId>();

  constructor(transport: Transport) {
    this.transport = transport;
  }

  frame(from: NodeId, frame: PeerFrame): void {
    if (!this.#up.has(from)) this.oddities.push(`a frame from ${from}, which is not up`);
    this.frames.push({ from, frame });
  }

  up(peer: PeerInfo): void {
    this.peers.set(peer.node, peer);
    if (this.#up.has(peer.node)) this.oddities.push(`${peer.node} is up twice`);
    this.#up.add(peer.node);
    this.changes.push(`up ${peer.name}`);
  }

  down(peer: NodeId): void {
    if (!this.#up.delete(peer)) this.oddities.push(`${peer} is down twice`);
    this.changes.push(`down ${peer}`);
  }

  refused(peer: NodeId, reason: string): void {
    this.oddities.push(`refused by ${peer}: ${reason}`);
  }

  sees(peer: NodeId): boolean {
    return this.#up.has(peer);
  }

  /** The ids of the barriers that came from `from`, in order of arrival. */
  barriers(from: NodeId): number[] {
    return this.frames.flatMap((told) => (told.from === from && told.frame.kind === 'barrier' ? [told.frame.id] : []));
  }
}

/** One frame of every kind that nodes send, from `from` to `to`. */
export function everyFrame(from: NodeId, to: NodeId): PeerFrame[] {
  const addressed = { from, to, term: 7 };
  const conf = { voters: [1, 2, 3], votersOutgoing: [1, 2], learners: [4], learnersNext: [5], autoLeave: true };
  const data = Uint8Array.of(1, 2, 3);
  return [
    {
      kind: 'raft',
      message: {
        kind: 'append',
        ...addressed,
        logTerm: 5,
        index: 10,
        commit: 9,
        entries: [
          { kind: 'normal', term: 6, index: 11, data },
          {
            kind: 'conf-change',
            term: 7,
            index: 12,
            change: { v1: false, transition: 'auto', changes: [{ type: 'add-learner', node: 4 }], context: data },
          },
        ],
      },
    },
    { kind: 'raft', message: { kind: 'append', ...addressed, logTerm: 0, index: 0, commit: 0, entries: [] } },
    { kind: 'raft', message: { kind: 'append-response', ...addressed, index: 10, rejected: true, rejectHint: 4, logTerm: 3 } },
    { kind: 'raft', message: { kind: 'heartbeat', ...addressed, commit: 8, context: 2 ** 40 } },
    { kind: 'raft', message: { kind: 'heartbeat-response', ...addressed, context: 2 ** 40 } },
    { kind: 'raft', message: { kind: 'vote', ...addressed, logTerm: 6, index: 12, transfer: true } },
    { kind: 'raft', message: { kind: 'pre-vote', ...addressed, logTerm: 6, index: 12, transfer: false } },
    { kind: 'raft', message: { kind: 'vote-response', ...addressed, rejected: false } },
    { kind: 'raft', message: { kind: 'pre-vote-response', ...addressed, rejected: true } },
    { kind: 'raft', message: { kind: 'snapshot', ...addressed, snapshot: { index: 100, term: 6, conf } } },
    { kind: 'raft', message: { kind: 'timeout-now', ...addressed } },
    { kind: 'raft', message: { kind: 'transfer-leader', transferee: 2, ...addressed } },
    { kind: 'raft', message: { kind: 'read-index', ...addressed, context: 77 } },
    { kind: 'raft', message: { kind: 'read-index-response', ...addressed, index: 12, context: 77 } },
    { kind: 'forward', term: 7, commands: [data, new Uint8Array(0)] },
    { kind: 'refuse', term: 7, sequences: [1, 2, 2 ** 45], noRoom: null },
    { kind: 'refuse', term: 7, sequences: [3], noRoom: { resource: 'claims', used: 11, limit: 10 } },
    { kind: 'barrier', term: 7, id: 3 },
    { kind: 'barrier-reply', id: 3, index: 12, timeMs: 12_345.5 },
    {
      kind: 'image',
      term: 7,
      id: 1,
      position: 0,
      records: [
        ['a', data],
        ['gone', null],
      ],
      last: null,
    },
    { kind: 'image', term: 7, id: 1, position: 1, records: [], last: { index: 100, term: 6, conf, roster: data, count: 1, sum: 2 ** 47 } },
    { kind: 'image-ack', id: 1, position: -1 },
    { kind: 'image-ack', id: 1, position: 2 },
    { kind: 'member-change', term: 7, id: 4, change: data },
    { kind: 'member-reply', id: 4, reply: data },
    {
      kind: 'health',
      leader: 2,
      health: {
        syncPendingMs: 0,
        syncP99Ms: 12,
        loopP99Ms: 3,
        freeBytes: 2 ** 45,
        alarms: ['disk-stall', 'no-room'],
        stopping: true,
      },
    },
  ];
}

/** Byte arrays as plain lists: which class they are of is no part of a frame. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

const barrier = (id: number): PeerFrame => ({ kind: 'barrier', term: 1, id });
const wideCommand = new Uint8Array(32_768);
const wide = (id: number): PeerFrame => ({ kind: 'forward', term: id, commands: [wideCommand] });
const counted = (count: number): number[] => Array.from({ length: count }, (_, id) => id);

/** Declares the tests for transports that `begin` makes, in a new world for each test. */
export function transportSuite(name: string, begin: () => Promise<TransportWorld>): void {
  describe(`a ${name} transport`, () => {
    let world: TransportWorld;
    let nodes: Node[];

    beforeEach(async () => {
      world = await begin();
      nodes = [];
    });

    afterEach(async () => {
      await world.end();
      expect(nodes.flatMap((node) => node.oddities)).toEqual([]);
    });

    async function started(node: NodeId): Promise<Node> {
      const made = new Node(await world.open(node));
      nodes.push(made);
      made.transport.start(made);
      return made;
    }

    async function meeting(): Promise<[Node, Node]> {
      const first = await started(1);
      const second = await started(2);
      expect(await world.until(() => first.sees(2) && second.sees(1)), 'n1 and n2 meet').toBe(true);
      return [first, second];
    }

    test('nodes that start at any time meet, and each is told once who the other is', async () => {
      const [first, second] = await meeting();
      const third = await started(3);
      expect(await world.until(() => first.sees(3) && second.sees(3) && third.sees(1) && third.sees(2))).toBe(true);
      await world.pass(300);
      expect(first.changes.toSorted()).toEqual(['up n2', 'up n3']);
      expect(second.changes.toSorted()).toEqual(['up n1', 'up n3']);
      expect(third.changes.toSorted()).toEqual(['up n1', 'up n2']);
    });

    test('each is told of the other what that tells of itself', async () => {
      const [first, second] = await meeting();
      expect(first.peers.get(2)).toEqual(world.info(2));
      expect(second.peers.get(1)).toEqual(world.info(1));
    });

    test('no event comes before the start, whoever is there', async () => {
      const first = await started(1);
      const late = new Node(await world.open(2));
      nodes.push(late);
      await world.pass(300);
      expect([late.changes, late.frames, first.changes]).toEqual([[], [], []]);
      late.transport.start(late);
      expect(await world.until(() => first.sees(2) && late.sees(1))).toBe(true);
    });

    test('nothing can be sent to a peer that is not up, to oneself or to a stranger', async () => {
      const opened = await world.open(1);
      expect(opened.send(2, barrier(1))).toBe(false);
      const first = new Node(opened);
      nodes.push(first);
      opened.start(first);
      expect(opened.send(2, barrier(2))).toBe(false);
      const second = await started(2);
      expect(await world.until(() => first.sees(2) && second.sees(1))).toBe(true);
      expect(opened.send(1, barrier(3))).toBe(false);
      expect(opened.send(99, barrier(4))).toBe(false);
      expect(opened.send(2, barrier(5))).toBe(true);
      expect(await world.until(() => second.barriers(1).length > 0)).toBe(true);
      expect(second.barriers(1)).toEqual([5]);
    });

    test('frames of every kind arrive as they were sent, both ways', async () => {
      const [first, second] = await meeting();
      const there = everyFrame(1, 2);
      const back = everyFrame(2, 1);
      for (const frame of there) expect(first.transport.send(2, frame)).toBe(true);
      for (const frame of back) expect(second.transport.send(1, frame)).toBe(true);
      expect(await world.until(() => second.frames.length === there.length && first.frames.length === back.length)).toBe(true);
      // Pieces of an image may be overtaken by everything else.
      const images = (frame: PeerFrame): number => (frame.kind === 'image' ? 1 : 0);
      const ordered = (frames: PeerFrame[]): unknown[] => frames.toSorted((left, right) => images(left) - images(right)).map(plain);
      expect(ordered(second.frames.map((told) => told.frame))).toEqual(ordered(there));
      expect(ordered(first.frames.map((told) => told.frame))).toEqual(ordered(back));
    });

    test('frames arrive in the order in which they were sent', async () => {
      const [first, second] = await meeting();
      for (let id = 0; id < 2_000; id++) {
        expect(first.transport.send(2, barrier(id))).toBe(true);
        if (id % 2 === 0) expect(second.transport.send(1, barrier(id / 2))).toBe(true);
        if (id % 500 === 499) await world.pass(5);
      }
      expect(await world.until(() => second.frames.length === 2_000 && first.frames.length === 1_000)).toBe(true);
      expect(second.barriers(1)).toEqual(counted(2_000));
      expect(first.barriers(2)).toEqual(counted(1_000));
    });

    test('a killed process is seen down once by all, and its successor up once', async () => {
      const [first, second] = await meeting();
      world.kill(2);
      expect(await world.until(() => !first.sees(2))).toBe(true);
      expect(first.transport.send(2, barrier(1))).toBe(false);
      await world.pass(100);
      const successor = await started(2);
      expect(await world.until(() => first.sees(2) && successor.sees(1))).toBe(true);
      await world.pass(300);
      expect(first.changes).toEqual(['up n2', 'down 2', 'up n2']);
      expect(successor.changes).toEqual(['up n1']);
      expect(second.frames).toEqual([]);
    });

    test('a restarted process gets no frame that was meant for its predecessor', async () => {
      const [first] = await meeting();
      world.block(1, 2);
      // Enough to fill what lies between, so that some wait in the transport itself.
      for (let id = 0; id < 20_000 && first.transport.send(2, wide(id)); id++) if (id % 64 === 0) await world.pass(1);
      world.kill(2);
      world.unblock(1, 2);
      expect(await world.until(() => !first.sees(2))).toBe(true);
      first.transport.send(2, barrier(2));
      const successor = await started(2);
      // Whatever is accepted from here on must be meant for the successor.
      expect(await world.until(() => first.changes.length >= 3 && successor.sees(1))).toBe(true);
      expect(first.transport.send(2, barrier(1_000))).toBe(true);
      expect(await world.until(() => successor.barriers(1).includes(1_000))).toBe(true);
      expect(successor.frames.map((told) => told.frame.kind)).toEqual(['barrier']);
    });

    test('a connection that breaks is made again, and what comes after is in order', async () => {
      const [first, second] = await meeting();
      for (let round = 1; round <= 5; round++) {
        for (let id = 0; id < 50; id++) first.transport.send(2, barrier(round * 1_000 + id));
        world.reset(1, 2);
        const changes = 1 + 2 * round;
        expect(await world.until(() => first.changes.length >= changes && second.changes.length >= changes)).toBe(true);
        expect(await world.until(() => first.sees(2) && second.sees(1)), `n1 and n2 meet again in round ${round}`).toBe(true);
      }
      expect(first.transport.send(2, barrier(9_999))).toBe(true);
      expect(await world.until(() => second.barriers(1).includes(9_999))).toBe(true);
      const ids = second.barriers(1);
      expect(ids).toEqual(ids.toSorted((left, right) => left - right));
      expect(new Set(ids).size).toBe(ids.length);
    });

    test('a queue that is full refuses, and what it took arrives without a gap', async () => {
      const [first, second] = await meeting();
      world.block(1, 2);
      let taken = 0;
      while (taken < 20_000 && first.transport.send(2, wide(taken))) {
        taken++;
        if (taken % 64 === 0) await world.pass(1);
      }
      expect(taken, 'frames taken before the queue is full').toBeLessThan(20_000);
      world.unblock(1, 2);
      expect(await world.until(() => second.frames.length === taken)).toBe(true);
      expect(second.frames.map((told) => (told.frame.kind === 'forward' ? told.frame.term : -1))).toEqual(counted(taken));
      expect(first.transport.send(2, barrier(1))).toBe(true);
    });

    test('what was sent before closing arrives', async () => {
      const [first, second] = await meeting();
      for (let id = 0; id < 200; id++) expect(second.transport.send(1, barrier(id))).toBe(true);
      await new Promise<void>((resolve) => {
        let isClosed = false;
        second.transport.close(() => {
          isClosed = true;
        });
        void world.until(() => isClosed && !first.sees(2)).then(() => resolve());
      });
      expect(first.barriers(2)).toEqual(counted(200));
    });

    test('a closed transport tells nothing more, and its peers see it down', async () => {
      const [first, second] = await meeting();
      let closed = false;
      second.transport.close(() => {
        closed = true;
      });
      expect(closed, 'done is not called during the call').toBe(false);
      expect(second.transport.send(1, barrier(1))).toBe(false);
      first.transport.send(2, barrier(2));
      expect(await world.until(() => closed && !first.sees(2))).toBe(true);
      await world.pass(100);
      expect(second.changes).toEqual(['up n1']);
      expect(first.changes).toEqual(['up n2', 'down 2']);
    });
  });
}
