// The READMEs do what they say: every command in them is run, in order, against a cluster that was started as they tell, and every link leads somewhere.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endAll, ROOT } from './processes.ts';
import { blocksFor, ReadmeCluster, readmes, textOf } from './readmes.ts';

const SELF = 'test/e2e/readme.test.ts';

let cluster: ReadmeCluster;

beforeAll(async () => {
  cluster = await ReadmeCluster.start();
});
afterAll(endAll);

const scriptOf = (path: string): string => blocksFor(SELF, path, 'sh').join('\n');

/** Every pattern is found in the text, each behind the one before; gives what is left. */
function expectInOrder(text: string, patterns: readonly RegExp[], errors: string): string {
  let rest = text;
  for (const pattern of patterns) {
    const at = rest.search(pattern);
    expect(at, `${pattern} in what is left of the output:\n${rest}\nerrors: ${errors}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
  return rest;
}

/** Two screens, where lines of the table are broken. */
const README_MAX_LINES = 110;

describe('README.md', () => {
  test('is read at once', () => {
    expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(README_MAX_LINES);
  });

  test('its commands do what it says beside them', async () => {
    const { code, out, err } = await cluster.shell(scriptOf('README.md')).ended;
    expect({ code, err }).toMatchObject({ code: 0 });
    const words = [
      /"holder":"alice".*"fence":\d+/,
      /"code":"claim-denied"/,
      /demo\/main\/leader +alice/,
      /exit code 1: bob was denied/,
      /n[123] \(pid \d+\) is killed/,
      /alice holds demo\/main\/leader, fence \d+/,
      /demo\/main\/leader is held by alice, fence \d+/,
      /demo\/main\/second claimed by bob/,
      /n[123] is started again/,
      /n[123] leads term \d+/,
    ];
    expectInOrder(out, words, err);
  });
});

describe('src/api/README.md', () => {
  test('its calls are answered as it says beside them', async () => {
    const { code, out, err } = await cluster.shell(scriptOf('src/api/README.md')).ended;
    expect({ code, err }).toMatchObject({ code: 0 });
    const gated = [
      /"holder":"alice".*"fence":\d+/,
      /"value":"by alice"/,
      /demo\/main\/report released/,
      /demo\/main\/report claimed by bob/,
      /"code":"assertion-failed"/,
      /"value":"by alice"/,
      /alice claimed it/,
      /alice \(fence \d+\) released it/,
      /a write that asserted the tenure of alice \(fence \d+\) was refused/,
      /"holder":"carol"/,
    ];
    const behind = expectInOrder(out, gated, err);
    expect(out).not.toContain('too late');
    const granted = [...behind.matchAll(/"id":"(\d+)","ttlMs":60000/g)].map(([, id]) => id);
    expect(granted).toHaveLength(2);
    expect(new Set(granted).size).toBe(1);
    expectInOrder(behind, [/"results":\[\{"status":201.*"status":409.*"status":200/, /: ready/, /event: claimed/], err);
  });
});

describe('cluster/README.md', () => {
  test('its commands run', async () => {
    const { code, out, err } = await cluster.shell(`${scriptOf('cluster/README.md').replace(/^npm start.*$/m, '')}\n`).ended;
    expect({ code, out, err }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/n2 \(pid \d+\) goes on[\s\S]*n4 \(number 4\) votes[\s\S]*n4 is removed[\s\S]*[1-9]\d* keys written/),
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

describe('test/examples/README.md', () => {
  test('its commands do what it says beside them', async () => {
    const { code, out, err } = await cluster.shell(scriptOf('test/examples/README.md')).ended;
    expect({ code, err }).toMatchObject({ code: 0 });
    const words = [
      /^one leads, fence \d+$/m,
      /^two leads, fence \d+$/m,
      /^two stops$/m,
      /has done 2026-11-24$/m,
      /nothing to do, copy-\d+ has done 2026-11-24$/m,
    ];
    expectInOrder(out, words, err);
    for (const name of ['one', 'two', 'three']) expect(out.match(new RegExp(`^${name} is in by permit-[12]$`, 'gm')), name).toHaveLength(3);
  });
});

test.each(readmes())('every link in %s to a place in this tree leads somewhere', (path) => {
  for (const [, link = '', anchor] of textOf(path).matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
    if (link.includes('://')) continue;
    const target = link === '' ? path : join(dirname(path), link);
    expect(existsSync(join(ROOT, target)), `${link} in ${path}`).toBe(true);
    if (anchor === undefined) continue;
    const headings = [...textOf(target).matchAll(/^#+ (.*)$/gm)].map(([, words = '']) =>
      words
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(headings, `${target}#${anchor}`).toContain(anchor);
  }
});

test('every file that src/README.md names is there', () => {
  const named = [...textOf('src/README.md').matchAll(/\b((?:raft|lease|replica|io|api|client|cli|contract)\/[a-z-]+\.ts)/g)].map(
    (match) => match[1] ?? '',
  );
  expect(named.length).toBeGreaterThan(8);
  for (const path of named) expect(existsSync(join(ROOT, 'src', path)), path).toBe(true);
});
