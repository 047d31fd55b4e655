// Raft nodes in memory, alone or joined by a network that can be cut; Raft's safety is checked after every delivery.
import { strict as assert } from 'node:assert';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { Append, Message, VoteRequest, VoteResponse } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import type { ReadState } from '../../src/raft/ready.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import type { TraceEvent } from '../../src/raft/trace.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type Index,
  type NodeId,
  type SnapshotMeta,
  type Term,
} from '../../src/raft/types.ts';

type ConfigOverrides = Partial<Omit<RaftConfig, 'id' | 'storage' | 'applied' | 'trace'>>;

/** What a node wakes up with. */
export interface NodeSetup extends ConfigOverrides {
  readonly id?: NodeId;
  /** Default 1, 2, 3. */
  readonly voters?: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  readonly votersOutgoing?: readonly NodeId[];
  /** The terms of the entries 1, 2, 3 ... in its log. */
  readonly terms?: readonly Term[];
  readonly hardState?: Partial<HardState>;
}

export const ELECTION_TICKS = 10;

export class TestNode {
  readonly id: NodeId;
  readonly storage = new MemoryStorage();
  raft: RawNode;
  /** Everything that was applied since the last start, by index. */
  applied = new Map<Index, Entry>();
  appliedIndex: Index = 0;
  conf: ConfState;
  readonly readStates: ReadState[] = [];
  readonly events: TraceEvent[] = [];
  #overrides: ConfigOverrides;

  constructor({
    id = 1,
    voters = [1, 2, 3],
    learners = [],
    votersOutgoing = [],
    terms = [],
    hardState = {},
    ...overrides
  }: NodeSetup = {}) {
    this.id = id;
    this.#overrides = overrides;
    this.conf = { ...EMPTY_CONF_STATE, voters, learners, votersOutgoing };
    this.storage.installSnapshot({ index: 0, term: 0, conf: this.conf });
    this.storage.append(entriesOf(terms));
    this.storage.setHardState({ ...EMPTY_HARD_STATE, term: terms.at(-1) ?? 0, ...hardState });
    this.raft = this.#start();
  }

  #start(): RawNode {
    return new RawNode({
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1,
      random: () => 0,
      asyncStorageWrites: false,
      preVote: false,
      checkQuorum: false,
      maxBytesPerMessage: Number.MAX_SAFE_INTEGER,
      maxApplyingBytes: Number.MAX_SAFE_INTEGER,
      maxUncommittedBytes: 0,
      inflights: { maxMessages: 256, maxBytes: 0 },
      forwardProposals: false,
      stepDownOnRemoval: true,
      validateConfChanges: true,
      answerCommitNotices: true,
      readOnly: 'safe',
      ...this.#overrides,
      id: this.id,
      storage: this.storage,
      applied: this.storage.snapshot().index,
      trace: (event) => this.events.push(event),
    });
  }

  /** The node stops and wakes up with what its storage has; what was not handed out and done is lost. */
  restart(overrides: ConfigOverrides = {}): void {
    this.#overrides = { ...this.#overrides, ...overrides };
    const { index, conf } = this.storage.snapshot();
    this.appliedIndex = index;
    this.conf = conf;
    this.raft = this.#start();
  }

  /** Does one thing to the node and then all that it asks for; returns what it sends. */
  do(input: (raft: RawNode) => void): Message[] {
    input(this.raft);
    return this.drain();
  }

  step(message: Message): Message[] {
    return this.do((raft) => raft.step(message));
  }

  propose(text: string): Message[] {
    return this.do((raft) => raft.propose([new TextEncoder().encode(text)]));
  }

  tick(ticks: number): Message[] {
    const sent: Message[] = [];
    for (let i = 0; i < ticks; i++) sent.push(...this.do((raft) => raft.tick()));
    return sent;
  }

  drain(): Message[] {
    const sent: Message[] = [];
    while (this.raft.hasReady()) sent.push(...this.work());
    return sent;
  }

  /** Does what one Ready asks for, in its order; returns what is to be sent. */
  work(): readonly Message[] {
    const ready = this.raft.ready();
    if (ready.hardState !== null) this.storage.setHardState(ready.hardState);
    if (ready.snapshot !== null) this.#install(ready.snapshot);
    this.storage.append(ready.entries);
    this.readStates.push(...ready.readStates);
    for (const entry of ready.committedEntries) this.#apply(entry);
    this.raft.advance();
    return ready.messages;
  }

  #install(snapshot: SnapshotMeta): void {
    this.storage.installSnapshot(snapshot);
    this.appliedIndex = snapshot.index;
    this.conf = snapshot.conf;
  }

  #apply(entry: Entry): void {
    assert.equal(entry.index, this.appliedIndex + 1, `${this.id} applies entries in order and once`);
    this.applied.set(entry.index, entry);
    this.appliedIndex = entry.index;
    if (entry.kind === 'conf-change') this.conf = this.raft.applyConfChange(entry.change);
  }

  /** Takes a snapshot of what is applied and drops the entries that it covers. */
  compact(): void {
    const term = this.storage.term(this.appliedIndex) ?? 0;
    this.storage.setSnapshot({ index: this.appliedIndex, term, conf: this.conf });
    this.storage.compact(this.appliedIndex);
  }

  /** Stands, is voted for by everybody, and leads; returns what it sends then. */
  lead(): Message[] {
    this.do((raft) => raft.campaign());
    const voters = new Set([...this.conf.voters, ...this.conf.votersOutgoing]);
    for (const kind of ['pre-vote-response', 'vote-response'] as const) {
      for (const from of voters) {
        const wanted = kind === 'vote-response' ? 'candidate' : 'pre-candidate';
        if (from === this.id || this.raft.role !== wanted) continue;
        const term = kind === 'vote-response' ? this.raft.term : this.raft.term + 1;
        const sent = this.step({ kind, from, to: this.id, term, rejected: false });
        if (this.role === 'leader') return sent;
      }
    }
    assert.equal(this.role, 'leader');
    return [];
  }

  get role(): string {
    return this.raft.role;
  }

  get commit(): Index {
    return this.raft.status().commit;
  }

  get terms(): Term[] {
    return this.log.map(({ term }) => term);
  }

  /** The durable log from its first entry on. */
  get log(): readonly Entry[] {
    const first = this.storage.firstIndex();
    const last = this.storage.lastIndex();
    return last < first ? [] : this.storage.entries(first, last + 1, Number.MAX_SAFE_INTEGER);
  }
}

