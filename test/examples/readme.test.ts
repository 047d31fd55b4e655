// The program in the README runs as it stands there, but for the addresses.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../e2e/cluster.ts';
import { endAll, Process, ROOT } from '../e2e/processes.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

test('it claims, writes under the lease, and releases, and says that it did', async () => {
  const [, program] = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  const endpoints = cluster.nodes.map(({ url }) => `'${url}'`).join(', ');
  const here = (program ?? '').replace(/endpoints: \[[^\]]*\]/, `endpoints: [${endpoints}]`);
  expect(here).toContain(cluster.nodes[0]?.url);
  const { code, out, err } = await new Process(process.execPath, ['--input-type=module', '-e', here]).ended;
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toMatch(/^jobs\/prod\/nightly \(worker-1, fence \d+\) was released\n$/);
  expect(await cluster.nodes[0]?.request('GET', '/v1/kv/report')).toMatchObject({ body: { value: 'done' } });
  expect(await cluster.nodes[0]?.request('GET', '/v1/leases/jobs/prod/nightly')).toMatchObject({ status: 404 });
});
