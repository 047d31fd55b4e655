// The commands of interaction files, each as what it does to the environment: etcd's here, ours in faults.ts.
import type { Message } from '../../src/raft/messages.ts';
import type { StepResult } from '../../src/raft/ready.ts';
import type { ConfChange, NodeId } from '../../src/raft/types.ts';
import { formatProgressMap, parseChanges } from './confchange-text.ts';
import { type Block, bareKeys, valueFor, valuesFor } from './datadriven.ts';
import { type Command, FAULTS, kindOf, numbers } from './faults.ts';
import { bootstrapSnapshot, type Environment } from './interaction.ts';
import type { NodeOptions } from './interaction-node.ts';
import { formatEntries, formatMessage, ROLE_NAMES } from './message-text.ts';
import { LEVELS, type Level } from './trace-text.ts';

/** Runs one block and gives what it prints. */
export function runBlock(environment: Environment, block: Block): string {
  const command = COMMANDS[block.command];
  if (command === undefined) throw new Error(`unknown command ${block.command}`);
  const { output } = environment;
  const error = command(environment, block);
  if (error !== null && output.isQuiet) return `${error}\n`;
  if (error !== null) output.write(error);
  const text = output.take();
  if (text === '') return 'ok\n';
  return text.endsWith('\n') ? text : `${text}\n`;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  ...FAULTS,
  'add-nodes': addNodes,
  campaign: onNode((environment, id) => environment.node(id).raft.campaign()),
  compact: (environment, block) => {
    const [id, index] = numbers(block);
    environment.node(id as NodeId).disk.write((storage) => storage.compact(index as number));
    return writeLog(environment, id as NodeId);
  },
  'deliver-msgs': deliverMessages,
  'forget-leader': onNode((environment, id) => environment.node(id).raft.forgetLeader()),
  'log-level': (environment, block) => setLevel(environment, bareKeys(block)[0] as string),
  'process-append-thread': onNodes('processing append thread', (environment, id) => environment.processAppendThread(id)),
  'process-apply-thread': onNodes('processing apply thread', (environment, id) => environment.processApplyThread(id)),
  'process-ready': onNodes('handling Ready', (environment, id) => environment.processReady(id)),
  propose: (environment, block) => {
    const [id, data] = bareKeys(block);
    return environment.errorOf(environment.node(Number(id)).raft.propose([new TextEncoder().encode(data)]));
  },
  'propose-conf-change': proposeConfChange,
  'raft-log': (environment, block) => writeLog(environment, numbers(block)[0] as NodeId),
  'raft-state': writeStates,
  'report-unreachable': (environment, block) => {
    const [id, peer] = numbers(block);
    environment.node(id as NodeId).raft.reportUnreachable(peer as NodeId);
    return null;
  },
  'send-snapshot': (environment, block) => {
    const [from, to] = numbers(block) as [NodeId, NodeId];
    const { raft, disk } = environment.node(from);
    const message: Message = { kind: 'snapshot', from, to, term: raft.status().term, snapshot: disk.storage.snapshot() };
    environment.messages.push(message);
    environment.output.write(formatMessage(message));
    return null;
  },
  'set-randomized-election-timeout': (environment, block) => {
    const id = numbers(block)[0] as NodeId;
    environment.node(id).raft.setRandomizedElectionTimeout(Number(valueFor(block, 'timeout')));
    return null;
  },
  stabilize: (environment, block) => {
    const { output } = environment;
    const before = output.level;
    const level = valueFor(block, 'log-level');
    if (level !== undefined) setLevel(environment, level);
    const ids = numbers(block);
    environment.stabilize(ids.length > 0 ? ids : environment.nodes.map(({ id }) => id));
    output.level = before;
    return null;
  },
  status: (environment, block) => {
    const { progress } = environment.node(numbers(block)[0] as NodeId).raft.status();
    if (progress !== null) environment.output.write(formatProgressMap(progress));
    return null;
  },
  'tick-election': onNode((environment, id) => tick(environment, id, environment.node(id).config.electionTicks)),
  'tick-heartbeat': onNode((environment, id) => tick(environment, id, environment.node(id).config.heartbeatTicks)),
  'transfer-leadership': (environment, block) => {
    environment.node(Number(valueFor(block, 'from'))).raft.transferLeader(Number(valueFor(block, 'to')));
    return null;
  },
};

