// How a node is told and what it tells: settings without a flag, logs for programs, and a reader of them that stalls.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { readClusterFile } from '../../src/cli/control.ts';
import { endAll, freePorts, freshDirectory, leasehold, PROGRAM, Process, until } from './processes.ts';
import { blocksFor } from './readmes.ts';

const SELF = 'test/e2e/operation.test.ts';

afterAll(endAll);

interface Line {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** What it wrote on standard output, each line an object of JSON. */
function linesOf({ out }: Process): Line[] {
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

test('a cluster is told by its environment and a file, its nodes by nobody else, and every line is JSON with what it is about', async () => {
  const data = freshDirectory();
  const httpPort = await freePorts(6);
  const config = join(data, 'cluster.toml');
  writeFileSync(config, 'heartbeat = "60ms"\nelection-timeout = 700\n');
  const cluster = leasehold(['cluster'], {
    LEASEHOLD_CONFIG: config,
    LEASEHOLD_DATA: data,
    LEASEHOLD_HTTP_PORT: String(httpPort),
    LEASEHOLD_PEER_PORT: String(httpPort + 3),
    LEASEHOLD_LOG_FORMAT: 'json',
    // Meant for a node, and wrong for each of these.
    LEASEHOLD_ID: 'n9',
    LEASEHOLD_HTTP: '127.0.0.1:1',
    LEASEHOLD_JOIN: 'http://127.0.0.1:1',
  });
  await cluster.says(/"role":"leader"/);
  for (const id of ['n1', 'n2', 'n3']) await cluster.says(`${id} answers at`);
  const [leads] = linesOf(cluster).filter((line) => line.role === 'leader');
  expect(leads).toMatchObject({ level: 'info', node: expect.stringMatching(/^n[123]$/), leaderlessMs: expect.any(Number) });
  expect(leads?.msg).toBe(`${leads?.node} leads term ${leads?.term} after ${leads?.leaderlessMs} ms without a leader`);
  expect([leads?.term, leads?.index, leads?.leader]).toEqual([expect.any(Number), expect.any(Number), leads?.node]);

  // As cluster/README.md shows it.
  const [shown = ''] = blocksFor(SELF, 'cluster/README.md', 'json');
  expect(Object.keys(JSON.parse(shown) as Line)).toEqual(Object.keys(leads ?? {}));

  const victim = readClusterFile(data)?.nodes.find((node) => node.id !== leads?.node);
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await cluster.says('Its last words');
  const [ended] = linesOf(cluster).filter((line) => line.level === 'warn');
  expect(ended).toMatchObject({
    node: victim?.id,
    msg: expect.stringMatching(/ended by SIGKILL\. Its last words: n[123] [^{]*\nThe cluster goes on/),
  });

  process.kill(cluster.pid, 'SIGTERM');
  const { code, err } = await cluster.ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = linesOf(cluster);
  for (const line of lines) {
    expect(new Date(line.time).toISOString()).toBe(line.time);
    expect(line).toMatchObject({ level: expect.stringMatching(/^(info|warn)$/), msg: expect.any(String) });
  }
  expect(
    lines
      .filter((line) => / stopped$/.test(line.msg))
      .map((line) => line.node)
      .sort(),
  ).toHaveLength(2);
});

test('a node whose reader stalls drops lines whole, keeps answering, and tells again when it is read', async () => {
  const data = freshDirectory();
  const httpPort = await freePorts(2);
  const config = join(data, 'node.toml');
  writeFileSync(
    config,
    `id = "n1"\nhttp = "127.0.0.1:${httpPort}"\npeer = "127.0.0.1:${httpPort + 1}"\ndata = ${JSON.stringify(join(data, 'n1'))}\n` +
      `log-format = "json"\nlog-level = "debug"\n\n[members]\nn1 = "127.0.0.1:${httpPort + 1}"\n`,
  );
  const node = leasehold(['node', '--config', config]);
  await node.says(/"role":"leader"/);
  const url = `http://127.0.0.1:${httpPort}`;
  const lease = 'x'.repeat(256);
  const path = `/v1/leases/${lease}/${lease}/${lease}`;
  const get = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) {
      const answer = await fetch(`${url}${path}?consistency=stale`);
      expect(answer.status).toBe(404);
      await answer.arrayBuffer();
    }
  };
  await get(1);
  await until(() => linesOf(node).some((line) => line.operation === 'get-claim'), 'a line about a request');
  expect(linesOf(node).find((line) => line.operation === 'get-claim')).toMatchObject({
    ...{ level: 'debug', node: 'n1', lease: `${lease}/${lease}/${lease}`, status: 404, code: 'lease-not-found' },
    ...{ term: expect.any(Number), index: expect.any(Number), durationMs: expect.any(Number) },
  });

  const before = node.out.length;
  const lineBytes = node.out.split('\n').find((line) => line.includes('get-claim'))?.length ?? 0;
  node.child.stdout?.pause();
  const requests = 4_000;
  await Promise.all(Array.from({ length: 8 }, () => get(requests / 8)));
  node.child.stdout?.resume();
  // It has said all that it had kept once it says something new.
  const claimed = await fetch(`${url}/v1/leases/demo/main/last`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ holder: 'alice', durationMs: 60_000 }),
  });
  expect(claimed.status).toBe(201);
  await until(async () => {
    await fetch(`${url}/livez`);
    await sleep(20);
    return node.out.includes('livez');
  }, 'the node to tell again');
  const told = node.out.length - before;
  expect(requests * lineBytes).toBeGreaterThan(6 * (1 << 20));
  expect(told).toBeGreaterThan(1 << 19);
  expect(told).toBeLessThan(2 * (1 << 20));
  // None was cut.
  expect(linesOf(node).every((line) => line.level === 'debug' || line.level === 'info')).toBe(true);
  process.kill(node.pid, 'SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0, err: '' });
});

