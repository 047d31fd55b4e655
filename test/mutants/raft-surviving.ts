// The 21 faults that all 558 blocks of etcd's interaction files let pass (FORMAT.md 3.9, "survived"), in its order, planted in our core.
import { type Fault, listed } from './mutant.ts';

const ELECTIONS = 'raft/paper-elections.test.ts raft/election-properties.test.ts';
const REPLICATION = 'raft/paper-replication.test.ts raft/replication-properties.test.ts raft/parts.test.ts';
const MEMBERSHIP = 'raft/membership-properties.test.ts';
const TRANSFER = 'raft/read-and-transfer-properties.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'an entry of an earlier term is committed by counting',
    file: 'raft/log.ts',
    find: ' || !this.matches(id)) return false;',
    replace: ') return false;',
    suites: [REPLICATION],
  },
  {
    title: 'a second vote is given in one term',
    file: 'raft/vote.ts',
    find: '(state.vote === NONE && state.leader === NONE)',
    replace: 'state.leader === NONE',
    suites: [ELECTIONS],
  },
  {
    title: 'a vote that arrives twice counts twice',
    file: 'raft/candidate.ts',
    find: 'if (!votes.has(from)) votes.set(from, !rejected);',
    replace:
      'const other = [...state.membership.configuration.voters].find((id) => !votes.has(id)) ?? from; votes.set(votes.has(from) ? other : from, !rejected);',
    suites: [ELECTIONS],
  },
  {
    title: 'answers of an earlier term are heeded',
    file: 'raft/raft.ts',
    find: 'if (message.term !== 0 && message.term < state.term) {',
    replace: 'if (message.term !== 0 && message.term < state.term && !/^(append|vote|pre-vote)-response$/.test(message.kind)) {',
    suites: [ELECTIONS, REPLICATION],
  },
  {
    title: 'a follower commits up to its own last entry, not up to what was matched',
    file: 'raft/log.ts',
    find: 'this.commitTo(Math.min(leaderCommit, lastNew));',
    replace: 'this.commitTo(Math.min(leaderCommit, this.lastIndex()));',
    suites: [REPLICATION],
  },
  {
    title: 'a new leader takes it that no configuration change is in its log',
    file: 'raft/raft.ts',
    find: 'pendingConfIndex: state.log.lastIndex()',
    replace: 'pendingConfIndex: 0',
    suites: [MEMBERSHIP],
  },
  {
    title: 'a second configuration change is taken while one is pending',
    file: 'raft/leader.ts',
    find: "role.pendingConfIndex > applied ? 'unapplied-change' : misfitOf(state, payload.change)",
    replace: 'misfitOf(state, payload.change)',
    suites: [MEMBERSHIP],
  },
  {
    title: 'a node stands for election with a committed change that it has not applied',
    file: 'raft/candidate.ts',
    find: 'if (hasUnappliedConfChange(state)) {',
    replace: 'if (state.term < 0 && hasUnappliedConfChange(state)) {',
    suites: [MEMBERSHIP],
  },
  {
    title: 'an election in a joint configuration is won by one of its halves',
    file: 'raft/quorum.ts',
    find: 'const second = voteResult(outgoing, voteOf);',
    replace: 'const second = first;',
    suites: [MEMBERSHIP],
  },
  {
    title: 'a learner stands for election',
    file: 'raft/state.ts',
    find: 'own !== undefined && !own.isLearner &&',
    replace: 'own !== undefined &&',
    suites: [ELECTIONS],
  },
  {
    title: 'a node stands for election while its snapshot is not installed',
    file: 'raft/state.ts',
    find: ' && this.log.unstable.snapshot === null',
    replace: '',
    suites: ['raft/replication-properties.test.ts'],
  },
  {
    title: 'hearing from the leader stands in the way of the election that it asked for',
    file: 'raft/vote.ts',
    find: '!hearsLeader || message.transfer',
    replace: '!hearsLeader',
    suites: [TRANSFER],
  },
  {
    title: 'who once heard a leader never votes again, however long ago that was',
    file: 'raft/vote.ts',
    find: ' && electionElapsed < config.electionTicks',
    replace: '',
    suites: [ELECTIONS],
  },
  {
    title: 'a pre-vote of an earlier term gets no answer',
    file: 'raft/raft.ts',
    find: 'refuseVote(state, message);',
    replace: '',
    suites: [ELECTIONS],
  },
  {
    title: 'entries are applied before they are durable here',
    file: 'raft/log.ts',
    find: 'allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1)',
    replace: 'allowUnstable ? this.committed : this.committed',
    suites: ['raft/async-properties.test.ts'],
  },
  {
    title: 'a snapshot from before the commit index is installed',
    file: 'raft/snapshot.ts',
    find: 'if (index <= log.committed) return false;',
    replace: '',
    suites: [REPLICATION],
  },
  {
    title: 'a snapshot of what the log has already is installed over it',
    file: 'raft/snapshot.ts',
    find: 'if (log.matches({ index, term })) {',
    replace: 'if (term < 0) {',
    suites: [REPLICATION],
  },
  {
    title: 'a refusal that comes late lowers the next index below what is acknowledged',
    file: 'raft/progress.ts',
    find: 'Math.max(Math.min(rejected, hint + 1), this.match + 1)',
    replace: 'Math.max(Math.min(rejected, hint + 1), 1)',
    suites: [REPLICATION],
  },
  {
    title: 'the end of a joint configuration is proposed again and again',
    file: 'raft/raft.ts',
    find: ' || state.log.applied < role.pendingConfIndex) return;',
    replace: ') return;',
    suites: [MEMBERSHIP],
  },
  {
    title: 'proposals are taken while leadership is handed over',
    file: 'raft/leader.ts',
    find: 'if (role.transferee !== NONE) {',
    replace: 'if (state.term < 0) {',
    suites: [TRANSFER],
  },
  {
    title: 'a vote that is refused puts off the own election',
    file: 'raft/vote.ts',
    find: "state.trace({ kind: 'vote-rejected', ...facts(state, message) });",
    replace: 'state.electionElapsed = 0;',
    suites: [ELECTIONS],
  },
];

export const RAFT_SURVIVING = listed('raft-more', "FORMAT.md 3.9, passed by etcd's files", FAULTS);
