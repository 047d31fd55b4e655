// The door of the core: inputs step in, one Ready at a time comes out.
import { assert } from '../assert.ts';
import { isAdmissible, isFromMemberOnly } from './admission.ts';
import type { RaftConfig } from './config.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type Message,
  type StorageAppendResponse,
  type StorageApplyResponse,
  storageAppend,
} from './messages.ts';
import { Raft } from './raft.ts';
import type { RaftStatus, Ready, SoftState, StepResult } from './ready.ts';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  NONE,
  type NodeId,
  type Role,
  type SnapshotMeta,
  type Term,
} from './types.ts';

export class RawNode {
  readonly #raft: Raft;
  readonly #async: boolean;
  #previousSoft: SoftState;
  #previousHard: HardState;
  /** Synchronous mode: what `advance` steps when the last Ready is done. */
  #onAdvance: Message[] | null = null;

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config);
    this.#async = config.asyncStorageWrites;
    this.#previousSoft = this.#softState();
    this.#previousHard = this.#raft.state.hardState;
  }

  // ---------------------------------------------------------------- inputs

  /** One unit of time has passed. */
  tick(): void {
    this.#raft.tick();
  }

  /** Stands for election now. */
  campaign(): void {
    this.#raft.campaign();
  }

  /** One entry for each of `data`, all in one append. Only a leader takes them. */
  propose(data: readonly Uint8Array[]): StepResult {
    return this.#raft.propose(data.map((bytes) => ({ kind: 'normal', data: bytes })));
  }

  proposeConfChange(change: ConfChange): StepResult {
    return this.#raft.propose([{ kind: 'conf-change', change }]);
  }

  /** To be called when a committed change is applied, in its place in the log. */
  applyConfChange(change: ConfChange): ConfState {
    return this.#raft.applyConfChange(change);
  }

  /** A message from a peer, or in asynchronous mode from the own storage. */
  step(message: Message): StepResult {
    const { state } = this.#raft;
    if (!isAdmissible(message, state.id)) return 'local-message';
    if (isFromMemberOnly(message) && state.progressOf(message.from) === undefined) return 'peer-not-found';
    return this.#raft.step(message);
  }

  /** `context` comes back in a ReadState when a read may be served at its index; it must never be used again. */
  readIndex(context: number): StepResult {
    return this.#raft.step({ kind: 'read-index', from: NONE, to: NONE, term: 0, context });
  }

  transferLeader(to: NodeId): void {
    this.#raft.step({ kind: 'transfer-leader', from: NONE, to: NONE, term: 0, transferee: to });
  }

  stepDown(): void {
    this.#raft.stepDown();
  }

  /** Whether this node stands for no election from now on, not even one that its leader asks it for. */
  abstain(abstains: boolean): void {
    this.#raft.state.abstains = abstains;
  }

  forgetLeader(): void {
    this.#raft.forgetLeader();
  }

  reportUnreachable(peer: NodeId): void {
    this.#raft.reportUnreachable(peer);
  }

  reportSnapshot(peer: NodeId, ok: boolean): void {
    this.#raft.reportSnapshot(peer, ok);
  }

  /** For tests: the current random election timeout in ticks, until the next role change. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.state.randomizedElectionTimeout = ticks;
  }

  // ---------------------------------------------------------------- output

  hasReady(): boolean {
    const { state } = this.#raft;
    const { log } = state;
    return (
      state.immediate.length > 0 ||
      state.afterAppend.length > 0 ||
      state.readStates.length > 0 ||
      log.unstable.hasNextEntries() ||
      log.unstable.nextSnapshot() !== null ||
      log.hasNextCommitted(!this.#async) ||
      this.#changedSoftState() !== null ||
      this.#changedHardState() !== null
    );
  }

  /** Everything since the last one. In synchronous mode `advance` must be called before the next. */
  ready(): Ready {
    assert(this.#onAdvance === null, 'raft: ready before advance');
    const { state } = this.#raft;
    const { log } = state;
    const softState = this.#changedSoftState();
    const hardState = this.#changedHardState();
    const entries = log.unstable.nextEntries();
    const snapshot = log.unstable.nextSnapshot();
    const committedEntries = log.nextCommitted(!this.#async);
    const mustSync = entries.length > 0 || state.term !== this.#previousHard.term || state.vote !== this.#previousHard.vote;
    const acknowledgement = this.#storageAppendResponse(snapshot);
    const applied: StorageApplyResponse | null =
      committedEntries.length === 0
        ? null
        : { kind: 'storage-apply-response', from: APPLY_THREAD, to: state.id, term: 0, entries: committedEntries };

    const messages = state.immediate;
    if (this.#async) {
      const responses = acknowledgement === null ? state.afterAppend : [...state.afterAppend, acknowledgement];
      if (entries.length > 0 || hardState !== null || snapshot !== null || state.afterAppend.length > 0) {
        messages.push(storageAppend(state.id, hardState, entries, snapshot, responses));
      }
      if (applied !== null) {
        messages.push({
          kind: 'storage-apply',
          from: state.id,
          to: APPLY_THREAD,
          term: 0,
          entries: committedEntries,
          responses: [applied],
        });
      }
    } else {
      for (const message of state.afterAppend) if (message.to !== state.id) messages.push(message);
      this.#onAdvance = state.afterAppend.filter((message) => message.to === state.id);
      if (acknowledgement !== null) this.#onAdvance.push(acknowledgement);
      if (applied !== null) this.#onAdvance.push(applied);
    }
    const { readStates } = state;

    // From here on it counts as handed out.
    if (softState !== null) this.#previousSoft = softState;
    if (hardState !== null) this.#previousHard = hardState;
    state.immediate = [];
    state.afterAppend = [];
    state.readStates = [];
    log.unstable.acceptInProgress();
    if (committedEntries.length > 0) log.acceptApplying(committedEntries, !this.#async);
    return { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync };
  }

  /** Synchronous mode: all that the last Ready asked for has been done. */
  advance(): void {
    assert(!this.#async, 'raft: advance in asynchronous mode');
    for (const message of this.#onAdvance ?? []) this.#raft.step(message);
    this.#onAdvance = null;
  }

  status(): RaftStatus {
    const { state } = this.#raft;
    const { role } = state;
    return {
      id: state.id,
      role: role.kind,
      term: state.term,
      vote: state.vote,
      leader: state.leader,
      commit: state.log.committed,
      applied: state.log.applied,
      transferee: role.kind === 'leader' ? role.transferee : NONE,
      conf: state.conf,
      progress: role.kind === 'leader' ? state.membership.progress : null,
    };
  }

  // The facts that are asked for with every request, without building a status.
  get term(): Term {
    return this.#raft.state.term;
  }

  /** NONE also while the followed leader is not a member of the applied configuration: nothing is asked of such a leader. */
  get leader(): NodeId {
    return this.hasMember(this.followed) || this.role === 'leader' ? this.followed : NONE;
  }

  /** The leader that this node follows, a member or not. */
  get followed(): NodeId {
    return this.#raft.state.leader;
  }

  /** Whether the node is part of the applied configuration. */
  hasMember(node: NodeId): boolean {
    return this.#raft.state.progressOf(node) !== undefined;
  }

  get role(): Role {
    return this.#raft.state.role.kind;
  }

  get lastIndex(): Index {
    return this.#raft.state.log.lastIndex();
  }

  /** Whether the log holds entries that are not known to be committed. */
  get hasUncommitted(): boolean {
    const { log } = this.#raft.state;
    return log.committed < log.lastIndex();
  }

  /** Whether the log holds committed entries that are not applied. */
  get hasUnapplied(): boolean {
    const { log } = this.#raft.state;
    return log.applied < log.committed;
  }

  /**
   * Whether this node leads and has not applied yet what is, or may be, a change of members. An owner that proposes nothing behind it
   * spares the member that goes entries that the others might never have.
   */
  get mayBeChangingMembers(): boolean {
    const { role, log } = this.#raft.state;
    return role.kind === 'leader' && role.pendingConfIndex > log.applied;
  }

  get conf(): ConfState {
    return this.#raft.state.conf;
  }

  /** Entries behind the last applied one, whether committed or not. */
  unapplied(): readonly Entry[] {
    const { log } = this.#raft.state;
    return log.slice(log.applied + 1, log.lastIndex() + 1);
  }

  #softState(): SoftState {
    return { leader: this.#raft.state.leader, role: this.#raft.state.role.kind };
  }

  #changedSoftState(): SoftState | null {
    const { leader, role } = this.#raft.state;
    return leader === this.#previousSoft.leader && role.kind === this.#previousSoft.role ? null : this.#softState();
  }

  #changedHardState(): HardState | null {
    const { state } = this.#raft;
    const previous = this.#previousHard;
    if (state.term === previous.term && state.vote === previous.vote && state.log.committed === previous.commit) return null;
    return state.hardState;
  }

  /**
   * Owed as long as anything is not durable, also when this Ready adds nothing: the last entry's (term, index) tells at the answer
   * whether what was written is still what stands there.
   */
  #storageAppendResponse(snapshot: SnapshotMeta | null): StorageAppendResponse | null {
    const { state } = this.#raft;
    const { log } = state;
    const hasUnstable = log.unstable.entries.length > 0;
    if (!hasUnstable && snapshot === null) return null;
    const last = hasUnstable ? log.last() : { term: 0, index: 0 };
    return {
      kind: 'storage-append-response',
      from: APPEND_THREAD,
      to: state.id,
      term: state.term,
      logTerm: last.term,
      index: last.index,
      snapshot,
    };
  }
}
