// The properties that PROPERTIES.md marks with a star, each with the tests of ours that hold it: what `tally.ts` counts.
import { existsSync, readFileSync } from 'node:fs';
import type { Row } from '../tally.ts';

/** By the name of etcd's test, from which PROPERTIES.md took the property. */
const TESTS: Readonly<Record<string, Row['tests']>> = {
  TestRejectStaleTermMessage: roles('paper-elections', ['follower', 'candidate', 'leader'], 'refuses requests with a stale term'),
  TestAllServerStepdown: allRoles('election-properties', 'steps down at a later term, and follows whoever leads it'),
  TestLeaderElectionInOneRoundRPC: [
    held('paper-elections', 'a candidate wins with votes from a majority, is beaten by a majority of refusals, and waits otherwise'),
  ],
  TestFollowerVote: [
    held('paper-elections', 'each server votes for at most one candidate in a term, first come, first served, even after a restart'),
  ],
  TestRecvMsgVote: [
    held('election-properties', 'within a term a vote depends on the log and on the vote already given'),
    ...roles('election-properties', ['candidate', 'leader'], 'has given its vote of this term to itself'),
  ],
  TestCandidateFallback: [held('paper-elections', 'a candidate that hears from a leader of its own or a later term becomes its follower')],
  TestLeaderElectionOverwriteNewerLogs: [
    held('election-properties', 'a new leader replaces entries of later terms that were never committed'),
  ],
  TestVoteFromAnyState: allRoles('election-properties', 'grants a vote in a later term'),
  TestDuelingCandidates: [held('election-properties', 'a candidate that was cut off deposes the leader but cannot win with a short log')],
  TestOldMessages: [held('election-properties', 'an append of a deposed leader is ignored')],
  TestCandidateSelfVoteAfterLostElection: [
    held('election-properties', 'an own vote that becomes durable after the election was lost counts for nothing'),
  ],
  TestNodeWithSmallerTermCanCompleteElection: [
    held('election-properties', 'a node that comes back with a smaller term completes the election when the leader is gone'),
  ],
  TestPreVoteWithCheckQuorum: [held('election-properties', 'with both on, a leader emerges when the old one is cut off')],
  TestPreVoteMigrationCanCompleteElection: [
    held('election-properties', 'a node with a late term and a short log cannot wedge the group when pre-votes are turned on'),
  ],
  TestLeaderStepdownWhenQuorumLost: [
    held('election-properties', 'a leader steps down when no quorum has answered for an election timeout, and not while one does'),
  ],
  TestLeaderElectionWithCheckQuorum: [
    held('election-properties', 'nodes that know no leader vote at once, those who hear from one only after an election timeout'),
  ],
  TestLeaderAcknowledgeCommit: [
    held('paper-replication', 'an entry is committed once a majority has it, not before'),
    held('paper-replication', 'the same server acknowledging twice is one server'),
  ],
  TestLeaderCommitPrecedingEntries: [held('paper-replication', 'committing an entry commits all before it, also those of earlier leaders')],
  TestLeaderOnlyCommitsLogFromCurrentTerm: [held('paper-replication', 'only entries of the own term are committed by counting replicas')],
  TestFollowerCheckMsgApp: [
    held('paper-replication', 'a follower refuses entries unless it has the one before them, and hints at where the logs may meet'),
  ],
  TestFollowerAppendEntries: [
    held('paper-replication', 'a follower deletes what conflicts and all behind it, appends what is new, and keeps what matches'),
  ],
  TestCannotCommitWithoutNewTermEntry: [
    held(
      'paper-replication',
      'a leader that has committed nothing of its term passes no old commit off as new, until its own entry is replicated',
    ),
  ],
  TestCommit: [
    held('replication-properties', 'the commit index is the last own-term entry that a majority has, whatever the acknowledgements'),
  ],
  TestHandleMsgApp: [
    held('replication-properties', 'a follower commits no further than the leader says and than it has verified'),
    held('parts', 'an append is taken where it matches, cuts off a conflict, and bounds the commit index'),
  ],
  TestFastLogRejection: [
    held('replication-properties', 'one refusal skips a whole term of the leader, or of the follower'),
    held('replication-properties', 'repair takes no more refusals than the tails have terms'),
  ],
  TestLogReplicationWithReorderedMessage: [
    held('replication-properties', 'a refusal that comes late never moves the next index below what is acknowledged'),
  ],
  TestLogMaybeAppend: [
    held('parts', 'an append is taken where it matches, cuts off a conflict, and bounds the commit index'),
    held('parts', 'a conflict with a committed entry ends the process rather than the guarantee'),
  ],
  TestCompactionSideEffects: [held('parts', 'compaction leaves terms, matches and the tail as they were')],
  TestProgressLeader: [held('replication-properties', 'a leader counts itself only once its entries are durable')],
  TestRestore: [
    held('replication-properties', 'a snapshot replaces log and configuration, and a second one at the same place is not installed'),
    held('replication-properties', 'nobody stands for election before the snapshot is installed'),
  ],
  TestRestoreIgnoreSnapshot: [
    held('replication-properties', 'a snapshot from before the commit index is ignored'),
    held('replication-properties', 'a snapshot of entries that the log has moves only the commit index'),
  ],
  TestSlowNodeRestore: [held('replication-properties', 'an isolated follower whose entries are gone recovers by a snapshot, then commits')],
  TestStepIgnoreConfig: [
    held('membership-properties', 'a change is an entry, and a second one becomes an empty entry until the first is applied'),
  ],
  TestNewLeaderPendingConfig: [
    held('membership-properties', 'a new leader assumes that a change may be in its log, until all of it is applied'),
  ],
  TestConfChangeCheckBeforeCampaign: [
    held('membership-properties', 'nobody stands for election who has a committed change that is not applied'),
  ],
  TestLearnerCampaign: [
    held('election-properties', 'nobody stands who is a learner, no member, leads already, or installs a snapshot'),
    held('membership-properties', 'a learner replicates and may vote, but counts in no quorum and never stands, until it is promoted'),
  ],
  TestReadOnlyForNewLeader: [
    held('read-and-transfer-properties', 'a new leader answers reads only after it has committed an entry of its own term'),
  ],
  TestReadOnlyDuplicateRequest: [
    held(
      'read-and-transfer-properties',
      'a late answer to an earlier heartbeat never confirms a later read, even one with the same context',
    ),
  ],
  TestLeaderTransferWithCheckQuorum: [
    held('read-and-transfer-properties', 'the quorum check, which keeps others from voting, does not stand in its way'),
  ],
  TestLeaderTransferIgnoreProposal: [
    held('read-and-transfer-properties', 'no proposals are taken meanwhile, and again after an election timeout'),
  ],
};

/** The starred rows of PROPERTIES.md in their order; null where that is absent. One without tests of ours has none to pass. */
export function starProperties(): readonly Row[] | null {
  const file = new URL('../../../shared/raft-testdata/PROPERTIES.md', import.meta.url);
  if (!existsSync(file)) return null;
  const rows = readFileSync(file, 'utf8').matchAll(/^\| ★ \| (Test\w+) \|/gm);
  return [...rows].map(([, name = '']) => ({ name, tests: TESTS[name] ?? [] }));
}

/** Names in our table that no row has: a slip in writing. */
export function strayNames(rows: readonly Row[]): readonly string[] {
  return Object.keys(TESTS).filter((name) => !rows.some((row) => row.name === name));
}

function held(file: string, title: string): Row['tests'][number] {
  return { file: `test/raft/${file}.test.ts`, title };
}

function roles(file: string, names: readonly string[], rest: string): Row['tests'] {
  return names.map((role) => held(file, `a ${role} ${rest}`));
}

function allRoles(file: string, rest: string): Row['tests'] {
  return roles(file, ['follower', 'pre-candidate', 'candidate', 'leader'], rest);
}
