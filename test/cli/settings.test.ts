// Settings come from flags, the environment, a file and defaults, in that order, and whoever gives a wrong one hears where it stands.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placesOf } from '../../src/cli/cluster-command.ts';
import { EffectiveSettings, flagsOf, withoutSettings } from '../../src/cli/effective-settings.ts';
import { configOf } from '../../src/cli/node-command.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { CLUSTER_SETTINGS, flagOf, keyOf, NODE_SETTINGS, SHARED_SETTINGS, variableOf } from '../../src/cli/settings.ts';
import { blocksFor } from '../e2e/readmes.ts';

const SELF = 'test/cli/settings.test.ts';

let directory = '';
let files = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'leasehold-settings-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(directory, `${++files}.toml`);
  writeFileSync(path, text);
  return path;
}

/** What `node` cannot do without. */
const PLACE = { id: 'n1', http: 'h:1', peer: 'h:2', members: 'n1=h:2', data: 'd' };

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommandLine(argv, { out: (line) => out.push(line), err: (line) => err.push(line), env });
  return { code, out, err: err.join('\n') };
}

interface Printed {
  readonly command: string;
  readonly settings: readonly {
    readonly setting: string;
    readonly value: string | null;
    readonly source: string;
    readonly name: string | null;
  }[];
  readonly errors: readonly string[];
}

async function printed(argv: readonly string[], env: Record<string, string> = {}) {
  const { code, out, err } = await run(['config', 'print', ...argv, '--json'], env);
  expect({ lines: out.length, err }).toEqual({ lines: 1, err: '' });
  return { code, ...(JSON.parse(out[0] ?? '') as Printed) };
}

describe('precedence', () => {
  const path = () => fileOf('heartbeat = "30ms"');
  test.each([
    ['the flag counts before the environment and the file', { heartbeat: '10ms' }, { LEASEHOLD_HEARTBEAT: '20ms' }, 10],
    ['the environment counts before the file', {}, { LEASEHOLD_HEARTBEAT: '20ms' }, 20],
    ['the file counts before the default', {}, {}, 30],
    ['an empty variable is none', {}, { LEASEHOLD_HEARTBEAT: '' }, 30],
  ])('%s', (_title, flags, env, heartbeatMs) => {
    expect(configOf(new EffectiveSettings('node', { ...PLACE, ...flags, config: path() }, env)).heartbeatMs).toBe(heartbeatMs);
    expect(configOf(new EffectiveSettings('node', { ...PLACE, ...flags }, { ...env, LEASEHOLD_CONFIG: path() })).heartbeatMs).toBe(
      heartbeatMs,
    );
  });

  test('without any of them there is the default', () => {
    const { heartbeatMs, electionTimeoutMs } = configOf(new EffectiveSettings('node', PLACE, {}));
    expect([heartbeatMs, electionTimeoutMs]).toEqual([50, 500]);
  });

  test('--config counts before LEASEHOLD_CONFIG', () => {
    const settings = new EffectiveSettings(
      'node',
      { ...PLACE, config: fileOf('heartbeat = 40') },
      { LEASEHOLD_CONFIG: fileOf('heartbeat = 30') },
    );
    expect(settings.values().heartbeat).toBe(40);
  });
});

describe.each([
  [
    'node',
    NODE_SETTINGS,
    {
      ...{ id: 'n1', http: 'h:1', peer: 'h:2', advertiseHttp: 'a:1', advertisePeer: 'a:2' },
      ...{ members: 'n1=h:2', join: 'http://h:3', hostNames: 'n1,leases.example', data: 'd', drain: '5s' },
    },
  ],
  ['cluster', CLUSTER_SETTINGS, { nodes: '5', data: 'd', httpPort: '8801', peerPort: '8901' }],
] as const)('every setting of %s', (command, table, own) => {
  const room = { maxClaims: '10', maxKeys: '11', maxSessions: '12', maxState: '1MiB', namespaceShare: '20%' } as const;
  const disk = { diskReserve: '3MiB', ballast: '2KiB' } as const;
  const texts = { ...own, heartbeat: '60ms', electionTimeout: '700ms', ...room, ...disk, logFormat: 'json', logLevel: 'warn' } as const;
  const names = Object.keys(table);

  test('has a value to be tried with', () => expect(Object.keys(texts).sort()).toEqual([...names].sort()));

  test.each(Object.entries<string>(texts))('%s means the same as a flag, a variable and a key of the file', (name, text) => {
    const value = (settings: EffectiveSettings<'node' | 'cluster'>) => {
      expect(settings.errors.filter((error) => !error.includes('is missing'))).toEqual([]);
      return settings.origins.get(name)?.text;
    };
    expect(value(new EffectiveSettings(command, { [name]: text }, {}))).toBe(text);
    expect(value(new EffectiveSettings(command, {}, { [variableOf(name)]: text }))).toBe(text);
    expect(value(new EffectiveSettings(command, { config: fileOf(`${keyOf(name)} = ${JSON.stringify(text)}`) }, {}))).toBe(text);
  });

  test('stands in the help of the command, and completion knows its flag', async () => {
    const help = (await run([command, '--help'])).out.join('\n');
    const script = (await run(['completion', 'bash'])).out.join('\n');
    for (const name of names) {
      expect(help).toMatch(new RegExp(`^ +${flagOf(name)} <`, 'm'));
      expect(script).toMatch(new RegExp(`"${command} "\\*\\) words="[^"]*${flagOf(name)} `));
    }
  });
});

