// What the command line says of a real cluster that loses its leader, and then its majority: who leads, since when, and by name who does not answer.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from './cluster.ts';
import { endAll, until } from './processes.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

test('status --watch sees the leader die, goes on with another node, shows the gap, and ends by Ctrl-C with 130', async () => {
  const leader = await cluster.agreed();
  const { url } = leader;
  // Only the node that is about to die is named.
  const watch = cluster.cli('status', '--watch', '--interval', '200ms', '--endpoint', url);
  await watch.says(new RegExp(`^${leader.id} leads term \\d+`, 'm'));
  await leader.end('SIGKILL');
  const rest = cluster.nodes.filter((node) => node !== leader);
  const next = await cluster.agreed(rest);
  await watch.says(new RegExp(`ago +${next.id} leads term \\d+ after \\d+(\\.\\d)? m?s without a leader`));
  await watch.says(new RegExp(`^${leader.id} .*does not answer`, 'm'));
  process.kill(watch.pid, 'SIGINT');
  expect(await watch.ended).toMatchObject({ code: 130, err: '' });
  expect(watch.out).not.toContain('\u001b');
  leader.restart();
  await cluster.agreed();
});

test('without a majority every command says by name who does not answer', async () => {
  const leader = await cluster.agreed();
  const dead = cluster.nodes.filter((node) => node !== leader);
  await Promise.all(dead.map((node) => node.end('SIGKILL')));
  const names = dead.map(({ id }) => id).join(' and ');
  await until(async () => (await leader.request('GET', '/v1/cluster')).body.leader === null, 'the leader to step down');
  const claim = await cluster.cli('claim', 'demo/main/x', '--holder', 'h', '--duration', '1s', '--patience', '200ms').ended;
  expect(claim).toMatchObject({ code: 3, err: expect.stringMatching(new RegExp(`^leasehold: no leader: ${names} do not answer\\.\n`)) });
  const status = await cluster.cli('status').ended;
  expect(status.code).toBe(3);
  expect(status.out).toMatch(new RegExp(`^no leader in term \\d+, as ${leader.id} sees it: ${names} do not answer\n`));
  const list = await cluster.cli('list', '--json', '--patience', '200ms').ended;
  expect(JSON.parse(list.out)).toMatchObject({ code: 'no-leader', silent: dead.map(({ id }) => id) });
});
