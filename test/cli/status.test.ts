// `leasehold status`, once and watching: it asks every node that it knows, says by name who does not answer, and goes on when the node asked dies.
import { afterEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { deadUrl, problem, type StubAnswer, StubServer } from './stub-server.ts';
import { FakeTerminal } from './terminal.ts';

const stubs: StubServer[] = [];
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

async function serve(answer: StubAnswer): Promise<StubServer> {
  const stub = await StubServer.start(answer);
  stubs.push(stub);
  return stub;
}

interface MemberFacts {
  readonly id: string;
  readonly url: string;
  readonly reachable?: boolean;
  readonly lastContactMs?: number | null;
}

/** A node's view of the cluster. */
function view(node: string, leader: string | null, term: number, index: number, members: readonly MemberFacts[]) {
  return {
    ...{ node, leader, term, commitIndex: 20, index },
    members: members.map(({ id, url, reachable = true, lastContactMs = id === node ? 0 : 40 }) => ({
      ...{
        id,
        http: url.replace('http://', ''),
        peer: '127.0.0.1:1',
        voter: true,
        matchIndex: null,
        snapshot: null,
        reachable,
        lastContactMs,
      },
      ...{ role: id === leader ? 'leader' : 'follower', appliedIndex: id === node ? index : null },
    })),
  };
}

interface RunOptions {
  readonly terminal?: FakeTerminal;
  readonly interrupted?: (stop: () => void) => void;
  readonly onLine?: (line: string) => void;
}

async function run(argv: readonly string[], { terminal, interrupted, onLine }: RunOptions = {}) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCommandLine(argv, {
    out: (line) => {
      out.push(line);
      onLine?.(line);
    },
    err: (line) => err.push(line),
    env: { NO_COLOR: '1' },
    outTerminal: terminal,
    ...(interrupted === undefined ? {} : { onInterrupt: interrupted }),
  });
  return { code, out, err: err.join('\n') };
}

/** Two nodes of three: `n1` answers, `n2` too; nobody is where `n3` should be. */
async function cluster(leader: string | null) {
  const urls: Record<string, string> = { n3: await deadUrl() };
  const members = (node: string): MemberFacts[] =>
    ['n1', 'n2', 'n3'].map((id) => ({
      id,
      url: urls[id] ?? '',
      reachable: id !== 'n3',
      lastContactMs: id === 'n3' ? 9_000 : id === node ? 0 : 40,
    }));
  const reigns = [
    { index: 1, term: 1, agoMs: 61_000, node: 'n2', leaderlessMs: null },
    { index: 9, term: 3, agoMs: 12_000, node: 'n1', leaderlessMs: 84 },
  ];
  const answer =
    (node: string, index: number): StubAnswer =>
    ({ url }) =>
      url === '/dashboard/feed' ? { status: 200, body: { reigns } } : { status: 200, body: view(node, leader, 3, index, members(node)) };
  const n1 = await serve(answer('n1', 20));
  const n2 = await serve(answer('n2', 17));
  urls.n1 = n1.url;
  urls.n2 = n2.url;
  return { n1, n2, urls };
}