export function entriesOf(terms: readonly Term[], from: Index = 1): Entry[] {
  return terms.map((term, i) => ({ kind: 'normal', term, index: from + i, data: new TextEncoder().encode(`${term}/${from + i}`) }));
}

/** Nodes that talk. Nothing is delivered before `settle`, or what calls it. */
export class Network {
  readonly nodes: readonly TestNode[];
  /** What is lost; nothing by default. */
  loses: (message: Message) => boolean = () => false;
  readonly #leaderOf = new Map<Term, NodeId>();
  readonly #committed = new Map<Index, Term>();

  constructor(...nodes: TestNode[]) {
    this.nodes = nodes;
  }

  node(id: NodeId): TestNode {
    const node = this.nodes.find((each) => each.id === id);
    assert(node !== undefined);
    return node;
  }

  get leaders(): NodeId[] {
    return this.nodes.filter(({ role }) => role === 'leader').map(({ id }) => id);
  }

  /** Sends `messages`, and whatever follows from them, until nobody has anything to say. */
  settle(messages: readonly Message[] = []): void {
    let waiting = [...messages, ...this.nodes.flatMap((node) => node.drain())];
    for (let round = 0; waiting.length > 0; round++) {
      assert(round < 1000, 'the nodes talk without end');
      const sent: Message[] = [];
      for (const message of waiting) {
        const to = this.nodes.find(({ id }) => id === message.to);
        if (to !== undefined && !this.loses(message)) sent.push(...to.step(message));
        this.check();
      }
      waiting = sent;
    }
  }

  do(id: NodeId, input: (raft: RawNode) => void): void {
    this.settle(this.node(id).do(input));
  }

  campaign(id: NodeId): void {
    this.do(id, (raft) => raft.campaign());
  }

  propose(id: NodeId, text: string): void {
    this.settle(this.node(id).propose(text));
  }

  tick(id: NodeId, ticks: number): void {
    for (let i = 0; i < ticks; i++) this.do(id, (raft) => raft.tick());
  }

  /** Lets time pass for `ids` until one of them leads; gives it, or undefined when none does within `ticks`. */
  awaitLeader(ids: readonly NodeId[], ticks = 10 * ELECTION_TICKS): NodeId | undefined {
    for (let i = 0; i < ticks; i++) {
      for (const id of ids) this.tick(id, 1);
      const leader = ids.find((id) => this.node(id).role === 'leader');
      if (leader !== undefined) return leader;
    }
    return undefined;
  }

  isolate(...ids: readonly NodeId[]): void {
    this.loses = ({ from, to }) => ids.includes(from) || ids.includes(to);
  }

  heal(): void {
    this.loses = () => false;
  }

  /** Figure 3: election safety, and state machine safety by the terms of what was applied. */
  check(): void {
    for (const { id, raft, applied } of this.nodes) {
      if (raft.role === 'leader') {
        const known = this.#leaderOf.get(raft.term) ?? id;
        assert.equal(id, known, `two leaders in term ${raft.term}`);
        this.#leaderOf.set(raft.term, id);
      }
      for (const [index, { term }] of applied) {
        const known = this.#committed.get(index) ?? term;
        assert.equal(term, known, `${id} applied another entry at ${index}`);
        this.#committed.set(index, term);
      }
      applied.clear();
    }
  }
}

// Messages with what a test does not care about filled in.

export function append(fields: Partial<Append> & { readonly term: Term }): Append {
  return { kind: 'append', from: 2, to: 1, index: 0, logTerm: 0, entries: [], commit: 0, ...fields };
}

export function acknowledge(from: NodeId, to: NodeId, term: Term, index: Index): Message {
  return { kind: 'append-response', from, to, term, index, rejected: false, rejectHint: 0, logTerm: 0 };
}

export function voteRequest(fields: Partial<VoteRequest> & { readonly term: Term }): VoteRequest {
  return { kind: 'vote', from: 2, to: 1, index: 0, logTerm: 0, transfer: false, ...fields };
}

export function vote(from: NodeId, to: NodeId, term: Term, rejected = false): VoteResponse {
  return { kind: 'vote-response', from, to, term, rejected };
}

/** Those of one kind. */
export function only<K extends Message['kind']>(kind: K, messages: readonly Message[]): (Message & { readonly kind: K })[] {
  return messages.filter((message): message is Message & { readonly kind: K } => message.kind === kind);
}
