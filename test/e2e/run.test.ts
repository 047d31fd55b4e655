// `leasehold run` on real processes: its exit codes, what the program is told, and that the program never outlives the lease.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from './cluster.ts';
import { endAll, freshDirectory, leasehold, until } from './processes.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

/** Leaves a sign of life on the machine's monotonic clock every millisecond, and cannot be asked to stop. */
const STUBBORN = `
  process.on('SIGTERM', () => {});
  const { openSync, writeSync } = require('node:fs');
  const file = openSync(process.argv[1], 'w');
  setInterval(() => writeSync(file, String(process.hrtime.bigint()).padStart(20), 0), 1);
`;

function lastSign(file: string): bigint {
  try {
    return BigInt(readFileSync(file, 'utf8').trim() || 0);
  } catch {
    return 0n;
  }
}

test('it gives the program its lease, ends with the program’s code, and releases', async () => {
  const run = cluster.cli('run', 'demo/main/a%b', '--holder', 'w-1', '--', 'sh', '-c', 'env | grep ^LEASEHOLD_ | sort; exit 7');
  const { code, out } = await run.ended;
  expect(code).toBe(7);
  const told = Object.fromEntries(
    out
      .split('\n')
      .filter((line) => line.startsWith('LEASEHOLD_'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  expect(told).toMatchObject({
    LEASEHOLD_LEASE: 'demo/main/a%b',
    LEASEHOLD_HOLDER: 'w-1',
    LEASEHOLD_FENCE: expect.stringMatching(/^\d+$/),
  });
  expect(told.LEASEHOLD_LEASE_IF).toBe(`demo/main/a%25b;holder=w-1;fence=${told.LEASEHOLD_FENCE}`);
  expect((await cluster.cli('get', 'demo/main/a%b').ended).code).toBe(1);
});

test('it ends with 128 and the signal’s number, with 127 without a program, and with 1 when it is denied', async () => {
  expect((await cluster.cli('run', 'demo/main/b', '--holder', 'x', '--', 'sh', '-c', 'kill -9 $$').ended).code).toBe(137);
  expect((await cluster.cli('run', 'demo/main/b', '--holder', 'x', '--', 'no-such-program').ended).code).toBe(127);
  expect((await cluster.cli('run', 'demo/main/b', '--holder', 'x', '--', '/etc/passwd').ended).code).toBe(126);
  await cluster.cli('claim', 'demo/main/b', '--holder', 'y', '--duration', '1m').ended;
  const denied = await cluster.cli('run', 'demo/main/b', '--holder', 'x', '--', 'true').ended;
  expect(denied.code).toBe(1);
  expect(denied.err).toContain('y holds it');
});

test('a signal for it goes to the program, and the lease is released when that has ended', async () => {
  const run = cluster.cli(
    'run',
    'demo/main/c',
    '--holder',
    'x',
    '--',
    'sh',
    '-c',
    'trap "echo asked; exit 3" TERM; echo up; while :; do sleep 0.05; done',
  );
  await run.says('up');
  process.kill(run.pid, 'SIGTERM');
  const { code, out } = await run.ended;
  expect(out).toContain('asked');
  expect(code).toBe(3);
  expect((await cluster.cli('get', 'demo/main/c').ended).code).toBe(1);
});

test.each(['its node is frozen', 'it is frozen itself', 'it is killed itself'])(
  'the program is gone before a rival has the lease when %s',
  async (way) => {
    const [node, other] = cluster.nodes;
    if (node === undefined || other === undefined) throw new Error('there are three nodes');
    const signs = join(freshDirectory(), 'signs');
    const flags = ['--holder', 'x', '--duration', '2s', '--patience', '200ms'];
    const lease = `demo/main/${way.replaceAll(' ', '-')}`;
    const run = leasehold(['run', lease, ...flags, '--', process.execPath, '-e', STUBBORN, signs], { LEASEHOLD_ENDPOINT: node.url });
    await until(() => lastSign(signs) > 0n, 'the program to live');
    if (way === 'its node is frozen') node.signal('SIGSTOP');
    else process.kill(run.pid, way === 'it is frozen itself' ? 'SIGSTOP' : 'SIGKILL');
    const path = `/v1/leases/${lease}`;
    const won = await other.request('PUT', path, { holder: 'rival', durationMs: 60_000, waitMs: 30_000 }, {}, 40_000);
    const wonNs = process.hrtime.bigint();
    expect(won.status).toBe(201);
    await sleep(300);
    expect(lastSign(signs)).toBeLessThan(wonNs);
    if (way === 'its node is frozen') node.signal('SIGCONT');
    if (way === 'it is frozen itself') process.kill(run.pid, 'SIGCONT');
    const { code } = await run.ended;
    if (way === 'its node is frozen') expect(code).toBe(124);
  },
);
