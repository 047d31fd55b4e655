#!/usr/bin/env node
// The program `leasehold`: hands the arguments to the command line and ends with its exit code.
import { runCommandLine } from './program.ts';
import { terminalOf } from './terminal.ts';

/** A node or cluster outlives its reader, and drops lines rather than grow when the reader stalls; other commands end with theirs. */
const isServer = ['node', 'cluster'].includes(process.argv[2] ?? '');
const UNREAD_MAX_BYTES = 1 << 20;

function printer(stream: NodeJS.WriteStream): (line: string) => void {
  stream.on('error', () => {
    if (!isServer) process.exit(0);
  });
  return (line) => {
    if (!isServer || stream.writableLength < UNREAD_MAX_BYTES) stream.write(`${line}\n`);
  };
}

/** Settles once what was written is on its way, or the reader is gone; a server does not wait longer than a second for it. */
async function flush(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength === 0) return;
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
    if (isServer) setTimeout(resolve, 1_000);
  });
}

const code = await runCommandLine(process.argv.slice(2), {
  out: printer(process.stdout),
  err: printer(process.stderr),
  env: process.env,
  outTerminal: terminalOf(process.stdout, process.env),
  errTerminal: terminalOf(process.stderr, process.env),
  onInterrupt: (stop) => void process.once('SIGINT', stop),
});
await Promise.all([flush(process.stdout), flush(process.stderr)]);
process.exit(code);
