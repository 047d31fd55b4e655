// The network between real nodes: the conformance suite, and what only sockets and processes can do to it.
import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PeerFrame, TransportEvents } from '../../src/env.ts';
import type { TcpTransport } from '../../src/io/transport.ts';
import { honestHello, RawPeer } from './raw-peer.ts';
import { TcpWorld } from './tcp-world.ts';
import { transportSuite } from './transport.suite.ts';

transportSuite('TCP', () => TcpWorld.begin({ queueMaxBytes: 8 * 1024 * 1024 }));

const barrier = (id: number): PeerFrame => ({ kind: 'barrier', term: 1, id });
const image = (position: number, bytes: number): PeerFrame => ({
  kind: 'image',
  term: 1,
  id: 1,
  position,
  records: [['r', new Uint8Array(bytes)]],
  last: null,
});

class Seen implements TransportEvents {
  readonly changes: string[] = [];
  readonly frames: PeerFrame[] = [];
  frame(_from: number, frame: PeerFrame): void {
    this.frames.push(frame);
  }
  up(peer: { readonly name: string }): void {
    this.changes.push(`up ${peer.name}`);
  }
  down(peer: number): void {
    this.changes.push(`down n${peer}`);
  }
  refused(peer: number, reason: string): void {
    this.changes.push(`refused by n${peer}: ${reason}`);
  }
}

let world: TcpWorld;

beforeEach(async () => {
  world = await TcpWorld.begin();
});

afterEach(async () => {
  await world.end();
});

async function started(node: number, more: Parameters<TcpWorld['open']>[1] = {}): Promise<{ transport: TcpTransport; seen: Seen }> {
  const transport = await world.open(node, more);
  const seen = new Seen();
  transport.start(seen);
  return { transport, seen };
}

test('a port that is taken is named, with what to do', async () => {
  const { transport } = await started(1);
  const listen = { host: '127.0.0.1', port: transport.port };
  await expect(world.open(2, { listen })).rejects.toThrow(
    `Port ${transport.port} of 127.0.0.1, which nodes would use to reach this one, is in use by another process. Stop that process, or choose another peer port.`,
  );
  await expect(world.open(2, { listen: { host: '192.0.2.1', port: 1 } })).rejects.toThrow(/192\.0\.2\.1 is no address of this machine/);
});

test('the port is free again when close has called back', async () => {
  const { transport } = await started(1);
  const { port } = transport;
  await new Promise<void>((resolve) => transport.close(resolve));
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host: '127.0.0.1', port }, resolve));
  await new Promise((resolve) => server.close(resolve));
});

