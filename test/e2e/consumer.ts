// A project of somebody else: an empty folder in which npm has installed the package as it would be published.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Ended, freshDirectory, Process, ROOT } from './processes.ts';

/** What packing must not see: it has to build by itself, from sources alone. */
const LEFT_BEHIND = ['node_modules', 'dist', 'data', '.git'];
/** What a program in TypeScript installs for itself beside the package. */
const TYPES_OF_NODE = ['@types/node', 'undici-types'];

export interface Packed {
  readonly tarball: string;
  readonly bytes: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Packs a copy of this checkout, so that nothing of an older build can be in it, and `prepack` has to make what is missing. */
export async function pack(): Promise<Packed> {
  const directory = freshDirectory();
  const copy = join(directory, 'checkout');
  mkdirSync(copy);
  for (const name of readdirSync(ROOT)) if (!LEFT_BEHIND.includes(name)) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const { out } = await succeeded(run(copy, 'npm', ['pack', '--json', '--pack-destination', directory]));
  const [told] = JSON.parse(out) as { filename: string; size: number; files: Packed['files'] }[];
  if (told === undefined) throw new Error(`npm pack told nothing: ${out}`);
  return { tarball: join(directory, told.filename), bytes: told.size, files: told.files };
}

/**
 * Installs the tarball by npm itself, without a network and with an empty cache, so that it works wherever `npm ci` has. For that the
 * dependencies are there before: copies of what the lock file has installed here for production, and nothing else. npm goes through
 * what the tarball's own package.json asks for, and stops where it would have to fetch something; a package that is used but not
 * declared is missing when the program runs. What this cannot show is a newer release of a dependency's dependency.
 */
export class Consumer {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async install(tarball: string): Promise<Consumer> {
    const directory = join(freshDirectory(), 'consumer');
    const modules = join(directory, 'node_modules');
    const lock = JSON.parse(readFileSync(join(ROOT, 'node_modules/.package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
    const production = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
    for (const path of [...production.map(([installed]) => installed), ...TYPES_OF_NODE.map((name) => `node_modules/${name}`)]) {
      if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(directory, path), { recursive: true });
    }
    linkPrograms(modules);
    const types = lock.packages['node_modules/@types/node']?.version;
    write(directory, 'package.json', { name: 'consumer', private: true, type: 'module', devDependencies: { '@types/node': types } });
    const cache = join(directory, '.npm-cache');
    await succeeded(run(directory, 'npm', ['install', '--offline', '--no-audit', '--no-fund', '--cache', cache, tarball]));
    return new Consumer(directory);
  }

  /** Where the package is. */
  get package(): string {
    return join(this.directory, 'node_modules/leasehold');
  }

  write(name: string, content: string | object): void {
    write(this.directory, name, content);
  }

  /** Runs a program of this Node on a file that was written. */
  node(name: string, ...argv: string[]): Process {
    return run(this.directory, process.execPath, [name, ...argv]);
  }

  /** Runs the package's own program as npm has linked it. */
  leasehold(...argv: string[]): Process {
    return run(this.directory, join(this.directory, 'node_modules/.bin/leasehold'), argv);
  }

  /** What TypeScript finds wrong with a file, under the options. The declarations of the package are checked as well. */
  async typeErrors(file: string, compilerOptions: object): Promise<string> {
    this.write('tsconfig.json', {
      compilerOptions: { strict: true, noEmit: true, skipLibCheck: false, ...compilerOptions },
      files: [file],
    });
    return (await this.node(join(ROOT, 'node_modules/typescript/bin/tsc'), '--pretty', 'false').ended).out;
  }
}

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
}

/** A program has to end well. */
export async function succeeded(process: Process): Promise<Ended> {
  const ended = await process.ended;
  if (ended.code !== 0) throw new Error(`it ended with ${ended.code ?? ended.signal}:\n${ended.out}${ended.err}`);
  return ended;
}

/** Without what `npm test` tells its children: it is meant for this project, not for theirs. */
function run(cwd: string, command: string, argv: readonly string[]): Process {
  const foreign = Object.keys(process.env).filter((name) => /^(npm_|NODE_|VITEST|INIT_CWD)/.test(name));
  return new Process(command, argv, { cwd, env: Object.fromEntries(foreign.map((name) => [name, undefined])) });
}

/** The links to the dependencies' own programs; npm takes a package without them for one that is not whole, and fetches it. */
function linkPrograms(modules: string): void {
  const theirs = join(ROOT, 'node_modules/.bin');
  mkdirSync(join(modules, '.bin'));
  for (const name of readdirSync(theirs)) {
    const target = readlinkSync(join(theirs, name));
    if (existsSync(join(modules, '.bin', target))) symlinkSync(target, join(modules, '.bin', name));
  }
}

function write(directory: string, name: string, content: string | object): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
}
