// Connections that stay up but deliver nothing, and names that do not resolve: a link is closed, resolved and dialled again in time.
import type { LookupFunction } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { TransportEvents } from '../../src/env.ts';
import { LOOKUPS_MAX } from '../../src/io/peer-names.ts';
import type { TcpTransport, TransportOptions } from '../../src/io/transport.ts';
import { TRANSPORT_LIMITS } from '../../src/io/transport-limits.ts';
import { HEALTH_INTERVAL_MS } from '../../src/replica/peer-health.ts';
import { TcpWorld } from './tcp-world.ts';

/** A tenth of the real limits, so that an outage is short. */
const LIMITS = { silenceMaxMs: 300, connectMaxMs: 200, greetingMaxMs: 300, redialLeastMs: 20, redialMostMs: 100 };
/** From the end of an outage to the link: a dial that hangs, a wait, a handshake. */
const RECOVERY_MS = 500;

/** What n2 knows of n1: a port at which nobody listens, so the link is n1's dial. */
const CALLED = [{ node: 1, name: 'n1', peer: '127.0.0.1:9', disk: null }];

class Node implements TransportEvents {
  readonly transport: TcpTransport;
  /** `up n2` or `down n2`, with the time. */
  readonly changes: { readonly text: string; readonly atMs: number }[] = [];
  readonly refusals: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(transport: TcpTransport, talksTo: readonly number[]) {
    this.transport = transport;
    transport.start(this);
    let id = 0;
    this.#timer = setInterval(() => {
      for (const node of talksTo) transport.send(node, { kind: 'barrier', term: 1, id: id++ });
    }, 50);
  }

  get texts(): string[] {
    return this.changes.map(({ text }) => text);
  }

  frame(): void {}
  up(peer: { readonly name: string }): void {
    this.changes.push({ text: `up ${peer.name}`, atMs: performance.now() });
  }
  down(peer: number): void {
    this.changes.push({ text: `down n${peer}`, atMs: performance.now() });
  }
  refused(peer: number, reason: string): void {
    this.refusals.push(`n${peer}: ${reason}`);
  }
  end(): void {
    clearInterval(this.#timer);
  }
}

let world: TcpWorld;
let nodes: Node[] = [];

async function started(node: number, talksTo: readonly number[], more: Parameters<TcpWorld['open']>[1] = {}): Promise<Node> {
  const running = new Node(await world.open(node, { limits: LIMITS, ...more }), talksTo);
  nodes.push(running);
  return running;
}

/** n1 and n2, linked; n3 is not there. */
async function pair(more: Partial<TransportOptions> = {}): Promise<[Node, Node]> {
  world = await TcpWorld.begin();
  const first = await started(1, [2], more);
  const second = await started(2, [1], more);
  expect(await world.until(() => first.texts.length === 1 && second.texts.length === 1)).toBe(true);
  return [first, second];
}

afterEach(async () => {
  for (const node of nodes) node.end();
  nodes = [];
  await world?.end();
});

test('the limits let a link return within 5 s of any outage, and no health frame is too late', () => {
  const { silenceMaxMs, connectMaxMs, greetingMaxMs, redialMostMs } = TRANSPORT_LIMITS;
  expect(silenceMaxMs).toBe(3_000);
  expect(HEALTH_INTERVAL_MS * 4).toBeLessThan(silenceMaxMs);
  expect(Math.max(connectMaxMs, greetingMaxMs) + redialMostMs).toBeLessThan(5_000);
});

test('a link that carries a byte now and then stays up', async () => {
  const [first, second] = await pair();
  await world.pass(4 * LIMITS.silenceMaxMs);
  expect([first.texts, second.texts]).toEqual([['up n2'], ['up n1']]);
});

test('both ends close a link that delivers nothing, and link again soon after the outage, whatever its length', async () => {
  const [first, second] = await pair();
  for (const outageMs of [450, 1_600]) {
    const before = first.changes.length;
    const beganMs = performance.now();
    world.swallow(1, 2);
    world.swallow(2, 1);
    await world.pass(outageMs);
    for (const node of [first, second]) {
      expect(node.changes.length).toBe(before + 1);
      const closedMs = (node.changes.at(-1)?.atMs ?? 0) - beganMs;
      // A byte of up to 50 ms before the outage counts from there.
      expect(closedMs).toBeGreaterThanOrEqual(LIMITS.silenceMaxMs - 60);
      expect(closedMs).toBeLessThan(LIMITS.silenceMaxMs + 150);
    }
    world.deliver(1, 2);
    world.deliver(2, 1);
    const endedMs = performance.now();
    expect(await world.until(() => first.changes.length === before + 2 && second.changes.length === before + 2)).toBe(true);
    expect(performance.now() - endedMs).toBeLessThan(RECOVERY_MS);
  }
  expect(first.texts).toEqual(['up n2', 'down n2', 'up n2', 'down n2', 'up n2']);
});

