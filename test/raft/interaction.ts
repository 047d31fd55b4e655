// The environment in which interaction files run, etcd's and ours: several nodes, one queue of messages, one output.
import { InvariantError } from '../../src/assert.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import { APPEND_THREAD, APPLY_THREAD, type Message, type StorageAppend, type StorageApply } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import type { StepResult } from '../../src/raft/ready.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  type Index,
  type NodeId,
  type SnapshotMeta,
} from '../../src/raft/types.ts';
import { Node, type NodeOptions } from './interaction-node.ts';
import { formatMessage, formatReady } from './message-text.ts';
import { Output } from './output.ts';
import { formatTrace } from './trace-text.ts';
import { Witness } from './witness.ts';

const STEP_ERRORS: Readonly<Record<StepResult, string | null>> = {
  ok: null,
  'proposal-dropped': 'raft proposal dropped',
  'peer-not-found': 'raft: cannot step as peer not found',
  'local-message': 'raft: cannot step raft local message',
};

export class Environment {
  readonly output = new Output();
  readonly nodes: Node[] = [];
  messages: Message[] = [];
  /** Taken off the network to come back later. */
  held: Message[] = [];
  readonly #witness = new Witness();

  /** Adds a node with the next id. With `snapshot` it starts from that instead of from nothing. */
  addNode(options: NodeOptions, snapshot: SnapshotMeta | null): void {
    const node = new Node(this.nodes.length + 1, options, snapshot);
    this.nodes.push(node);
    this.start(node.id);
  }

  /** Starts a node from what its disk holds. The application has written its state behind, so it goes on from there. */
  start(id: NodeId): void {
    const node = this.node(id);
    const { storage } = node.disk;
    const config: RaftConfig = {
      electionTicks: 3,
      heartbeatTicks: 1,
      asyncStorageWrites: false,
      preVote: false,
      checkQuorum: false,
      maxBytesPerMessage: Number.MAX_SAFE_INTEGER,
      maxApplyingBytes: Number.MAX_SAFE_INTEGER,
      maxUncommittedBytes: 0,
      inflights: { maxMessages: 2 ** 31 - 1, maxBytes: 0 },
      forwardProposals: true,
      stepDownOnRemoval: false,
      validateConfChanges: true,
      answerCommitNotices: true,
      readOnly: 'safe',
      ...node.options,
      id,
      storage,
      // No file depends on a timeout that it does not set.
      random: () => 0,
      applied: storage.snapshot().index,
      trace: (event) => {
        for (const { level, text } of formatTrace(event)) this.output.log(level, text);
        this.#witness.sawDecision(event);
      },
    };
    node.running = { config, raft: new RawNode(config) };
  }

  /**
   * A node ends without warning: gone is what its threads have not done, and what they have not told it.
   * With the power also goes what was written and not synced.
   */
  crash(id: NodeId, losesUnsynced: boolean): void {
    const node = this.node(id);
    const [written, ...waiting] = node.appendWork;
    const unfinished = written === undefined ? [] : node.isWriting && !losesUnsynced ? written.responses : [written];
    const untold = this.take((message) => message.to === id && isLocal(message));
    for (const lost of [...unfinished, ...waiting, ...node.applyWork, ...untold]) this.output.write(`lost: ${formatMessage(lost)}\n`);
    if (losesUnsynced) node.disk.loseUnsynced();
    node.running = null;
    node.appendWork = [];
    node.applyWork = [];
    node.isWriting = false;
  }

