// `leasehold explain` tells the story of a lease in sentences, and of that part which is asked for.
import { afterEach, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import type { HistoryItem } from '../../src/contract/history.ts';
import { problem, type StubAnswer, StubServer } from './stub-server.ts';

const stubs: StubServer[] = [];
afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

async function explain(answer: StubAnswer, ...argv: string[]): Promise<{ code: number; out: string[]; err: string }> {
  const stub = await StubServer.start(answer);
  stubs.push(stub);
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), env: {} };
  const code = await runCommandLine(['explain', 'demo/main/leader', ...argv, '--endpoint', stub.url, '--patience', '0'], io);
  return { code, out, err: err.join('\n') };
}

const alice = { holder: 'alice', fence: 12 };
const bob = { holder: 'bob', fence: 981 };
const history: HistoryItem[] = [
  { type: 'claimed', index: 12, timeMs: 100, ...alice, durationMs: 15_000 },
  { type: 'pinned', index: 20, timeMs: 200, ...alice, by: 'machine-0' },
  { type: 'unpinned', index: 21, timeMs: 200, ...alice, by: 'machine-0' },
  { type: 'leader-changed', index: 500, timeMs: 900, term: 3, from: 'n1', to: 'n2', leaderlessMs: 640 },
  { type: 'extended', index: 900, ...alice, count: 40, lateMs: 3_200, lateIndex: 880 },
  { type: 'fence-used', index: 910, ...alice, count: 7 },
  { type: 'expired', index: 980, timeMs: 5_000, ...alice, durationMs: 15_000, lateMs: 400, cause: 'deadline', term: 3 },
  { type: 'claimed', index: 981, timeMs: 5_010, ...bob, durationMs: 15_000, session: '7' },
  { type: 'fence-refused', index: 990, ...alice, count: 2 },
  { type: 'session-ended', index: 991, timeMs: 5_100, ...bob, session: '7' },
  { type: 'released', index: 992, timeMs: 5_200, ...bob, durationMs: 15_000, cause: 'holder', term: 3 },
];
const body = { history, truncated: false, index: 1_000 };

test('everything that happened is a sentence, in the order of the log', async () => {
  const { code, out } = await explain({ status: 200, body: { ...body, truncated: true } });
  expect(code).toBe(0);
  expect(out).toEqual([
    'demo/main/leader, as of index 1000:',
    '      12  alice claimed it, fence 12, for 15.0 s.',
    '      20  machine-0 pinned it, which keeps it from expiring.',
    '      21  machine-0 unpinned it.',
    '     500  n2 took over as leader of term 3 from n1 after 640 ms without a leader.',
    '     900  alice (fence 12) had extended it 40 times by then, once 3.2 s after its deadline, at index 880.',
    '     910  alice (fence 12) had 7 gated writes let through by then.',
    '     980  alice (fence 12) lost it by expiry: it had not been extended, and its deadline was 400 ms past (decided in term 3).',
    '     981  bob claimed it, fence 981, by session 7.',
    '     990  2 writes, this the last, that asserted the tenure of alice (fence 12) were refused.',
    '     991  session 7 ended; the claim of bob (fence 981) went on because it was pinned.',
    '     992  bob (fence 981) released it (decided in term 3).',
    'Something older may have been forgotten.',
  ]);
});

test.each([
  ['--holder', 'alice'],
  ['--fence', '12'],
])('%s %s tells that tenure, who led meanwhile, and who came next', async (...flag) => {
  const { out } = await explain({ status: 200, body }, ...flag);
  expect(out.slice(1).map((line) => Number(line.trim().split(' ')[0]))).toEqual([12, 20, 21, 500, 900, 910, 980, 981, 990]);
});

test('with --json the answer comes as it is, cut to what was asked for', async () => {
  const { out } = await explain({ status: 200, body }, '--json', '--fence', '981');
  expect(JSON.parse(out[0] ?? '')).toEqual({ history: [history[7], history[9], history[10]], truncated: false, index: 1_000 });
});

test('a lease or tenure of which nothing is known is a refusal that says so', async () => {
  const nobody = await explain(problem(404, 'lease-not-found', { index: 7 }));
  expect([nobody.code, nobody.out]).toEqual([
    1,
    ['demo/main/leader, as of index 7:', 'Nothing is remembered of such a tenure: there was none, or long ago.'],
  ]);
  expect((await explain({ status: 200, body }, '--holder', 'carol')).code).toBe(1);
  expect((await explain(problem(503, 'no-leader'))).code).toBe(3);
});
