// Faults of what a node keeps by bytes, of snapshots in transfer, and of expiry without a quorum.
import { type Fault, listed } from './mutant.ts';

const WRITER = 'replica/log-writer.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'entries that share a Ready with a snapshot are acknowledged and not written',
    file: 'replica/log-writer.ts',
    find: 'if (rest.append.entries.length === 0) this.#finish([rest]);',
    replace: 'this.#storage.append(rest.append.entries);\n      if (rest.append.entries.length >= 0) this.#finish([rest]);',
    suites: [WRITER],
  },
  {
    title: 'the installation of a snapshot writes a commit index after it',
    file: 'replica/log-writer.ts',
    find: 'Math.min(this.#newest.commit, snapshot.index)',
    replace: 'this.#newest.commit',
    suites: [WRITER],
  },
];

export const BYTES = listed('bytes', 'ours', FAULTS);
