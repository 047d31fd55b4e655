// The queue before one lease, on three real nodes: a thousand are served in order through two kills of the leader, and those who go leave nothing.
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leasePath, TestCluster, type TestNode } from './cluster.ts';
import { endAll, until } from './processes.ts';

const WAITERS = 1000;
const WAIT_MS = 300_000;
const KILLS_AT = [300, 650];
/** Claims on one connection: a node carries out so many of its requests at a time. */
const PIPELINED = 16;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

/** Claims that wait, one behind the other on one connection: so it is known in which order the node took them. */
class Line {
  /** Fences of the tenures granted, in order. */
  readonly #fences: number[];
  readonly #socket: Socket;
  #text = '';

  constructor(node: TestNode, lease: string, holders: readonly string[], fences: number[]) {
    this.#fences = fences;
    const { hostname, port } = new URL(node.url);
    this.#socket = connect(Number(port), hostname);
    this.#socket.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    for (const holder of holders) {
      const body = JSON.stringify({ holder, durationMs: 240_000, waitMs: WAIT_MS });
      this.#socket.write(
        `PUT ${leasePath(lease)} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    }
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#text += text;
    for (;;) {
      const length = /^HTTP\/1\.1 201 [\s\S]*?\r\ncontent-length: (\d+)\r\n[\s\S]*?\r\n\r\n/i.exec(this.#text);
      if (length === null) break;
      const end = length[0].length + Number(length[1]);
      if (this.#text.length < end) break;
      this.#fences.push((JSON.parse(this.#text.slice(length[0].length, end)) as { fence: number }).fence);
      this.#text = this.#text.slice(end);
    }
    if (/^HTTP\/1\.1 [^2]/.test(this.#text)) throw new Error(`a waiter was told ${this.#text}`);
  }
}

async function waiters(node: TestNode): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(/^leasehold_lessor_waiters (\d+)$/m.exec(text)?.[1]);
}

/** Queues a claim for each holder, in order, on as many connections as that takes. Fences of granted tenures go to `fences`. */
async function queueAll(node: TestNode, lease: string, holders: readonly string[], fences: number[] = []): Promise<Line[]> {
  const lines: Line[] = [];
  const before = await waiters(node);
  for (let at = 0; at < holders.length; at += PIPELINED) {
    lines.push(new Line(node, lease, holders.slice(at, at + PIPELINED), fences));
    const queued = before + Math.min(at + PIPELINED, holders.length);
    await until(async () => (await waiters(node)) === queued, `${queued} claims to queue`);
  }
  return lines;
}

/** Asks until it is done; a repeat that finds the next holder there was carried out already. */
async function release(node: TestNode, lease: string, holder: string): Promise<void> {
  let said = '';
  await until(
    async () => {
      const { status, body } = await node.request('DELETE', `${leasePath(lease)}?holder=${holder}`);
      said = `${status} ${JSON.stringify(body)}`;
      return status === 204 || status === 409;
    },
    () => `${holder} to be released, last answer ${said}`,
  );
}

/** Kills the leader, which must not be the node that serves the line. */
async function killLeader(survivor: TestNode): Promise<void> {
  const leader = await cluster.agreed();
  const other = cluster.nodes.find((node) => node !== survivor) as TestNode;
  if (leader === survivor) await survivor.request('POST', '/v1/cluster/transfer', { to: other.id });
  const victim = await cluster.agreed();
  expect(victim).not.toBe(survivor);
  await victim.end('SIGKILL');
  victim.restart();
}

test(`${WAITERS} who wait for one lease are served in order, one grant an entry, through two kills of the leader`, async () => {
  const survivor = (await cluster.agreed()) as TestNode;
  await survivor.request('PUT', leasePath('long-line'), { holder: 'h0', durationMs: 240_000 });
  const holders = Array.from({ length: WAITERS }, (_, at) => `h${at + 1}`);
  const fences: number[] = [];
  const lines = await queueAll(survivor, 'long-line', holders, fences);
  for (let turn = 0; turn < WAITERS; turn += 1) {
    if (KILLS_AT.includes(turn)) await killLeader(survivor);
    await release(survivor, 'long-line', `h${turn}`);
    await until(
      () => fences.length > turn,
      () => `the turn of h${turn + 1}`,
    );
    // None was granted before its turn: the lease is held by whoever was told so last.
    expect(fences).toHaveLength(turn + 1);
  }
  expect(new Set(fences).size).toBe(WAITERS);
  expect([...fences].sort((a, b) => a - b)).toEqual(fences);
  const held = await survivor.request('GET', leasePath('long-line'));
  expect(held.body).toMatchObject({ holder: `h${WAITERS}`, fence: fences.at(-1) });
  for (const line of lines) line.hangUp();
}, 280_000);

test('a thousand who hang up while they wait, and those of a node that is killed, leave the line at once', async () => {
  const [gone, killed] = await cluster.followers();
  if (gone === undefined || killed === undefined) throw new Error('three nodes have two followers');
  await gone.request('PUT', leasePath('left'), { holder: 'first', durationMs: 240_000 });
  const names = (prefix: string): string[] => Array.from({ length: WAITERS }, (_, at) => `${prefix}${at}`);
  const lines = await queueAll(gone, 'left', names('gone'));
  await queueAll(killed, 'left', names('killed'));
  const served: number[] = [];
  const [last] = await queueAll(gone, 'left', ['last'], served);
  for (const line of lines) line.hangUp();
  await killed.end('SIGKILL');
  // The leader gives a silent node up after an election timeout: a lease that fell free before that would go to one who is gone.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await release(gone, 'left', 'first');
  await until(() => served.length === 1, 'the one who is left to be served');
  await release(gone, 'left', 'last');
  await until(async () => (await gone.request('GET', leasePath('left'))).status === 404, 'the lease to be free');
  last?.hangUp();
  killed.restart();
  await cluster.agreed();
});
