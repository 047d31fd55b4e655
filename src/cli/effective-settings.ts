// What a command's settings come to: the flag counts before the environment, that before the file, that before the default; and where each came from.
import type { Command } from 'commander';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import {
  type ConfiguredCommand,
  flagOf,
  keyOf,
  SETTINGS_OF,
  type SettingTable,
  type SettingValues,
  type SHARED_SETTINGS,
  variableOf,
} from './settings.ts';
import { UsageError } from './values.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Flags = Readonly<Record<string, string | undefined>>;

/** Where a setting's text came from. */
export interface Origin {
  readonly source: 'flag' | 'environment' | 'file' | 'default' | 'none';
  /** `--heartbeat`, `LEASEHOLD_HEARTBEAT`, `node.toml: heartbeat`; null for a default and for none. */
  readonly name: string | null;
  /** Null for none. */
  readonly text: string | null;
}

const CONFIG = 'config';
const HELP = `
A setting may also stand in the environment (--election-timeout as LEASEHOLD_ELECTION_TIMEOUT), or without its dashes in a file of TOML
that --config names. The flag counts first, then the environment, the file, the default: leasehold config print shows what came of it.`;

/** Adds a flag for each setting of `settingsOf`'s table, and `--config`. */
export function withSettings(command: Command, settingsOf: ConfiguredCommand): Command {
  for (const [name, { argument, help, byDefault, isRequired }] of Object.entries<SettingTable[string]>(SETTINGS_OF[settingsOf])) {
    const note = isRequired ? ' (required)' : byDefault === null ? '' : ` (default: ${byDefault})`;
    command.option(`${flagOf(name)} ${argument}`, help + note);
  }
  return command.option('--config <file>', 'a file of settings').addHelpText('after', HELP);
}

/** The settings of one run of a command. */
export class EffectiveSettings<Of extends ConfiguredCommand> {
  /** The file, as it was named, and by what. */
  readonly config: Origin;
  /** By name, in the order of the table. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** What is wrong, a line each, every one with where it stands. */
  readonly errors: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(command: Of, flags: Flags, env: Environment) {
    const errors: string[] = [];
    this.config = originOf(CONFIG, null, flags, env, null);
    const file = readFile(command, this.config, errors);
    const origins = new Map<string, Origin>();
    const values: Record<string, unknown> = {};
    for (const [name, setting] of Object.entries<SettingTable[string]>(SETTINGS_OF[command])) {
      const origin = originOf(name, setting.byDefault, flags, env, file);
      origins.set(name, origin);
      if (origin.text === null) {
        if (setting.isRequired)
          errors.push(`${flagOf(name)} is missing: give it, or ${variableOf(name)}, or ${keyOf(name)} in the file of --config`);
        continue;
      }
      try {
        values[name] = setting.read(origin.text);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        errors.push(`${writtenAs(name, origin)}: ${error.message}`);
      }
    }
    this.origins = origins;
    this.errors = errors;
    this.#values = values;
  }

  /** The values. Throws `UsageError` with all that is wrong. */
  values(): SettingValues<(typeof SETTINGS_OF)[Of]> {
    if (this.errors.length > 0) throw new UsageError(this.errors.join('\nleasehold: '));
    return this.#values as SettingValues<(typeof SETTINGS_OF)[Of]>;
  }

  /** How it was written, for an error that speaks of it: `--id n1`, `LEASEHOLD_ID=n1`, `node.toml: id = n1`. */
  written(name: keyof (typeof SETTINGS_OF)[Of] & string): string {
    return writtenAs(name, this.origins.get(name) ?? NOWHERE);
  }
}

const NOWHERE: Origin = { source: 'none', name: null, text: null };

function readFile(command: ConfiguredCommand, config: Origin, errors: string[]): ConfigFile | null {
  if (config.text === null) return null;
  try {
    const file = readConfigFile(config.text, writtenAs(CONFIG, config), command);
    errors.push(...file.errors);
    return file;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    errors.push(error.message);
    return null;
  }
}

/** A variable that is empty counts as none: that is how scripts and compose files leave one out. */
function originOf(name: string, byDefault: string | null, flags: Flags, env: Environment, file: ConfigFile | null): Origin {
  const flag = flags[name];
  if (flag !== undefined) return { source: 'flag', name: flagOf(name), text: flag };
  const variable = env[variableOf(name)];
  if (variable !== undefined && variable !== '') return { source: 'environment', name: variableOf(name), text: variable };
  const text = file?.texts.get(keyOf(name));
  if (file !== null && text !== undefined) return { source: 'file', name: `${file.path}: ${keyOf(name)}`, text };
  return byDefault === null ? NOWHERE : { source: 'default', name: null, text: byDefault };
}

function writtenAs(name: string, { source, name: by, text }: Origin): string {
  switch (source) {
    case 'flag':
      return `${by} ${text}`;
    case 'environment':
      return `${by}=${text}`;
    case 'file':
      return `${by} = ${text}`;
    default:
      return text === null ? flagOf(name) : `${flagOf(name)} ${text} (the default)`;
  }
}

/** Throws `UsageError` where silence would count as an end before a heartbeat or two may go missing. */
export function checkTimings(
  heartbeatMs: number,
  electionTimeoutMs: number,
  written: (name: keyof typeof SHARED_SETTINGS) => string,
): void {
  if (electionTimeoutMs < 3 * heartbeatMs)
    throw new UsageError(
      `${written('electionTimeout')} must be at least three heartbeats, which is ${3 * heartbeatMs}ms with ${written('heartbeat')}`,
    );
}

/** The environment without any setting: for processes that are told theirs by flags, and must not find another's. */
export function withoutSettings(env: Environment): Environment {
  const variables = new Set([CONFIG, ...Object.values(SETTINGS_OF).flatMap((table) => Object.keys(table))].map(variableOf));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !variables.has(name)));
}

/** The flags that hand settings on as they are; defaults need none. */
export function flagsOf(names: readonly string[], origins: ReadonlyMap<string, Origin>): string[] {
  return names.flatMap((name) => {
    const { source, text } = origins.get(name) ?? NOWHERE;
    return source === 'default' || text === null ? [] : [flagOf(name), text];
  });
}
