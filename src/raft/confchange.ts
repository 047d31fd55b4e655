// How one configuration becomes the next: single changes, and joint consensus entered and left (section 6).
import { assert } from '../assert.ts';
import type { InflightsLimits } from './inflights.ts';
import { Progress } from './progress.ts';
import type { ConfChange, ConfChangeItem, ConfState, Index, NodeId } from './types.ts';

/** Who takes part. Joint while `votersOutgoing` is not empty: then both sets of voters must agree. */
export interface Configuration {
  readonly voters: ReadonlySet<NodeId>;
  readonly votersOutgoing: ReadonlySet<NodeId>;
  /** Invariant: nobody is a learner and a voter, of either half. */
  readonly learners: ReadonlySet<NodeId>;
  /** Voters of the outgoing half that become learners when it is left. Invariant: a subset of `votersOutgoing`. */
  readonly learnersNext: ReadonlySet<NodeId>;
  /** The leader leaves the joint configuration by itself. */
  readonly autoLeave: boolean;
}

export type ProgressMap = ReadonlyMap<NodeId, Progress>;

/** A configuration and what is known of each of its members. Invariant: `progress` has exactly the members as keys. */
export interface Membership {
  readonly configuration: Configuration;
  readonly progress: ProgressMap;
}

/** Why a change does not fit the configuration that it meets. */
export type ChangeRefusal =
  | 'removes-all-voters'
  | 'changes-more-than-one-voter'
  | 'already-joint'
  | 'no-voters'
  | 'not-joint'
  | 'simple-while-joint';

export type ChangeResult =
  | { readonly kind: 'changed'; readonly membership: Membership }
  | { readonly kind: 'refused'; readonly reason: ChangeRefusal };

/** Of a node that knows nobody, not even itself. */
export const EMPTY_MEMBERSHIP: Membership = {
  configuration: { voters: new Set(), votersOutgoing: new Set(), learners: new Set(), learnersNext: new Set(), autoLeave: false },
  progress: new Map(),
};

/** What a change asks for: null unless it goes through a joint configuration, else whether that is left without being told. */
export function entersJoint(change: ConfChange): { readonly autoLeave: boolean } | null {
  if (change.transition === 'auto' && change.changes.length <= 1) return null;
  return { autoLeave: change.transition !== 'explicit' };
}

/** The empty change, which leaves a joint configuration. */
export function leavesJoint(change: ConfChange): boolean {
  return change.transition === 'auto' && change.changes.length === 0;
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.size > 0;
}

/** Ids ascending, as they are stored and sent. */
export function toConfState(configuration: Configuration): ConfState {
  return {
    voters: ascending(configuration.voters),
    votersOutgoing: ascending(configuration.votersOutgoing),
    learners: ascending(configuration.learners),
    learnersNext: ascending(configuration.learnersNext),
    autoLeave: configuration.autoLeave,
  };
}

/** Computes the membership after a change. Never alters the one before: it stays in force if the change is refused. */
export class Changer {
  readonly #before: Membership;
  readonly #lastIndex: Index;
  readonly #limits: InflightsLimits;

  /** `lastIndex` is the last of the own log, where a new peer is first looked for. */
  constructor(before: Membership, lastIndex: Index, limits: InflightsLimits) {
    this.#before = before;
    this.#lastIndex = lastIndex;
    this.#limits = limits;
  }

  /** Applies `change` in the way that it asks for. */
  change(change: ConfChange): ChangeResult {
    if (leavesJoint(change)) return this.leaveJoint();
    const joint = entersJoint(change);
    return joint === null ? this.simple(change.changes) : this.enterJoint(joint.autoLeave, change.changes);
  }

