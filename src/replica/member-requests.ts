// Changes of members that were asked of this node: each goes to the leader, again if that one is lost, until it is answered or time is up.
import type { Clock, Codec, Transport } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import { NONE, type NodeId, type Term } from '../raft/types.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ReplicaLimits } from './config.ts';
import { NO_LEADER } from './failures.ts';
import { decodeReply, encodeChange, type MemberReply } from './member-codec.ts';
import type { Failure, MemberChange, MemberResult } from './service.ts';

interface PendingChange {
  readonly change: MemberChange;
  readonly done: (result: MemberResult) => void;
  readonly sinceMs: number;
  /** The term whose leader is working at it; 0 while nobody is. */
  askedTerm: Term;
  /** A leader had it, and what became of it there is not known. */
  wasLost: boolean;
  /** Why it was put off, when it was; then it is asked again at the next look. */
  reason: string | null;
  /** Leadership was moving when it was put off: then it waits as long as a change that may have been made. */
  isMoving: boolean;
}

export interface MemberRequestsHost {
  /** Carries it out here, on the leader. */
  decide(change: MemberChange, answer: (reply: MemberReply) => void): void;
}

export class MemberRequests {
  readonly #clock: Clock;
  readonly #codec: Codec;
  readonly #transport: Transport;
  readonly #raft: RawNode;
  readonly #view: ClusterView;
  readonly #limits: ReplicaLimits;
  readonly #host: MemberRequestsHost;
  readonly #pending = new Map<number, PendingChange>();
  #nextId = 1;

  constructor(
    seams: { readonly clock: Clock; readonly codec: Codec; readonly transport: Transport },
    raft: RawNode,
    view: ClusterView,
    limits: ReplicaLimits,
    host: MemberRequestsHost,
  ) {
    this.#clock = seams.clock;
    this.#codec = seams.codec;
    this.#transport = seams.transport;
    this.#raft = raft;
    this.#view = view;
    this.#limits = limits;
    this.#host = host;
  }

  start(change: MemberChange, done: (result: MemberResult) => void): void {
    if (this.#pending.size >= this.#limits.maxPendingMemberChanges) {
      done({ ok: false, code: 'overloaded', detail: 'Too many changes of members are waiting here. Try again later.' });
      return;
    }
    const pending: PendingChange = {
      change,
      done,
      sinceMs: this.#clock.now(),
      askedTerm: 0,
      wasLost: false,
      reason: null,
      isMoving: false,
    };
    this.#pending.set(this.#nextId++, pending);
  }

  /** Once a turn: what waits goes to the leader, if there is one that can be reached. */
  pass(): void {
    if (this.#pending.size === 0) return;
    const { leader, role, term } = this.#raft;
    for (const [id, pending] of [...this.#pending]) {
      if (pending.askedTerm !== 0 && pending.askedTerm < term) {
        pending.askedTerm = 0;
        pending.wasLost = true;
      }
      if (pending.askedTerm !== 0 || pending.reason !== null || leader === NONE) continue;
      if (role === 'leader') {
        pending.askedTerm = term;
        this.#host.decide(pending.change, (reply) => this.answered(id, reply));
      } else if (this.#view.isReachable(leader)) {
        const change = encodeChange(pending.change, this.#codec);
        if (this.#transport.send(leader, { kind: 'member-change', term, id, change })) pending.askedTerm = term;
      }
    }
  }

  /** What cannot be read says nothing: the question stays open. */
  replied(id: number, bytes: Uint8Array): void {
    const reply = decodeReply(bytes, this.#codec);
    if (reply !== null) this.answered(id, reply);
  }

  answered(id: number, reply: MemberReply): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (reply.kind === 'later') {
      pending.askedTerm = 0;
      pending.reason = reply.detail;
      pending.isMoving = reply.moves;
      return;
    }
    this.#pending.delete(id);
    pending.done(resultOf(reply, pending));
  }

  /** The connection to the leader is new: a question or its answer may have been lost with the old one. */
  askAgain(leader: NodeId): void {
    if (this.#raft.leader !== leader) return;
    for (const pending of this.#pending.values()) {
      pending.wasLost ||= pending.askedTerm !== 0;
      pending.askedTerm = 0;
    }
  }

  /** Once in a while: what was put off is asked again, and what has waited too long is given up. */
  expire(): void {
    const { leaderWaitMs, requestTimeoutMs } = this.#limits;
    const nowMs = this.#clock.now();
    for (const [id, pending] of [...this.#pending]) {
      const waitedMs = nowMs - pending.sinceMs;
      const mayBeMade = pending.wasLost || pending.askedTerm !== 0;
      if (waitedMs >= (mayBeMade || pending.isMoving ? requestTimeoutMs : leaderWaitMs))
        this.#give(id, pending, failureOf(pending, mayBeMade));
      else pending.reason = null;
    }
  }

  /** This node was removed: whoever asked for just that has it. */
  selfRemoved(name: string, failure: Failure): void {
    for (const [id, pending] of [...this.#pending]) {
      const { change } = pending;
      const isThis = change.kind === 'remove' && change.id === name;
      const member = { id: name, number: this.#raft.status().id, peer: '', http: '', voter: false, created: false };
      this.#give(id, pending, isThis ? { ok: true, member, index: this.#raft.status().applied } : { ok: false, ...failure });
    }
  }

  failAll(failure: Failure): void {
    for (const [id, pending] of [...this.#pending]) {
      this.#give(id, pending, pending.wasLost || pending.askedTerm !== 0 ? failureOf(pending, true) : { ok: false, ...failure });
    }
  }

  #give(id: number, pending: PendingChange, result: MemberResult): void {
    if (this.#pending.delete(id)) pending.done(result);
  }
}

function resultOf(reply: MemberReply & { kind: 'done' | 'refused' }, { change, wasLost }: PendingChange): MemberResult {
  if (reply.kind === 'done') {
    const { node, name, peer, http } = reply.member;
    return {
      ok: true,
      member: { id: name, number: node, peer, http, voter: reply.voter, created: reply.created },
      index: reply.index,
    };
  }
  // The leader that was lost had removed it.
  if (reply.code === 'member-not-found' && change.kind === 'remove' && wasLost)
    return { ok: true, member: { id: change.id, number: 0, peer: '', http: '', voter: false, created: false }, index: 0 };
  return { ok: false, code: reply.code, detail: reply.detail };
}

function failureOf({ reason }: PendingChange, mayBeMade: boolean): MemberResult {
  if (mayBeMade)
    return {
      ok: false,
      code: 'outcome-unknown',
      detail: 'The leader did not answer in time. The change may or may not be made: look at the members, or ask for it again.',
    };
  return reason === null ? { ok: false, ...NO_LEADER } : { ok: false, code: 'conflict', detail: reason };
}
