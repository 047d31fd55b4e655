// Faults of membership: who may come, go and vote, and what the log says of the members.
import { type Fault, listed } from './mutant.ts';

const RULES = 'replica/member-rules.test.ts';
const NODES = 'replica/membership.test.ts';
const ENROLMENT = 'enrolment.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'the number of a removed member is given again',
    file: 'replica/roster.ts',
    find: 'Math.max(greatest, 0, ...members',
    replace: 'Math.max(0, ...members',
    suites: [RULES],
  },
  {
    title: 'a learner that has not caught up is promoted of the leader’s own accord',
    file: 'replica/member-rules.ts',
    find: 'member.promote && isCurrent(member.node)) decision',
    replace: 'member.promote) decision',
    suites: [RULES],
  },
  {
    title: 'a learner that has not caught up is promoted when that is asked for',
    file: 'replica/member-rules.ts',
    find: 'if (!force && !isCurrent(member.node)) return',
    replace: 'if (force && !isCurrent(member.node)) return',
    suites: [RULES],
  },
  {
    title: 'a member is removed although the others could commit nothing',
    file: 'replica/member-rules.ts',
    find: 'const loss = force ? null : lossOf(rest, situation);',
    replace: 'const loss = null;',
    suites: [RULES],
  },
  {
    title: 'the last voter is removed when it is forced',
    file: 'replica/member-rules.ts',
    find: 'if (rest.length === 0) return',
    replace: 'if (rest.length === 0 && !force) return',
    suites: [RULES],
  },
  {
    title: 'a leader removes itself without handing over first',
    file: 'replica/member-rules.ts',
    find: "if (member.node === self) return { kind: 'hand-over' };",
    replace: '',
    suites: [RULES],
  },
  {
    title: 'a member that lost its disk is taken for the one that it was',
    file: 'replica/member-rules.ts',
    find: 'if (disk !== null && present.disk !== null && disk !== present.disk)\n    return',
    replace: 'if (present.disk === "")\n    return',
    suites: [RULES],
  },
  {
    title: 'a replacement comes in and the replaced one stays',
    file: 'replica/member-rules.ts',
    find: "if (replaced !== undefined) items.push({ type: 'remove', node: replaced.node });",
    replace: '',
    suites: [RULES],
  },
  {
    title: 'a member that is stopped but still connected counts as current',
    file: 'replica/member-changes.ts',
    find: '(isReachable(node) && (progress',
    replace: '((progress',
    suites: [NODES],
  },
  {
    title: 'a change is answered before it is applied',
    file: 'replica/member-changes.ts',
    find: 'this.#underWay = { ...wanted, index: entry.index, term: entry.term, isMade: false, member, created: isNew };',
    replace:
      "wanted.answer?.({ kind: 'done', member, voter: false, created: isNew, index: entry.index });\n    this.#underWay = { ...wanted, answer: null, index: entry.index, term: entry.term, isMade: false, member, created: isNew };",
    suites: [NODES],
  },
  {
    title: 'a removal is answered before the members it leaves have committed anything',
    file: 'replica/member-changes.ts',
    find: 'if (isLeaving && !force) return;',
    replace: '',
    suites: [NODES],
  },
  {
    title: 'a replacement is answered while the replaced member can still be needed',
    file: 'replica/member-changes.ts',
    find: 'this.#raft.conf.votersOutgoing.length > 0 || this.#host.roster().leaving.length > 0;\n',
    replace: 'this.#host.roster().leaving.some(({ node }) => node === member.node);\n',
    suites: [NODES],
  },
  {
    title: 'a member that was removed ends while its vote may still be needed',
    file: 'replica/roster.ts',
    find: ' && !this.leaving.some((member) => member.node === node);',
    replace: ';',
    suites: [NODES],
  },
  {
    title: 'a member that was removed is refused while its vote may still be needed',
    file: 'replica/membership.ts',
    find: '[...roster.members, ...roster.leaving]',
    replace: '[...roster.members]',
    suites: [NODES],
  },
  {
    title: 'a member that goes gets entries behind its removal, and then votes for nobody who lacks them',
    file: 'replica/proposals.ts',
    find: ' || raft.mayBeChangingMembers ||',
    replace: ' ||',
    suites: [NODES],
  },
  {
    title: 'a commit index that was told without entries is not written with the next ones',
    file: 'replica/log-writer.ts',
    find: 'this.#newest = append.hardState ?? this.#newest;',
    replace: 'this.#newest = append.hardState ?? this.#durable;',
    suites: [NODES],
  },
  {
    title: 'a change of members that only a newer release knows ends the leader',
    file: 'replica/member-codec.ts',
    find: 'return changeOf(codec.decode(bytes));\n  } catch {\n    return null;',
    replace: 'return changeOf(codec.decode(bytes));\n  } finally {\n',
    suites: ['replica/unreadable-frames.test.ts'],
  },
  {
    title: 'an answer that cannot be read ends the node that asked',
    file: 'replica/member-codec.ts',
    find: 'return replyOf(codec.decode(bytes));\n  } catch {\n    return null;',
    replace: 'return replyOf(codec.decode(bytes));\n  } finally {\n',
    suites: ['replica/unreadable-frames.test.ts'],
  },
  {
    title: 'a node that was given another one’s directory is taken in before it is refused',
    file: 'enrolment.ts',
    find: 'checkOwner(dataDir, known, known.cluster, id);',
    replace: '',
    suites: [ENROLMENT],
  },
  {
    title: 'a directory of an older version asks to be taken in as a new node',
    file: 'enrolment.ts',
    find: 'if (known.formed)\n',
    replace: 'if (known.formed && join.length === 0)\n',
    suites: [ENROLMENT],
  },
  {
    title: 'the flags of a restart number the founders anew',
    file: 'enrolment.ts',
    find: 'return enrolment(known.seat, moved',
    replace: 'return enrolment(fromFlags ?? known.seat, moved',
    suites: [ENROLMENT],
  },
];

export const MEMBERSHIP = listed('membership', 'ours', FAULTS);
