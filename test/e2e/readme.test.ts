// The READMEs do what they say: every command in them is run, in order, against a cluster that was started as they tell, and every link leads somewhere.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endAll, freePorts, freshDirectory, leasehold, Process, ROOT } from './processes.ts';

const FIRST_PORT = 7801;
const FIRST_PEER_PORT = 7901;

let httpPort = 0;
let data = '';

beforeAll(async () => {
  httpPort = await freePorts(8);
  data = freshDirectory();
  const cluster = leasehold(['cluster', '--data', data, '--http-port', String(httpPort), '--peer-port', String(httpPort + 4)]);
  for (const words of ['n1 answers', 'n2 answers', 'n3 answers', /n[123] leads term \d+/]) await cluster.says(words);
});
afterAll(endAll);

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The content of the blocks that are fenced as `sh`, in order. */
function blocksOf(path: string): string[] {
  return [...textOf(path).matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

/** The same commands against the test's cluster: its ports in place of the default ones, and its data directory for chaos. */
function moved(script: string): string {
  return [0, 1, 2, 3]
    .reduce(
      (text, node) =>
        text.replaceAll(`:${FIRST_PORT + node}`, `:${httpPort + node}`).replaceAll(`:${FIRST_PEER_PORT + node}`, `:${httpPort + 4 + node}`),
      script,
    )
    .replaceAll('./data/', `${data}/`)
    .replaceAll(/^(npm run) (chaos .*?)( +#.*)?$/gm, `$1 --silent $2 --data ${data}`)
    .replaceAll('curl ', 'curl -sS --max-time 20 ');
}

/** Runs a script that stops at the first command that fails. */
async function run(script: string) {
  const endpoint = [0, 1, 2].map((node) => `http://127.0.0.1:${httpPort + node}`).join(',');
  const shell = new Process('bash', ['-euo', 'pipefail', '-c', moved(script)], { env: { LEASEHOLD_ENDPOINT: endpoint } });
  return await shell.ended;
}

test('the two commands on top are those of package.json: build, then the cluster command with its default ports, and the tests', () => {
  const [top = ''] = blocksOf('README.md');
  const commands = top.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/ +#.*$/, '')]));
  expect(commands).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  expect(scripts.start).toBe('npm run --silent build && node dist/cli/main.js cluster --data ./data');
  expect(scripts.test).toContain('vitest run');
});

describe('README.md', () => {
  test('its commands do what it says beside them', async () => {
    const { code, out, err } = await run(blocksOf('README.md').slice(1).join('\n'));
    expect({ code, err }).toMatchObject({ code: 0 });
    const words = [
      /"holder":"alice".*"fence":\d+/,
      /"code":"claim-denied"/,
      /demo\/main\/leader +alice/,
      /alice holds demo\/main\/leader, fence \d+/,
      /exit code 1: bob was denied/,
      /n[123] leads term \d+/,
      /n[123] \(pid \d+\) is killed/,
      /demo\/main\/leader is held by alice, fence \d+/,
      /demo\/main\/second claimed by bob/,
      /n[123] is started again/,
      /"value":"by alice"/,
      /demo\/main\/leader claimed by bob/,
      /"code":"assertion-failed"/,
      /"value":"by alice"/,
    ];
    let rest = out;
    for (const word of words) {
      const at = rest.search(word);
      expect(at, `${word} in what is left of the output:\n${rest}\nerrors: ${err}`).toBeGreaterThanOrEqual(0);
      rest = rest.slice(at + 1);
    }
    expect(rest).not.toContain('too late');
  });
});

describe('cluster/README.md', () => {
  test('its commands run', async () => {
    const commands = blocksOf('cluster/README.md')
      .join('\n')
      .replace(/^npm start.*$/m, '');
    const { code, out, err } = await run(`${commands}\n`);
    expect({ code, out, err }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/n2 \(pid \d+\) goes on[\s\S]*n4 \(number 4\) votes[\s\S]*n4 is removed/),
    });
  });

  test('its node command line is the one that the cluster command uses', () => {
    const flags = [
      '--id n1',
      '--http 127.0.0.1:7801',
      '--peer 127.0.0.1:7901',
      '--members n1=127.0.0.1:7901,n2=127.0.0.1:7902,n3=127.0.0.1:7903',
      '--data ./data/n1',
    ];
    for (const flag of flags) expect(textOf('cluster/README.md')).toContain(flag);
  });
});

test.each(['README.md', 'src/README.md', 'cluster/README.md'])('every link in %s to a place in this tree leads somewhere', (path) => {
  const links = [...textOf(path).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '').filter((link) => !link.includes('://'));
  for (const link of links) expect(existsSync(join(ROOT, dirname(path), link)), link).toBe(true);
});

test('every file that src/README.md names is there', () => {
  const named = [...textOf('src/README.md').matchAll(/\b((?:raft|lease|replica|io|api|client|cli|contract)\/[a-z-]+\.ts)/g)].map(
    (match) => match[1] ?? '',
  );
  expect(named.length).toBeGreaterThan(8);
  for (const path of named) expect(existsSync(join(ROOT, 'src', path)), path).toBe(true);
});
