// The ballast file: it takes its space really, is written beside everything else, and gives the space back at once.
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Ballast } from '../../src/io/ballast.ts';
import { DataDirectoryError } from '../../src/io/data-directory-error.ts';
import { checkStartSpace, RealRoomProbe } from '../../src/io/room-probe.ts';

const BYTES = 3 * 1024 * 1024 + 512 * 1024;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ballast-'));
  path = join(directory, 'ballast');
});
afterEach(() => rm(directory, { recursive: true }));

const written = async (): Promise<void> => {
  for (let waited = 0; !existsSync(path); waited++) {
    expect(waited).toBeLessThan(1_000);
    await sleep(10);
  }
};

test('the file is written, not sparse, and replaces one of another size', async () => {
  await writeFile(path, 'short');
  const ballast = new Ballast(directory, BYTES);
  expect(ballast.exists).toBe(false);
  ballast.create();
  ballast.create();
  while (!ballast.exists) await sleep(10);
  const { size, blocks } = statSync(path);
  expect(size).toBe(BYTES);
  expect(blocks * 512).toBeGreaterThanOrEqual(BYTES);
  expect(await readdir(directory)).toEqual(['ballast']);
  await ballast.stop();
  expect(ballast.exists).toBe(true);
});

test('a drop leaves nothing, also of a file that is being written, and ends the writing', async () => {
  const ballast = new Ballast(directory, BYTES);
  ballast.create();
  await sleep(30);
  ballast.drop();
  await ballast.stop();
  expect(await readdir(directory)).toEqual([]);
  ballast.create();
  await sleep(50);
  expect(await readdir(directory)).toEqual([]);
});

test('a size of 0 means no file', async () => {
  const ballast = new Ballast(directory, 0);
  ballast.create();
  await ballast.stop();
  expect(await readdir(directory)).toEqual([]);
});

test('a node writes the ballast when more than four reserves are free, and drops it only if its disk is full', async () => {
  await checkStartSpace(directory);
  const probe = await RealRoomProbe.open({ directory, diskReserveBytes: 1, ballastBytes: BYTES });
  try {
    await written();
    const { freeBytes, totalBytes } = probe.disk();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
    const { usedBytes, limitBytes } = probe.heap();
    expect(usedBytes).toBeGreaterThan(1_000_000);
    expect(limitBytes).toBeGreaterThan(usedBytes / 10);
    probe.failed(new DataDirectoryError('failed', 'another error'));
    expect(existsSync(path)).toBe(true);
    probe.failed(new DataDirectoryError('full', 'no space'));
    expect(existsSync(path)).toBe(false);
  } finally {
    await probe.stop();
  }
});

test('a node whose disk has less than four reserves writes no ballast', async () => {
  const probe = await RealRoomProbe.open({ directory, diskReserveBytes: Number.MAX_SAFE_INTEGER / 8, ballastBytes: BYTES });
  await sleep(600);
  await probe.stop();
  expect(await readdir(directory)).toEqual([]);
});

test('an altered ballast counts as missing', async () => {
  const ballast = new Ballast(directory, BYTES);
  ballast.create();
  await written();
  await truncate(path, BYTES - 1);
  expect(ballast.exists).toBe(false);
  await ballast.stop();
});
