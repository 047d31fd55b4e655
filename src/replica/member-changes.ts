// The leader's part in changes of members: decides, proposes one at a time, answers when it is applied, and promotes who has caught up.
import type { Codec } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import type { ConfChange, Index, NodeId, Term } from '../raft/types.ts';
import type { ClusterView } from './cluster-view.ts';
import { encodePuts, type Member, type MemberReply } from './member-codec.ts';
import { type Decision, decide, nextStep, type Situation } from './member-rules.ts';
import type { Roster } from './roster.ts';
import type { MemberChange } from './service.ts';
import type { Transfers } from './transfers.ts';

/** A member that lacks more entries than this has not caught up. A tenth of what is kept for it, so that the log does not run away from it. */
const CURRENT_WITHIN_ENTRIES = 2_000;

type Later = MemberReply & { readonly kind: 'later' };
/** Looks between two attempts to hand over of the leader's own accord: each one that fails costs a moment without proposals. */
const HAND_OVER_LOOKS = 50;
const BUSY: Later = { kind: 'later', detail: 'Another change of members is under way. Try again when it is done.', moves: false };
const NOT_READY: Later = { kind: 'later', detail: 'The leader is new and has not committed anything yet. Try again.', moves: true };
const MOVING: Later = { kind: 'later', detail: 'Leadership is being handed over, because the leader is to go. Try again.', moves: true };

interface ChangeUnderWay {
  readonly index: Index;
  readonly term: Term;
  readonly member: Member;
  readonly created: boolean;
  /** Null for a promotion of the leader's own accord. */
  readonly answer: ((reply: MemberReply) => void) | null;
}

export interface MemberChangesHost {
  roster(): Roster;
  /** The term whose first entry was the last to be applied. */
  appliedTerm(): Term;
  wake(): void;
}

export class MemberChanges {
  readonly #raft: RawNode;
  readonly #view: ClusterView;
  readonly #codec: Codec;
  readonly #transfers: Transfers;
  readonly #host: MemberChangesHost;
  readonly #silenceMs: number;
  #underWay: ChangeUnderWay | null = null;
  #handingOver = false;
  #looksUntilHandOver = 0;

  /** A member that was not heard for `silenceMs` counts as lost. */
  constructor(raft: RawNode, view: ClusterView, codec: Codec, transfers: Transfers, silenceMs: number, host: MemberChangesHost) {
    this.#raft = raft;
    this.#view = view;
    this.#codec = codec;
    this.#transfers = transfers;
    this.#silenceMs = silenceMs;
    this.#host = host;
  }

  /** Decides about a change on the leader. `answer` is called once, or never when leadership is lost. */
  decide(change: MemberChange, answer: (reply: MemberReply) => void): void {
    const obstacle = this.#obstacle();
    if (obstacle !== null) answer(obstacle);
    else this.#carryOut(decide(change, this.#situation()), change.kind === 'add', answer);
  }

  /** Once in a while: a learner that has caught up becomes a voter, if it is to. */
  promoteNext(): void {
    this.#looksUntilHandOver--;
    if (this.#raft.role !== 'leader' || this.#obstacle() !== null) return;
    const decision = nextStep(this.#situation());
    if (decision === null || (decision.kind === 'hand-over' && this.#looksUntilHandOver > 0)) return;
    if (decision.kind === 'hand-over') this.#looksUntilHandOver = HAND_OVER_LOOKS;
    this.#carryOut(decision, false, null);
  }

  /** A change was applied here. */
  applied(index: Index, term: Term): void {
    const underWay = this.#underWay;
    if (underWay === null || index < underWay.index) return;
    this.#underWay = null;
    if (index === underWay.index && term === underWay.term) {
      const { member, created, answer } = underWay;
      answer?.({ kind: 'done', member, voter: this.#raft.conf.voters.includes(member.node), created, index });
    }
  }

  /** Who leads has changed: whoever waits finds that out and asks the new leader. */
  forget(): void {
    this.#underWay = null;
    this.#handingOver = false;
  }

  /** Why nothing can be changed now. Section 6: one change at a time, none before the leader has applied an entry of its own term. */
  #obstacle(): Later | null {
    const raft = this.#raft;
    if (this.#host.appliedTerm() !== raft.term) return NOT_READY;
    if (this.#handingOver) return MOVING;
    if (this.#underWay !== null || raft.conf.votersOutgoing.length > 0) return BUSY;
    return null;
  }

  #carryOut(decision: Decision, created: boolean, answer: ((reply: MemberReply) => void) | null): void {
    switch (decision.kind) {
      case 'refused':
        answer?.(decision);
        return;
      case 'done': {
        const { member } = decision;
        const { conf, applied } = this.#raft.status();
        answer?.({ kind: 'done', member, voter: conf.voters.includes(member.node), created: false, index: applied });
        return;
      }
      case 'hand-over':
        this.#handOver(answer);
        return;
      case 'propose':
        this.#propose(decision, created, answer);
    }
  }

  #propose(decision: Decision & { kind: 'propose' }, created: boolean, answer: ((reply: MemberReply) => void) | null): void {
    const roster = this.#host.roster();
    const member = decision.put ?? roster.get(decision.node);
    if (member === undefined) return;
    const context = encodePuts(this.#withWhatIsKnown(decision.put, roster), this.#codec);
    const change: ConfChange = { v1: false, transition: 'auto', changes: decision.items, context };
    const result = this.#raft.proposeConfChange(change);
    const last = this.#raft.unapplied().at(-1);
    // While leadership is handed over nothing is taken; what does not fit has become an empty entry.
    if (result !== 'ok' || last?.kind !== 'conf-change' || last.change !== change) {
      answer?.(BUSY);
      return;
    }
    const isNew = created && roster.get(decision.node) === undefined;
    this.#underWay = { index: last.index, term: last.term, member, created: isNew, answer };
    this.#host.wake();
  }

  /**
   * Every change also tells on which disks the members were met that the log does not know yet: a newcomer has met nobody, and must not
   * take a member that has lost its disk for the one that it was.
   */
  #withWhatIsKnown(put: Member | null, roster: Roster): Member[] {
    const puts = put === null ? [] : [put];
    for (const member of roster.members) {
      const met = this.#view.met(member.node);
      if (member.node === put?.node || member.disk !== null || met === undefined) continue;
      puts.push({ ...member, disk: met.disk, http: met.http });
    }
    return puts;
  }

  /** The next leader carries the change out: whoever asked for it asks again. */
  #handOver(answer: ((reply: MemberReply) => void) | null): void {
    this.#handingOver = true;
    this.#transfers.start(null, (result) => {
      this.#handingOver = false;
      if (result.ok || result.code === 'no-leader') answer?.(MOVING);
      else answer?.({ kind: 'refused', code: 'conflict', detail: `the leader is to go, but could not hand over: ${result.detail}` });
    });
  }

  #situation(): Situation {
    const { id, conf, commit, progress } = this.#raft.status();
    const isReachable = (node: NodeId) => node === id || this.#view.isHeard(node, this.#silenceMs);
    return {
      self: id,
      roster: this.#host.roster(),
      conf,
      isReachable,
      isCurrent: (node) => node === id || (isReachable(node) && (progress?.get(node)?.match ?? 0) + CURRENT_WITHIN_ENTRIES >= commit),
    };
  }
}
