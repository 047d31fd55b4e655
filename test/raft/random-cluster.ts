// A cluster to which everything happens that may: lost, doubled and reordered messages, crashes, late disks, changes of membership.
import { strict as assert } from 'node:assert';
import type { Message, StorageAppend, StorageApply } from '../../src/raft/messages.ts';
import { RawNode } from '../../src/raft/raw-node.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import {
  type ConfChangeItem,
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  type Index,
  type NodeId,
  type SnapshotMeta,
  type Term,
} from '../../src/raft/types.ts';

/** Numbers in [0, 1) that the seed alone decides. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Member {
  readonly id: NodeId;
  readonly storage: MemoryStorage;
  raft: RawNode;
  /** May be another one after each restart, as when it is being turned on node by node. */
  preVote: boolean;
  conf: ConfState;
  appliedIndex: Index;
  /** What the disk and the state machine have yet to do, and what they have answered: lost in a crash. */
  appendWork: StorageAppend[];
  applyWork: StorageApply[];
  local: Message[];
}

/** The ids that may ever take part; the first three do at the start. */
const IDS: readonly NodeId[] = [1, 2, 3, 4, 5];
const START: ConfState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] };

export class RandomCluster {
  readonly #random: () => number;
  readonly #options: { asyncStorageWrites: boolean; checkQuorum: boolean; maxApplyingBytes: number; maxMessages: number };
  readonly members: Member[] = [];
  #inFlight: Message[] = [];
  #cut = new Set<NodeId>();
  #proposals = 0;
  #reads = 0;

