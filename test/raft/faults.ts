// Commands for interaction files that etcd's lack: crashes, disks that lose what was not synced, and a network that doubles, reorders and delays.
import type { Message } from '../../src/raft/messages.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { type Block, bareKeys, valueFor } from './datadriven.ts';
import type { Environment } from './interaction.ts';
import { formatMessage, MESSAGE_NAMES } from './message-text.ts';

/** Gives the text of the error with which the command failed, null when it did not. */
export type Command = (environment: Environment, block: Block) => string | null;

export const FAULTS: Readonly<Record<string, Command>> = {
  /** `crash n [lose-unsynced]`: the process ends, or with it the power. */
  crash: (environment, block) => {
    environment.crash(nodeOf(block), bareKeys(block).includes('lose-unsynced'));
    return null;
  },
  /** `restart n [prevote=b] [checkquorum=b]`: from its disk, with other settings if given. */
  restart: (environment, block) => {
    const node = environment.node(nodeOf(block));
    if (node.running !== null) throw new Error(`node ${node.id} runs`);
    const [preVote, checkQuorum] = ['prevote', 'checkquorum'].map((key) => valueFor(block, key));
    if (preVote !== undefined) node.options = { ...node.options, preVote: preVote === 'true' };
    if (checkQuorum !== undefined) node.options = { ...node.options, checkQuorum: checkQuorum === 'true' };
    environment.start(node.id);
    return null;
  },
  /** `wipe n`: a node that is down comes back with the disk of its first start. */
  wipe: (environment, block) => {
    const node = environment.node(nodeOf(block));
    if (node.running !== null) throw new Error(`node ${node.id} runs`);
    node.format();
    return null;
  },
  /** `write-unsynced n`: the append thread writes its next work, and its sync hangs. */
  'write-unsynced': (environment, block) => {
    environment.writeUnsynced(nodeOf(block));
    return null;
  },
  /** `duplicate n [type=T] [from=m]`: what is on its way to n arrives twice, the second time behind everything else. */
  duplicate: (environment, block) => {
    const chosen = environment.messages.filter(chooser(block));
    environment.messages.push(...chosen);
    return list(environment, 'duplicated', chosen);
  },
  /** `reorder n [type=T] [from=m]`: what is on its way to n arrives newest first. */
  reorder: (environment, block) => {
    const chosen = environment.take(chooser(block)).reverse();
    environment.messages.push(...chosen);
    return list(environment, 'now', chosen);
  },
  /** `hold n [type=T] [from=m]`: what is on its way to n stays away until it is replayed. */
  hold: (environment, block) => {
    const chosen = environment.take(chooser(block));
    environment.held.push(...chosen);
    return list(environment, 'held', chosen);
  },
  /** `copy n [type=T] [from=m]`: like `hold`, but what is held is a copy. */
  copy: (environment, block) => {
    const chosen = environment.messages.filter(chooser(block));
    environment.held.push(...chosen);
    return list(environment, 'copied', chosen);
  },
  /** `replay n [type=T] [from=m]`: what was held is on its way again, behind everything else. */
  replay: (environment, block) => {
    const isChosen = chooser(block);
    const chosen = environment.held.filter(isChosen);
    environment.held = environment.held.filter((message) => !chosen.includes(message));
    environment.messages.push(...chosen);
    return list(environment, 'replayed', chosen);
  },
  /** `read-index n context` */
  'read-index': (environment, block) => {
    const [id, context] = numbers(block) as [NodeId, number];
    return environment.errorOf(environment.node(id).raft.readIndex(context));
  },
  /** `report-snapshot n peer ok|failed` */
  'report-snapshot': (environment, block) => {
    const [id, peer] = numbers(block) as [NodeId, NodeId];
    environment.node(id).raft.reportSnapshot(peer, bareKeys(block)[2] === 'ok');
    return null;
  },
  /** `tick n count` */
  tick: (environment, block) => {
    const [id, count] = numbers(block) as [NodeId, number];
    for (let i = 0; i < count; i++) environment.node(id).raft.tick();
    return null;
  },
};

/** The bare keys of a block as numbers. */
export function numbers(block: Block): number[] {
  return bareKeys(block).map(Number);
}

/** The kind of message that `type=` names, null where the block has none. */
export function kindOf(block: Block): Message['kind'] | null {
  const name = valueFor(block, 'type');
  if (name === undefined) return null;
  const found = Object.entries(MESSAGE_NAMES).find(([, each]) => each === name);
  if (found === undefined) throw new Error(`unknown message type ${name}`);
  return found[0] as Message['kind'];
}

function nodeOf(block: Block): NodeId {
  return numbers(block)[0] as NodeId;
}

/** By recipient, and by `type=` and `from=` where they are given. Never what a node says to itself. */
function chooser(block: Block): (message: Message) => boolean {
  const to = nodeOf(block);
  const kind = kindOf(block);
  const from = valueFor(block, 'from');
  return (message) =>
    message.to === to &&
    message.from > 0 &&
    message.from !== to &&
    (kind === null || message.kind === kind) &&
    (from === undefined || message.from === Number(from));
}

function list(environment: Environment, what: string, messages: readonly Message[]): null {
  for (const message of messages) environment.output.write(`${what}: ${formatMessage(message)}\n`);
  if (messages.length === 0) environment.output.write('no messages\n');
  return null;
}
