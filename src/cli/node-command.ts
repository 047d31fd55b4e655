// `leasehold node`: one node, from its flags to its last line. The only command that builds a real node.
import { type Command, Option } from 'commander';
import { addressText, DEFAULT_TIMINGS, type NodeConfig } from '../config.ts';
import type { LoopDelay } from '../main.ts';
import { EXIT } from './exit-codes.ts';
import type { Finish, Io } from './session.ts';
import { address, durationOption, endpoints, memberId, members, UsageError } from './values.ts';

/** A node that has not stopped by then is ended: its peers have long stopped waiting for it. */
const STOP_MS = 15_000;

interface Flags {
  readonly id: string;
  readonly http: NodeConfig['http'];
  readonly peer: NodeConfig['peer'];
  readonly members?: NodeConfig['members'];
  readonly join?: NodeConfig['join'];
  readonly data: string;
  readonly heartbeat: number;
  readonly electionTimeout: number;
  readonly control?: string;
}

const MEMBERSHIP_HELP = `
--members and --join are for the first start. After it the data directory knows the cluster, and the cluster's log says who its
members are; either flag may stay or go.`;

/** Adds `node` to `program`. */
export function addNodeCommand(program: Command, io: Io, finish: Finish): void {
  const command = program
    .command('node')
    .description('run one node of a cluster')
    .requiredOption('--id <id>', 'its name', memberId)
    .requiredOption('--http <host:port>', 'where it answers clients', address)
    .requiredOption('--peer <host:port>', 'where it listens for its peers', address)
    .option('--members <list>', 'all members of a new cluster, itself included: n1=host:port,n2=host:port,n3=host:port', members)
    .option('--join <urls>', 'instead of --members: nodes of a running cluster, which takes this one in: URL[,URL…]', endpoints)
    .requiredOption('--data <dir>', 'its data directory, for no other node and no other use')
    .addOption(durationOption('--heartbeat <duration>', 'between two heartbeats of the leader', `${DEFAULT_TIMINGS.heartbeatMs}ms`))
    .addOption(
      durationOption(
        '--election-timeout <duration>',
        'least silence after which a leader counts as lost',
        `${DEFAULT_TIMINGS.electionTimeoutMs}ms`,
      ),
    )
    // For `leasehold cluster` alone, which listens there.
    .addOption(new Option('--control <url>').hideHelp())
    .addHelpText('after', MEMBERSHIP_HELP);
  command.action(async () => finish(await runNode(configOf(command.opts<Flags>()), io)));
}

/** Checks what no single flag can know. Throws `UsageError`. */
export function configOf(flags: Flags): NodeConfig {
  const { id, http, peer, heartbeat, electionTimeout, members: founders = [], join = [] } = flags;
  if (founders.length > 0 && join.length > 0)
    throw new UsageError('--members is for the nodes of a new cluster, --join for one that comes to a running cluster: give one of them');
  if (founders.length > 0 && !founders.some((member) => member.id === id))
    throw new UsageError(
      `--id ${id} is not among --members (${founders.map((member) => member.id).join(', ')}): add ${id}=${addressText(peer)}`,
    );
  if (addressText(http) === addressText(peer))
    throw new UsageError(`--http and --peer are both ${addressText(http)}: give them different ports`);
  if (flags.data === '') throw new UsageError('--data needs a directory');
  if (heartbeat < 1) throw new UsageError('--heartbeat must be at least 1ms');
  if (electionTimeout < 3 * heartbeat)
    throw new UsageError(`--election-timeout ${electionTimeout}ms must be at least three heartbeats (${3 * heartbeat}ms)`);
  return {
    ...{ id, http, peer, members: founders, join, dataDir: flags.data },
    ...{ heartbeatMs: heartbeat, electionTimeoutMs: electionTimeout },
    ...(flags.control === undefined ? {} : { control: flags.control }),
  };
}

/** Runs a node until a signal, the parent's end or its own failure; gives the exit code. */
async function runNode(config: NodeConfig, io: Io): Promise<number> {
  // Without a listener for it, SIGUSR1 would open Node's debugger to everybody on this machine.
  process.on('SIGUSR1', () => {});
  process.on('uncaughtException', (error) => {
    // Here the trace is for whoever mends the program. The state may be wrong, so nothing is flushed or answered.
    io.err(`leasehold ${config.id}: a fault in the program ended this node: ${error?.stack ?? String(error)}`);
    process.exit(EXIT.refused);
  });
  const stopAsked = untilAskedToStop();

  const { startNode } = await import('../main.ts');
  let loopDelay: LoopDelay | undefined;
  process.on('SIGUSR2', () => loopDelay !== undefined && io.out(`${config.id}: ${loopDelayLine(loopDelay.take())}`));
  const measuring = (begun: LoopDelay): void => {
    loopDelay = begun;
  };
  let node: Awaited<ReturnType<typeof startNode>>;
  try {
    node = await startNode(config, { line: (text) => io.out(text), measuring });
  } catch (error) {
    io.err(`leasehold ${config.id}: ${messageOf(error)}`);
    return EXIT.refused;
  }
  io.out(`${config.id} answers at http://${addressText(config.http)}`);

  const end = await Promise.race([stopAsked, node.failed]);
  if (end instanceof Error) {
    io.err(`leasehold ${config.id}: this node has ended: ${end.message}`);
    return EXIT.refused;
  }
  setTimeout(() => {
    io.err(`leasehold ${config.id}: did not stop within ${STOP_MS / 1_000} s; ended`);
    process.exit(EXIT.refused);
  }, STOP_MS).unref();
  try {
    await node.stop();
  } catch (error) {
    io.err(`leasehold ${config.id}: did not stop in order: ${messageOf(error)}`);
    return EXIT.refused;
  }
  io.out(`${config.id} stopped`);
  return EXIT.done;
}

/** Settles with the first SIGTERM or SIGINT, or when the cluster process that started this one is gone. A second signal ends at once. */
function untilAskedToStop(): Promise<'asked'> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
    ] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + number);
        asked = true;
        resolve('asked');
      });
    }
    process.on('disconnect', () => resolve('asked'));
  });
}

/** `event loop held up by at most 12.3 ms (p50 0.1, p99 4.2; own work at most 8.1) in 10.0 s`. */
function loopDelayLine({ p50Ms, p99Ms, maxMs, maxWorkMs, sinceMs }: ReturnType<LoopDelay['take']>): string {
  const [p50, p99, max, work] = [p50Ms, p99Ms, maxMs, maxWorkMs].map((value) => value.toFixed(1));
  return `event loop held up by at most ${max} ms (p50 ${p50}, p99 ${p99}; own work at most ${work}) in ${(sinceMs / 1_000).toFixed(1)} s`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