  // What has happened, to be held against what happens.
  readonly #leaderOf = new Map<Term, NodeId>();
  readonly #voteOf = new Map<string, NodeId>();
  readonly #applied = new Map<Index, string>();
  readonly #leastIndexOf = new Map<number, Index>();
  /** Highest index that anybody has applied. */
  #frontier: Index = 0;
  /** How often what may happen did happen. */
  readonly counts: Record<string, number> = {};

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.#options = {
      asyncStorageWrites: this.#chance(0.5),
      checkQuorum: this.#chance(0.5),
      maxApplyingBytes: this.#chance(0.5) ? 60 : 1 << 20,
      maxMessages: this.#chance(0.5) ? 2 : 64,
    };
    for (const id of IDS) {
      const storage = new MemoryStorage();
      storage.installSnapshot({ index: 0, term: 0, conf: START });
      const preVote = this.#chance(0.5);
      const member = {
        id,
        storage,
        preVote,
        conf: START,
        appliedIndex: 0,
        appendWork: [],
        applyWork: [],
        local: [],
        raft: this.#start(id, storage, preVote),
      };
      this.members.push(member);
    }
  }

  #start(id: NodeId, storage: MemoryStorage, preVote: boolean): RawNode {
    const { maxMessages, ...options } = this.#options;
    return new RawNode({
      electionTicks: 5,
      heartbeatTicks: 1,
      maxBytesPerMessage: 100,
      maxUncommittedBytes: 0,
      inflights: { maxMessages, maxBytes: 0 },
      forwardProposals: true,
      stepDownOnRemoval: true,
      validateConfChanges: true,
      answerCommitNotices: false,
      readOnly: 'safe',
      ...options,
      preVote,
      id,
      storage,
      random: (bound) => Math.floor(this.#random() * bound),
      applied: storage.snapshot().index,
    });
  }

  // ---------------------------------------------------------------- what may happen

  /** One thing happens, and everything is checked. */
  step(): void {
    // The first three are members more often than the others.
    const member = this.#pick(this.#chance(0.5) ? this.members.slice(0, 3) : this.members);
    const dice = this.#random();
    if (dice < 0.35) this.#deliverOne();
    else if (dice < 0.55) this.#work(member, this.#chance(0.02));
    else if (dice < 0.66) this.#workLocally(member);
    else if (dice < 0.82) member.raft.tick();
    else if (dice < 0.9) this.#propose(member);
    else if (dice < 0.93) this.#readIndex(member);
    else if (dice < 0.945) this.#changeMembership(member);
    else if (dice < 0.955) member.raft.transferLeader(this.#pick(IDS));
    else if (dice < 0.965) this.#compact(member);
    else if (dice < 0.968) this.#crash(member);
    else if (dice < 0.975) member.raft.reportUnreachable(this.#pick(IDS));
    else if (dice < 0.98) member.raft.reportSnapshot(this.#pick(IDS), this.#chance(0.5));
    else if (dice < 0.985) member.raft.forgetLeader();
    else if (dice < 0.99) this.#cut = new Set(IDS.filter(() => this.#chance(0.3)));
    else this.#cut = new Set();
    this.#check(member);
  }

  #deliverOne(): void {
    if (this.#inFlight.length === 0) return;
    // Mostly the oldest, so that talk gets somewhere; but any may overtake any.
    const at = Math.floor(this.#random() ** 4 * this.#inFlight.length);
    const message = this.#inFlight[at] as Message;
    if (!this.#chance(0.05)) this.#inFlight.splice(at, 1);
    if (this.#chance(0.05) || this.#cut.has(message.from) !== this.#cut.has(message.to)) return;
    const to = this.#member(message.to);
    to.raft.step(message);
    this.#check(to);
  }

  /** Does what a Ready asks for, or crashes in the middle: before the disk has anything of it, or before anybody hears of it. */
  #work(member: Member, crashes: boolean): void {
    if (!member.raft.hasReady()) return;
    const ready = member.raft.ready();
    for (const read of ready.readStates) this.#checkRead(read);
    if (this.#options.asyncStorageWrites) {
      // A request for votes tells of the log's end, so it waits for the disk like a promise.
      const votes = ready.messages.filter(({ kind }) => kind === 'vote');
      for (const message of ready.messages) {
        if (message.kind === 'storage-append') this.#send(member, { ...message, responses: [...message.responses, ...votes] });
        else if (message.kind !== 'vote') this.#send(member, message);
      }
      if (crashes) this.#crash(member);
      return;
    }
    if (crashes && this.#chance(0.5)) {
      this.#crash(member);
      return;
    }
    this.#append(member, ready.hardState, ready.entries, ready.snapshot);
    if (crashes) {
      this.#crash(member);
      return;
    }
    for (const message of ready.messages) this.#send(member, message);
    this.#apply(member, ready.committedEntries);
    member.raft.advance();
  }

  #send(member: Member, message: Message): void {
    if (message.kind === 'storage-append') member.appendWork.push(message);
    else if (message.kind === 'storage-apply') member.applyWork.push(message);
    else if (message.to === member.id) member.local.push(message);
    else this.#post(message);
  }

  #post(message: Message): void {
    if (message.kind === 'vote-response' && !message.rejected) this.#noteVote(message.from, message.term, message.to);
    this.#inFlight.push(message);
    // What is very old is rarely seen again, but it may be.
    if (this.#inFlight.length > 200) this.#inFlight.splice(Math.floor(this.#random() * 100), 1);
  }

  /** The disk, the state machine, or an answer of one of them goes one step on. */
  #workLocally(member: Member): void {
    const append = this.#chance(0.5) ? member.appendWork.shift() : undefined;
    if (append !== undefined) {
      this.#append(member, append.hardState, append.entries, append.snapshot);
      for (const response of append.responses) this.#send(member, response);
    }
    const apply = this.#chance(0.5) ? member.applyWork.shift() : undefined;
    if (apply !== undefined) {
      this.#apply(member, apply.entries);
      for (const response of apply.responses) this.#send(member, response);
    }
    const local = member.local.shift();
    if (local !== undefined) member.raft.step(local);
  }

  #append(member: Member, hardState: HardState | null, entries: readonly Entry[], snapshot: SnapshotMeta | null): void {
    if (hardState !== null) {
      const before = member.storage.initialState().hardState;
      assert(hardState.term >= before.term, `${member.id} goes back from term ${before.term} to ${hardState.term}`);
      if (hardState.vote !== 0) this.#noteVote(member.id, hardState.term, hardState.vote);
      member.storage.setHardState(hardState);
    }
    if (snapshot !== null) {
      this.#count('snapshot');
      member.storage.installSnapshot(snapshot);
      member.appliedIndex = Math.max(member.appliedIndex, snapshot.index);
      member.conf = snapshot.conf;
    }
    member.storage.append(entries);
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      // A snapshot may have overtaken what was on its way to the state machine.
      if (entry.index <= member.appliedIndex) continue;
      assert.equal(entry.index, member.appliedIndex + 1, `${member.id} leaves out entries before ${entry.index}`);
      const text = JSON.stringify([entry.term, entry.kind === 'normal' ? [...entry.data] : entry.change]);
      assert.equal(text, this.#applied.get(entry.index) ?? text, `${member.id} applies another entry at ${entry.index}`);
      this.#applied.set(entry.index, text);
      member.appliedIndex = entry.index;
      this.#frontier = Math.max(this.#frontier, entry.index);
      if (entry.kind === 'conf-change') {
        this.#count('change');
        member.conf = member.raft.applyConfChange(entry.change);
      }
    }
  }

  #propose(member: Member): void {
    const number = ++this.#proposals;
    if (member.raft.propose([new Uint8Array([number >> 8, number & 255])]) === 'ok') this.#count('proposal');
  }

  #readIndex(member: Member): void {
    const context = ++this.#reads;
    this.#leastIndexOf.set(context, this.#frontier);
    member.raft.readIndex(context);
  }

  #checkRead({ index, context }: { readonly index: Index; readonly context: number }): void {
    this.#count('read');
    const least = this.#leastIndexOf.get(context) ?? Number.POSITIVE_INFINITY;
    assert(index >= least, `read ${context} at ${index}, but ${least} had been applied when it was asked for`);
  }

  #changeMembership(member: Member): void {
    const types = ['add-voter', 'add-voter', 'add-learner', 'remove'] as const;
    const changes = Array.from(
      { length: Math.floor(this.#random() * 4) },
      (): ConfChangeItem => ({ type: this.#pick(types), node: this.#pick(IDS) }),
    );
    const transition = this.#pick(['auto', 'implicit', 'explicit'] as const);
    if (member.raft.role === 'leader') member.raft.proposeConfChange({ v1: false, transition, changes });
  }

  #compact(member: Member): void {
    const term = member.storage.term(member.appliedIndex);
    // Not while a received snapshot is being installed: then what is applied is not in the log.
    if (term === undefined || member.appliedIndex <= member.storage.snapshot().index) return;
    member.storage.setSnapshot({ index: member.appliedIndex, term, conf: member.conf });
    member.storage.compact(member.appliedIndex - (this.#chance(0.5) ? 0 : Math.min(2, member.appliedIndex - member.storage.firstIndex())));
  }

  #crash(member: Member): void {
    this.#count('crash');
    const { index, conf } = member.storage.snapshot();
    Object.assign(member, { appendWork: [], applyWork: [], local: [], appliedIndex: index, conf });
    if (this.#chance(0.2)) member.preVote = !member.preVote;
    member.raft = this.#start(member.id, member.storage, member.preVote);
  }

  // ---------------------------------------------------------------- what must hold

  #check({ id, raft }: Member): void {
    if (raft.role === 'leader') {
      assert.equal(this.#leaderOf.get(raft.term) ?? id, id, `two leaders in term ${raft.term}`);
      if (!this.#leaderOf.has(raft.term)) this.#count('election');
      this.#leaderOf.set(raft.term, id);
    }
  }

  #noteVote(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter}/${term}`;
    assert.equal(this.#voteOf.get(key) ?? candidate, candidate, `${voter} votes twice in term ${term}`);
    this.#voteOf.set(key, candidate);
  }

  /** Log matching (Figure 3): the same term at an index means the same log up to there. */
  checkLogs(): void {
    const seen = new Map<string, string>();
    for (const { id, storage } of this.members) {
      for (let index = storage.firstIndex(); index <= storage.lastIndex(); index++) {
        const [entry] = storage.entries(index, index + 1, Number.MAX_SAFE_INTEGER);
        const key = `${entry?.term}/${index}`;
        const text = `after ${storage.term(index - 1)}: ${JSON.stringify(entry)}`;
        assert.equal(text, seen.get(key) ?? text, `${id} has another entry ${key}`);
        seen.set(key, text);
      }
    }
  }

  /** Everything works again. Gives whether, in time, something proposed from now on is applied by all members. */
  recovers(): boolean {
    this.#cut = new Set();
    const before = this.#frontier;
    for (let round = 0; round < 300; round++) {
      for (const member of this.members) {
        member.raft.tick();
        if (member.raft.role === 'leader') {
          for (const peer of IDS) member.raft.reportSnapshot(peer, false);
          this.#propose(member);
        }
      }
      for (let i = 0; i < 20; i++) this.#settleOnce();
      const leader = this.members.find(({ raft }) => raft.role === 'leader');
      const { conf = START } = leader ?? {};
      const ids = [...conf.voters, ...conf.votersOutgoing, ...conf.learners];
      if (leader !== undefined && ids.every((id) => this.#member(id).appliedIndex > before + 1)) return true;
    }
    return false;
  }

  #settleOnce(): void {
    for (const member of this.members) {
      this.#work(member, false);
      for (let i = 0; i < 4; i++) this.#workLocally(member);
    }
    for (const message of this.#inFlight.splice(0)) {
      const to = this.#member(message.to);
      to.raft.step(message);
      this.#check(to);
    }
  }

  #member(id: NodeId): Member {
    return this.members[id - 1] as Member;
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }
}
