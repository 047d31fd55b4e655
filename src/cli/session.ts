// What every client command shares: the flags that say where the cluster is, the call itself, and how its end is printed.
import type { Command } from 'commander';
import { LeaseholdError } from '../client/errors.ts';
import { type Call, HttpCaller, type Reply } from '../client/http.ts';
import { lookAtCluster, whyNoLeader } from './cluster-look.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { explain } from './format.ts';
import { Progress } from './progress.ts';
import { type Paint, PLAIN, paintFor, type Terminal } from './terminal.ts';
import { DEFAULT_ENDPOINTS, durationOption, endpoints } from './values.ts';

/** Where a command writes and what it reads of its surroundings; tests give their own. */
export interface Io {
  out(line: string): void;
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The terminals behind the two; absent for a pipe, a file, or one that cannot be drawn on. */
  readonly outTerminal?: Terminal | undefined;
  readonly errTerminal?: Terminal | undefined;
  /** From now on Ctrl-C calls `stop`, once, and does nothing else. */
  onInterrupt?(stop: () => void): void;
}

/** Told the exit code of the command that ran. */
export type Finish = (code: number) => void;

interface SharedFlags {
  readonly endpoint?: string[];
  readonly json?: boolean;
  readonly patience: number;
}

/** Adds --endpoint, --json and --patience. */
export function withSharedFlags(command: Command): Command {
  return command
    .option('--endpoint <urls>', 'any node, or several: URL[,URL…] (default: LEASEHOLD_ENDPOINT, else ports 7801 to 7803 here)', endpoints)
    .addOption(durationOption('--patience <duration>', 'how long to try while no node takes the call', '5s'))
    .option('--json', 'print the answer, or the problem, as one line of JSON');
}

/** The means of one command's run. */
export interface Session {
  readonly caller: HttpCaller;
  readonly json: boolean;
  /** Colours for what is printed, where there are any. */
  readonly paint: Paint;
  /** Whether lines for people are read on a terminal. */
  readonly isTerminal: boolean;
  /** Says on the terminal what takes long. */
  readonly progress: Progress;
  /** As --patience says. */
  readonly patienceMs: number;
  call(call: Call): Promise<Reply>;
  /** Prints the answer: as it came with --json, else the lines. */
  print(body: unknown, lines: readonly string[]): void;
}

/**
 * Runs a client command: `body` makes its calls and prints. A `LeaseholdError` that it throws is explained, `subject` being what the
 * command is about, and gives the exit code; what it returns is the exit code otherwise.
 */
export async function runSession(
  io: Io,
  finish: Finish,
  command: Command,
  subject: string,
  body: (session: Session) => Promise<number>,
): Promise<void> {
  const flags = command.opts<SharedFlags>();
  const named = flags.endpoint ?? (io.env.LEASEHOLD_ENDPOINT ? endpoints(io.env.LEASEHOLD_ENDPOINT) : DEFAULT_ENDPOINTS);
  const caller = new HttpCaller({ endpoints: named, patienceMs: flags.patience });
  const json = flags.json === true;
  const progress = new Progress(json ? undefined : io.errTerminal);
  const session: Session = {
    caller,
    json,
    progress,
    paint: json ? PLAIN : paintFor(io.outTerminal, io.env),
    isTerminal: !json && io.outTerminal !== undefined,
    patienceMs: flags.patience,
    call: (call) => progress.during('waits for the cluster to answer', null, () => caller.call(call)),
    print: (answer, lines) => {
      progress.clear();
      if (json) io.out(JSON.stringify(answer));
      else for (const line of lines) io.out(line);
    },
  };
  try {
    finish(await body(session));
  } catch (error) {
    if (!(error instanceof LeaseholdError)) throw error;
    const { silent, why } = await diagnose(error, caller, progress);
    if (json)
      io.out(JSON.stringify({ code: error.code, status: error.status, detail: error.message, ...error.facts, ...(why && { silent }) }));
    else io.err(`leasehold: ${explain(error, subject, named, why).join('\n')}`);
    finish(exitCodeOf(error));
  } finally {
    caller.close();
  }
}

/** The exit code of a command that did what it was told. */
export const DONE: number = EXIT.done;

/** Codes of what may have failed because nobody leads. */
const FOR_WANT_OF_A_LEADER = new Set(['no-leader', 'stopping', 'outcome-unknown', 'unreachable']);

/** Who of the members does not answer, where that is why nobody leads. */
async function diagnose(
  { code }: LeaseholdError,
  caller: HttpCaller,
  progress: Progress,
): Promise<{ readonly silent: readonly string[]; readonly why: string | null }> {
  if (!FOR_WANT_OF_A_LEADER.has(code)) return { silent: [], why: null };
  const look = await progress.during('looks who does not answer', null, () => lookAtCluster(caller));
  return { silent: look.silent, why: whyNoLeader(look) };
}
