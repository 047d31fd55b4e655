// T52: a small file system. Growth is refused before the disk is full; a full disk ends the node, and its ballast lets it start again.
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { endAll, freePorts, leasehold, type Process, until } from './processes.ts';

const DISK_BYTES = 512 << 20;
const MIB = 1 << 20;

let mounted: string | null = null;

afterEach(async () => {
  await endAll();
  if (mounted === null) return;
  execFileSync('umount', [mounted]);
  rmdirSync(mounted);
  mounted = null;
});

/** Mounts a file system of 512 MiB; null, and says so, where the machine does not allow that. */
function smallDisk(): string | null {
  const path = join('/tmp', `leasehold-e2e-disk-${process.pid}`);
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'leasehold-e2e', path], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(path);
    process.stdout.write(`disk-full: 1 test SKIPPED: this machine does not allow a mount (${(error as Error).message.trim()})\n`);
    return null;
  }
  mounted = path;
  return path;
}

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
};

/** Does it for all, sixteen at a time. */
async function eachOf<Item>(items: readonly Item[], run: (item: Item) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += 16) await Promise.all(items.slice(at, at + 16).map(run));
}

/** Fills the rest of the disk from outside. */
function fillUp(path: string): void {
  const file = openSync(path, 'w');
  const piece = Buffer.alloc(MIB, 'f');
  try {
    for (let size = MIB; size >= 4_096; size /= 2) {
      try {
        for (;;) writeSync(file, piece, 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

test('T52 a disk of 512 MiB refuses growth before it is full; filled from outside, the node ends with full, and starts again with everything', async ({
  skip,
}) => {
  const disk = smallDisk();
  if (disk === null) return skip();
  const port = await freePorts(2);
  const dataDir = join(disk, 'n1');
  const url = `http://127.0.0.1:${port}`;
  const argv = ['node', '--id', 'n1', '--http', `127.0.0.1:${port}`, '--peer', `127.0.0.1:${port + 1}`];
  argv.push('--members', `n1=127.0.0.1:${port + 1}`, '--data', dataDir, '--disk-reserve', '64MiB', '--ballast', '64MiB');
  const ready = (process: Process): Promise<void> =>
    until(
      async () => {
        if (process.hasEnded) throw new Error(`the node ended: ${process.out}${process.err}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
      },
      () => `the node to be ready: ${process.out}${process.err}`,
    );
  const put = async (key: string, value: string): Promise<{ status: number; body: Record<string, unknown> } | null> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/v1/kv/${key}`, { method: 'PUT', headers, body: JSON.stringify({ value }) }).catch(() => null);
    return response === null ? null : { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const alarms = async (): Promise<unknown> => ((await (await fetch(`${url}/v1/cluster`)).json()) as { alarms: unknown }).alarms;
  let node = leasehold(argv);
  await ready(node);

  // The ballast takes its space: it is not sparse.
  const ballast = join(dataDir, 'ballast');
  await until(() => existsSync(ballast), 'the ballast');
  const { size, blocks } = statSync(ballast);
  expect([size, blocks * 512]).toEqual([64 * MIB, 64 * MIB]);

  // Growth ends before the space does.
  const acknowledged = new Set<string>();
  let refusal: Record<string, unknown> | null = null;
  let leastFree = Number.POSITIVE_INFINITY;
  for (let at = 0; at < 8_000 && refusal === null; at += 4) {
    const keys = [0, 1, 2, 3].map((more) => `k${at + more}`);
    const answers = await Promise.all(keys.map((key) => put(key, `${key} `.padEnd(64 * 1024, 'v'))));
    for (const [place, answer] of answers.entries()) {
      expect(answer?.status, node.err).toBeOneOf([200, 429]);
      if (answer?.status === 200) acknowledged.add(keys[place] ?? '');
      else refusal = answer?.body ?? null;
    }
    leastFree = Math.min(leastFree, freeBytes(disk));
  }
  expect(refusal).toMatchObject({ code: 'no-room', resource: 'disk' });
  expect(leastFree).toBeGreaterThan(0);
  expect(await alarms()).toEqual(['disk-low']);
  // What keeps or frees something goes on.
  expect((await fetch(`${url}/v1/kv/k0`, { method: 'DELETE' })).status).toBe(204);
  acknowledged.delete('k0');
  expect(node.hasEnded).toBe(false);

  // From outside: the node ends with the first write that finds no space.
  const outside = join(disk, 'outside');
  fillUp(outside);
  for (let at = 1; at < acknowledged.size && !node.hasEnded; at++) {
    const gone = await fetch(`${url}/v1/kv/k${at}`, { method: 'DELETE' }).catch(() => null);
    if (gone?.status === 204) acknowledged.delete(`k${at}`);
    else if (gone === null || gone.status === 504) {
      // It may or may not be deleted.
      acknowledged.delete(`k${at}`);
      break;
    }
    fillUp(outside.concat(String(at)));
  }
  const ended = await node.ended;
  expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('this node has ended (full): no space is left')]);
  expect(existsSync(ballast)).toBe(false);
  expect(freeBytes(disk)).toBeGreaterThan(32 * MIB);

  // The next start has the space of the ballast, serves, and says what is wrong.
  node = leasehold(argv);
  await ready(node);
  await until(async () => JSON.stringify(await alarms()) === '["disk-low"]', 'the alarm');
  expect((await put('more', 'v'))?.body).toMatchObject({ code: 'no-room', resource: 'disk' });
  await eachOf([...acknowledged], async (key) => {
    const body = (await (await fetch(`${url}/v1/kv/${key}`)).json()) as Record<string, string>;
    expect(body.value?.slice(0, key.length + 1), key).toBe(`${key} `);
  });
  process.stdout.write(`disk-full: ${acknowledged.size} values acknowledged, at least ${Math.floor(leastFree / MIB)} MiB were free\n`);

  // With space again the alarm clears, and growth goes on. The ballast is written when four reserves are free.
  await eachOf([...acknowledged], (key) => fetch(`${url}/v1/kv/${key}`, { method: 'DELETE' }));
  for (let at = 0; at < 1_000; at++) rmSync(`${outside}${at === 0 ? '' : at}`, { force: true });
  await until(async () => JSON.stringify(await alarms()) === '[]', 'the alarm to clear');
  expect((await put('more', 'v'))?.status).toBe(200);
}, 300_000);

test('a node does not start with less than 32 MiB free', async ({ skip }) => {
  const disk = smallDisk();
  if (disk === null) return skip();
  fillUp(join(disk, 'outside'));
  const port = await freePorts(2);
  const argv = ['node', '--id', 'n1', '--http', `127.0.0.1:${port}`, '--peer', `127.0.0.1:${port + 1}`];
  argv.push('--members', `n1=127.0.0.1:${port + 1}`, '--data', join(disk, 'n1'));
  const { code, err } = await leasehold(argv).ended;
  expect([code, err]).toEqual([1, expect.stringContaining('bytes free, a start takes 33554432')]);
});
