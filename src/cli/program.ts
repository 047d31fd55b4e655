// The command line as a whole: which commands there are, and how a run ends in an exit code.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addClaimCommands } from './claim-commands.ts';
import { addClusterCommand } from './cluster-command.ts';
import { addClusterCommands } from './cluster-commands.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addConfigCommand } from './config-command.ts';
import { EXIT, EXIT_HELP } from './exit-codes.ts';
import { addExplainCommand } from './explain-command.ts';
import { addKvCommands } from './kv-commands.ts';
import { addLessorCommands } from './lessor-commands.ts';
import { addMemberCommands } from './member-commands.ts';
import { addNodeCommand } from './node-command.ts';
import { addRunCommand } from './run-command.ts';
import type { Io } from './session.ts';
import { addStatusCommand } from './status-command.ts';
import { UsageError } from './values.ts';
import { addWatchCommand } from './watch-command.ts';

/** Runs the command that `argv` (without the program's own name) asks for; gives its exit code. Never throws, prints no stack trace. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.done;
  const finish = (given: number) => {
    code = given;
  };
  const program = new Command('leasehold')
    .description('Time-limited, exclusive, fenced leases from a cluster of nodes.')
    .version(version(), '-V, --version', 'print which release this is')
    .addHelpText('after', EXIT_HELP)
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd().replace(/^error: /, 'leasehold: ')),
    })
    .showHelpAfterError('See --help.')
    .exitOverride();
  addClusterCommand(program, io, finish);
  addNodeCommand(program, io, finish);
  addConfigCommand(program, io, finish);
  addStatusCommand(program, io, finish);
  addClusterCommands(program, io, finish);
  addMemberCommands(program, io, finish);
  addClaimCommands(program, io, finish);
  addExplainCommand(program, io, finish);
  addWatchCommand(program, io, finish);
  addRunCommand(program, io, finish);
  addKvCommands(program, io, finish);
  addLessorCommands(program, io, finish);
  addCompletionCommand(program, io, finish);
  for (const command of program.commands) command.addHelpText('after', EXIT_HELP);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`leasehold: ${error.message}`);
      return EXIT.usage;
    }
    // Commander has printed its own words already; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    io.err(
      `leasehold: ${io.env.LEASEHOLD_DEBUG && error instanceof Error ? error.stack : error instanceof Error ? error.message : String(error)}`,
    );
    return EXIT.unknown;
  }
}

/** The package's own, as it stands beside the built program. */
function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
