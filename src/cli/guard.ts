// A program in a process group of its own, and a second process that kills it when this one cannot.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** How a guarded program came to its end; `signal` is the number of the one that ended it, null for an exit. */
export type GuardEnd =
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: number | null }
  | { readonly kind: 'not-started'; readonly error: NodeJS.ErrnoException };

/** Between two words to the guardian, in milliseconds. */
const WORD_MS = 100;
/** What people and supervisors send to stop a program; the guarded one gets it, and decides. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

/**
 * Runs a program until its end. A guardian (`guardian.ts`) is told again and again until when the program may run, and kills it at that
 * moment, or when this process has gone: what stops or kills this one must not let the program run on.
 */
export class Guard {
  readonly ended: Promise<GuardEnd>;
  readonly #child: ChildProcess;
  #timers: (() => void)[] = [];

  /** `mayRunMs` tells for how long from now the program may run; null once no more time is given than was told before. */
  constructor(program: string, args: readonly string[], environment: Readonly<Record<string, string>>, mayRunMs: () => number | null) {
    // Both before the program: from its first moment on a signal for this process is the program's, and somebody watches over it.
    const forward = (signal: NodeJS.Signals): void => this.#signal(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    const guardian = new Guardian();
    const child = spawn(program, args, { stdio: 'inherit', detached: true, env: { ...process.env, ...environment } });
    this.#child = child;
    if (child.pid !== undefined) guardian.watch(child.pid, mayRunMs);
    this.ended = new Promise<GuardEnd>((resolve) => {
      child.once('error', (error) => resolve({ kind: 'not-started', error }));
      child.once('exit', (code, signal) => resolve({ kind: 'ended', code, signal: signal === null ? null : constants.signals[signal] }));
    }).finally(() => {
      for (const cancel of this.#timers) cancel();
      for (const signal of FORWARDED) process.off(signal, forward);
      // Whatever the program left behind was guarded, too.
      this.kill();
      guardian.end();
    });
  }

  /** SIGTERM now, SIGKILL after `graceMs`. */
  terminate(graceMs: number): void {
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.kill(), graceMs);
    this.#timers.push(() => clearTimeout(timer));
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  }
}

/** The second process, seen from here. */
class Guardian {
  readonly #process = spawn(process.execPath, [fileURLToPath(new URL('./guardian.js', import.meta.url))], {
    // Not in this terminal's foreground group: Ctrl-C must not take it before the program that it guards.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  #timer: NodeJS.Timeout | null = null;

  constructor() {
    this.#process.on('error', () => {});
    this.#process.stdin.on('error', () => {});
  }

  /** Tells it the process group, and again and again until when that may run. */
  watch(group: number, mayRunMs: () => number | null): void {
    const { stdin } = this.#process;
    stdin.write(`group ${group}\n`);
    const tell = (): void => {
      const ms = mayRunMs();
      // One that does not read must not be waited for, and no word is worth more than the latest.
      if (ms !== null && (this.#timer === null || stdin.writableLength === 0))
        stdin.write(`${process.hrtime.bigint() + BigInt(Math.floor(ms * 1e6))}\n`);
    };
    tell();
    this.#timer = setInterval(tell, WORD_MS);
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#process.stdin.end('done\n');
  }
}
