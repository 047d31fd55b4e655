// Faults of the core beyond FORMAT.md's list: reads, flow control, the window, what a commit needs.
import { type Fault, listed } from './mutant.ts';

const REPLICATION = 'raft/paper-replication.test.ts raft/replication-properties.test.ts raft/parts.test.ts';
const READS = 'raft/read-and-transfer-properties.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'a read is answered without asking a quorum',
    file: 'raft/read-index.ts',
    find: "isSingleton(state) || state.config.readOnly === 'lease-based'",
    replace: 'state.term > 0',
    suites: [READS],
  },
  {
    title: 'a read shares the round of one that began before it, so that an old heartbeat confirms it',
    file: 'raft/read-index.ts',
    find: 'round: ++this.#round',
    replace: 'round: this.#pending.length > 0 ? this.#round : ++this.#round',
    suites: [READS],
  },
  {
    title: 'a new leader answers reads before it has committed an entry of its own term',
    file: 'raft/read-index.ts',
    find: 'return state.log.term(state.log.committed) === state.term;',
    replace: 'return state.term > 0;',
    suites: [READS],
  },
  {
    title: 'one confirmation answers every read that waits, also later ones',
    file: 'raft/read-index.ts',
    find: 'waiting < 0 ? this.#pending.length : waiting',
    replace: 'this.#pending.length',
    suites: [READS],
  },
  {
    title: 'the answers of learners confirm a read',
    file: 'raft/read-index.ts',
    find: 'const reached = jointCommittedIndex(voters, votersOutgoing,',
    replace: 'const reached = jointCommittedIndex(new Set([...voters, ...state.peers]), votersOutgoing,',
    suites: [READS],
  },
  {
    title: 'a follower commits beyond what it verified, by a heartbeat that was on its way for long',
    file: 'raft/log.ts',
    find: 'if (index <= this.committed) return;',
    replace: '',
    suites: [REPLICATION],
  },
  {
    title: 'a node goes on with a log that lacks what it knows to be committed',
    file: 'raft/log.ts',
    find: 'assert(index <= this.lastIndex(), `log: commit',
    replace: 'assert(index >= 0, `log: commit',
    suites: [REPLICATION],
  },
  {
    title: 'a replaced tail is not written again',
    file: 'raft/unstable.ts',
    find: 'this.#offsetInProgress = Math.min(this.#offsetInProgress, first);',
    replace: '',
    suites: ['raft/parts.test.ts'],
  },
  {
    title: 'a transfer that got nowhere keeps proposals out for ever',
    file: 'raft/raft.ts',
    find: 'role.transferee = NONE;',
    replace: '',
    suites: [READS],
  },
  {
    title: 'a change that takes away the last voter reaches the log',
    file: 'raft/leader.ts',
    find: "return changer.change(change).kind === 'refused' ? 'does-not-fit' : null;",
    replace: "return changer.change(change).kind === 'refused' && state.term < 0 ? 'does-not-fit' : null;",
    suites: ['raft/membership-properties.test.ts'],
  },
  {
    title: 'a peer may declare entries durable in the name of the own disk',
    file: 'raft/admission.ts',
    find: 'return from === APPEND_THREAD;',
    replace: 'return true;',
    suites: ['raft/door.test.ts'],
  },
  {
    title: 'an answer is taken from somebody who is no member',
    file: 'raft/raw-node.ts',
    find: "if (isFromMemberOnly(message) && state.progressOf(message.from) === undefined) return 'peer-not-found';",
    replace: '',
    suites: ['raft/door.test.ts'],
  },
];

export const RAFT_OWN = listed('raft-own', 'ours', FAULTS);
