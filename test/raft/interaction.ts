// The environment in which etcd's interaction files run: several nodes, one queue of messages, one output.

import type { RaftConfig } from '../../src/raft/config.ts';
import { APPEND_THREAD, APPLY_THREAD, type Message, type StorageAppend, type StorageApply } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import type { StepResult } from '../../src/raft/ready.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  type Index,
  type NodeId,
  type SnapshotMeta,
} from '../../src/raft/types.ts';
import { formatMessage, formatReady } from './message-text.ts';
import { formatTrace, LEVELS, type Level } from './trace-text.ts';

/** Collects what a command prints, in the order in which it happens. At level NONE it collects nothing. */
export class Output {
  level: Level = 'DEBUG';
  #text = '';

  get isQuiet(): boolean {
    return this.level === 'NONE';
  }

  write(text: string): void {
    if (!this.isQuiet) this.#text += text;
  }

  log(level: Level, text: string): void {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(this.level)) this.write(`${level} ${text}\n`);
  }

  /** Runs `work` with two spaces before every line that it writes. */
  indented(work: () => void): void {
    const outer = this.#text;
    this.#text = '';
    work();
    const lines = this.#text.replace(/\n$/, '').split('\n');
    this.#text = this.#text === '' ? outer : `${outer}${lines.map((line) => `  ${line}\n`).join('')}`;
  }

  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

export interface Node {
  readonly config: RaftConfig;
  readonly storage: MemoryStorage;
  readonly raft: RawNode;
  readonly appendWork: StorageAppend[];
  readonly applyWork: StorageApply[];
}

const STEP_ERRORS: Readonly<Record<StepResult, string | null>> = {
  ok: null,
  'proposal-dropped': 'raft proposal dropped',
  'peer-not-found': 'raft: cannot step as peer not found',
  'local-message': 'raft: cannot step raft local message',
};

export type NodeOptions = Partial<Omit<RaftConfig, 'id' | 'storage' | 'random' | 'trace' | 'applied'>>;

export class Environment {
  readonly output = new Output();
  readonly nodes: Node[] = [];
  messages: Message[] = [];

  /** Adds a node with the next id. With `snapshot` it starts from that instead of from nothing. */
  addNode(options: NodeOptions, snapshot: SnapshotMeta | null): void {
    const storage = new MemoryStorage();
    if (snapshot !== null) storage.installSnapshot(snapshot);
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
      ...options,
      id: this.nodes.length + 1,
      storage,
      // No file depends on a timeout that it does not set.
      random: () => 0,
      applied: snapshot?.index ?? 0,
      trace: (event) => {
        for (const { level, text } of formatTrace(event)) this.output.log(level, text);
      },
    };
    this.nodes.push({ config, storage, raft: new RawNode(config), appendWork: [], applyWork: [] });
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
      this.#apply(id, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.kind === 'storage-append') appendWork.push(message);
      else if (message.kind === 'storage-apply') applyWork.push(message);
      else this.messages.push(message);
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
    this.#queueResponses(work.responses);
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
    const chosen: Message[] = [];
    const rest: Message[] = [];
    for (const message of this.messages) {
      const isChosen = message.to === id && !(drop && isLocal(message)) && (kind === null || message.kind === kind);
      (isChosen ? chosen : rest).push(message);
    }
    this.messages = rest;
    for (const message of chosen) {
      this.output.write(`${drop ? 'dropped: ' : ''}${formatMessage(message)}\n`);
      if (drop) continue;
      const error = this.errorOf(this.node(id).raft.step(message));
      if (error !== null) this.output.write(`${error}\n`);
    }
    return chosen.length;
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
        (id) => this.node(id).raft.hasReady(),
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
    const { storage } = this.node(id);
    if (hardState !== null) storage.setHardState(hardState);
    if (snapshot !== null) storage.installSnapshot(snapshot);
    else storage.append(entries);
  }

  /** The application: whatever is applied becomes the newest snapshot. */
  #apply(id: NodeId, entries: readonly Entry[]): void {
    const { raft, storage } = this.node(id);
    for (const entry of entries) {
      const conf: ConfState = entry.kind === 'conf-change' ? raft.applyConfChange(entry.change) : storage.snapshot().conf;
      storage.setSnapshot({ index: entry.index, term: entry.term, conf });
    }
  }

  #writeWork(work: StorageAppend | StorageApply): void {
    this.output.write(`Processing:\n${formatMessage({ ...work, responses: [] })}\nResponses:\n`);
    for (const response of work.responses) this.output.write(`${formatMessage(response)}\n`);
  }

  #queueResponses(responses: readonly Message[]): void {
    for (const response of responses) this.messages.push(response);
  }
}

export function bootstrapSnapshot(index: Index, voters: readonly NodeId[], learners: readonly NodeId[]): SnapshotMeta {
  return { index, term: 1, conf: { ...EMPTY_CONF_STATE, voters, learners } };
}

/** Whether a message stays within its node; such are never lost. */
function isLocal({ from, to }: Message): boolean {
  return from === to || [from, to].some((end) => end === APPEND_THREAD || end === APPLY_THREAD);
}