describe('once', () => {
  test('members that were not named are asked as well, so that it is known how far each has come', async () => {
    const { n1, urls } = await cluster('n1');
    const { code, out } = await run(['status', '--endpoint', n1.url]);
    expect(code).toBe(0);
    expect(out[0]).toBe('n1 leads term 3, committed up to index 20');
    expect(out.slice(1).map((line) => line.replace(/ +/g, ' '))).toEqual([
      'NODE ROLE HTTP APPLIED CONTACT',
      `n1 leader ${urls.n1?.slice(7)} 20 reachable`,
      `n2 follower ${urls.n2?.slice(7)} 17 reachable`,
      `n3 follower ${urls.n3?.slice(7)} ? silent for 9.0 s`,
    ]);
  });

  test('without a leader it says by name who does not answer, and exits 3', async () => {
    const { n1 } = await cluster(null);
    const { code, out } = await run(['status', '--endpoint', n1.url]);
    expect(code).toBe(3);
    expect(out[0]).toBe('no leader in term 3, as n1 sees it: n3 does not answer');
  });

  test('alarms are told by node: what it says itself, else what the best-informed node received from it', async () => {
    const members = ['n1', 'n2', 'n3'].map((id) => ({ id, url: '' }));
    const best = view('n1', 'n1', 3, 20, members);
    const alarmsOf = [['fds'], ['disk-stall', 'disk-low'], null];
    const n1 = await serve({
      status: 200,
      body: { ...best, alarms: [], members: best.members.map((member, at) => ({ ...member, alarms: alarmsOf[at] })) },
    });
    expect((await run(['status', '--endpoint', n1.url])).out.slice(5)).toEqual(['alarm on n2: disk-stall, disk-low']);
  });

  test('a member that is stopped keeps its connections, and is told as silent all the same', async () => {
    const members = [
      { id: 'n1', url: '' },
      { id: 'n2', url: await deadUrl(), lastContactMs: 9_000 },
    ];
    const n1 = await serve({ status: 200, body: view('n1', 'n1', 2, 5, members) });
    const { out } = await run(['status', '--endpoint', n1.url]);
    expect(out[0]).toContain('n1 leads term 2');
    expect(out[3]).toMatch(/^n2 .* connected, silent for 9\.0 s$/);
  });

  test('a leader that does not answer any more is no leader', async () => {
    const { n1 } = await cluster('n3');
    expect(await run(['status', '--endpoint', n1.url])).toMatchObject({ code: 3 });
  });

  test('where all answer and nobody leads, it says that', async () => {
    const members = [
      { id: 'n1', url: '' },
      { id: 'n2', url: '', reachable: false, lastContactMs: null },
    ];
    const n2 = await serve({ status: 200, body: view('n2', null, 1, 5, members) });
    const n1 = await serve({ status: 200, body: view('n1', null, 2, 5, members) });
    expect((await run(['status', '--endpoint', `${n1.url},${n2.url}`])).out[0]).toBe(
      'no leader in term 2, as n1 sees it: all members answer, but n1 has no connection to n2',
    );
    const alone = await serve({ status: 200, body: view('n1', null, 2, 5, members.slice(0, 1)) });
    expect((await run(['status', '--endpoint', alone.url])).out[0]).toContain('all members answer; they are electing one');
  });
});

describe('a call that fails for want of a leader', () => {
  const claim = ['claim', 'a/b/c', '--holder', 'h', '--duration', '1s', '--patience', '0'];

  async function failing(code: string, status: number, leader: string | null) {
    const dead = [await deadUrl(), await deadUrl()];
    const members = ['n1', 'n2', 'n3'].map((id, at) => ({
      ...{ id, url: at === 0 ? '' : (dead[at - 1] ?? '') },
      ...{ reachable: at === 0, lastContactMs: at === 0 ? 0 : null },
    }));
    return await serve(({ url }) =>
      url === '/v1/cluster' ? { status: 200, body: view('n1', leader, 4, 5, members) } : (problem(status, code) as { status: number }),
    );
  }

  test('says by name who does not answer', async () => {
    const { url } = await failing('no-leader', 503, null);
    const { code, err } = await run([...claim, '--endpoint', url]);
    expect(code).toBe(3);
    expect(err).toMatch(/^leasehold: no leader: n2 and n3 do not answer\.\nNothing was done: /);
  });

  test('says so too where the outcome is unknown, and does not say that nothing was done', async () => {
    const { url } = await failing('outcome-unknown', 504, null);
    const { code, err } = await run(['transfer', '--patience', '0', '--endpoint', url]);
    expect(code).toBe(4);
    expect(err).toMatch(/^leasehold: no leader: n2 and n3 do not answer\.\nUnknown outcome: /);
  });

  test('names them for programs', async () => {
    const { url } = await failing('no-leader', 503, null);
    const { out } = await run([...claim, '--endpoint', url, '--json']);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ code: 'no-leader', silent: ['n2', 'n3'] });
  });

  test('blames nobody while somebody leads', async () => {
    const { url } = await failing('no-leader', 503, 'n1');
    const { err } = await run([...claim, '--endpoint', url]);
    expect(err).toMatch(/^leasehold: detail of no-leader\.\n/);
  });
});

