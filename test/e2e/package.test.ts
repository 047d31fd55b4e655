// The package as it would be published, in a project of somebody else: what is in it, its types, and programs that use it.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, posix } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from './browser.ts';
import { Consumer, type Packed, pack, succeeded } from './consumer.ts';
import { endAll, freePorts, freshDirectory, type Process, until } from './processes.ts';

/** About half as much again as on the day on which this was written. */
const FILES_MAX = 900;
const PACKED_MAX_BYTES = 600_000;
const UNPACKED_MAX_BYTES = 2_200_000;

const NODENEXT = { module: 'nodenext', target: 'esnext', types: ['node'] };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler', target: 'es2022', types: ['node'] };
/** A page's program, on a machine without Node's types. */
const BROWSER = { module: 'esnext', moduleResolution: 'bundler', target: 'es2022', lib: ['es2022', 'dom'], types: [] };

const CLIENT_PROGRAM = `
import { type HeldLease, LeaseholdClient, LeaseLostError } from 'leasehold/client';
const client = new LeaseholdClient({ endpoints: ['http://127.0.0.1:7801'] });
const lease: HeldLease = await client.claim('jobs/prod/nightly', { holder: 'worker', durationMs: 15_000, waitMs: 1_000 });
export const fence: number = lease.fence;
const reason: unknown = lease.signal.reason;
if (reason instanceof LeaseLostError) reason.reason satisfies string;
for await (const event of client.watch()) event.type satisfies string;
await lease[Symbol.asyncDispose]();
`;
const EMBEDDING_PROGRAM = `
import { FakeLessor, isTimeout, type Key, type Manager, ManualClock, startMemoryNode, startNode } from 'leasehold';
const node = await startMemoryNode({ clock: new ManualClock() });
node.manager satisfies Manager;
export type Named = Key;
void [FakeLessor, isTimeout, startNode];
`;
const COMMONJS_TYPES = `
import { LeaseholdClient } from 'leasehold/client';
import leasehold = require('leasehold');
void [new LeaseholdClient({ endpoints: ['http://127.0.0.1:7801'] }), leasehold.startNode];
`;
const WRONG_PROGRAM = `
import { LeaseholdClient } from 'leasehold/client';
import { isTimeout } from 'leasehold';
const client = new LeaseholdClient({ endpoints: 'http://127.0.0.1:7801' });
await client.claim('jobs/prod/nightly', { holder: 1, durationMs: 15_000 });
isTimeout.absent;
`;
/** Claims by the node that the second argument names, shows what it holds, and gives it back. */
const CLAIMING_PROGRAM = `
import { LeaseholdClient } from 'leasehold/client';
const client = new LeaseholdClient({ endpoints: [process.argv[2]] });
const worker = process.argv[3] === 'thread' ? { maxStallMs: 5_000 } : undefined;
const lease = await client.claim('jobs/prod/nightly', { holder: 'worker', durationMs: 15_000, waitMs: 20_000, ...(worker && { worker }) });
lease.assertHeld();
console.log('fence', lease.fence);
await client.kv.put('report', 'done', { gates: [lease] });
await lease.release();
`;
/** Prints warnings as well. */
const COMMONJS_PROGRAM = `
process.on('warning', (warning) => console.log(warning.message));
const { LeaseholdClient } = require('leasehold/client');
const { ManualClock, startMemoryNode } = require('leasehold');
startMemoryNode({ clock: new ManualClock() }).then((node) => {
  console.log(typeof LeaseholdClient, Object.keys(node).includes('manager'));
  return node.stop();
});
`;

/** Runs in a page. */
const PAGE_PROGRAM = `(async () => {
  const { LeaseholdClient } = await import('/package/client/index.js');
  const client = new LeaseholdClient({ endpoints: [location.origin] });
  const lease = await client.claim('jobs/prod/page', { holder: 'page', durationMs: 15_000 });
  lease.assertHeld();
  const { holder } = await client.get('jobs/prod/page');
  const inThread = client.claim('jobs/prod/thread', { holder: 'page', durationMs: 1_000, worker: { maxStallMs: 500 } });
  const threaded = await inThread.then(() => 'granted', (error) => error.message);
  await lease.release();
  return { holder, after: [await client.get('jobs/prod/page'), await client.get('jobs/prod/thread')], threaded };
})()`;

let packed: Packed;
let consumer: Consumer;

beforeAll(async () => {
  packed = await pack();
  consumer = await Consumer.install(packed.tarball);
}, 180_000);
afterAll(endAll);

describe('the tarball', () => {
  test('holds the built program, three papers and nothing else, and is not large', () => {
    const unpackedBytes = packed.files.reduce((sum, { size }) => sum + size, 0);
    process.stdout.write(`the package: ${packed.files.length} files, ${packed.bytes} bytes packed, ${unpackedBytes} unpacked\n`);
    const others = packed.files.map(({ path }) => path).filter((path) => !/^dist\/[\w/-]+\.(js|d\.ts)$/.test(path));
    expect(others.filter((path) => !/^dist\/dashboard\/[\w-]+\.(html|css|svg)$/.test(path)).toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
    ]);
    expect(packed.files.length).toBeLessThan(FILES_MAX);
    expect(packed.bytes).toBeLessThan(PACKED_MAX_BYTES);
    expect(unpackedBytes).toBeLessThan(UNPACKED_MAX_BYTES);
  });

  test('points to no source map', () => {
    const scripts = packed.files.filter(({ path }) => path.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(100);
    expect(scripts.filter(({ path }) => readFileSync(join(consumer.package, path), 'utf8').includes('sourceMappingURL'))).toEqual([]);
  });

  test('is what publint wants of a package, and publint would see a fault', async () => {
    const messages = async (directory: string) => (await publint({ pkgDir: directory, pack: false, level: 'suggestion' })).messages;
    expect(await messages(consumer.package)).toEqual([]);
    const faulty = join(freshDirectory(), 'faulty');
    cpSync(consumer.package, faulty, { recursive: true });
    const manifest = readFileSync(join(faulty, 'package.json'), 'utf8');
    writeFileSync(join(faulty, 'package.json'), manifest.replace('./dist/client/index.d.ts', './dist/client/absent.d.ts'));
    expect(await messages(faulty)).toMatchObject([{ code: 'FILE_DOES_NOT_EXIST', path: ['exports', './client', 'types'], type: 'error' }]);
  });
});