describe('a file', () => {
  const valuesOf = (text: string) => new EffectiveSettings('node', { ...PLACE, config: fileOf(text) }, {});

  test('may write numbers as numbers, and members as text, list or table', () => {
    const { members: _, ...place } = PLACE;
    const expected = [
      { id: 'n1', peer: { host: 'h', port: 2 } },
      { id: 'n2', peer: { host: 'h', port: 3 } },
    ];
    for (const members of ['members = "n1=h:2,n2=h:3"', 'members = ["n1=h:2", "n2=h:3"]', '[members]\nn1 = "h:2"\nn2 = "h:3"']) {
      const settings = new EffectiveSettings('node', { ...place, config: fileOf(`election-timeout = 900\n${members}`) }, {});
      expect(settings.values()).toMatchObject({ members: expected, electionTimeout: 900 });
    }
  });

  test('stands in cluster/README.md, and a node could be started with it', () => {
    const [text = ''] = blocksFor(SELF, 'cluster/README.md', 'toml');
    const config = configOf(new EffectiveSettings('node', { config: fileOf(text) }, {}));
    expect(config).toMatchObject({ id: 'n1', electionTimeoutMs: 1_000 });
    expect(config.members).toHaveLength(3);
  });

  test.each([
    ['hartbeat = "50ms"', 'there is no setting hartbeat; heartbeat was meant?'],
    ['election_timeout = "1s"', 'there is no setting election_timeout; election-timeout was meant?'],
    ['frobnication = 1', 'there is no setting frobnication; there are id, http, peer, advertise-http, advertise-peer, members,'],
    ['config = "other.toml"', 'there is no setting config;'],
    ['control = "http://h:1"', 'there is no setting control;'],
    ['nodes = 3', 'nodes is a setting of leasehold cluster, not of leasehold node'],
    ['heartbeat = true', 'heartbeat must be a text, a number, or a list or table of texts'],
    ['join = [1, 2]', 'join must be a text, a number, or a list or table of texts'],
    ['heartbeat = 2026-11-24', 'heartbeat must be a text, a number, or a list or table of texts'],
    ['[heartbeat]\nof = { leader = "50ms" }', 'heartbeat must be a text, a number, or a list or table of texts'],
  ])('with %j is refused by name', (text, words) => {
    const settings = valuesOf(text);
    const { text: path } = settings.config;
    expect(settings.errors).toEqual([expect.stringContaining(`${path}: ${words}`)]);
    expect(() => settings.values()).toThrow(words);
  });

  test.each([
    ['heartbeat = ', /\.toml, line 1, column \d+: /],
    ['heartbeat = 50\nheartbeat = 60', /\.toml, line 2, column \d+: /],
  ])('that is no TOML (%j) is refused with the place', (text, words) => {
    const { errors } = valuesOf(text);
    expect(errors).toEqual([expect.stringMatching(words)]);
    expect(errors[0]).not.toContain('\n');
  });

  test('that is not there, or is far too large, is refused by what named it', () => {
    const none = join(directory, 'none.toml');
    expect(new EffectiveSettings('node', { ...PLACE, config: none }, {}).errors).toEqual([
      expect.stringMatching(/^--config .*none\.toml: the file cannot be read: ENOENT/),
    ]);
    expect(new EffectiveSettings('node', PLACE, { LEASEHOLD_CONFIG: fileOf('#'.repeat((1 << 20) + 1)) }).errors).toEqual([
      expect.stringMatching(/^LEASEHOLD_CONFIG=.*\.toml: the file cannot be read: it has more than 1048576 bytes/),
    ]);
  });
});