test('an SDK that cluster/README.md registers before the node gets a span of each request', async () => {
  const data = freshDirectory();
  const httpPort = await freePorts(2);
  const spans = join(data, 'spans');
  const api = createRequire(import.meta.url).resolve('@opentelemetry/api');
  const [tracing = ''] = blocksFor(SELF, 'cluster/README.md', 'js');
  writeFileSync(join(data, 'tracing.mjs'), tracing);
  // Stands in for the SDK, which does not run on this Node: it registers as that does, through the API.
  stubPackage(data, '@opentelemetry/exporter-trace-otlp-http', 'exports.OTLPTraceExporter = class {};');
  stubPackage(
    data,
    '@opentelemetry/sdk-node',
    `const { appendFileSync } = require('node:fs');
     const { INVALID_SPAN_CONTEXT, trace } = require(${JSON.stringify(api)});
     const span = (name) => ({
       spanContext: () => INVALID_SPAN_CONTEXT,
       isRecording: () => true,
       setAttribute: () => {},
       setStatus: () => {},
       end: () => appendFileSync(${JSON.stringify(spans)}, name + '\\n'),
     });
     exports.NodeSDK = class {
       start() {
         trace.setGlobalTracerProvider({ getTracer: (by) => ({ startSpan: (name) => span(by + ': ' + name) }) });
       }
     };`,
  );
  const [http, peer] = [`127.0.0.1:${httpPort}`, `127.0.0.1:${httpPort + 1}`];
  const place = ['--id', 'n1', '--http', http, '--peer', peer, '--members', `n1=${peer}`, '--data', join(data, 'n1')];
  const node = new Process(process.execPath, ['--import', join(data, 'tracing.mjs'), PROGRAM, 'node', ...place]);
  await node.says('n1 answers at');
  await fetch(`http://${http}/livez`);
  await until(() => readFileSync(spans, { encoding: 'utf8', flag: 'a+' }).includes('leasehold: GET /livez\n'), 'the span');
  process.kill(node.pid, 'SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0, err: '' });
});

function stubPackage(directory: string, name: string, source: string): void {
  const folder = join(directory, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.js'), source);
}