describe('its types, with the declarations checked as well', () => {
  test.each([
    ['both entries', 'nodenext', 'both.ts', CLIENT_PROGRAM + EMBEDDING_PROGRAM, NODENEXT],
    ['both entries', 'bundler', 'both.ts', CLIENT_PROGRAM + EMBEDDING_PROGRAM, BUNDLER],
    ['both entries in CommonJS', 'nodenext', 'both.cts', COMMONJS_TYPES, NODENEXT],
    ['the client in a page', 'bundler, without the types of Node', 'page.ts', CLIENT_PROGRAM, BROWSER],
  ])('suit %s under %s', async (_, __, file, program, options) => {
    consumer.write(file, program);
    expect(await consumer.typeErrors(file, options)).toBe('');
  });

  test('find the mistakes of a program', async () => {
    consumer.write('wrong.ts', WRONG_PROGRAM);
    const errors = await consumer.typeErrors('wrong.ts', NODENEXT);
    expect(errors.match(/error TS\d+/g)).toEqual(['error TS2322', 'error TS2322', 'error TS2339']);
  });
});

test('a program of CommonJS requires both entries, and Node warns of nothing', async () => {
  consumer.write('program.cjs', COMMONJS_PROGRAM);
  expect((await succeeded(consumer.node('program.cjs'))).out).toBe('function true\n');
});

describe('a node that the package’s own program runs', () => {
  let node: Process;
  let url: string;

  beforeAll(async () => {
    const port = await freePorts(2);
    url = `http://127.0.0.1:${port}`;
    const peer = `127.0.0.1:${port + 1}`;
    const place = ['--id', 'n1', '--members', `n1=${peer}`, '--peer', peer, '--http', `127.0.0.1:${port}`];
    node = consumer.leasehold('node', ...place, '--data', join(consumer.directory, 'data'));
    await node.says(/leads term/);
    await until(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok === true, 'it to be ready');
  });

  test('takes a claim of the program', async () => {
    const claim = ['claim', 'jobs/prod/other', '--holder', 'alice', '--duration', '1m', '--endpoint', url];
    expect((await succeeded(consumer.leasehold(...claim))).out).toContain('alice');
    const { version } = JSON.parse(readFileSync(join(consumer.package, 'package.json'), 'utf8')) as { version: string };
    expect((await succeeded(consumer.leasehold('--version'))).out).toBe(`${version}\n`);
  });

  test.each(['here', 'thread'])('takes a claim, and a gated write, of a client that renews %s', async (where) => {
    consumer.write('claiming.js', CLAIMING_PROGRAM);
    expect((await succeeded(consumer.node('claiming.js', url, where))).out).toMatch(/^fence \d+\n$/);
  });

  test('serves a client in a browser, which loads the package’s files as they are', async () => {
    const site = await siteBefore(url, join(consumer.package, 'dist'));
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(site.url);
      expect(await page.evaluate(PAGE_PROGRAM)).toEqual({
        holder: 'page',
        after: [null, null],
        threaded: 'renewal in a worker thread needs Node',
      });
    } finally {
      await browser.close();
      await site.close();
    }
  });

  test('ends with its signal, and well', async () => {
    process.kill(node.pid, 'SIGTERM');
    expect((await node.ended).code).toBe(0);
  });
});

test('what the client’s entry reaches by any import is its own, so that a bundler for browsers can follow all of it', () => {
  const seen = new Set<string>();
  const foreign: string[] = [];
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(consumer.package, file), 'utf8').replaceAll(/\bimport\(('[^']+')\)/g, '\nimport $1');
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export) (?:[^'"\n]* from )?'([^']+)'/gm)) {
      if (specifier.startsWith('.')) follow(posix.join(posix.dirname(file), specifier));
      else foreign.push(`${file}: ${specifier}`);
    }
  };
  follow('dist/client/index.js');
  expect(seen.size).toBeGreaterThan(10);
  expect(foreign).toEqual([]);
});

/** A page's own server: gives out the files of `folder` under `/package`, and passes what begins with `/v1` on to the node at `url`. */
async function siteBefore(url: string, folder: string): Promise<{ readonly url: string; close(): Promise<unknown> }> {
  const server = createServer((asked, answer) => {
    const path = asked.url ?? '/';
    if (path.startsWith('/v1/')) {
      const passed = request(url + path, { method: asked.method, headers: asked.headers }, (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      passed.on('error', () => answer.destroy());
      asked.pipe(passed);
    } else if (path.startsWith('/package/')) {
      answer.setHeader('content-type', 'text/javascript');
      answer.end(readFileSync(join(folder, path.slice('/package/'.length))));
    } else {
      answer.setHeader('content-type', 'text/html');
      answer.end('<!doctype html><title>A page that holds a lease</title>');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
