// Real processes for the tests: free ports, a fresh directory, the built program, and an end by process id whatever happens.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The project's root, and the program as `npm run build` leaves it. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PROGRAM = join(ROOT, 'dist/cli/main.js');

/** What a process did, once it has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

const running = new Set<ChildProcess>();
const directories = new Set<string>();

/** A process of ours, with what it has written so far. */
export class Process {
  out = '';
  err = '';
  hasEnded = false;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;

  constructor(command: string, argv: readonly string[], options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {}) {
    const child = spawn(command, argv, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    running.add(child);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.err += error.message;
      });
      child.once('close', (code, signal) => {
        running.delete(child);
        this.hasEnded = true;
        resolve({ code, signal, out: this.out, err: this.err });
      });
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`it was not started: ${this.err}`);
    return this.child.pid;
  }

  /** Waits for what it writes on standard output or error. */
  async says(words: string | RegExp): Promise<void> {
    await until(
      () => (typeof words === 'string' ? (this.out + this.err).includes(words) : words.test(this.out + this.err)),
      () => `a process to say ${words}; it said:\n${this.out}${this.err}`,
    );
  }
}

/** Runs the program `leasehold`. */
export function leasehold(argv: readonly string[], env: Record<string, string> = {}): Process {
  if (!existsSync(PROGRAM)) throw new Error('the program is not built: npm run build');
  return new Process(process.execPath, [PROGRAM, ...argv], { env });
}

/** A new directory that `endAll` removes. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'leasehold-e2e-'));
  directories.add(directory);
  return directory;
}

/** Ends every process that was started here and is still there, and removes the directories. */
export async function endAll(): Promise<void> {
  const ends = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(ends);
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}

/** Ports that were free a moment ago, `count` in a row. Below those that the system gives to outgoing connections. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(Array.from({ length: count }, (_, position) => isFree(first + position)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row were found`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Waits until `holds`, at most `limitMs`; then throws with what was waited for. */
export async function until(holds: () => boolean | Promise<boolean>, what: string | (() => string), limitMs = 45_000): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limitMs) throw new Error(`waited ${limitMs} ms for ${typeof what === 'string' ? what : what()}`);
    await sleep(20);
  }
}
