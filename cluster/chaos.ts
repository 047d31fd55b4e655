// Breaks nodes of a running `leasehold cluster` by name: npm run chaos -- kill n1 [--data ./data]
import { Command } from 'commander';
import { askCluster, type ControlRequest } from '../src/cli/control.ts';

const ACTIONS = {
  kill: 'end a node without warning (SIGKILL), as a crash would',
  pause: 'make a node stand still (SIGSTOP), as an overloaded machine would',
  resume: 'let a paused node go on (SIGCONT)',
  restart: 'bring a node back; one that runs is stopped in order first',
} as const;

async function ask(dataDir: string, request: ControlRequest): Promise<void> {
  try {
    const reply = await askCluster(dataDir, request);
    (reply.ok ? process.stdout : process.stderr).write(`${reply.text}\n`);
    process.exitCode = reply.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`chaos: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

const program = new Command('chaos').description('Break a running leasehold cluster, node by node.');
const withData = (command: Command) => command.option('--data <dir>', 'the data directory that the cluster was started with', './data');
for (const [name, description] of Object.entries(ACTIONS) as [keyof typeof ACTIONS, string][]) {
  const command = withData(program.command(`${name} <node>`).description(description));
  command.action(async (node: string) => await ask(command.opts<{ data: string }>().data, { do: name, node }));
}
const status = withData(program.command('status').description('which process is which node'));
status.action(async () => await ask(status.opts<{ data: string }>().data, { do: 'status' }));
await program.parseAsync();
