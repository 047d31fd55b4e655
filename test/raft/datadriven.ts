// Reads etcd's data files: blocks of a command, its input and the output that it must give.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Block {
  readonly command: string;
  /** In order; a key alone has no values. */
  readonly arguments: readonly Argument[];
  readonly input: string;
  /** Every line ends with a newline; empty when nothing is expected. */
  readonly expected: string;
  /** Of the command, for messages. */
  readonly line: number;
  /** Lines of the file that hold `expected`: the first, and the one behind the last. */
  readonly expectedLines: readonly [number, number];
}

export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface DataFile {
  readonly name: string;
  readonly blocks: readonly Block[];
}

const ROOT = new URL('../../../shared/raft-testdata/', import.meta.url);

/**
 * The files of one folder of the data, by name. Without the data there is nothing to replay: in CI that throws,
 * elsewhere it says so and gives no files.
 */
export function readDataFiles(folder: string): readonly DataFile[] {
  const url = new URL(`${folder}/`, ROOT);
  if (!existsSync(url)) {
    const message = `etcd's data files are absent (../shared/raft-testdata/${folder} beside the project): nothing replayed`;
    if (process.env.CI) throw new Error(message);
    console.warn(message);
    return [];
  }
  const names = readdirSync(url).filter((name) => name.endsWith('.txt'));
  return names.sort().map((name) => ({
    name: name.slice(0, -'.txt'.length),
    blocks: parseBlocks(readFileSync(fileURLToPath(new URL(name, url)), 'utf8')),
  }));
}

export function parseBlocks(text: string): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = at + 1;
    let directive = (lines[at++] as string).trim();
    if (directive.startsWith('#')) continue;
    while (directive.endsWith('\\') && at < lines.length) directive = `${directive.slice(0, -1).trim()} ${(lines[at++] as string).trim()}`;
    if (directive === '') continue;
    const inputLines: string[] = [];
    while (at < lines.length && lines[at] !== '----') inputLines.push(lines[at++] as string);
    if (at === lines.length) throw new Error(`line ${line}: no ---- after ${directive}`);
    at++;
    const output = readOutput(lines, at);
    const expectedLines = [at + 1, output.next + 1] as const;
    at = output.next;
    blocks.push({ ...parseDirective(directive, line), input: inputLines.join('\n').trim(), expected: output.text, line, expectedLines });
  }
  return blocks;
}

function readOutput(lines: readonly string[], from: number): { text: string; next: number } {
  let at = from;
  const output: string[] = [];
  if (lines[at] === '----') {
    at++;
    while (at < lines.length && !(lines[at] === '----' && lines[at + 1] === '----')) output.push(lines[at++] as string);
    at += 2;
  } else {
    while (at < lines.length && lines[at] !== '') output.push(lines[at++] as string);
  }
  return { text: output.map((line) => `${line}\n`).join(''), next: at };
}

const ARGUMENT = /\s*([^\s=]+)(=\(((?:[^()]|\([^()]*\))*)\)|=(\S*))?/y;

function parseDirective(directive: string, line: number): { command: string; arguments: Argument[] } {
  const space = directive.indexOf(' ');
  if (space < 0) return { command: directive, arguments: [] };
  const parsed: Argument[] = [];
  ARGUMENT.lastIndex = space;
  while (ARGUMENT.lastIndex < directive.length) {
    const start = ARGUMENT.lastIndex;
    const match = ARGUMENT.exec(directive);
    if (match === null) throw new Error(`line ${line}: cannot read ${directive.slice(start)}`);
    const key = match[1] as string;
    if (match[2] === undefined) parsed.push({ key, values: [] });
    else if (match[3] !== undefined) parsed.push({ key, values: splitTopLevel(match[3]) });
    else parsed.push({ key, values: [match[4] as string] });
  }
  return { command: directive.slice(0, space), arguments: parsed };
}

function splitTopLevel(list: string): string[] {
  const values: string[] = [];
  let depth = 0;
  let value = '';
  for (const character of list) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) {
      values.push(value.trim());
      value = '';
    } else {
      value += character;
    }
  }
  values.push(value.trim());
  return values;
}

/** The values of `key`, undefined where the block has no such argument. */
export function valuesFor(block: Block, key: string): readonly string[] | undefined {
  return block.arguments.find((argument) => argument.key === key)?.values;
}

/** The one value of `key`. */
export function valueFor(block: Block, key: string): string | undefined {
  return valuesFor(block, key)?.[0];
}

/** The keys that stand alone. */
export function bareKeys(block: Block): string[] {
  return block.arguments.filter(({ values }) => values.length === 0).map(({ key }) => key);
}
