// Faults of a node with a gray failure: a disk that hangs or is slow, or a starved event loop. P15 of OPERATIONS part A first.
import { type Fault, listed } from './mutant.ts';

const RULES = 'replica/leader-health.test.ts';
const NODES = 'replica/gray-failures.test.ts';
const WATCH = 'replica/disk-watch.test.ts';
const WRITER = 'replica/log-writer.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'a stalled leader transfers leadership to a voter whose own disk hangs (P15)',
    file: 'replica/leader-health.ts',
    find: 'syncPendingMs < FIT_SYNC_PENDING_MS && ',
    replace: '',
    suites: [RULES],
  },
  {
    title: 'a stalled leader transfers leadership to a voter that does not have the last entry (P15)',
    file: 'replica/leader-health.ts',
    find: 'fit.filter(({ hasLast }) => hasLast),',
    replace: 'fit,',
    suites: [RULES],
  },
  {
    title: 'a stalled leader takes the disks of its followers for working because they had nothing to write (P15)',
    file: 'replica/node-health.ts',
    find: "raft.propose([new Uint8Array(0)]) === 'ok'",
    replace: 'true',
    suites: [`${NODES} | all disks hang`],
  },
  {
    title: 'a node whose disk hangs campaigns (P15)',
    file: 'replica/node-health.ts',
    find: 'raft.abstain(pendingMs > electionTimeoutMs)',
    replace: 'raft.abstain(false)',
    suites: [`${NODES} | stands for no election`],
  },
  {
    title: 'a node that abstains obeys the order to stand for election',
    file: 'raft/candidate.ts',
    find: 'if (state.abstains) {',
    replace: "if (state.abstains && wanted.to === 'pre-candidate') {",
    suites: ['raft/abstain.test.ts'],
  },
  {
    title: 'a node that abstains stands after a pre-vote that was under way',
    file: 'raft/candidate.ts',
    find: 'if (preVote && state.abstains) return',
    replace: 'if (preVote && state.id < 0) return',
    suites: ['raft/abstain.test.ts'],
  },
  {
    title: 'a transfer from a hanging disk that does not complete is not followed by a step-down',
    file: 'replica/node-health.ts',
    find: 'else raft.stepDown();',
    replace: '',
    suites: [`${NODES} | ends in a step-down`],
  },
  {
    title: 'a pause of the process counts as a hang of the disk',
    file: 'replica/disk-watch.ts',
    find: 'Math.min(nowMs - this.#seenMs, stepMaxMs)',
    replace: 'nowMs - this.#seenMs',
    suites: [WATCH],
  },
  {
    title: 'one late value makes a disk slow',
    file: 'replica/percentile-window.ts',
    find: 'Math.max(Math.floor(total / 100), OUTLIERS)',
    replace: 'Math.floor(total / 100)',
    suites: ['replica/percentile-window.test.ts'],
  },
  {
    title: 'answers that wait for a hanging disk pile up',
    file: 'replica/log-writer.ts',
    find: 'if (last !== undefined && after.length === 0 && isRepeat(append, last.append)) return;',
    replace: '',
    suites: [WRITER],
  },
  {
    title: 'a promise is taken for a repeat of another one',
    file: 'replica/log-writer.ts',
    find: 'fields.length === Object.keys(other).length && fields.every(',
    replace: 'fields.length === Object.keys(other).length || fields.every(',
    suites: [WRITER],
  },
  {
    title: 'an idle disk that hangs is not found',
    file: 'replica/node-health.ts',
    find: 'if (writer.watch.idleMs >= PROBE_IDLE_MS) writer.probe();',
    replace: '',
    suites: [`${NODES} | found on an idle node`],
  },
];

export const GRAY_FAILURES = listed('gray', 'ours', FAULTS);