describe('a wrong value', () => {
  test('is told with the flag, the variable, or the file and key that it stands at', () => {
    const rule = '"abc" is no duration: write 500ms, 15s, 2m, 1h, or a number of milliseconds';
    const path = fileOf('heartbeat = "abc"');
    expect(new EffectiveSettings('node', { ...PLACE, heartbeat: 'abc' }, {}).errors).toEqual([`--heartbeat abc: ${rule}`]);
    expect(new EffectiveSettings('node', PLACE, { LEASEHOLD_HEARTBEAT: 'abc' }).errors).toEqual([`LEASEHOLD_HEARTBEAT=abc: ${rule}`]);
    expect(new EffectiveSettings('node', { ...PLACE, config: path }, {}).errors).toEqual([`${path}: heartbeat = abc: ${rule}`]);
  });

  test('is not looked for where another counts before it', () => {
    const settings = new EffectiveSettings('node', { ...PLACE, heartbeat: '40ms' }, { LEASEHOLD_HEARTBEAT: 'abc' });
    expect(settings.values().heartbeat).toBe(40);
  });

  test('does not hide the others', () => {
    const env = { LEASEHOLD_HEARTBEAT: '0', LEASEHOLD_LOG_FORMAT: 'xml', LEASEHOLD_DATA: 'd', LEASEHOLD_ID: 'n1' };
    expect(new EffectiveSettings('node', { peer: 'h' }, env).errors).toEqual([
      '--http is missing: give it, or LEASEHOLD_HTTP, or http in the file of --config',
      expect.stringMatching(/^--peer h: /),
      'LEASEHOLD_HEARTBEAT=0: "0" is too short: 1ms is the least',
      'LEASEHOLD_LOG_FORMAT=xml: "xml" is none of text, json',
    ]);
  });

  test('that only others make wrong is told with where each stands', () => {
    const path = fileOf('election-timeout = "100ms"');
    const late = new EffectiveSettings('node', { ...PLACE, config: path }, {});
    expect(() => configOf(late)).toThrow(
      `${path}: election-timeout = 100ms must be at least three heartbeats, which is 150ms with --heartbeat 50ms (the default)`,
    );
    const everywhere = new EffectiveSettings('node', { ...PLACE, http: '0.0.0.0:1', join: 'h:3', id: 'n9' }, {});
    expect(() => configOf(everywhere)).toThrow('--http 0.0.0.0:1 cannot be told to other members: add --advertise-http');
    const ports = new EffectiveSettings('cluster', {}, { LEASEHOLD_PEER_PORT: '7802' });
    expect(() => placesOf(ports)).toThrow('LEASEHOLD_PEER_PORT=7802 overlap');
    expect(() => placesOf(new EffectiveSettings('cluster', { heartbeat: '1s' }, {}))).toThrow('three heartbeats');
  });
});