  node(id: NodeId): Node {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** The text of what went wrong, null for nothing. */
  errorOf(result: StepResult): string | null {
    return STEP_ERRORS[result];
  }

  processReady(id: NodeId): void {
    const { config, raft, appendWork, applyWork } = this.node(id);
    const ready = raft.ready();
    this.output.write(formatReady(ready));
    if (!config.asyncStorageWrites) {
      this.#append(id, ready.hardState, ready.entries, ready.snapshot);
      if (ready.mustSync || ready.snapshot !== null) this.node(id).disk.sync();
      this.#apply(id, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.kind === 'storage-append') appendWork.push(message);
      else if (message.kind === 'storage-apply') applyWork.push(message);
      else this.#post(message);
    }
    if (!config.asyncStorageWrites) raft.advance();
  }

  processAppendThread(id: NodeId): void {
    const work = this.node(id).appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.#writeWork(work);
    this.#append(id, work.hardState, work.entries, work.snapshot);
    this.node(id).disk.sync();
    this.node(id).isWriting = false;
    this.#queueResponses(work.responses);
  }

  /** The append thread writes, and waits for a sync that does not come back. */
  writeUnsynced(id: NodeId): void {
    const [work] = this.node(id).appendWork;
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.output.write(`Written, not synced:\n${formatMessage({ ...work, responses: [] })}\n`);
    this.#append(id, work.hardState, work.entries, work.snapshot);
    this.node(id).isWriting = true;
  }

  processApplyThread(id: NodeId): void {
    const work = this.node(id).applyWork.shift();
    if (work === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.#writeWork(work);
    this.#apply(id, work.entries);
    this.#queueResponses(work.responses);
  }

  /** Whether a message to `id` waits. */
  hasMessages(id: NodeId): boolean {
    return this.messages.some((message) => message.to === id);
  }

  /** Delivers or drops what waits for `id`, only of one kind if given. Returns how many that were. */
  deliver(id: NodeId, drop: boolean, kind: Message['kind'] | null): number {
    const chosen = this.take((message) => message.to === id && !(drop && isLocal(message)) && (kind === null || message.kind === kind));
    for (const message of chosen) {
      const isLost = drop || this.nodes[id - 1]?.running === null;
      this.output.write(`${isLost ? 'dropped: ' : ''}${formatMessage(message)}\n`);
      if (!isLost) this.#step(id, message);
    }
    return chosen.length;
  }

  /** Takes the messages for which `isChosen` holds off the network, oldest first. */
  take(isChosen: (message: Message) => boolean): Message[] {
    const chosen = this.messages.filter(isChosen);
    this.messages = this.messages.filter((message) => !chosen.includes(message));
    return chosen;
  }

  /** A node whose invariants are broken ends, as the program does. */
  #step(id: NodeId, message: Message): void {
    try {
      const error = this.errorOf(this.node(id).raft.step(message));
      if (error !== null) this.output.write(`${error}\n`);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.output.write(`node ${id} ends: ${error.message}\n`);
      this.crash(id, false);
    }
  }

  /** Lets the nodes work and talk until none of them has anything to do. */
  stabilize(ids: readonly NodeId[]): void {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      const each = (header: string, hasWork: (id: NodeId) => boolean, work: (id: NodeId) => void): void => {
        for (const id of ids) {
          if (!hasWork(id)) continue;
          this.output.write(`> ${id} ${header}\n`);
          this.output.indented(() => work(id));
          isDone = false;
        }
      };
      each(
        'handling Ready',
        (id) => this.node(id).running?.raft.hasReady() === true,
        (id) => this.processReady(id),
      );
      each(
        'receiving messages',
        (id) => this.hasMessages(id),
        (id) => this.deliver(id, false, null),
      );
      each(
        'processing append thread',
        (id) => this.node(id).appendWork.length > 0,
        (id) => {
          while (this.node(id).appendWork.length > 0) this.processAppendThread(id);
        },
      );
      each(
        'processing apply thread',
        (id) => this.node(id).applyWork.length > 0,
        (id) => {
          while (this.node(id).applyWork.length > 0) this.processApplyThread(id);
        },
      );
    }
  }

  #append(id: NodeId, hardState: HardState | null, entries: readonly Entry[], snapshot: SnapshotMeta | null): void {
    const { disk } = this.node(id);
    if (hardState !== null) disk.write((storage) => storage.setHardState(hardState));
    if (snapshot !== null) disk.write((storage) => storage.installSnapshot(snapshot));
    if (entries.length > 0) disk.write((storage) => storage.append(entries));
  }

  /** The application: whatever is applied becomes the newest snapshot. */
  #apply(id: NodeId, entries: readonly Entry[]): void {
    const { raft, disk } = this.node(id);
    for (const entry of entries) {
      this.#witness.sawApplied(id, entry);
      const conf: ConfState = entry.kind === 'conf-change' ? raft.applyConfChange(entry.change) : disk.storage.snapshot().conf;
      disk.write((storage) => storage.setSnapshot({ index: entry.index, term: entry.term, conf }));
    }
  }

  #writeWork(work: StorageAppend | StorageApply): void {
    this.output.write(`Processing:\n${formatMessage({ ...work, responses: [] })}\nResponses:\n`);
    for (const response of work.responses) this.output.write(`${formatMessage(response)}\n`);
  }

  #queueResponses(responses: readonly Message[]): void {
    for (const response of responses) this.#post(response);
  }

  #post(message: Message): void {
    if (message.kind === 'vote-response' && !message.rejected) this.#witness.sawVoteLeave(message.from, message.term, message.to);
    this.messages.push(message);
  }
}

export function bootstrapSnapshot(index: Index, voters: readonly NodeId[], learners: readonly NodeId[]): SnapshotMeta {
  return { index, term: 1, conf: { ...EMPTY_CONF_STATE, voters, learners } };
}

/** Whether a message stays within its node; the network never loses one. */
function isLocal({ from, to }: Message): boolean {
  return from === to || [from, to].some((end) => end === APPEND_THREAD || end === APPLY_THREAD);
}