  /** Changes that together add or remove at most one voter, so that old and new majorities overlap (thesis 4.1). */
  simple(changes: readonly ConfChangeItem[]): ChangeResult {
    const before = this.#before.configuration;
    if (isJoint(before)) return refused('simple-while-joint');
    const draft = this.#draft();
    draft.apply(changes);
    if (draft.voters.size === 0) return refused('removes-all-voters');
    if (countDifferences(before.voters, draft.voters) > 1) return refused('changes-more-than-one-voter');
    return draft.finish(before.autoLeave);
  }

  /** Any changes at once: until the joint configuration is left, the voters from before decide too. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeItem[]): ChangeResult {
    const before = this.#before.configuration;
    if (isJoint(before)) return refused('already-joint');
    if (before.voters.size === 0) return refused('no-voters');
    const draft = this.#draft();
    for (const id of before.voters) draft.votersOutgoing.add(id);
    draft.apply(changes);
    if (draft.voters.size === 0) return refused('removes-all-voters');
    return draft.finish(autoLeave);
  }

  /** Lets the outgoing voters go; those who were to become learners do. */
  leaveJoint(): ChangeResult {
    if (!isJoint(this.#before.configuration)) return refused('not-joint');
    const draft = this.#draft();
    draft.dropOutgoing();
    return draft.finish(false);
  }

  #draft(): Draft {
    return new Draft(this.#before, this.#lastIndex, this.#limits);
  }
}

/**
 * The membership that `conf` describes, with fresh progress: found by replaying it as changes, so that what is restored
 * obeys the same rules as what was applied. Throws InvariantError when no changes lead to `conf`.
 */
export function restore(conf: ConfState, lastIndex: Index, limits: InflightsLimits): Membership {
  let membership = EMPTY_MEMBERSHIP;
  const take = (step: (changer: Changer) => ChangeResult): void => {
    const result = step(new Changer(membership, lastIndex, limits));
    assert(result.kind === 'changed', `confchange: ${JSON.stringify(conf)} cannot be restored`);
    membership = result.membership;
  };
  const incoming = [...itemsOf('add-voter', conf.voters), ...itemsOf('add-learner', [...conf.learners, ...conf.learnersNext])];
  if (conf.votersOutgoing.length === 0) {
    for (const item of incoming) take((changer) => changer.simple([item]));
  } else {
    for (const item of itemsOf('add-voter', conf.votersOutgoing)) take((changer) => changer.simple([item]));
    const changes = [...itemsOf('remove', conf.votersOutgoing), ...incoming];
    take((changer) => changer.enterJoint(conf.autoLeave, changes));
  }
  return membership;
}

/** A membership being changed. Progress of members that stay is shared with the one before, and copied only to be altered. */
class Draft {
  readonly voters: Set<NodeId>;
  readonly votersOutgoing: Set<NodeId>;
  readonly #learners: Set<NodeId>;
  readonly #learnersNext: Set<NodeId>;
  readonly #progress: Map<NodeId, Progress>;
  readonly #lastIndex: Index;
  readonly #limits: InflightsLimits;

  constructor({ configuration, progress }: Membership, lastIndex: Index, limits: InflightsLimits) {
    this.voters = new Set(configuration.voters);
    this.votersOutgoing = new Set(configuration.votersOutgoing);
    this.#learners = new Set(configuration.learners);
    this.#learnersNext = new Set(configuration.learnersNext);
    this.#progress = new Map(progress);
    this.#lastIndex = lastIndex;
    this.#limits = limits;
  }

  apply(changes: readonly ConfChangeItem[]): void {
    for (const { type, node } of changes) {
      // A change that was replaced by nothing on its way keeps its place with id 0.
      if (node === 0) continue;
      if (type === 'add-voter') this.#addVoter(node);
      else if (type === 'add-learner') this.#addLearner(node);
      else if (type === 'remove') this.#remove(node);
    }
  }

  dropOutgoing(): void {
    for (const id of this.#learnersNext) {
      this.#learners.add(id);
      this.#setLearner(id, true);
    }
    this.#learnersNext.clear();
    for (const id of this.votersOutgoing) {
      if (!this.voters.has(id) && !this.#learners.has(id)) this.#progress.delete(id);
    }
    this.votersOutgoing.clear();
  }

  finish(autoLeave: boolean): ChangeResult {
    const configuration: Configuration = {
      voters: this.voters,
      votersOutgoing: this.votersOutgoing,
      learners: this.#learners,
      learnersNext: this.#learnersNext,
      autoLeave,
    };
    const membership = { configuration, progress: this.#progress };
    checkMembership(membership);
    return { kind: 'changed', membership };
  }

  #addVoter(id: NodeId): void {
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    this.voters.add(id);
    if (this.#progress.has(id)) this.#setLearner(id, false);
    else this.#progress.set(id, this.#newProgress(false));
  }

  #addLearner(id: NodeId): void {
    const progress = this.#progress.get(id);
    if (progress?.isLearner === true) return;
    this.voters.delete(id);
    if (this.votersOutgoing.has(id)) {
      // It still votes in the outgoing half, and nobody is a voter and a learner: it waits until that half is left.
      this.#learnersNext.add(id);
      return;
    }
    this.#learners.add(id);
    if (progress === undefined) this.#progress.set(id, this.#newProgress(true));
    else this.#setLearner(id, true);
  }

  #remove(id: NodeId): void {
    this.voters.delete(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    // A voter of the outgoing half is still replicated to, and counted.
    if (!this.votersOutgoing.has(id)) this.#progress.delete(id);
  }

  #setLearner(id: NodeId, isLearner: boolean): void {
    const progress = this.#progress.get(id);
    assert(progress !== undefined, `confchange: no progress of ${id}`);
    if (progress.isLearner !== isLearner) this.#progress.set(id, progress.with({ isLearner }));
  }

  /** A new peer counts as active, so that the next quorum check does not take it for lost before it could answer. */
  #newProgress(isLearner: boolean): Progress {
    const progress = new Progress(0, Math.max(this.#lastIndex, 1), isLearner, this.#limits);
    progress.recentActive = true;
    return progress;
  }
}

/** Throws InvariantError where `membership` breaks what {@link Configuration} and {@link Membership} promise. */
function checkMembership({ configuration, progress }: Membership): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  const members = new Set([...voters, ...votersOutgoing, ...learners]);
  assert(progress.size === members.size, `confchange: ${members.size} members, ${progress.size} progresses`);
  for (const id of members) assert(progress.has(id), `confchange: no progress of ${id}`);
  for (const id of learners) {
    assert(!voters.has(id) && !votersOutgoing.has(id), `confchange: ${id} is voter and learner`);
    assert(progress.get(id)?.isLearner === true, `confchange: the progress of learner ${id} says voter`);
  }
  for (const id of learnersNext) {
    assert(votersOutgoing.has(id) && !voters.has(id), `confchange: ${id} is to become a learner, but is no outgoing voter`);
    assert(progress.get(id)?.isLearner === false, `confchange: the progress of outgoing voter ${id} says learner`);
  }
  for (const id of voters) assert(progress.get(id)?.isLearner === false, `confchange: the progress of voter ${id} says learner`);
  assert(
    votersOutgoing.size > 0 || (learnersNext.size === 0 && !autoLeave),
    'confchange: not joint, but something is to happen on leaving',
  );
}

function refused(reason: ChangeRefusal): ChangeResult {
  return { kind: 'refused', reason };
}

function itemsOf(type: ConfChangeItem['type'], ids: readonly NodeId[]): ConfChangeItem[] {
  return ids.map((node) => ({ type, node }));
}

function countDifferences(left: ReadonlySet<NodeId>, right: ReadonlySet<NodeId>): number {
  let count = 0;
  for (const id of left) if (!right.has(id)) count++;
  for (const id of right) if (!left.has(id)) count++;
  return count;
}

function ascending(ids: ReadonlySet<NodeId>): NodeId[] {
  return [...ids].sort((left, right) => left - right);
}
