// The containers of docker-compose.yml run command lines that `leasehold node` takes. No engine is needed, and none was at hand.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EffectiveSettings } from '../../src/cli/effective-settings.ts';
import { configOf } from '../../src/cli/node-command.ts';

const text = readFileSync(fileURLToPath(new URL('../../docker-compose.yml', import.meta.url)), 'utf8');

/** The lists that stand behind `key:` on a line of their own, in order. They are written as JSON. */
function listsOf(key: string): string[][] {
  return [...text.matchAll(new RegExp(`^ +${key}: (\\[.*\\])$`, 'gm'))].map((match) => JSON.parse(match[1] ?? '') as string[]);
}

const camel = (flag: string): string => flag.replace(/-[a-z]/g, (letters) => letters.slice(1).toUpperCase());

test('each service starts a different node of one cluster, and publishes and checks the port that it answers on', () => {
  const commands = listsOf('command');
  const configs = commands.map((argv) => {
    expect(argv[0]).toBe('node');
    const flags = Object.fromEntries(
      Array.from({ length: (argv.length - 1) / 2 }, (_, pair) => argv.slice(1 + 2 * pair, 3 + 2 * pair) as [string, string]),
    );
    expect(Object.keys(flags).sort()).toEqual(['--advertise-http', '--data', '--host-names', '--http', '--id', '--members', '--peer']);
    return configOf(
      new EffectiveSettings('node', Object.fromEntries(Object.entries(flags).map(([flag, text]) => [camel(flag.slice(2)), text])), {}),
    );
  });
  expect(configs.map((config) => config.id)).toEqual(['n1', 'n2', 'n3']);
  const ports = listsOf('ports');
  const checks = listsOf('test');
  for (const [position, config] of configs.entries()) {
    expect(config.members).toEqual(configs[0]?.members);
    expect(config.members[position]?.peer).toEqual({ host: config.id, port: config.peer.port });
    expect(config.advertiseHttp).toEqual({ host: config.id, port: config.http.port });
    expect(ports[position]).toEqual([`127.0.0.1:${config.http.port}:${config.http.port}`]);
    // By its service's name the other containers call it.
    expect(config.hostNames).toEqual([config.id]);
    expect(checks[position]?.at(-1)).toContain(`http://127.0.0.1:${config.http.port}/readyz`);
  }
});