function onNode(work: (environment: Environment, id: NodeId) => void): Command {
  return (environment, block) => {
    work(environment, numbers(block)[0] as NodeId);
    return null;
  };
}

/** Several nodes are told apart by a header for each. */
function onNodes(header: string, work: (environment: Environment, id: NodeId) => void): Command {
  return (environment, block) => {
    const ids = numbers(block);
    for (const id of ids) {
      if (ids.length === 1) {
        work(environment, id);
      } else {
        environment.output.write(`> ${id} ${header}\n`);
        environment.output.indented(() => work(environment, id));
      }
    }
    return null;
  };
}

function addNodes(environment: Environment, block: Block): string | null {
  const isTrue = (key: string): boolean => valueFor(block, key) === 'true';
  const limitOf = (key: string): number | undefined => (valueFor(block, key) === undefined ? undefined : Number(valueFor(block, key)));
  const inflight = limitOf('inflight');
  const applying = limitOf('max-committed-size-per-ready');
  // Ours: etcd's files have no limit on an append.
  const message = limitOf('max-message-bytes');
  const options: NodeOptions = {
    asyncStorageWrites: isTrue('async-storage-writes'),
    preVote: isTrue('prevote'),
    checkQuorum: isTrue('checkquorum'),
    stepDownOnRemoval: isTrue('step-down-on-removal'),
    validateConfChanges: !isTrue('disable-conf-change-validation'),
    readOnly: valueFor(block, 'read-only') === 'lease-based' ? 'lease-based' : 'safe',
    ...(inflight === undefined ? {} : { inflights: { maxMessages: inflight, maxBytes: 0 } }),
    ...(applying === undefined ? {} : { maxApplyingBytes: applying }),
    ...(message === undefined ? {} : { maxBytesPerMessage: message }),
  };
  const isBootstrapped = ['voters', 'learners', 'index', 'content'].some((key) => valuesFor(block, key) !== undefined);
  const index = Number(valueFor(block, 'index') ?? 0);
  if (isBootstrapped && index <= 1) return 'index must be specified as > 1 due to bootstrap';
  const idsOf = (key: string): NodeId[] => (valuesFor(block, key) ?? []).map(Number);
  const snapshot = isBootstrapped ? bootstrapSnapshot(index, idsOf('voters'), idsOf('learners')) : null;
  for (let count = numbers(block)[0] as number; count > 0; count--) environment.addNode(options, snapshot);
  return null;
}

function deliverMessages(environment: Environment, block: Block): string | null {
  const kind = kindOf(block);
  let count = 0;
  for (const { key, values } of block.arguments) {
    if (values.length === 0) count += environment.deliver(Number(key), false, kind);
    if (key === 'drop') for (const id of values) count += environment.deliver(Number(id), true, kind);
  }
  if (count === 0) environment.output.write('no messages\n');
  return null;
}

function proposeConfChange(environment: Environment, block: Block): string | null {
  const change: ConfChange = {
    v1: valueFor(block, 'v1') === 'true',
    transition: (valueFor(block, 'transition') ?? 'auto') as ConfChange['transition'],
    changes: parseChanges(block.input),
  };
  const result: StepResult = environment.node(numbers(block)[0] as NodeId).raft.proposeConfChange(change);
  return environment.errorOf(result);
}

function setLevel(environment: Environment, name: string): string | null {
  const level = name.toUpperCase();
  if (!LEVELS.includes(level as Level)) return `log levels must be either of [${LEVELS.join(' ')}]`;
  environment.output.level = level as Level;
  return null;
}

function tick(environment: Environment, id: NodeId, ticks: number): void {
  for (let i = 0; i < ticks; i++) environment.node(id).raft.tick();
}

/** The durable part of the log only. */
function writeLog(environment: Environment, id: NodeId): null {
  const { storage } = environment.node(id).disk;
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last < first) environment.output.write(`log is empty: first index=${first}, last index=${last}`);
  else environment.output.write(formatEntries(storage.entries(first, last + 1, Number.MAX_SAFE_INTEGER)));
  return null;
}

function writeStates(environment: Environment): null {
  for (const { id, running } of environment.nodes) {
    if (running === null) {
      environment.output.write(`${id}: down\n`);
      continue;
    }
    const { conf, role, term, leader } = running.raft.status();
    const isVoter = [...conf.voters, ...conf.votersOutgoing].includes(id);
    environment.output.write(`${id}: ${ROLE_NAMES[role]} (${isVoter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}\n`);
  }
  return null;
}
