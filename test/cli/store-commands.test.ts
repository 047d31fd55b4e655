// `kv` and `lessor` against the real HTTP handlers of a cluster of one.
import { beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';
import { start } from '../api/harness.ts';

let endpoint = '';

beforeEach(async () => {
  endpoint = await start().server.listen({ host: '127.0.0.1', port: 0 });
});

async function run(...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), env: { LEASEHOLD_ENDPOINT: endpoint } };
  const code = await runCommandLine([...argv], io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('kv', () => {
  test('puts, gets, lists and deletes', async () => {
    expect(await run('kv', 'put', 'jobs/a', 'x y')).toMatchObject({ code: 0, out: 'jobs/a = "x y", revision 1, version 1' });
    await run('kv', 'put', 'jobs/b', 'z');
    expect((await run('kv', 'get', 'jobs/b')).out).toBe('jobs/b = "z", revision 2, version 1');
    expect((await run('kv', 'list', 'jobs/')).out.split('\n')).toEqual([
      'KEY     VALUE  REVISION  LEASE',
      'jobs/a  "x y"  1',
      'jobs/b  "z"    2',
    ]);
    expect(JSON.parse((await run('kv', 'list', '--json')).out)).toMatchObject({
      keys: [{ key: 'jobs/a' }, { key: 'jobs/b' }],
      revision: 2,
    });
    expect(await run('kv', 'delete', 'jobs/a')).toMatchObject({ code: 0, out: 'jobs/a deleted' });
    expect(await run('kv', 'get', 'jobs/a')).toMatchObject({ code: 1 });
  });

  test('writes only under its conditions, and says what is true otherwise', async () => {
    await run('claim', 'demo/main/a/b', '--holder', 'h;1', '--duration', '1m');
    expect(await run('kv', 'put', 'k', '1', '--if', 'demo/main/a/b;fence=1')).toMatchObject({ code: 0 });
    expect(await run('kv', 'put', 'k', '2', '--if', 'demo/main/a/b;fence=1;holder=bob')).toMatchObject({ code: 1 });
    const { err } = await run('kv', 'put', 'k', '2', '--if', 'demo/main/a/b;fence=9');
    expect(err).toContain('h;1 holds it, fence 1');
    expect(await run('kv', 'put', 'k', '3', '--if-match', '2')).toMatchObject({ code: 0 });
    expect(await run('kv', 'put', 'k', '4', '--if-match', '2')).toMatchObject({ code: 1 });
    expect(await run('kv', 'put', 'k', '4', '--if-absent')).toMatchObject({ code: 1 });
    expect((await run('kv', 'get', 'k')).out).toContain('"3"');
  });

  test.each(['a/b/c', 'a/b/c;', 'a/b/c;who=x', 'a/b;fence=1', 'a/b/c;fence=x', 'a/b/c;fence=1;fence=2'])(
    '"%s" is no condition',
    async (gate) => {
      expect(await run('kv', 'put', 'k', 'v', '--if', gate)).toMatchObject({ code: 2 });
    },
  );
});

describe('lessor', () => {
  test('grants, renews, attaches, shows and revokes', async () => {
    expect(await run('lessor', 'grant', '--ttl', '90s', '--id', '77')).toMatchObject({
      code: 0,
      out: 'lease 77 granted, 1 min 30 s left of 1 min 30 s',
    });
    await run('kv', 'put', 'k', 'v');
    expect((await run('lessor', 'attach', '77', 'k')).out).toBe('k lives by lease 77');
    await run('claim', 'demo/main/x', '--holder', 'h', '--session', '77');
    expect((await run('lessor', 'get', '77')).out.split('\n').slice(1)).toEqual(['  key k', '  claim demo/main/x']);
    expect((await run('lessor', 'list')).out.split('\n')[1]).toMatch(/^77 +1 min 30 s +1 min 30 s left +1 +1$/);
    expect(await run('lessor', 'renew', '77')).toMatchObject({
      code: 0,
      out: 'lease 77 renewed, 1 min 30 s left of 1 min 30 s, 1 keys and 1 claims attached',
    });
    expect(JSON.parse((await run('lessor', 'get', '77', '--json')).out)).toMatchObject({
      ...{ id: '77', keyCount: 1, claimCount: 1, attachedIndex: 4 },
      ...{ keys: ['k'], claims: [{ namespace: 'demo', model: 'main', lease: 'x' }] },
    });
    expect(JSON.parse((await run('lessor', 'renew', '77', '--json')).out)).not.toHaveProperty('keys');
    expect((await run('lessor', 'detach', '77', 'k')).out).toBe('k lives by no lease');
    expect((await run('lessor', 'revoke', '77')).out).toBe('lease 77 revoked');
    expect(await run('lessor', 'revoke', '77')).toMatchObject({ code: 1 });
    expect((await run('kv', 'get', 'k')).code).toBe(0);
    expect((await run('get', 'demo/main/x')).code).toBe(1);
  });
});

describe('a lease with more than one page of keys', () => {
  test('is shown with all of them', async () => {
    await run('lessor', 'grant', '--ttl', '90s', '--id', '77');
    const puts = Array.from({ length: 1_001 }, (_, at) => ({ put: { key: `k${String(at).padStart(4, '0')}`, value: '', lease: '77' } }));
    for (const ops of [puts.slice(0, 1_000), puts.slice(1_000)]) {
      const body = JSON.stringify({ ops });
      expect((await fetch(`${endpoint}/v1/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status).toBe(
        200,
      );
    }
    const lines = (await run('lessor', 'get', '77')).out.split('\n');
    expect([lines.length, lines[1], lines.at(-1)]).toEqual([1_002, '  key k0000', '  key k1000']);
  });
});

describe('watch', () => {
  test('tells what happened behind an event in words, and as JSON', async () => {
    await run('claim', 'demo/main/a/b', '--holder', 'alice', '--duration', '1m');
    await run('pin', 'demo/main/a/b', 'operator');
    await run('kv', 'put', 'k', 'v');
    await run('release', 'demo/main/a/b', '--holder', 'alice');
    const { code, out } = await run('watch', '--after', '0.0', '--count', '4');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      '1.0  demo/main/a/b claimed by alice, fence 1, for 1 min',
      '2.0  demo/main/a/b pinned by operator',
      '3.0  k = "v", version 1',
      '4.0  demo/main/a/b released, was held by alice, fence 1',
    ]);
    const { out: json } = await run('watch', 'demo/main', '--after', '2.0', '--count', '1', '--json');
    expect(JSON.parse(json)).toMatchObject({ id: '4.0', type: 'released', holder: 'alice' });
    expect((await run('watch', '--prefix', 'k', '--after', '0.0', '--count', '1')).out).toMatch(/^3\.0 {2}k/);
  });

  test.each([['--after', 'x'], ['a//b'], ['demo', '--prefix', 'k'], ['--count', '0']])('is refused with %s %s', async (...argv) => {
    expect((await run('watch', ...argv.filter((word) => word !== undefined))).code).toBe(2);
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('of %s knows the commands, those of kv, and flags', async (shell) => {
    const { code, out } = await run('completion', shell);
    expect(code).toBe(0);
    for (const word of ['claim', 'lessor', 'put', 'if-absent', 'session']) expect(out).toContain(word);
  });

  test('is refused for other shells', async () => {
    expect(await run('completion', 'csh')).toMatchObject({ code: 2 });
  });
});
