// The file of `--config`: TOML, a key for each setting, read into the text that a flag would have had.
import { readFileSync, statSync } from 'node:fs';
import { parse, type TomlPrimitive } from 'smol-toml';
import { nearest } from './nearest.ts';
import { type ConfiguredCommand, keyOf, SETTINGS_OF } from './settings.ts';
import { UsageError } from './values.ts';

const FILE_MAX_BYTES = 1 << 20;

/** What a file says. */
export interface ConfigFile {
  /** As it was named. */
  readonly path: string;
  /** By key, as a flag would have it. */
  readonly texts: ReadonlyMap<string, string>;
  /** What is wrong with single keys. */
  readonly errors: readonly string[];
}

/** Reads the file for a command. Throws `UsageError` when it cannot be read at all; `named` says by what it was asked for. */
export function readConfigFile(path: string, named: string, command: ConfiguredCommand): ConfigFile {
  const texts = new Map<string, string>();
  const errors: string[] = [];
  for (const [key, value] of Object.entries(parsed(path, named))) {
    const text = textOf(value);
    if (!isKeyOf(command, key)) errors.push(`${path}: ${whatIs(key, command)}`);
    else if (text === null) errors.push(`${path}: ${key} must be a text, a number, or a list or table of texts`);
    else texts.set(key, text);
  }
  return { path, texts, errors };
}

function parsed(path: string, named: string): Readonly<Record<string, TomlPrimitive>> {
  let text: string;
  try {
    if (statSync(path).size > FILE_MAX_BYTES) throw new Error(`it has more than ${FILE_MAX_BYTES} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${named}: the file cannot be read: ${(error as Error).message}`);
  }
  try {
    return parse(text);
  } catch (error) {
    const { message, line, column } = error as Error & { line?: number; column?: number };
    // The first line says what is wrong, the others show the place.
    throw new UsageError(`${path}${line === undefined ? '' : `, line ${line}, column ${column}`}: ${message.split('\n')[0]}`);
  }
}

/** A list is written with commas, a table as `name=text`, as a flag would be; null for what no flag can say. */
function textOf(value: TomlPrimitive): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value instanceof Date) return null;
  if (!Object.values(value).every((part) => typeof part === 'string')) return null;
  return (Array.isArray(value) ? value : Object.entries(value).map(([name, part]) => `${name}=${String(part)}`)).join(',');
}

function isKeyOf(command: ConfiguredCommand, key: string): boolean {
  return keysOf(command).includes(key);
}

function keysOf(command: ConfiguredCommand): string[] {
  return Object.keys(SETTINGS_OF[command]).map(keyOf);
}

function whatIs(key: string, command: ConfiguredCommand): string {
  const other: ConfiguredCommand = command === 'node' ? 'cluster' : 'node';
  if (isKeyOf(other, key)) return `${key} is a setting of leasehold ${other}, not of leasehold ${command}`;
  const meant = nearest(key, keysOf(command));
  return `there is no setting ${key}; ${meant === null ? `there are ${keysOf(command).join(', ')}` : `${meant} was meant?`}`;
}
