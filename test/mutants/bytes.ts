// Faults of what a node keeps by bytes, of snapshots in transfer, and of expiry without a quorum.
import { type Fault, listed } from './mutant.ts';

const EXPIRY = 'replica/expiry-quorum.test.ts';
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
  {
    title: 'an expiry is proposed without a barrier',
    file: 'replica/primary-lessor.ts',
    find: 'if (!this.hasExpiry) this.#confirm(nowMs);',
    replace: 'this.#quorum.confirmed(nowMs, this.#clock.now());\n    this.#host.ready();',
    suites: [EXPIRY],
  },
  {
    title: 'a lease that has lapsed before a promotion gets no extension',
    file: 'replica/quorum-confirmation.ts',
    find: 'this.#graceEndMs = this.#clock.now() + this.#extendMs;',
    replace: '',
    suites: [EXPIRY],
  },
  {
    title: 'holders get no time to renew after the followers did not answer for a while',
    file: 'replica/quorum-confirmation.ts',
    find: 'if (isSlow && nowMs',
    replace: 'if (isSlow && this.#graceEndMs < 0 && nowMs',
    suites: [EXPIRY],
  },
  {
    title: 'an expiry waits in the log of requests until the log is free',
    file: 'replica/primary-lessor.ts',
    find: 'return this.#quorum.isFresh || this.#isOverdue;',
    replace: 'return true;',
    suites: [EXPIRY],
  },
];

export const BYTES = listed('bytes', 'ours', FAULTS);
