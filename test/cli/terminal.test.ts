// What a person at a terminal sees beside the answer: progress that goes away, colours where they are wanted; and nothing of it in a pipe.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { Progress, progressLine } from '../../src/cli/progress.ts';
import { bar, cut, paintFor, terminalOf } from '../../src/cli/terminal.ts';
import { StubServer } from './stub-server.ts';
import { FakeTerminal } from './terminal.ts';

/** Longer than what is over before anything is shown. */
const LONG_MS = 1_000;

const stubs: StubServer[] = [];
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

interface Surroundings {
  readonly outTerminal?: FakeTerminal;
  readonly errTerminal?: FakeTerminal;
  readonly env?: Record<string, string>;
}

const STATUS = {
  ...{ node: 'n1', leader: 'n1', term: 3, commitIndex: 9, index: 9 },
  members: [
    {
      ...{ id: 'n1', http: '', peer: '127.0.0.1:1', role: 'leader', voter: true, matchIndex: 9, appliedIndex: 9, lastContactMs: 0 },
      ...{ reachable: true, snapshot: null },
    },
    {
      ...{
        id: 'n2',
        http: '',
        peer: '127.0.0.1:2',
        role: 'follower',
        voter: true,
        matchIndex: 4,
        appliedIndex: null,
        lastContactMs: 8_000,
      },
      ...{ reachable: false, snapshot: { sentRecords: 430, records: 1_000, percent: 43 } },
    },
  ],
};

