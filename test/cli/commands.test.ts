// Each command makes the call that the HTTP contract has for it, prints its answer for people or programs, and ends with the documented exit code.
import { afterEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { deadUrl, problem, type StubAnswer, StubServer } from './stub-server.ts';

const stubs: StubServer[] = [];
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommandLine(argv, { out: (line) => out.push(line), err: (line) => err.push(line), env });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** Runs a command against a stub that gives `answers`; also gives the requests it saw. */
async function against(answers: readonly StubAnswer[], ...argv: string[]) {
  const stub = await StubServer.start(...answers);
  stubs.push(stub);
  const result = await run([...argv, '--endpoint', stub.url, '--patience', '0']);
  return { ...result, requests: stub.requests };
}

const claimBody = {
  namespace: 'demo',
  model: 'main',
  lease: 'leader',
  holder: 'alice',
  fence: 17,
  durationMs: 15_000,
  remainingMs: 14_250,
  session: null,
  pinnedBy: [],
  index: 18,
};

describe('the call of each command', () => {
  const calls: [string, string, string, unknown][] = [
    ['claim demo/main/leader --holder alice --duration 15s', 'PUT', '/v1/leases/demo/main/leader', { holder: 'alice', durationMs: 15_000 }],
    ['claim demo/main/leader --holder alice --session 7', 'PUT', '/v1/leases/demo/main/leader', { holder: 'alice', session: '7' }],
    [
      'extend demo/main/leader --holder alice --duration 500ms',
      'POST',
      '/v1/leases/demo/main/leader/extend',
      { holder: 'alice', durationMs: 500 },
    ],
    [
      'extend demo/main/leader --holder alice --duration 1 --fence 17',
      'POST',
      '/v1/leases/demo/main/leader/extend',
      { holder: 'alice', durationMs: 1, fence: 17 },
    ],
    ['release demo/main/leader --holder a&b', 'DELETE', '/v1/leases/demo/main/leader?holder=a%26b', undefined],
    ['release demo/main/leader --holder alice --fence 17', 'DELETE', '/v1/leases/demo/main/leader?holder=alice&fence=17', undefined],
    ['check demo/main/leader --holder alice', 'POST', '/v1/leases/demo/main/leader/check', { holder: 'alice' }],
    ['check demo/main/leader --holder alice --attempt 1', 'POST', '/v1/leases/demo/main/leader/check', { holder: 'alice', attempt: 1 }],
    ['get demo/main/a/b', 'GET', '/v1/leases/demo/main/a%2Fb', undefined],
    ['get demo/main/leader --stale', 'GET', '/v1/leases/demo/main/leader?consistency=stale', undefined],
    ['explain demo/main/a/b', 'GET', '/v1/leases/demo/main/a%2Fb/history', undefined],
    ['explain demo/main/leader --stale --json', 'GET', '/v1/leases/demo/main/leader/history?consistency=stale', undefined],
    ['pin demo/main/leader machine-0', 'PUT', '/v1/leases/demo/main/leader/pins/machine-0', undefined],
    ['unpin demo/main/leader a/0', 'DELETE', '/v1/leases/demo/main/leader/pins/a%2F0', undefined],
    ['transfer --to n2', 'POST', '/v1/cluster/transfer', { to: 'n2' }],
    ['transfer', 'POST', '/v1/cluster/transfer', {}],
    ['list', 'GET', '/v1/leases', undefined],
    ['list demo/main', 'GET', '/v1/leases/demo/main', undefined],
    ['pins', 'GET', '/v1/pins', undefined],
    ['pins demo/main --json', 'GET', '/v1/pins/demo/main', undefined],
    ['status', 'GET', '/v1/cluster', undefined],
  ];
  test.each(calls)('%s', async (line, method, url, body) => {
    const answer = {
      ...claimBody,
      history: [{ type: 'claimed', index: 17, holder: 'alice', fence: 17, durationMs: 15_000 }],
      truncated: false,
      leases: [claimBody],
      pins: [{ namespace: 'a', model: 'b', lease: 'c', entities: ['x', 'y'] }],
      node: 'n1',
      leader: 'n1',
      term: 3,
      commitIndex: 9,
      members: [],
    };
    const { requests, code, err } = await against([{ status: 200, body: answer }], ...line.split(' '));
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(requests.map(({ headers: _headers, ...request }) => request)).toEqual([{ method, url, body }]);
  });

  test('wait and claim --wait say how long the server may hold them', async () => {
    const waited = await against([{ status: 200, body: { expired: true, index: 4 } }], 'wait', 'demo/main/leader', '--timeout', '2m');
    expect(waited).toMatchObject({ code: 0, out: 'demo/main/leader is free' });
    expect(waited.requests[0]?.url).toMatch(/^\/v1\/leases\/demo\/main\/leader\/expired\?timeoutMs=1\d{5}$/);
    const claimed = await against(
      [{ status: 201, body: claimBody }],
      'claim',
      'demo/main/leader',
      '--holder',
      'alice',
      '--duration',
      '15s',
      '--wait',
      '30s',
    );
    expect(claimed.code).toBe(0);
    const body = claimed.requests[0]?.body as { waitMs?: number } | undefined;
    expect(body?.waitMs).toBeGreaterThan(20_000);
    expect(body?.waitMs).toBeLessThanOrEqual(30_000);
  });

  test('a wait longer than one call may be is made of several', async () => {
    const { code, requests } = await against(
      [problem(408, 'wait-timeout'), problem(408, 'wait-timeout'), { status: 200, body: { expired: true, index: 4 } }],
      'wait',
      'demo/main/leader',
      '--timeout',
      '1h',
    );
    expect(code).toBe(0);
    expect(requests.map(({ url }) => url.split('timeoutMs=')[1])).toEqual(['300000', '300000', '300000']);
  });

  test('list follows the pages to the end', async () => {
    const page = (lease: string, next?: string): StubAnswer => ({
      status: 200,
      body: { leases: [{ ...claimBody, lease }], index: 5, ...(next === undefined ? {} : { next }) },
    });
    const { out, requests } = await against([page('a', 'opaque/1'), page('b')], 'list', '--json');
    expect((JSON.parse(out) as { leases: { lease: string }[] }).leases.map(({ lease }) => lease)).toEqual(['a', 'b']);
    expect(requests[1]?.url).toBe('/v1/leases?after=opaque%2F1');
  });
});

describe('output', () => {
  test('a new tenure, an extended one, and one that is shown', async () => {
    const argv = ['claim', 'demo/main/leader', '--holder', 'alice', '--duration', '15s'];
    expect((await against([{ status: 201, body: claimBody }], ...argv)).out).toBe(
      'demo/main/leader claimed by alice, fence 17, 14.2 s left',
    );
    expect((await against([{ status: 200, body: claimBody }], ...argv)).out).toBe(
      'demo/main/leader extended for alice, fence 17, 14.2 s left',
    );
    const pinned = { ...claimBody, remainingMs: null, pinnedBy: ['a', 'b'] };
    expect((await against([{ status: 200, body: pinned }], 'get', 'demo/main/leader')).out).toBe(
      'demo/main/leader is held by alice, fence 17, pinned by a, b',
    );
  });

  test('with --json the answer is one line, as it came', async () => {
    const { out } = await against([{ status: 200, body: claimBody }], 'get', 'demo/main/leader', '--json');
    expect(JSON.parse(out)).toEqual(claimBody);
    expect(out).not.toContain('\n');
  });

  test('with --json a problem is one line on standard output, with its code and facts', async () => {
    const { out, err, code } = await against(
      [problem(409, 'claim-denied', { holder: 'bob', fence: 7 })],
      'claim',
      'a/b/c',
      '--holder',
      'x',
      '--duration',
      '1s',
      '--json',
    );
    expect(JSON.parse(out)).toEqual({ code: 'claim-denied', status: 409, detail: 'detail of claim-denied', holder: 'bob', fence: 7 });
    expect(err).toBe('');
    expect(code).toBe(1);
  });

  test('a denied claim says who holds it, for how long, and how to queue', async () => {
    const answer = problem(409, 'claim-denied', { holder: 'bob', fence: 7, remainingMs: 61_000, index: 9 });
    const { err } = await against([answer], 'claim', 'a/b/c', '--holder', 'x', '--duration', '1s');
    expect(err).toBe(
      'leasehold: a/b/c is denied: bob holds it, fence 7, 1 min 1 s left.\nQueue for it with --wait 30s, or claim it again later.',
    );
  });

  test('status shows the view of the node that leads, and names the endpoints that do not answer', async () => {
    const member = (id: string, role: string, reachable: boolean) => ({
      id,
      http: `${id}:1`,
      peer: '',
      role,
      voter: true,
      matchIndex: 4,
      appliedIndex: 4,
      lastContactMs: 1_500,
      reachable,
      snapshot: id === 'n2' ? null : { sentRecords: 430, records: 1_000, percent: 43 },
    });
    const view = (node: string) => ({
      node,
      leader: 'n2',
      term: 3,
      commitIndex: 4,
      members: [member('n1', 'follower', node !== 'n2'), member('n2', 'leader', true)],
      index: 4,
    });
    const follower = await StubServer.start({ status: 200, body: view('n1') });
    const leader = await StubServer.start({ status: 200, body: view('n2') });
    stubs.push(follower, leader);
    const dead = await deadUrl();
    const { out, code } = await run(['status'], { LEASEHOLD_ENDPOINT: [follower.url, dead, leader.url].join(',') });
    expect(out.split('\n')).toEqual([
      'n2 leads term 3, committed up to index 4',
      'NODE  ROLE      HTTP  APPLIED  CONTACT',
      'n1    follower  n1:1  4        silent for 1.5 s, gets the state: 43 % of 1000 records',
      'n2    leader    n2:1  4        reachable',
      `${dead} does not answer`,
    ]);
    expect(code).toBe(0);
  });

  test('a replacement is waited for until the old member is none any more: until then its vote may be needed', async () => {
    const member = (id: string) => ({ id, http: '', peer: '', role: 'follower', voter: true, reachable: true, snapshot: null });
    const view = (...ids: string[]): StubAnswer => ({ status: 200, body: { node: 'n1', members: ids.map(member) } });
    const added: StubAnswer = { status: 201, body: { id: 'n4', number: 4, peer: 'h:4', http: '', voter: false } };
    const replace = ['member', 'replace', 'n2', '--with', 'n4', '--peer', 'h:4', '--wait'];
    const { out, requests } = await against([added, view('n1', 'n2', 'n4'), view('n1', 'n4')], ...replace, '20s');
    expect(out).toBe('n4 is member number 4; it votes');
    expect(requests).toHaveLength(3);
    const { code, err } = await against([added, view('n1', 'n2', 'n4')], ...replace, '1ms');
    expect([code, err]).toEqual([1, expect.stringContaining('n4 votes, but n2 is still a member: leave it running')]);
  });
});

describe('exit codes', () => {
  const cases: [number, StubAnswer][] = [
    [1, problem(409, 'claim-denied', { holder: 'bob', fence: 7, remainingMs: null })],
    [1, problem(409, 'not-held', { holder: null, fence: null })],
    [1, problem(404, 'lease-not-found')],
    [1, problem(408, 'wait-timeout')],
    [1, problem(412, 'assertion-failed')],
    [2, problem(400, 'invalid-argument')],
    [2, problem(404, 'not-found')],
    [3, problem(503, 'no-leader')],
    [3, problem(503, 'stopping')],
    [3, problem(429, 'overloaded')],
    [4, problem(504, 'outcome-unknown')],
    [4, problem(500, 'internal')],
    [4, 'hangUp'],
    [4, { status: 200, body: { hello: 'world' }, headers: { 'leasehold-node': '' } }],
  ];
  test.each(cases)('%d for %j', async (code, answer) => {
    expect((await against([answer], 'extend', 'a/b/c', '--holder', 'x', '--duration', '1s')).code).toBe(code);
  });

  test('3 when nobody can be reached, with what to do', async () => {
    const url = await deadUrl();
    const { code, err } = await run(['get', 'a/b/c', '--endpoint', url]);
    expect(code).toBe(3);
    expect(err).toContain(url);
    expect(err).toContain('leasehold cluster');
  });

  test('3 for the status of a cluster without a leader', async () => {
    expect(
      (await against([{ status: 200, body: { node: 'n1', leader: null, term: 2, commitIndex: 1, members: [] } }], 'status')).code,
    ).toBe(3);
  });

  test.each([
    [[], 'Usage'],
    [['frob'], 'unknown command'],
    [['get'], 'missing required argument'],
    [['get', 'ab'], 'NAMESPACE/MODEL/LEASE'],
    [['claim', 'a/b/c', '--holder', 'x'], '--duration 15s'],
    [['claim', 'a/b/c', '--holder', 'x', '--duration', '1s', '--session', '4'], 'one of'],
    [['claim', 'a/b/c', '--duration', '1s'], '--holder'],
    [['claim', 'a/b/c', '--holder', 'x', '--duration', 'soon'], '--duration'],
    [['get', 'a/b/c', '--frob'], 'unknown option'],
    [['get', 'a/b/c', 'd'], 'too many arguments'],
    [['get', 'a/b/c', '--endpoint', 'ftp://x'], 'endpoint'],
    [['cluster', '--nodes', '0'], '--nodes'],
    [['cluster', '--http-port', '65534'], 'beyond 65535'],
    [['cluster', '--http-port', '7801', '--peer-port', '7803'], 'overlap'],
    [['node', '--id', 'n1'], '--http is missing'],
    [['node', '--id', 'n4', '--http', 'h:1', '--peer', 'h:2', '--members', 'n1=h:2', '--data', 'd'], 'not among --members'],
    [['node', '--id', 'n1', '--http', 'h:2', '--peer', 'h:2', '--members', 'n1=h:2', '--data', 'd'], 'different ports'],
    [
      ['node', '--id', 'n1', '--http', 'h:1', '--peer', 'h:2', '--members', 'n1=h:2', '--data', 'd', '--election-timeout', '60ms'],
      'three heartbeats',
    ],
  ])('2 for %j, with what is wrong', async (argv, words) => {
    const { code, err, out } = await run(argv);
    expect(err).toContain(words);
    expect(err).not.toMatch(/^ {4}at /m);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  test('0 for help, which documents the exit codes', async () => {
    for (const argv of [['--help'], ['claim', '--help']]) {
      const { code, out } = await run(argv);
      expect(code).toBe(0);
      expect(out).toContain('Exit codes:');
    }
  });
});
