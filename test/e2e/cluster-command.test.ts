// `leasehold cluster` and chaos: one command for three nodes, breaking them by name, and no process left behind.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NodeProcess, readClusterFile } from '../../src/cli/control.ts';
import { endAll, freePorts, freshDirectory, leasehold, Process, ROOT, until } from './processes.ts';

let httpPort = 0;
let peerPort = 0;
let data = '';

beforeAll(async () => {
  httpPort = await freePorts(6);
  peerPort = httpPort + 3;
  data = freshDirectory();
});
afterAll(endAll);

function startCluster(): Process {
  return leasehold(['cluster', '--data', data, '--http-port', String(httpPort), '--peer-port', String(peerPort)]);
}

function chaos(...argv: string[]) {
  return new Process(process.execPath, ['--import', 'tsx', 'cluster/chaos.ts', ...argv, '--data', data], { cwd: ROOT }).ended;
}

function nodes(): readonly NodeProcess[] {
  return readClusterFile(data)?.nodes ?? [];
}

function isAlive(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function leaderAmong(ports: readonly number[]): Promise<string> {
  let leader = '';
  await until(async () => {
    for (const port of ports) {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      leader = response?.ok === true ? (response.headers.get('leasehold-leader') ?? '') : leader;
    }
    return leader !== '';
  }, 'a leader');
  return leader;
}

describe('one cluster', () => {
  let cluster: Process;

  beforeAll(async () => {
    cluster = startCluster();
    await cluster.says(/n[123] leads term \d+/);
  });

  test('it prints where the nodes are and a first command to try, and relays who leads, without a prefix', () => {
    for (const port of [0, 1, 2]) expect(cluster.out).toContain(`http://127.0.0.1:${httpPort + port}`);
    expect(cluster.out).toContain(`curl -X PUT http://127.0.0.1:${httpPort}/v1/leases/`);
    expect(cluster.out).toMatch(/^n[123] leads term \d+/m);
    expect(cluster.err).toBe('');
  });

  test('a second one on the same ports or data is refused before anything is started', async () => {
    const ports = await startCluster().ended;
    expect(ports.code).toBe(1);
    expect(ports.err).toContain(`127.0.0.1:${httpPort}, meant for n1, is in use`);
    const others = await freePorts(6);
    const same = await leasehold(['cluster', '--data', data, '--http-port', String(others), '--peer-port', String(others + 3)]).ended;
    expect(same.code).toBe(1);
    expect(same.err).toContain('already');
  });

  test('chaos kills the leader, another leads, and restart brings it back', async () => {
    const leader = await leaderAmong([httpPort]);
    const pid = nodes().find((node) => node.id === leader)?.pid ?? null;
    const killed = await chaos('kill', leader);
    expect(killed).toMatchObject({ code: 0, err: '' });
    expect(isAlive(pid)).toBe(false);
    expect((await chaos('status')).out).toMatch(new RegExp(`^${leader} +down`, 'm'));
    const ports = nodes().flatMap((node) => (node.id === leader ? [] : [Number(node.http.split(':')[1])]));
    expect(await leaderAmong(ports)).not.toBe(leader);
    expect((await chaos('restart', leader)).code).toBe(0);
    await leaderAmong([
      Number(
        nodes()
          .find((node) => node.id === leader)
          ?.http.split(':')[1],
      ),
    ]);
  });

  test('a node that somebody else ends is reported with its last words, and the others go on', async () => {
    const victim = nodes().find((node) => node.id === 'n3');
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await cluster.says(/n3 was ended by SIGKILL\. Its last words: .*\nThe cluster goes on with n1, n2\./);
    expect((await chaos('restart', 'n3')).code).toBe(0);
    expect(await chaos('kill', 'n9')).toMatchObject({ code: 1 });
  });

  test('Ctrl-C stops every node in order, even a paused one, and leaves no process and no socket', async () => {
    await leaderAmong([httpPort + 2]);
    const pids = nodes().map((node) => node.pid);
    expect(pids.every(isAlive)).toBe(true);
    expect((await chaos('pause', 'n2')).code).toBe(0);
    process.kill(cluster.pid, 'SIGINT');
    const ended = await cluster.ended;
    expect(ended.code).toBe(0);
    for (const id of ['n1', 'n2', 'n3']) expect(ended.out).toContain(`${id} stopped`);
    expect(pids.some(isAlive)).toBe(false);
    expect(readClusterFile(data)).toBeNull();
    expect((await chaos('status')).err).toContain('no cluster runs on');
  });
});

test('nodes whose cluster process was killed stop by themselves, and a second start on the same data works', async () => {
  const first = startCluster();
  await first.says(/n[123] leads term \d+/);
  const pids = nodes().map((node) => node.pid);
  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  await until(() => !pids.some(isAlive), 'the nodes to be gone');
  const second = startCluster();
  await second.says(/n[123] leads term \d+/);
  // Twice at once: no order, no waiting, and nobody left behind all the same.
  const left = nodes().map((node) => node.pid);
  process.kill(second.pid, 'SIGTERM');
  await sleep(5);
  process.kill(second.pid, 'SIGTERM');
  await second.ended;
  await until(() => !left.some(isAlive), 'the nodes to be gone');
});
