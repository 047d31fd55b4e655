// What the ways in (HTTP, library) call: one method to change, one to read, and the cluster's own affairs.
import type { NoRoom } from '../env.ts';
import type { ClaimCommand, Command, LeaseKey } from '../lease/commands.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Alarm, Alarms } from './alarms.ts';
import type { EventLog } from './event-log.ts';
import type { Figures } from './figures.ts';

/** The two classes of DESIGN 3 that are no outcome of the log. */
export type Failure =
  /** Surely never entered the log. */
  | { readonly definite: true; readonly code: 'no-leader' | 'stopping' | 'overloaded'; readonly detail: string }
  /** Refused by the leader before the log, because there is no room. */
  | { readonly definite: true; readonly code: 'no-room'; readonly detail: string; readonly noRoom: NoRoom }
  /** It may or may not be applied. */
  | { readonly definite: false; readonly code: 'outcome-unknown'; readonly detail: string };

/** How a change ended: applied or refused at `index`, or failed. `replayed`: for a repeat, the log index at which the first was decided. */
export type Settled =
  | { readonly kind: 'applied'; readonly index: number; readonly outcome: Outcome; readonly replayed?: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** How a change that was applied at `index` has ended; a repeat as what is true of the first outcome. */
export function appliedAs(index: number, outcome: Outcome): Extract<Settled, { kind: 'applied' }> {
  if (outcome.kind === 'repeated') return { kind: 'applied', index: outcome.index, outcome: outcome.outcome, replayed: outcome.firstIndex };
  return { kind: 'applied', index, outcome };
}

/** What a read sees: the state, and the index and lease time to answer with. Valid only during the call. */
export interface ReadView {
  readonly state: StateMachine;
  readonly index: number;
  readonly nowMs: number;
}

export type ReadResult = { readonly kind: 'view'; readonly view: ReadView } | { readonly kind: 'failed'; readonly failure: Failure };

/** How far a member is with the image of the state that it is being sent. */
export interface SnapshotProgress {
  /** Records that it has. */
  readonly sentRecords: number;
  /** All of them; null on the receiver, which learns that with the last piece. */
  readonly records: number | null;
  /** Whole percent, rounded down; null while `records` is. */
  readonly percent: number | null;
}

export interface MemberStatus {
  readonly id: string;
  /** Empty while unknown. */
  readonly http: string;
  readonly peer: string;
  readonly role: 'leader' | 'candidate' | 'follower' | 'learner';
  readonly voter: boolean;
  /** Known on the leader only, null elsewhere. */
  readonly matchIndex: number | null;
  /** Of the node itself, null for the others. */
  readonly appliedIndex: number | null;
  /** Since anything was heard from it; 0 for the node itself, null if never. */
  readonly lastContactMs: number | null;
  readonly reachable: boolean;
  /** While an image is sent to it, known on the leader and on the member itself; otherwise null. */
  readonly snapshot: SnapshotProgress | null;
  /** Its active alarms, of a peer as it last sent them; null if it never did. */
  readonly alarms: readonly Alarm[] | null;
}

export interface ClusterStatus {
  readonly node: string;
  /** Null while unknown. */
  readonly leader: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly members: readonly MemberStatus[];
  /** The active alarms of the node itself. */
  readonly alarms: readonly Alarm[];
}

/** How a node is, by its own account. */
export interface NodeCondition {
  /** Whether it was told to stop. */
  readonly isStopping: boolean;
  /** Age of its oldest unfinished sync, in milliseconds. */
  readonly syncPendingMs: number;
  /** How far the applied index lies behind the commit index. */
  readonly applyLag: number;
}

/** A change of members. `force` skips what guards the availability of the cluster, never what guards its safety. */
export type MemberChange =
  | {
      readonly kind: 'add';
      readonly id: string;
      /** Where it listens for its peers, `host:port`. */
      readonly peer: string;
      /** Where it answers clients; empty while that is not known. */
      readonly http: string;
      /** The random name of its data directory; null when somebody else than the node itself asks. */
      readonly disk: string | null;
      /** The member that leaves in the step in which this one becomes a voter. */
      readonly replaces: string | null;
      /** Whether the leader makes it a voter by itself once it has caught up. */
      readonly promote: boolean;
      readonly force: boolean;
    }
  | { readonly kind: 'remove' | 'promote'; readonly id: string; readonly force: boolean };

/** The member that a change was about, as the leader's log had it at `index`. */
export interface ChangedMember {
  readonly id: string;
  /** Its number in Raft, never given to another. */
  readonly number: number;
  readonly peer: string;
  readonly http: string;
  readonly voter: boolean;
  /** Whether this very request added it. */
  readonly created: boolean;
}

export type MemberResult =
  | { readonly ok: true; readonly member: ChangedMember; readonly index: number }
  | { readonly ok: false; readonly code: 'member-not-found' | 'conflict' | Failure['code']; readonly detail: string };

/** Who the members were when the cluster was first started, by their numbers. */
export type Founders = readonly { readonly number: number; readonly id: string; readonly peer: string }[];

export interface Service {
  /** The four facts of every answer's headers; cheap enough for every request. `leader` is '' while unknown. */
  readonly node: string;
  readonly leader: string;
  readonly term: number;
  readonly appliedIndex: number;
  /** What the applied entries did, as far back as this node keeps it. To be read only. */
  readonly events: EventLog;
  /** Conditions of this node that an operator must know about. Their owners set and clear them here. */
  readonly alarms: Alarms;

  /**
   * Carries out a command, here or by the leader. `settle` is called exactly once, possibly during the call. A claim of a lease that
   * another holder has is denied by a linearizable read, without a log entry. `inOrder`: not so, but applied in order with the other
   * commands that are submitted with it.
   */
  submit(command: Command, settle: (settled: Settled) => void, inOrder?: boolean): void;
  /**
   * A claim that queues for up to `waitMs` (milliseconds, from 1 on) when somebody else holds the lease, first come first served in the
   * whole cluster. `settle` is called at most once, possibly during the call: granted, refused (claim-denied when the time is up) or failed.
   * The returned function gives the wait up: neither a place in the queue nor a tenure is left behind. With a failure `settle` is told
   * that one once it is sure (else that the outcome is unknown); with null the caller has gone and is told nothing any more.
   * `requestKey` and `since`: as `key` and `since` of the command `once`.
   */
  claimInTurn(
    command: ClaimCommand,
    waitMs: number,
    settle: (settled: Settled) => void,
    requestKey?: string | null,
    since?: number | null,
  ): (failure: Failure | null) => void;
  /** A linearizable read (ReadIndex, shared by all that wait), or at once from this node's state when `stale`. */
  read(consistency: 'linearizable' | 'stale', answer: (result: ReadResult) => void): void;
  /**
   * Calls `vacant` once nobody holds the lease (or at once if so at a read barrier), or `failed`. The returned function cancels
   * and leaves nothing behind. No time limit: the caller has its own.
   */
  waitVacant(key: LeaseKey, vacant: (index: number) => void, failed: (failure: Failure) => void): () => void;
  status(): ClusterStatus;
  /** What the readiness of this node depends on beside a read: cheap enough for every probe. */
  condition(): NodeCondition;
  /** What this node tells of itself in numbers. */
  figures(): Figures;
  /** Hands leadership to `to`, or to the best follower when null. `ok` once another node leads. */
  transfer(
    to: string | null,
    done: (
      result:
        | { ok: true; leader: string; term: number }
        | { ok: false; code: 'member-not-found' | 'no-leader' | 'conflict'; detail: string },
    ) => void,
  ): void;
  /** What a newcomer has to know to read the log from its beginning. */
  readonly founders: Founders;
  /**
   * Adds, removes or promotes a member, here or by the leader. `done` is called exactly once, after the change is applied or surely
   * never will be; or with `outcome-unknown`. Repeating a change that was made is answered as done.
   */
  changeMembers(change: MemberChange, done: (result: MemberResult) => void): void;
}