describe('config print', () => {
  test('tells each setting with its value and where that came from, for programs', async () => {
    const path = fileOf('heartbeat = 60\ndata = "/var/lib/leasehold"');
    const { code, command, settings, errors } = await printed(['--id', 'n1', '--members', 'n1=h:2', '--config', path], {
      LEASEHOLD_HTTP: 'h:1',
      LEASEHOLD_PEER: 'h:2',
      LEASEHOLD_ENDPOINT: 'http://h:1',
    });
    expect({ code, command, errors }).toEqual({ code: 0, command: 'node', errors: [] });
    expect(settings).toEqual([
      { setting: 'id', value: 'n1', source: 'flag', name: '--id' },
      { setting: 'http', value: 'h:1', source: 'environment', name: 'LEASEHOLD_HTTP' },
      { setting: 'peer', value: 'h:2', source: 'environment', name: 'LEASEHOLD_PEER' },
      { setting: 'advertise-http', value: null, source: 'none', name: null },
      { setting: 'advertise-peer', value: null, source: 'none', name: null },
      { setting: 'members', value: 'n1=h:2', source: 'flag', name: '--members' },
      { setting: 'join', value: null, source: 'none', name: null },
      { setting: 'host-names', value: null, source: 'none', name: null },
      { setting: 'data', value: '/var/lib/leasehold', source: 'file', name: `${path}: data` },
      { setting: 'drain', value: '0s', source: 'default', name: null },
      { setting: 'heartbeat', value: '60', source: 'file', name: `${path}: heartbeat` },
      { setting: 'election-timeout', value: '500ms', source: 'default', name: null },
      ...[
        ['max-claims', '1000000'],
        ['max-keys', '1000000'],
        ['max-sessions', '1000000'],
        ['max-state', '1GiB'],
        ['namespace-share', '50%'],
        ['disk-reserve', '256MiB'],
        ['ballast', '64MiB'],
      ].map(([setting, value]) => ({ setting, value, source: 'default', name: null })),
      { setting: 'log-format', value: 'text', source: 'default', name: null },
      { setting: 'log-level', value: 'info', source: 'default', name: null },
      { setting: 'config', value: path, source: 'flag', name: '--config' },
    ]);
  });

  test('is a table for people', async () => {
    const { code, out, err } = await run(['config', 'print', 'cluster', '--nodes', '5'], { LEASEHOLD_DATA: '/tmp/d' });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out[0]).toMatch(/^SETTING +VALUE +FROM$/);
    expect(out).toContainEqual(expect.stringMatching(/^nodes +5 +--nodes$/));
    expect(out).toContainEqual(expect.stringMatching(/^data +\/tmp\/d +LEASEHOLD_DATA$/));
    expect(out).toContainEqual(expect.stringMatching(/^http-port +7801 +default$/));
    expect(out).toContainEqual(expect.stringMatching(/^config +-$/));
  });

  test.each([
    ['a bad value', ['--id', 'n1'], { LEASEHOLD_HEARTBEAT: 'abc', LEASEHOLD_HTTP: 'h:1', LEASEHOLD_PEER: 'h:2', LEASEHOLD_DATA: 'd' }],
    ['one that is missing', ['--id', 'n1'], {}],
    ['two that do not go together', ['--id', 'n1', '--http', 'h:1', '--peer', 'h:1', '--data', 'd'], {}],
    ['a file that is not there', ['--id', 'n1', '--http', 'h:1', '--peer', 'h:2', '--data', 'd', '--config', 'none.toml'], {}],
  ])('reports %s in the words of `node`, and ends with its exit code', async (_what, argv, env) => {
    const started = await run(['node', ...argv], env as Record<string, string>);
    const shown = await run(['config', 'print', ...argv], env as Record<string, string>);
    const { code, errors } = await printed(argv, env as Record<string, string>);
    expect({ started: started.code, shown: shown.code, json: code }).toEqual({ started: 2, shown: 2, json: 2 });
    expect(started.err).toBe(errors.map((error) => `leasehold: ${error}`).join('\n'));
    expect(shown.err).toBe(started.err);
    expect(shown.out.length).toBeGreaterThan(Object.keys(NODE_SETTINGS).length);
  });

  test('says which variable was meant by one that is nearly a setting’s, and leaves others alone', async () => {
    const env = {
      LEASEHOLD_HEARTBEET: '20ms',
      LEASEHOLD_FENCE: '7',
      LEASEHOLD_DEBUG: '1',
      LEASEHOLD_PORT: 'tcp://10.0.0.1:7801',
      HEARTBEAT: '1',
    };
    const { code, err } = await run(['config', 'print', 'cluster'], env);
    expect({ code, err }).toEqual({
      code: 0,
      err: "leasehold: LEASEHOLD_HEARTBEET is no setting's variable and was not read; LEASEHOLD_HEARTBEAT was meant?",
    });
  });
});

describe('a cluster', () => {
  test('hands its nodes what they share by flags, defaults aside', () => {
    const settings = new EffectiveSettings('cluster', { logFormat: 'json' }, { LEASEHOLD_HEARTBEAT: '20ms' });
    expect(flagsOf(Object.keys(SHARED_SETTINGS), settings.origins)).toEqual(['--heartbeat', '20ms', '--log-format', 'json']);
  });

  test('hands them its environment without any setting, so that none is taken for theirs', () => {
    const others = { PATH: '/bin', LEASEHOLD_DEBUG: '1', LEASEHOLD_ENDPOINT: 'http://h:1', NODE_OPTIONS: '--import x' };
    const ours = Object.fromEntries(
      [...Object.keys({ ...NODE_SETTINGS, ...CLUSTER_SETTINGS }), 'config'].map((name) => [variableOf(name), 'x']),
    );
    expect(Object.keys(ours)).toContain('LEASEHOLD_ID');
    expect(withoutSettings({ ...others, ...ours })).toEqual(others);
  });
});
