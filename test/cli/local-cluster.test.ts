// The processes of a local cluster, with a stub in place of the node program: started, relayed, broken on request, reported when they die.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askCluster, clusterFilePath, readClusterFile, serveControl, writeClusterFile } from '../../src/cli/control.ts';
import { LocalCluster } from '../../src/cli/local-cluster.ts';

/** Says that it is up, counts, and obeys its data directory's name: `dies` ends with last words, `deaf` ignores SIGTERM. */
const STUB_NODE = `
const flag = (name) => process.argv[process.argv.indexOf(name) + 1];
const id = flag('--id');
console.log(id + ' is up, members ' + flag('--members'));
if (flag('--data').includes('dies')) {
  console.error('stub: the disk is gone');
  console.error('    at some place in the program');
  process.exitCode = 7;
} else {
  process.on('SIGTERM', () => { console.log(id + ' stopped'); process.exit(0); });
  process.on('disconnect', () => process.exit(0));
  setInterval(() => console.log(id + ' ticks'), 20);
}
`;

let directory = '';
let cluster: LocalCluster | null = null;
let lines: string[] = [];
let warnings: string[] = [];
let allEnded = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leasehold-test-'));
  writeFileSync(join(directory, 'stub.mjs'), STUB_NODE);
  lines = [];
  warnings = [];
  allEnded = 0;
});

afterEach(async () => {
  cluster?.killAll();
  await cluster?.stop();
  cluster = null;
  rmSync(directory, { recursive: true, force: true });
});

function startCluster(dataDirs: readonly string[]): LocalCluster {
  cluster = new LocalCluster({
    script: join(directory, 'stub.mjs'),
    places: dataDirs.map((name, position) => ({
      id: `n${position + 1}`,
      http: `h:${position}`,
      peer: `p:${position}`,
      dataDir: join(directory, name),
    })),
    relay: { out: (text) => lines.push(text), err: (text) => warnings.push(text) },
    log: (text, level) => (level === 'info' ? lines : warnings).push(text),
    changed: () => {},
    allEnded: () => allEnded++,
  });
  cluster.start();
  return cluster;
}

async function until(holds: () => boolean): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > 15_000)
      throw new Error(`did not come to hold:\n${holds}\nlines: ${lines.slice(-5).join(' | ')}\nwarnings: ${warnings.join(' | ')}`);
    await sleep(10);
  }
}

const ticksOf = (id: string) => lines.filter((line) => line === `${id} ticks`).length;
const stateOf = (id: string) => cluster?.processes().find((node) => node.id === id)?.state;

describe('the processes', () => {
  test('get the same members, and what they say is relayed word for word', async () => {
    startCluster(['a', 'b', 'c']);
    await until(() => ['n1', 'n2', 'n3'].every((id) => lines.includes(`${id} is up, members n1=p:0,n2=p:1,n3=p:2`)));
    expect(warnings).toEqual([]);
  });

  test('one that dies by itself is reported with its last words, and the others go on', async () => {
    startCluster(['a', 'dies', 'c']);
    await until(() => warnings.some((text) => text.startsWith('n2 ended')));
    expect(warnings.at(-1)).toBe('n2 ended with code 7. Its last words: stub: the disk is gone\nThe cluster goes on with n1, n3.');
    expect(stateOf('n2')).toBe('down');
    expect(allEnded).toBe(0);
  });

  test('when all have died by themselves, that is told once', async () => {
    startCluster(['dies-1', 'dies-2']);
    await until(() => allEnded > 0);
    expect(warnings.at(-1)).toContain('No node is left.');
    expect(allEnded).toBe(1);
  });

  test('one that is killed on request is no accident, and comes back with restart', async () => {
    const local = startCluster(['a']);
    await until(() => ticksOf('n1') > 0);
    const before = local.processes()[0]?.pid;
    expect(await local.kill('n1')).toContain(`pid ${before}`);
    expect(stateOf('n1')).toBe('down');
    expect(warnings).toEqual([]);
    expect(allEnded).toBe(0);
    await expect(local.kill('n1')).rejects.toThrow('n1 does not run');
    await local.restart('n1');
    expect(local.processes()[0]?.pid).not.toBe(before);
    expect(stateOf('n1')).toBe('running');
  });

  test('a paused one stands still until it is resumed', async () => {
    const local = startCluster(['a', 'b']);
    await until(() => ticksOf('n1') > 0);
    local.pause('n1');
    expect(stateOf('n1')).toBe('paused');
    await sleep(200);
    const ticks = ticksOf('n1');
    const others = ticksOf('n2');
    await until(() => ticksOf('n2') > others + 3);
    expect(ticksOf('n1')).toBe(ticks);
    expect(() => local.pause('n1')).toThrow('paused already');
    local.resume('n1');
    expect(() => local.resume('n1')).toThrow('not paused');
    await until(() => ticksOf('n1') > ticks);
  });

  test('all are stopped in order, a paused one too', async () => {
    const local = startCluster(['a', 'b']);
    await until(() => ticksOf('n1') > 0 && ticksOf('n2') > 0);
    local.pause('n2');
    await local.stop();
    expect(lines).toContain('n1 stopped');
    expect(lines).toContain('n2 stopped');
    expect(local.processes().map((node) => node.state)).toEqual(['down', 'down']);
    expect(warnings).toEqual([]);
  });

  test('a node of no such name is refused with the names there are', async () => {
    const local = startCluster(['a', 'b']);
    await expect(local.kill('n9')).rejects.toThrow('there is no node "n9" here: n1, n2');
  });
});

describe('the control socket', () => {
  test('answers its owner, and is readable by nobody else', async () => {
    const server = await serveControl(directory, async (request) => ({ ok: true, text: `asked to ${request.do}` }));
    writeClusterFile(directory, { pid: process.pid, control: server.path, nodes: [] });
    expect(statSync(server.path).mode & 0o777).toBe(0o600);
    expect(statSync(clusterFilePath(directory)).mode & 0o777).toBe(0o600);
    expect(await askCluster(directory, { do: 'kill', node: 'n1' })).toEqual({ ok: true, text: 'asked to kill' });
    server.close();
  });

  test('a second cluster on the same directory is refused, and one whose process is gone is not', async () => {
    const first = await serveControl(directory, async () => ({ ok: true, text: '' }));
    writeClusterFile(directory, { pid: process.pid, control: first.path, nodes: [] });
    await expect(serveControl(directory, async () => ({ ok: true, text: '' }))).rejects.toThrow(`already (pid ${process.pid})`);
    first.close();
    expect(readClusterFile(directory)).not.toBeNull();
    (await serveControl(directory, async () => ({ ok: true, text: '' }))).close();
  });

  test('a failed request is answered with its reason, and no cluster at all with what to do', async () => {
    await expect(askCluster(directory, { do: 'status' })).rejects.toThrow('start one with leasehold cluster');
    const server = await serveControl(directory, async () => {
      throw new Error('no such node');
    });
    writeClusterFile(directory, { pid: process.pid, control: server.path, nodes: [] });
    expect(await askCluster(directory, { do: 'status' })).toEqual({ ok: false, text: 'no such node' });
    server.close();
    await expect(askCluster(directory, { do: 'status' })).rejects.toThrow('does not answer');
  });

  test('a directory whose path is too long for a socket gets one elsewhere', async () => {
    const deep = join(directory, 'd'.repeat(120));
    const server = await serveControl(deep, async () => ({ ok: true, text: 'here' }));
    expect(Buffer.byteLength(server.path)).toBeLessThan(108);
    server.close();
  });
});