test('a process killed with SIGKILL is seen down within milliseconds, and up again once its successor runs', async () => {
  const { transport, seen } = await started(1, { peers: [{ node: 2, name: 'n2', peer: '127.0.0.1:1', disk: null }] });
  const script = fileURLToPath(new URL('./transport-process.ts', import.meta.url));
  const spawned = () =>
    spawn(process.execPath, ['--import', 'tsx', script, '0', String(transport.port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const round of [1, 2]) {
    const child = spawned();
    try {
      expect(await world.until(() => seen.changes.length === 2 * round - 1), 'the process connects').toBe(true);
      expect(transport.send(2, barrier(round))).toBe(true);
      expect(await world.until(() => seen.frames.length === round), 'it echoes').toBe(true);
    } finally {
      child.kill('SIGKILL');
    }
    const killedMs = performance.now();
    expect(await world.until(() => seen.changes.length === 2 * round)).toBe(true);
    expect(performance.now() - killedMs).toBeLessThan(1_000);
  }
  expect(seen.changes).toEqual(['up n2', 'down n2', 'up n2', 'down n2']);
}, 30_000);

test('frames that are sent in one turn leave in one write', async () => {
  const first = await started(1);
  const second = await started(2);
  expect(await world.until(() => first.seen.changes.length === 1 && second.seen.changes.length === 1)).toBe(true);
  const before = first.transport.counters.writes;
  for (let id = 0; id < 100; id++) expect(first.transport.send(2, barrier(id))).toBe(true);
  expect(await world.until(() => second.seen.frames.length === 100)).toBe(true);
  expect(first.transport.counters.writes - before).toBe(1);
});

test('pieces of an image wait behind everything else, and are refused beyond their bound', async () => {
  const first = await started(1);
  const second = await started(2);
  expect(await world.until(() => first.seen.changes.length === 1 && second.seen.changes.length === 1)).toBe(true);
  world.block(1, 2);
  // Fills the system's buffers, then the transport's own for images.
  let position = 0;
  for (let refusals = 0; refusals < 20; ) {
    if (first.transport.send(2, image(position, 262_144))) position++;
    else refusals++;
    await world.pass(5);
  }
  expect(first.transport.send(2, image(position, 10))).toBe(false);
  for (let id = 0; id < 10; id++) expect(first.transport.send(2, barrier(id)), 'small frames are still taken').toBe(true);
  world.unblock(1, 2);
  expect(await world.until(() => second.seen.frames.length === position + 10)).toBe(true);
  const images = second.seen.frames.filter((frame) => frame.kind === 'image');
  expect(images.map((frame) => frame.position)).toEqual(Array.from({ length: position }, (_, at) => at));
  const lastSmall = second.seen.frames.findLastIndex((frame) => frame.kind === 'barrier');
  const behind = second.seen.frames.length - 1 - lastSmall;
  expect(behind, 'image pieces that let the small frames pass').toBeGreaterThanOrEqual(3);
});

test('close sends what is queued, and does not wait for a peer that does not read', async () => {
  const first = await started(1);
  const second = await started(2);
  expect(await world.until(() => first.seen.changes.length === 1 && second.seen.changes.length === 1)).toBe(true);
  for (let id = 0; id < 1_000; id++) first.transport.send(2, barrier(id));
  await new Promise<void>((resolve) => first.transport.close(resolve));
  expect(await world.until(() => second.seen.changes.includes('down n1'))).toBe(true);
  expect(second.seen.frames.length).toBe(1_000);

  const third = await started(3);
  expect(await world.until(() => third.seen.changes.length === 1)).toBe(true);
  world.block(3, 2);
  for (let id = 0; id < 100; id++) third.transport.send(2, { kind: 'forward', term: 1, commands: [new Uint8Array(262_144)] });
  const closingMs = performance.now();
  await new Promise<void>((resolve) => third.transport.close(resolve));
  expect(performance.now() - closingMs).toBeLessThan(2_000);
});

test('a connection to which nothing can be written is given up', async () => {
  const { transport, seen } = await started(1, { limits: { stuckMaxMs: 300 } });
  const raw = await RawPeer.connect(transport.port);
  await raw.greet();
  expect(await raw.until(() => seen.changes.length === 1)).toBe(true);
  raw.stopReading();
  for (let count = 0; count < 200; count++) transport.send(2, { kind: 'forward', term: 1, commands: [new Uint8Array(262_144)] });
  expect(await raw.until(() => seen.changes.length === 2)).toBe(true);
  expect(seen.changes).toEqual(['up n2', 'down n2']);
  expect(transport.counters.timedOut).toBe(1);
  raw.destroy();
});

test('a younger process takes the place of an older one at once, an attempt that is out of date does not', async () => {
  const { transport, seen } = await started(1);
  const older = await RawPeer.connect(transport.port);
  await older.greet([...honestHello().slice(0, 7), 'older', 5] as never);
  expect(await older.until(() => seen.changes.length === 1)).toBe(true);
  const late = await RawPeer.connect(transport.port);
  await expect(late.greet([...honestHello().slice(0, 7), 'older', 5] as never).catch(() => 'no answer')).resolves.toBe('no answer');
  expect(await late.until(() => late.closed)).toBe(true);
  expect(seen.changes).toEqual(['up n2']);
  const again = await RawPeer.connect(transport.port);
  await again.greet([...honestHello().slice(0, 7), 'older', 6] as never);
  expect(await again.until(() => seen.changes.length === 3)).toBe(true);
  const younger = await RawPeer.connect(transport.port);
  await younger.greet([...honestHello().slice(0, 7), 'younger', 1] as never);
  expect(await younger.until(() => seen.changes.length === 5)).toBe(true);
  expect(seen.changes).toEqual(['up n2', 'down n2', 'up n2', 'down n2', 'up n2']);
  expect(await younger.until(() => older.closed && again.closed)).toBe(true);
  expect(younger.closed).toBe(false);
  younger.destroy();
});

test('when two nodes dial each other at once, the attempt of the lower number goes on unless it has become old', async () => {
  const deaf = await listening();
  const peers = [{ node: 2, name: 'n2', peer: `127.0.0.1:${deaf.port}`, disk: null }];
  try {
    const limits = { precedenceMs: 400 };
    const first = await started(1, { limits, peers });
    expect(await world.until(() => deaf.connections() === 1)).toBe(true);
    await world.pass(50);
    const yielding = await RawPeer.connect(first.transport.port);
    await expect(yielding.greet()).rejects.toThrow('no answer');
    await world.pass(500);
    const later = await RawPeer.connect(first.transport.port);
    await later.greet();
    expect(await later.until(() => first.seen.changes.length === 1)).toBe(true);

    const third = await started(3, { limits, peers });
    expect(await world.until(() => deaf.connections() === 2)).toBe(true);
    await world.pass(50);
    const lower = await RawPeer.connect(third.transport.port);
    await lower.greet([...honestHello().slice(0, 6), 3, 'raw', 1] as never);
    expect(await lower.until(() => third.seen.changes.length === 1)).toBe(true);
    later.destroy();
    lower.destroy();
  } finally {
    await deaf.close();
  }
});

test('nodes that dial each other at the same time end up with one connection and no quarrel', async () => {
  for (let round = 0; round < 20; round++) {
    const [first, second] = await Promise.all([world.open(1), world.open(2)]);
    const [one, two] = [new Seen(), new Seen()];
    first.start(one);
    second.start(two);
    expect(await world.until(() => one.changes.length > 0 && two.changes.length > 0)).toBe(true);
    expect(first.send(2, barrier(round)) && second.send(1, barrier(round))).toBe(true);
    expect(await world.until(() => one.frames.length === 1 && two.frames.length === 1)).toBe(true);
    await world.pass(60);
    expect([one.changes, two.changes]).toEqual([['up n2'], ['up n1']]);
    world.kill(1);
    world.kill(2);
  }
});

/** A port that takes connections and never says a word. */
async function listening(): Promise<{ port: number; connections: () => number; close: () => Promise<void> }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}).resume());
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => sockets.length,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
