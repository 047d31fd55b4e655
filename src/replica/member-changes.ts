// The leader's part in changes of members: decides, proposes one at a time, answers when it is applied, and promotes who has caught up.
import type { Codec } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import type { ConfChange, ConfChangeItem, Entry, Index, NodeId, Term } from '../raft/types.ts';
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

/** Who wants a change. */
interface Wanted {
  /** A member may be new by it. */
  readonly mayCreate: boolean;
  /** It is answered when it is made: that the members it leaves can commit something is not sure. */
  readonly force: boolean;
  /** Null for the leader itself. */
  readonly answer: ((reply: MemberReply) => void) | null;
}

interface ChangeUnderWay extends Wanted {
  readonly index: Index;
  readonly term: Term;
  /** It is applied here; who was removed by it may not be let go yet. */
  isMade: boolean;
  readonly member: Member;
  readonly created: boolean;
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
  /** A change that lets removed members go is in the log, and not applied yet. */
  #isSealing = false;
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
    else this.#carryOut(decide(change, this.#situation()), { mayCreate: change.kind === 'add', force: change.force, answer });
  }

  /** Once in a while: a learner that has caught up becomes a voter, if it is to. */
  promoteNext(): void {
    this.#looksUntilHandOver--;
    if (this.#raft.role !== 'leader' || this.#obstacle() !== null) return;
    const decision = nextStep(this.#situation());
    if (decision === null || (decision.kind === 'hand-over' && this.#looksUntilHandOver > 0)) return;
    if (decision.kind === 'hand-over') this.#looksUntilHandOver = HAND_OVER_LOOKS;
    this.#carryOut(decision, { mayCreate: false, force: false, answer: null });
  }

  /**
   * A change was applied here. One by which a member leaves, alone or for another that votes from now on, is answered by the change that
   * follows the last step of it: before, the member that goes may be needed.
   */
  applied(index: Index, term: Term): void {
    this.#isSealing = false;
    const underWay = this.#underWay;
    if (underWay === null || index < underWay.index) return;
    if (!underWay.isMade && (index !== underWay.index || term !== underWay.term)) {
      this.#underWay = null;
      return;
    }
    underWay.isMade = true;
    const { member, created, force, answer } = underWay;
    const isLeaving = this.#raft.conf.votersOutgoing.length > 0 || this.#host.roster().leaving.length > 0;
    if (isLeaving && !force) return;
    this.#underWay = null;
    answer?.({ kind: 'done', member, voter: this.#raft.conf.voters.includes(member.node), created, index: underWay.index });
  }

  /** Once a turn: a change that removed a member is followed by one that changes nothing, which lets the member go (`Roster.leaving`). */
  seal(): void {
    const { leaving } = this.#host.roster();
    if (leaving.length === 0 || this.#isSealing || this.#raft.role !== 'leader') return;
    if (this.#handingOver || this.#isEarly()) return;
    const self = this.#raft.status().id;
    this.#isSealing = this.#append([{ type: 'update', node: self }], null) !== null;
  }

  /** Who leads has changed: whoever waits finds that out and asks the new leader. */
  forget(): void {
    this.#underWay = null;
    this.#isSealing = false;
    this.#handingOver = false;
  }

  /** Why nothing can be changed now. Section 6: one change at a time, none before the leader has applied an entry of its own term. */
  #obstacle(): Later | null {
    if (this.#isEarly()) return NOT_READY;
    if (this.#handingOver) return MOVING;
    if (this.#underWay !== null || this.#raft.conf.votersOutgoing.length > 0 || this.#host.roster().leaving.length > 0) return BUSY;
    return null;
  }

  #isEarly(): boolean {
    return this.#host.appliedTerm() !== this.#raft.term;
  }

  #carryOut(decision: Decision, wanted: Wanted): void {
    const { answer } = wanted;
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
        this.#propose(decision, wanted);
    }
  }

  #propose(decision: Decision & { kind: 'propose' }, wanted: Wanted): void {
    const roster = this.#host.roster();
    const member = decision.put ?? roster.get(decision.node);
    if (member === undefined) return;
    const entry = this.#append(decision.items, decision.put);
    if (entry === null) {
      wanted.answer?.(BUSY);
      return;
    }
    const isNew = wanted.mayCreate && roster.get(decision.node) === undefined;
    this.#underWay = { ...wanted, index: entry.index, term: entry.term, isMade: false, member, created: isNew };
  }

  /** Null while leadership is handed over, when nothing is taken, and for what does not fit, which has become an empty entry. */
  #append(items: readonly ConfChangeItem[], put: Member | null): Entry | null {
    const context = encodePuts(this.#withWhatIsKnown(put, this.#host.roster()), this.#codec);
    const change: ConfChange = { v1: false, transition: 'auto', changes: items, context };
    const result = this.#raft.proposeConfChange(change);
    const last = this.#raft.unapplied().at(-1);
    if (result !== 'ok' || last?.kind !== 'conf-change' || last.change !== change) return null;
    this.#host.wake();
    return last;
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
      puts.push({ ...member, disk: met.disk, http: met.http === '' ? member.http : met.http });
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
