// `leasehold node`: one node, from its flags to its last line. The only command that builds a real node.
import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import { addressText, isUnspecified, type NodeConfig, type RoomSettings } from '../config.ts';
import type { LogFields, LogLevel } from '../log.ts';
import type { LoopDelay } from '../main.ts';
import { checkTimings, EffectiveSettings, withSettings } from './effective-settings.ts';
import { EXIT } from './exit-codes.ts';
import { logLines } from './log-lines.ts';
import { clientConnectionsMax, descriptorLimit } from './open-files.ts';
import type { Finish, Io } from './session.ts';
import { UsageError } from './values.ts';

/**
 * V8 marks a heap in small steps, some of them as tasks, and Node runs all tasks that wait before it goes on with its event loop. With a
 * million leases that kept a node from everything else for 90 to 500 ms in every run; without the tasks, where allocation alone makes
 * V8 take its steps, for less than 50 in most (bench/README.md, `big-state`).
 */
const MARKING_WITHOUT_TASKS = '--no-incremental-marking-task';

/** A node that has not stopped by then is ended: its peers have long stopped waiting for it. */
const STOP_MS = 15_000;

const MEMBERSHIP_HELP = `
--members and --join are for the first start. After it the data directory knows the cluster, and the cluster's log says who its
members are; either flag may stay or go. With both, --members counts for a node that is among them, --join for any other.`;

/** Adds `node` to `program`. */
export function addNodeCommand(program: Command, io: Io, finish: Finish): void {
  const command = withSettings(program.command('node').description('run one node of a cluster'), 'node')
    // For `leasehold cluster` alone, which listens there; no setting.
    .addOption(new Option('--control <url>').hideHelp())
    .addHelpText('after', MEMBERSHIP_HELP);
  command.action(async () => {
    const { control, ...flags } = command.opts<Record<string, string>>();
    const settings = new EffectiveSettings('node', flags, io.env);
    const config = configOf(settings);
    const connectionsMax = clientConnectionsMax(descriptorLimit());
    finish(await runNode({ ...config, connectionsMax, ...(control === undefined ? {} : { control }) }, settings, io));
  });
}

/** Checks what no single setting can know. Throws `UsageError`. */
export function configOf(settings: EffectiveSettings<'node'>): NodeConfig {
  const { id, http, peer, hostNames = [], data, drain, heartbeat, electionTimeout, members = [], join = [] } = settings.values();
  const written = settings.written.bind(settings);
  const isMember = members.some((member) => member.id === id);
  if (members.length > 0 && !isMember && join.length === 0)
    throw new UsageError(
      `${written('id')} is not among --members (${members.map((member) => member.id).join(', ')}): add ${id}=${addressText(peer)}`,
    );
  if (addressText(http) === addressText(peer))
    throw new UsageError(`${written('http')} and ${written('peer')} are the same address: give them different ports`);
  checkTimings(heartbeat, electionTimeout, written);
  const joins = !isMember && join.length > 0;
  const { advertiseHttp, advertisePeer } = settings.values();
  // A cluster of one tells nobody anything.
  const isAlone = isMember && members.length === 1;
  if (advertiseHttp === undefined && isUnspecified(http) && !isAlone)
    throw new UsageError(
      `${written('http')} cannot be told to other members: add --advertise-http with an address at which clients find ${id}`,
    );
  if (advertisePeer === undefined && isUnspecified(peer) && joins)
    throw new UsageError(
      `${written('peer')} cannot be told to a cluster that ${id} joins: add --advertise-peer with an address at which its peers find it`,
    );
  return {
    id,
    http,
    peer,
    ...(advertiseHttp === undefined ? {} : { advertiseHttp }),
    ...(advertisePeer === undefined ? {} : { advertisePeer }),
    members: joins ? [] : members,
    join: joins ? join : [],
    hostNames,
    dataDir: data,
    heartbeatMs: heartbeat,
    electionTimeoutMs: electionTimeout,
    drainMs: drain,
    room: roomOf(settings),
  };
}

function roomOf(settings: EffectiveSettings<'node'>): RoomSettings {
  const { maxClaims, maxKeys, maxSessions, maxState, namespaceShare, diskReserve, ballast } = settings.values();
  return {
    maxClaims,
    maxKeys,
    maxSessions,
    maxStateBytes: maxState,
    namespaceShare,
    diskReserveBytes: diskReserve,
    ballastBytes: ballast,
  };
}

/** Runs a node until a signal, the parent's end or its own failure; gives the exit code. */
async function runNode(config: NodeConfig, settings: EffectiveSettings<'node'>, io: Io): Promise<number> {
  const { logFormat, logLevel } = settings.values();
  const log = await logLines(io, logFormat, logLevel);
  const say = (text: string, level: LogLevel = 'info', fields: LogFields = {}): void => log(text, level, { node: config.id, ...fields });
  const complain = (text: string, fields: LogFields = {}): void => say(`leasehold ${config.id}: ${text}`, 'error', fields);

  // Without a listener for it, SIGUSR1 would open Node's debugger to everybody on this machine.
  process.on('SIGUSR1', () => {});
  process.on('uncaughtException', (error) => {
    // Here the trace is for whoever mends the program. The state may be wrong, so nothing is flushed or answered.
    complain(`a fault in the program ended this node: ${error?.stack ?? String(error)}`);
    process.exit(EXIT.refused);
  });
  const ended = (failure: Error): number => {
    const code = codeOf(failure);
    complain(`this node has ended${code === null ? '' : ` (${code})`}: ${failure.message}`, code === null ? {} : { code });
    return EXIT.refused;
  };
  setFlagsFromString(MARKING_WITHOUT_TASKS);
  const stopAsked = untilAskedToStop();

  const { startNode } = await import('../main.ts');
  let loopDelay: LoopDelay | undefined;
  process.on('SIGUSR2', () => {
    if (loopDelay === undefined) return;
    const figures = loopDelay.take();
    say(`${config.id}: ${loopDelayLine(figures)}`, 'info', { ...figures });
  });
  const measuring = (begun: LoopDelay): void => {
    loopDelay = begun;
  };
  let node: Awaited<ReturnType<typeof startNode>>;
  try {
    node = await startNode(config, { level: logLevel, line: log, measuring });
  } catch (error) {
    const code = codeOf(error);
    complain(messageOf(error), code === null ? {} : { code });
    return EXIT.refused;
  }
  say(`${config.id} answers at http://${addressText(config.http)}`, 'info', { http: addressText(config.http) });

  const end = await Promise.race([stopAsked, node.failed]);
  if (end instanceof Error) return ended(end);
  const { drainMs = 0 } = config;
  if (drainMs > 0) {
    say(`${config.id} drains: it serves on for ${drainMs / 1_000} s and is not ready`, 'info', { drainMs });
    const failure = await Promise.race([node.drain(drainMs), node.failed]);
    if (failure instanceof Error) return ended(failure);
  }
  setTimeout(() => {
    complain(`did not stop within ${STOP_MS / 1_000} s; ended`);
    process.exit(EXIT.refused);
  }, STOP_MS).unref();
  try {
    await node.stop();
  } catch (error) {
    complain(`did not stop in order: ${messageOf(error)}`);
    return EXIT.refused;
  }
  say(`${config.id} stopped`);
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

/** What is wrong with the data directory in one word, such as `full`; null if it is something else. */
function codeOf(error: unknown): string | null {
  return error instanceof Error && error.name === 'DataDirectoryError' && 'code' in error ? String(error.code) : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