async function run(argv: readonly string[], body: unknown, delayMs: number, { env = {}, ...terminals }: Surroundings = {}) {
  const stub = await StubServer.start({ status: 200, body, delayMs });
  stubs.push(stub);
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCommandLine([...argv, '--endpoint', stub.url, '--patience', '0'], {
    ...{ out: (line: string) => out.push(line), err: (line: string) => err.push(line), env },
    ...terminals,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const WAIT = ['wait', 'demo/main/leader', '--timeout', '30s'];
const FREE = { expired: true, index: 4 };

describe('progress', () => {
  test('is shown on the terminal while a command waits, and gone when it is done', async () => {
    const errTerminal = new FakeTerminal();
    const { code, out } = await run(WAIT, FREE, LONG_MS, { errTerminal });
    expect({ code, out }).toEqual({ code: 0, out: 'demo/main/leader is free' });
    expect(errTerminal.written).toMatch(/waits until demo\/main\/leader is free \[-{20}\] \d+ ms of 30\.0 s/);
    expect(errTerminal.screen).toEqual(['']);
  });

  test('is not shown for what is quickly done, in a pipe, or with --json', async () => {
    const quick = new FakeTerminal();
    await new Progress(quick).during('nothing to wait for', 1_000, async () => await sleep(1));
    expect(quick.written).toBe('');
    const json = new FakeTerminal();
    expect((await run([...WAIT, '--json'], FREE, LONG_MS, { errTerminal: json, outTerminal: new FakeTerminal() })).out).toBe(
      JSON.stringify(FREE),
    );
    expect(json.written).toBe('');
    expect((await run(WAIT, FREE, LONG_MS)).err).toBe('');
  });

  test('says what each command waits for', async () => {
    const claim = {
      ...{ namespace: 'a', model: 'b', lease: 'c', holder: 'h', fence: 1, durationMs: 1, remainingMs: 1 },
      session: null,
      pinnedBy: [],
    };
    for (const [argv, words] of [
      [['claim', 'a/b/c', '--holder', 'h', '--duration', '1s', '--wait', '9s'], /queues for a\/b\/c \[.*\] \d+ ms of 9\.0 s/],
      [['transfer', '--to', 'n2'], /[|/\\-] hands leadership to n2, \d+ ms/],
      [['list'], /reads the leases/],
      [['get', 'a/b/c'], /waits for the cluster to answer, \d+ ms/],
      [['status'], /asks the nodes/],
    ] as const) {
      const errTerminal = new FakeTerminal();
      await run(argv, { ...STATUS, ...claim, leases: [] }, LONG_MS, { errTerminal });
      expect(errTerminal.written, argv[0]).toMatch(words);
      expect(errTerminal.screen).toEqual(['']);
    }
  });

  test('says how much of the state a new member has, while it is waited for', async () => {
    let looks = 0;
    const member = (voter: boolean) => ({ ...STATUS.members[1], id: 'n4', voter, ...(voter ? { snapshot: null } : {}) });
    const stub = await StubServer.start(({ method }) =>
      method === 'POST'
        ? { status: 201, body: { id: 'n4', number: 4, peer: '127.0.0.1:4' } }
        : { status: 200, body: { ...STATUS, members: [member(++looks > 8)] } },
    );
    stubs.push(stub);
    const errTerminal = new FakeTerminal();
    const out: string[] = [];
    const argv = ['member', 'add', 'n4', '--peer', '127.0.0.1:4', '--wait', '30s', '--endpoint', stub.url];
    const code = await runCommandLine(argv, { out: (line) => out.push(line), err: (line) => out.push(line), env: {}, errTerminal });
    expect({ code, out }).toEqual({ code: 0, out: ['n4 is member number 4; it votes'] });
    expect(errTerminal.written).toContain('n4 gets the state [#########-----------] 43 %');
    expect(errTerminal.screen).toEqual(['']);
  });

  test('never takes more than a line, and one that is told fills by what was told', async () => {
    const terminal = new FakeTerminal(30);
    const progress = new Progress(terminal);
    await progress.during('something with a long name that does not fit', null, async () => {
      await sleep(LONG_MS);
      progress.tell({ label: 'n4 gets the state', share: 0.43 });
      await sleep(300);
    });
    expect(terminal.screen).toEqual(['']);
    expect(terminal.written).toContain('n4 gets the state [#########');
    expect(progressLine({ label: 'x', share: 0.43 }, 1_500, 9_000)).toBe(`x ${bar(0.43)} 43 %, 1.5 s`);
    expect(progressLine({ label: 'x', share: null }, 4_500, 9_000)).toBe('x [##########----------] 4.5 s of 9.0 s');
    expect(progressLine({ label: 'x', share: null }, 200, null)).toBe('- x, 200 ms');
  });

  test('a failure leaves nothing of it either', async () => {
    const terminal = new FakeTerminal();
    const failing = new Progress(terminal).during('it fails', 2_000, async () => {
      await sleep(LONG_MS);
      throw new Error('as it should');
    });
    await expect(failing).rejects.toThrow('as it should');
    expect(terminal.written).toContain('it fails [');
    expect(terminal.screen).toEqual(['']);
  });
});

describe('colours', () => {
  test('are on a terminal, and never in a pipe, with --json, or with NO_COLOR', async () => {
    const out = async (argv: string[], surroundings: Surroundings) => (await run(argv, STATUS, 0, surroundings)).out;
    const plain = await out(['status'], {});
    expect(plain).toContain('n1 leads term 3, committed up to index 9');
    expect(plain).not.toContain('\u001b');
    const colored = await out(['status'], { outTerminal: new FakeTerminal() });
    expect(colored).toContain('\u001b[32mn1 leads term 3\u001b[0m');
    expect(colored).toContain('\u001b[31msilent for 8.0 s, gets the state: [#########-----------] 43 % of 1000 records\u001b[0m');
    expect(await out(['status', '--json'], { outTerminal: new FakeTerminal() })).toBe(JSON.stringify(STATUS));
    expect(await out(['status'], { outTerminal: new FakeTerminal(), env: { NO_COLOR: '1' } })).not.toContain('\u001b');
    expect(await out(['status'], { outTerminal: new FakeTerminal(), env: { NO_COLOR: '' } })).toContain('\u001b');
  });

  test('take no room: columns stand under their heads', async () => {
    const { out } = await run(['status'], STATUS, 0, { outTerminal: new FakeTerminal() });
    const lines = cut(out.split('\n').slice(1).join('\n'), 10_000)
      .split('\n')
      .map((line) =>
        line
          .split('\u001b')
          .map((piece, at) => (at === 0 ? piece : piece.slice(piece.indexOf('m') + 1)))
          .join(''),
      );
    const at = lines[0]?.indexOf('APPLIED') ?? -1;
    expect(lines[1]?.slice(at, at + 1)).toBe('9');
    expect(lines[2]?.slice(at, at + 1)).toBe('?');
  });

  test('a line is cut by what is seen of it', () => {
    const { bad } = paintFor(new FakeTerminal(), {});
    expect(cut(`ab${bad('cdef')}gh`, 4)).toBe(`ab${bad('cd')}`);
    expect(cut('abc', 5)).toBe('abc');
  });
});

test('a stream is a terminal when it says so, and can be drawn on', () => {
  const stream = (isTTY: boolean) => ({ isTTY, columns: 0, rows: 0, write: () => true }) as unknown as NodeJS.WriteStream;
  expect(terminalOf(stream(false), {})).toBeUndefined();
  expect(terminalOf(stream(true), { TERM: 'dumb' })).toBeUndefined();
  expect(terminalOf(stream(true), { TERM: 'xterm' })).toMatchObject({ columns: 80, rows: 24 });
});
