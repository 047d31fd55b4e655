// Addresses of real nodes: IPv6 everywhere, and nodes that listen everywhere and tell where they are found.
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endAll, freePorts, freshDirectory, leasehold, type Process, until } from './processes.ts';

afterAll(endAll);

const MEMBERS = ['n1', 'n2', 'n3'];

interface Member {
  readonly id: string;
  readonly http: string;
  readonly peer: string;
}

async function membersAt(url: string): Promise<readonly Member[]> {
  return ((await (await fetch(`${url}/v1/cluster`)).json()) as { members: Member[] }).members;
}

async function ready(url: string, process: Process): Promise<void> {
  await until(
    async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok === true,
    () => `${url} to be ready: ${process.out}${process.err}`,
  );
}

test('[::1] works everywhere: members, peers, client, status, and a node that joins', async () => {
  const first = await freePorts(8);
  const directory = freshDirectory();
  const members = MEMBERS.map((id, at) => `${id}=[::1]:${first + 4 + at}`).join(',');
  const argv = (id: string, at: number, ...flags: string[]) => [
    ...['node', '--id', id, '--http', `[::1]:${first + at}`, '--peer', `[::1]:${first + 4 + at}`, ...flags, '--data', join(directory, id)],
  ];
  const nodes = MEMBERS.map((id, at) => leasehold(argv(id, at, '--members', members)));
  const url = `http://[::1]:${first}`;
  await ready(url, nodes[0] as Process);
  const claim = await leasehold(['claim', 'a/b/c', '--holder', 'h', '--duration', '1m', '--endpoint', url]).ended;
  expect([claim.code, claim.err]).toEqual([0, '']);
  const joined = leasehold(argv('n4', 3, '--join', url));
  await ready(`http://[::1]:${first + 3}`, joined);
  expect((await membersAt(url)).map(({ id, http, peer }) => [id, http, peer])).toEqual(
    ['n1', 'n2', 'n3', 'n4'].map((id, at) => [id, `[::1]:${first + at}`, `[::1]:${first + 4 + at}`]),
  );
  const status = await leasehold(['status', '--endpoint', url]).ended;
  expect(status.code).toBe(0);
  expect(status.out.match(/reachable/g)).toHaveLength(4);
});

test('nodes that listen everywhere tell where they are found; who cannot say it does not start', async () => {
  const first = await freePorts(8);
  const directory = freshDirectory();
  const members = MEMBERS.map((id, at) => `${id}=127.0.0.1:${first + 4 + at}`).join(',');
  const argv = (id: string, at: number, ...flags: string[]) => [
    ...['node', '--id', id, '--http', `0.0.0.0:${first + at}`, '--peer', `0.0.0.0:${first + 4 + at}`, ...flags],
    ...['--data', join(directory, id)],
  ];
  const advertised = (at: number) => ['--advertise-http', `127.0.0.1:${first + at}`, '--advertise-peer', `127.0.0.1:${first + 4 + at}`];
  const url = `http://127.0.0.1:${first}`;
  // One template for all: the fourth is not among the members, so it joins.
  const template = ['--members', members, '--join', url];
  const nodes = MEMBERS.map((id, at) => leasehold(argv(id, at, ...template, ...advertised(at))));
  await ready(url, nodes[0] as Process);
  const refused = await leasehold(argv('n4', 3, ...template)).ended;
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('--advertise-http')]);
  const noPeer = await leasehold(argv('n4', 3, ...template, '--advertise-http', '127.0.0.1:1')).ended;
  expect([noPeer.code, noPeer.err]).toEqual([2, expect.stringContaining('--advertise-peer')]);
  await ready(`http://127.0.0.1:${first + 3}`, leasehold(argv('n4', 3, ...template, ...advertised(3))));
  for (const at of [0, 1, 2, 3]) {
    const list = await membersAt(`http://127.0.0.1:${first + at}`);
    expect(list.map(({ http, peer }) => [http, peer])).toEqual(
      [0, 1, 2, 3].map((each) => [`127.0.0.1:${first + each}`, `127.0.0.1:${first + 4 + each}`]),
    );
  }
  // The cluster takes no such address from anybody.
  for (const body of [
    { id: 'n5', peer: '0.0.0.0:7905' },
    { id: 'n5', peer: '127.0.0.1:7905', http: '[::]:7805' },
  ]) {
    const answer = await fetch(`${url}/v1/cluster/members`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'invalid-argument' })]);
  }
});
