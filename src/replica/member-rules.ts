// What a change of members would do, decided by the leader before it proposes anything: the change to propose, or why not.
import type { ConfChangeItem, ConfState, NodeId } from '../raft/types.ts';
import type { Member } from './member-codec.ts';
import type { Roster } from './roster.ts';
import type { MemberChange } from './service.ts';

/** Members of a cluster, learners included; each one costs the leader a stream. */
export const MEMBERS_MAX = 15;

/** What the leader knows when it decides. */
export interface Situation {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly conf: ConfState;
  /** Whether the member can be reached from here. */
  isReachable(node: NodeId): boolean;
  /** Whether it can be reached and has all but the last entries: a commit that needs it would not have to wait. */
  isCurrent(node: NodeId): boolean;
}

export type Decision =
  /** `put`: what the log is to say of a member from now on. */
  | { readonly kind: 'propose'; readonly node: NodeId; readonly items: readonly ConfChangeItem[]; readonly put: Member | null }
  /** It is so already. */
  | { readonly kind: 'done'; readonly member: Member }
  /** This node leads and is to go: somebody else has to lead first. */
  | { readonly kind: 'hand-over' }
  | { readonly kind: 'refused'; readonly code: 'conflict' | 'member-not-found'; readonly detail: string };

/** Never proposes what would leave the cluster without a quorum of members that can be reached and have caught up, unless forced. */
export function decide(change: MemberChange, situation: Situation): Decision {
  switch (change.kind) {
    case 'add':
      return add(change, situation);
    case 'remove':
      return remove(change, situation);
    case 'promote':
      return promote(change, situation);
  }
}

/**
 * What to do next of its own accord: make the first learner a voter that is to be one and has caught up, or let the member go whose
 * replacement votes already. Handing over comes last: it costs a moment without a leader. Null for nothing.
 */
export function nextStep(situation: Situation): Decision | null {
  const { roster, conf, isCurrent } = situation;
  let last: Decision | null = null;
  for (const member of roster.members) {
    const replaced = roster.get(member.replaces);
    let decision: Decision | null = null;
    if (conf.voters.includes(member.node)) {
      if (replaced !== undefined) decision = remove({ kind: 'remove', id: replaced.name, force: false }, situation);
    } else if (member.promote && isCurrent(member.node)) decision = promotion(member, situation, false);
    if (decision?.kind === 'propose') return decision;
    if (decision?.kind === 'hand-over') last = decision;
  }
  return last;
}

function add(change: MemberChange & { kind: 'add' }, { roster, conf }: Situation): Decision {
  const { id, peer, http, disk } = change;
  const present = roster.named(id);
  if (present !== undefined) return addAgain(change, present, conf);
  const neighbour = roster.members.find((member) => member.peer === peer);
  if (neighbour !== undefined) return refused(`${neighbour.name} is a member at ${peer} already: give ${id} an address of its own`);
  if (roster.members.length >= MEMBERS_MAX) return refused(`the cluster has ${MEMBERS_MAX} members, which is the most it may have`);
  const replaced = change.replaces === null ? undefined : roster.named(change.replaces);
  if (change.replaces !== null && replaced === undefined) return notFound(change.replaces, roster);
  const node = roster.greatest + 1;
  const put: Member = { node, name: id, peer, http, disk, promote: change.promote, replaces: replaced?.node ?? 0 };
  return { kind: 'propose', node, items: [{ type: 'add-learner', node }], put };
}

/** The same node asks again, for instance after a crash in the middle of joining; or the node of a member that was announced comes. */
function addAgain({ id, peer, http, disk }: MemberChange & { kind: 'add' }, present: Member, conf: ConfState): Decision {
  if (disk !== null && present.disk !== null && disk !== present.disk)
    return refused(
      `${id} is a member already, with another data directory: that one was emptied or replaced. Restore it; or remove the member first (leasehold member remove ${id}), then let it join anew`,
    );
  if (disk !== null && present.disk === null && !conf.learners.includes(present.node))
    return refused(`${id} is a member of the cluster since its first start: start it with --members, on its own data directory`);
  const put: Member = { ...present, peer, http: http === '' ? present.http : http, disk: disk ?? present.disk };
  if (put.peer === present.peer && put.http === present.http && put.disk === present.disk) return { kind: 'done', member: present };
  if (disk === null) return refused(`${id} is a member already, at ${present.peer}`);
  return { kind: 'propose', node: present.node, items: [{ type: 'update', node: present.node }], put };
}