test('bytes lost in one direction close the link at both ends', async () => {
  const [first, second] = await pair();
  world.swallow(1, 2);
  expect(await world.until(() => first.texts.at(-1) === 'down n2' && second.texts.at(-1) === 'down n1')).toBe(true);
  await world.pass(600);
  expect([first.texts, second.texts]).toEqual([
    ['up n2', 'down n2'],
    ['up n1', 'down n1'],
  ]);
  world.deliver(1, 2);
  expect(await world.until(() => first.texts.length === 3 && second.texts.length === 3)).toBe(true);
});

test('a pause of the local process does not count as silence of its peers', async () => {
  const [first, second] = await pair();
  for (let round = 0; round < 3; round++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * LIMITS.silenceMaxMs);
    await world.pass(20);
  }
  await world.pass(LIMITS.silenceMaxMs);
  expect([first.texts, second.texts]).toEqual([['up n2'], ['up n1']]);
});

test('a node that restarts at another address of its name is linked again', async () => {
  world = await TcpWorld.begin();
  let address = '127.0.0.1';
  const lookup: LookupFunction = (_name, _options, callback) => {
    setImmediate(() => callback(null, [{ address, family: 4 }]));
  };
  const second = await started(2, [], { peers: CALLED });
  const { port } = second.transport;
  const first = await started(1, [2], { lookup, peers: [{ node: 2, name: 'n2', peer: `n2.test:${port}`, disk: null }] });
  expect(await world.until(() => first.texts.length === 1)).toBe(true);
  world.kill(2);
  expect(await world.until(() => first.texts.length === 2)).toBe(true);
  address = '127.0.0.2';
  await started(2, [], { peers: CALLED, listen: { host: address, port } });
  expect(await world.until(() => first.texts.length === 3)).toBe(true);
  expect(first.texts).toEqual(['up n2', 'down n2', 'up n2']);
});

test('a name that does not resolve is tried again, and is never fatal', async () => {
  world = await TcpWorld.begin();
  let asked = 0;
  const lookup: LookupFunction = (name, _options, callback) => {
    asked++;
    const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
    setImmediate(() => (asked < 4 ? callback(error, []) : callback(null, [{ address: '127.0.0.1', family: 4 }])));
  };
  const second = await started(2, [], { peers: CALLED });
  const peers = [{ node: 2, name: 'n2', peer: `n2.test:${second.transport.port}`, disk: null }];
  const first = await started(1, [2], { lookup, peers });
  expect(await world.until(() => first.texts.length === 1)).toBe(true);
  expect(asked).toBe(4);
  expect(first.refusals).toEqual([]);
});

test('a resolver that hangs is asked few names at a time, each once, and its answer still counts', async () => {
  world = await TcpWorld.begin();
  const hanging: { readonly name: string; readonly answer: () => void }[] = [];
  const lookup: LookupFunction = (name, _options, callback) => {
    hanging.push({ name, answer: () => callback(null, [{ address: '127.0.0.1', family: 4 }]) });
  };
  const second = await started(2, [], { peers: CALLED });
  const names = [2, 4, 5, 6, 7];
  const peers = names.map((node) => ({ node, name: `n${node}`, peer: `n${node}.test:${second.transport.port}`, disk: null }));
  const first = await started(1, [2], { lookup, peers, limits: { ...LIMITS, greetingMaxMs: 60_000, silenceMaxMs: 60_000 } });
  // Every peer is dialled several times meanwhile.
  await world.pass(8 * LIMITS.connectMaxMs);
  expect(hanging.map(({ name }) => name)).toHaveLength(LOOKUPS_MAX);
  expect(first.transport.counters.timedOut).toBeGreaterThan(names.length * 2);
  for (let at = 0; at < 50 && first.texts.length === 0; at++) {
    for (const { answer } of hanging.splice(0)) answer();
    await world.pass(20);
  }
  expect(await world.until(() => first.texts.includes('up n2'))).toBe(true);
});
