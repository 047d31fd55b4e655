// `leasehold config print`: what a node or a cluster would be told by these flags, this environment and this file, and where each of it came from.
import type { Command } from 'commander';
import { placesOf } from './cluster-command.ts';
import { EffectiveSettings, type Origin, withSettings } from './effective-settings.ts';
import { EXIT } from './exit-codes.ts';
import { table } from './format.ts';
import { nearest } from './nearest.ts';
import { configOf } from './node-command.ts';
import type { Finish, Io } from './session.ts';
import { type ConfiguredCommand, keyOf, SETTINGS_OF, variableOf } from './settings.ts';
import { UsageError } from './values.ts';

const PREFIX = variableOf('');

/** Adds `config print node` and `config print cluster`; `config print` alone is the former. */
export function addConfigCommand(program: Command, io: Io, finish: Finish): void {
  const print = program
    .command('config')
    .description('look at settings')
    .command('print')
    .description('print each setting, its value, and where that came from; with exit code 2 if nothing would start with them');
  const add = <Of extends ConfiguredCommand>(of: Of, isDefault: boolean, check: (settings: EffectiveSettings<Of>) => unknown): void => {
    const command = withSettings(
      print.command(of, { isDefault }).description(`those of leasehold ${of}, whose flags it takes${isDefault ? '; may be left out' : ''}`),
      of,
    );
    command.option('--json', 'print one line of JSON').action(() => {
      const { json, ...flags } = command.opts<{ json?: true } & Record<string, string>>();
      finish(show(io, of, new EffectiveSettings(of, flags, io.env), check, json === true));
    });
  };
  add('node', true, configOf);
  add('cluster', false, placesOf);
}

function show<Of extends ConfiguredCommand>(
  io: Io,
  of: Of,
  settings: EffectiveSettings<Of>,
  check: (settings: EffectiveSettings<Of>) => unknown,
  json: boolean,
): number {
  const errors = [...settings.errors];
  if (errors.length === 0) errors.push(...faultsOf(() => check(settings)));
  const all = [...[...settings.origins].map(([name, origin]) => [keyOf(name), origin] as const), ['config', settings.config] as const];
  if (json) {
    const rows = all.map(([setting, { text, source, name }]) => ({ setting, value: text, source, name }));
    io.out(JSON.stringify({ command: of, settings: rows, errors }));
  } else {
    for (const line of table(
      ['SETTING', 'VALUE', 'FROM'],
      all.map(([key, origin]) => [key, origin.text ?? '-', fromWhere(origin)]),
    ))
      io.out(line);
    for (const line of [...errors, ...misspelt(io.env)]) io.err(`leasehold: ${line}`);
  }
  return errors.length === 0 ? EXIT.done : EXIT.usage;
}

/** What no single setting can know. */
function faultsOf(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [error.message];
  }
}

function fromWhere({ source, name }: Origin): string {
  return name ?? (source === 'default' ? 'default' : '');
}

/** Variables that are no setting's, but nearly. The environment is everybody's, so this is no error. */
function misspelt(env: Io['env']): string[] {
  const known = Object.values(SETTINGS_OF).flatMap((settings) => [...Object.keys(settings), 'config'].map(variableOf));
  return Object.keys(env).flatMap((variable) => {
    if (!variable.startsWith(PREFIX) || known.includes(variable)) return [];
    const meant = nearest(
      variable.slice(PREFIX.length),
      known.map((name) => name.slice(PREFIX.length)),
    );
    return meant === null ? [] : [`${variable} is no setting's variable and was not read; ${PREFIX}${meant} was meant?`];
  });
}