function remove({ id, force }: MemberChange, situation: Situation): Decision {
  const { roster, conf, self } = situation;
  const member = roster.named(id);
  if (member === undefined) return notFound(id, roster);
  if (conf.voters.includes(member.node)) {
    const rest = conf.voters.filter((node) => node !== member.node);
    if (rest.length === 0) return refused(`${id} is the last voter: a cluster without one could never change anything again`);
    const loss = force ? null : lossOf(rest, situation);
    if (loss !== null) return refused(`without ${id} ${loss}`);
    if (member.node === self) return { kind: 'hand-over' };
  }
  return { kind: 'propose', node: member.node, items: [{ type: 'remove', node: member.node }], put: null };
}

function promote({ id, force }: MemberChange, situation: Situation): Decision {
  const { roster, conf, isReachable, isCurrent } = situation;
  const member = roster.named(id);
  if (member === undefined) return notFound(id, roster);
  if (conf.voters.includes(member.node)) return { kind: 'done', member };
  if (member.disk === null) return refused(`${id} has never been started: start it (leasehold node --id ${id} … --join URL)`);
  if (!force && !isReachable(member.node)) return refused(`${id} cannot be reached: start it, and look for it in: leasehold status`);
  if (!force && !isCurrent(member.node)) return refused(`${id} has not caught up with the log yet: try again later`);
  return promotion(member, situation, force);
}

function promotion(member: Member, situation: Situation, force: boolean): Decision {
  const { roster, conf, self } = situation;
  const replaced = roster.get(member.replaces);
  const voters = [...conf.voters.filter((node) => node !== replaced?.node), member.node];
  const loss = force ? null : lossOf(voters, situation);
  if (loss !== null)
    return refused(`with ${member.name} as a voter${replaced === undefined ? '' : ` in place of ${replaced.name}`} ${loss}`);
  const items: ConfChangeItem[] = [{ type: 'add-voter', node: member.node }];
  if (replaced?.node === self) {
    if (conf.voters.some((node) => node !== self && situation.isCurrent(node))) return { kind: 'hand-over' };
    // There is nobody else to lead: the newcomer votes first, and then takes over.
    return { kind: 'propose', node: member.node, items, put: { ...member, promote: false } };
  }
  if (replaced !== undefined) items.push({ type: 'remove', node: replaced.node });
  return { kind: 'propose', node: member.node, items, put: { ...member, promote: false, replaces: 0 } };
}

/** Why these voters could not commit anything now; null if they could. */
function lossOf(voters: readonly NodeId[], { roster, self, isCurrent, isReachable }: Situation): string | null {
  const needed = Math.floor(voters.length / 2) + 1;
  const current = voters.filter((node) => node === self || isCurrent(node));
  if (current.length >= needed) return null;
  const missing = voters.filter((node) => !current.includes(node));
  const words = missing.map((node) => `${roster.get(node)?.name ?? node} ${isReachable(node) ? 'has not caught up' : 'cannot be reached'}`);
  return `nothing could be committed: of ${voters.length} voters ${needed} are needed, but ${words.join(' and ')}. Bring them back first, or force it (force=true, --force)`;
}

function refused(detail: string): Decision {
  return { kind: 'refused', code: 'conflict', detail };
}

function notFound(id: string, roster: Roster): Decision {
  const names = roster.members.map((member) => member.name).join(', ');
  return { kind: 'refused', code: 'member-not-found', detail: `${id} is no member of this cluster: ${names}` };
}
