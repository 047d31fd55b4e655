// The trapdoor story: two workers, one paused past its lease. What it writes when it wakes is refused, by the log and by a database outside.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Three } from '../conformance/three.ts';
import { endAll, Process, ROOT, until } from '../e2e/processes.ts';
import { blocksFor } from '../e2e/readmes.ts';
import { CREATE, UPDATE } from './statement.ts';

const SELF = 'test/examples/trapdoor.test.ts';

let three: Three;
let database: PGlite;
let server: Server;

beforeAll(async () => {
  database = await PGlite.create();
  await database.exec(CREATE);
  // What a database server is to the workers: takes a statement, says how many rows it changed.
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { statement, values } = JSON.parse(Buffer.concat(chunks).toString()) as {
      readonly statement: string;
      readonly values: unknown[];
    };
    const { affectedRows } = await database.query(statement, values);
    response.end(JSON.stringify({ rows: affectedRows }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
  await new Promise((resolve) => server.close(resolve));
  await database.close();
});

interface Told {
  readonly fence?: number;
  readonly store?: string;
  readonly index?: number;
  readonly holder?: string | null;
  readonly database?: number;
}

/** Starts a worker; what it has told so far is read from its standard output. */
function startWorker(name: string) {
  const endpoints = three.nodes.map((node) => node.url).join(',');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const process = new Process(globalThis.process.execPath, [
    '--import',
    'tsx',
    join(ROOT, 'test/examples/worker.ts'),
    endpoints,
    url,
    name,
  ]);
  const told = (): Told => {
    const lines = process.out.split('\n').filter((line) => line !== '');
    return Object.assign({}, ...lines.map((line) => JSON.parse(line) as object)) as Told;
  };
  const has = (field: keyof Told) =>
    until(() => {
      if (process.hasEnded && told()[field] === undefined) throw new Error(`${name} ended without a word of ${field}: ${process.err}`);
      return told()[field] !== undefined;
    }, `${name} to tell of ${field}`);
  return { process, told, has };
}

test('a worker that was paused past its lease is refused by the log, with the index that decided, and finds no row in the database', async () => {
  const paused = startWorker('paused');
  await paused.has('fence');
  process.kill(paused.process.pid, 'SIGSTOP');
  const next = startWorker('next');
  await next.has('database');
  await next.process.ended;
  expect(next.told()).toMatchObject({ store: 'written', database: 1 });
  expect(next.told().fence).toBeGreaterThan(paused.told().fence ?? Number.POSITIVE_INFINITY);

  process.kill(paused.process.pid, 'SIGCONT');
  await paused.has('database');
  await paused.process.ended;
  expect(paused.told()).toMatchObject({ store: 'assertion-failed', database: 0 });
  // Decided in the log, after the other's write, whoever held the lease by then.
  expect(paused.told().index).toBeGreaterThan(next.told().index ?? Number.POSITIVE_INFINITY);

  expect((await three.call('GET', '/v1/kv/report')).body).toMatchObject({ value: 'by next', version: 1 });
  const { rows } = await database.query('SELECT body, fence FROM report');
  expect(rows).toEqual([{ body: 'by next', fence: next.told().fence }]);
});

test('without the comparison of fences the paused worker would have overwritten the other, so it is that which guards', async () => {
  await database.exec("UPDATE report SET body = 'by next', fence = 20");
  expect((await database.query(UPDATE, ['by paused', 10])).affectedRows).toBe(0);
  expect((await database.query(UPDATE.replace(/ AND fence.*/, ''), ['by paused', 10])).affectedRows).toBe(1);
});

test('the README shows the statements that are tested here, and no others', () => {
  const shown = blocksFor(SELF, 'test/examples/README.md', 'sql')
    .join('\n')
    .replace(/ *--.*$/gm, '');
  expect(shown.trim().split('\n')).toEqual([...CREATE.split('\n'), `${UPDATE};`]);
});
