// The first ten minutes of a new user, with nothing but the README: its commands, its program, and what it says that they print.
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readClusterFile } from '../../src/cli/control.ts';
import { endAll, freshDirectory, Process, ROOT } from '../e2e/processes.ts';
import { blocksFor, ReadmeCluster, textOf } from '../e2e/readmes.ts';

const SELF = 'test/examples/trial.test.ts';
/** What a checkout does not have; `npm ci`, which makes the second of these, is represented by that of this project. */
const NOT_CHECKED_OUT = ['.git', 'node_modules', 'dist', 'data', 'coverage'];
const MINUTES_MAX = 10;

const [top = '', trial = ''] = blocksFor(SELF, 'README.md', 'sh');
const [program = ''] = blocksFor(SELF, 'README.md', 'js');
const [told = ''] = blocksFor(SELF, 'README.md', 'text');
let folder = '';
let cluster: ReadmeCluster;

/** The commands of a script, without what stands behind them for people. */
function commandsOf(script: string): string[] {
  return script.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.replace(/ +#.*$/, '')]));
}

beforeAll(async () => {
  folder = join(freshDirectory(), 'leasehold');
  mkdirSync(folder);
  cpSync(ROOT, folder, { recursive: true, filter: (source) => !NOT_CHECKED_OUT.includes(relative(ROOT, source).split('/')[0] ?? '') });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  cluster = await ReadmeCluster.place(join(folder, 'data'));
});
afterAll(async () => {
  interrupt();
  await endAll();
});

/** Ends the cluster that `npm start` started, if it runs. */
function interrupt(): void {
  const running = readClusterFile(join(folder, 'data'));
  if (running !== null) process.kill(running.pid, 'SIGINT');
}

test('the two commands on top are those of package.json: build, then the cluster command with its default ports, and the tests', () => {
  expect(commandsOf(top)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  expect(scripts.start).toBe('npm run --silent build && node dist/cli/main.js cluster --data ./data');
  expect(scripts.test).toContain('vitest run');
});

test('from npm start to a program that holds a lease, loses it when its process is paused, and is told why', {
  timeout: 240_000,
}, async () => {
  const began = performance.now();
  const [first = ''] = commandsOf(top);
  const start = cluster.shell(`${first.replace('npm ci && ', '')} -- ${cluster.flags.join(' ')}`, folder);
  await cluster.isUp(start);

  // Named by the README, in the folder that it names.
  expect(textOf('README.md')).toMatch(/Save this as `worker\.mjs` in the folder of this README/);
  writeFileSync(join(folder, 'worker.mjs'), cluster.moved(program));
  const { code, out, err } = await cluster.shell(trial, folder).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^it is mine, fence \d+\n/);
  let rest = out.split('\n');
  for (const line of told
    .trim()
    .split('\n')
    .filter((each) => each !== '…')) {
    const at = rest.findIndex((each) => pattern(line).test(each));
    expect(at, `${pattern(line)} in what is left of the output:\n${rest.join('\n')}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
  expect(rest).toEqual(['']);

  // What the cluster says of it is about that process, that tenure, and the writes that were let through under it.
  const [, fence] = /^it is mine, fence (\d+)$/m.exec(out) ?? [];
  const [worker] = /worker-\d+/.exec(out) ?? [];
  expect(new Set(out.match(/worker-\d+/g))).toEqual(new Set([worker]));
  const answer = await fetch(`http://127.0.0.1:${cluster.firstPort}/v1/leases/jobs/prod/nightly/history`);
  const { history } = (await answer.json()) as { history: { type: string; holder?: string; fence?: number; cause?: string }[] };
  expect(history[0]).toMatchObject({ type: 'claimed', holder: worker, fence: Number(fence) });
  expect(history.find(({ type }) => type === 'fence-used')).toMatchObject({ holder: worker, fence: Number(fence) });
  expect(history.at(-1)).toMatchObject({ type: 'expired', holder: worker, fence: Number(fence), cause: 'deadline' });
  expect(performance.now() - began).toBeLessThan(MINUTES_MAX * 60_000);

  // Ctrl-C reaches the cluster itself, behind npm and the shell.
  interrupt();
  await start.says('n1 stopped');
  await start.ended;
});

test('the package that the README tells to install in a project of one’s own is the one that npm pack makes here', () => {
  const { name, version } = JSON.parse(textOf('package.json')) as { name: string; version: string };
  expect(textOf('README.md')).toContain(`npm install FOLDER/${name}-${version}.tgz`);
});

test('the same program keeps its lease for as long as it runs', async () => {
  // Nothing is paused here: so it is the pause that ended the tenure above.
  const again = await ReadmeCluster.start();
  writeFileSync(join(folder, 'worker.mjs'), again.moved(program));
  const worker = new Process(process.execPath, ['worker.mjs'], { cwd: folder });
  await worker.says('it is mine');
  // More than twice its lease.
  await sleep(11_000);
  expect(worker.err + worker.out).toMatch(/^it is mine, fence \d+\n$/);
  expect(worker.hasEnded).toBe(false);
});

/** A line of the README as a pattern: every number may be another. */
function pattern(line: string): RegExp {
  const literal = line.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^ *${literal.replace(/\d+(\\\.\d+)?/g, '\\d+(\\.\\d+)?')}$`);
}