describe('watching', () => {
  test('in a pipe one block follows the other: leader, members, lag, last contact, and the changes of leader with their gaps', async () => {
    const { n1, urls } = await cluster('n1');
    const { code, out } = await run(['status', '--watch', '--interval', '100ms', '--count', '2', '--endpoint', n1.url]);
    expect(code).toBe(0);
    const block = [
      'n1 leads term 3, committed up to index 20',
      'NODE ROLE HTTP APPLIED LAG LAST CONTACT',
      `n1 leader ${urls.n1?.slice(7)} 20 0 itself`,
      `n2 follower ${urls.n2?.slice(7)} 17 3 heard 40 ms ago`,
      `n3 follower ${urls.n3?.slice(7)} ? ? does not answer, heard 9.0 s ago`,
      'Changes of leader:',
      ' 12.0 s ago n1 leads term 3 after 84 ms without a leader',
      ' 1 min 1 s ago n2 leads term 1',
    ];
    expect(out.map((line) => line.replace(/ +/g, ' '))).toEqual([...block, '', ...block]);
  });

  test('on a terminal each block takes the place of the one before, and no line wraps', async () => {
    const { n1 } = await cluster('n1');
    const terminal = new FakeTerminal(48, 7);
    const { out } = await run(['status', '--watch', '--interval', '100ms', '--count', '3', '--endpoint', n1.url], { terminal });
    expect(out).toEqual([]);
    expect(terminal.screen).toHaveLength(7);
    expect(terminal.screen[0]).toBe('n1 leads term 3, committed up to index 20');
    expect(terminal.screen[5]).toBe('Changes of leader:');
    expect(terminal.screen.at(-1)).toBe('');
  });

  test('it goes on with another node when the one that was named dies, and with the one that leads now', async () => {
    const members: MemberFacts[] = [];
    const n2 = await serve(({ url }) =>
      url === '/dashboard/feed'
        ? (problem(404, 'not-found') as { status: number })
        : { status: 200, body: view('n2', isDead ? 'n2' : 'n1', isDead ? 4 : 3, 20, members) },
    );
    const n1 = await serve(() => (isDead ? 'hangUp' : { status: 200, body: view('n1', 'n1', 3, 20, members) }));
    members.push({ id: 'n1', url: n1.url }, { id: 'n2', url: n2.url });
    let isDead = false;
    const lines: string[] = [];
    const { code } = await run(['status', '--watch', '--interval', '100ms', '--count', '6', '--endpoint', n1.url], {
      onLine: (line) => {
        lines.push(line);
        isDead = true;
      },
    });
    expect(code).toBe(0);
    const heads = lines.filter((line) => line.includes('term'));
    expect(heads[0]).toContain('n1 leads term 3');
    expect(heads.at(-1)).toContain('n2 leads term 4');
  });

  test('where nobody leads it says since when, and exits 3 in the end', async () => {
    const { n1 } = await cluster(null);
    const { code, out } = await run(['status', '--watch', '--interval', '100ms', '--count', '3', '--endpoint', n1.url]);
    expect(code).toBe(3);
    expect(out).toContain('no leader in term 3, as n1 sees it: n3 does not answer');
    expect(out.filter((line) => /^for \d+ ms so far$/.test(line))).toHaveLength(3);
    const dead = await run(['status', '--watch', '--count', '1', '--endpoint', await deadUrl()]);
    expect(dead).toMatchObject({ code: 3, out: ['no node answers', expect.stringMatching(/^for /)] });
  });

  test('Ctrl-C ends it as a shell expects, at once', async () => {
    const { n1 } = await cluster('n1');
    let interrupt: () => void = () => {};
    const began = performance.now();
    const { code } = await run(['status', '--watch', '--interval', '1h', '--endpoint', n1.url], {
      interrupted: (stop) => {
        interrupt = stop;
      },
      onLine: () => setTimeout(interrupt, 20),
    });
    expect(code).toBe(130);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('programs get a line of JSON for each look, also on a terminal', async () => {
    const { n1 } = await cluster('n1');
    const terminal = new FakeTerminal();
    const { out } = await run(['status', '--watch', '--json', '--interval', '100ms', '--count', '2', '--endpoint', n1.url], { terminal });
    expect(out).toHaveLength(2);
    expect(terminal.written).toBe('');
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      leader: 'n1',
      silent: ['n3'],
      leaders: [
        { node: 'n1', term: 3, leaderlessMs: 84, agoMs: 12_000 },
        { node: 'n2', term: 1, leaderlessMs: null, agoMs: 61_000 },
      ],
    });
  });

  test.each([
    [['--count', '2'], '--count goes with --watch'],
    [['--watch', '--interval', '5ms'], '--interval must be at least 100ms'],
  ])('%j is refused', async (flags, words) => {
    expect(await run(['status', ...flags])).toMatchObject({ code: 2, err: `leasehold: ${words}` });
  });
});
