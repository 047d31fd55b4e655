// Faults of what a node keeps by bytes, of snapshots in transfer, and of expiry without a quorum.
import { type Fault, listed } from './mutant.ts';

const CATCH_UP = 'replica/catch-up.test.ts';
const CUTTER = 'replica/log-cutter.test.ts';
const EXPIRY = 'replica/expiry-quorum.test.ts';
const IMAGES = 'replica/image-transfer.test.ts';
const INBOX = 'replica/inbox.test.ts';
const SAVER = 'replica/state-saver.test.ts';
const WRITER = 'replica/log-writer.test.ts';

const DURABILITY = 'sim/safety-bugs.test.ts | 5.15';

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
  {
    title: 'the log is kept by entries alone',
    file: 'replica/log-cutter.ts',
    find: 'let through = storage.positionWithin(savedIndex, keepBytes, savedIndex - keepEntries);',
    replace: 'let through = savedIndex - keepEntries;',
    suites: [CUTTER],
  },
  {
    title: 'a log that has reached its bytes takes more entries',
    file: 'replica/log-cutter.ts',
    find: 'if (this.isFull) return true;',
    replace: '',
    suites: [CUTTER],
  },
  {
    title: 'proposals wait for a follower that does not come further',
    file: 'replica/log-cutter.ts',
    find: 'nowMs - follower.progressMs > STALLED_MS || ',
    replace: '',
    suites: [CUTTER],
  },
  {
    title: 'the state is not saved for bytes of entries',
    file: 'replica/state-saver.ts',
    find: 'this.#unsavedBytes >= saveAfterBytes;',
    replace: 'false;',
    suites: [SAVER],
  },
  {
    title: 'an image whose sender is gone is kept half received',
    file: 'replica/image-receiver.ts',
    find: 'if (this.#receiving?.from === peer) this.stop();',
    replace: '',
    suites: [IMAGES],
  },
  {
    title: 'an image is kept half received however long its sender is silent',
    file: 'replica/image-receiver.ts',
    find: 'if (this.#receiving === receiving) this.#giveUp(receiving);\n    });',
    replace: '});',
    suites: [IMAGES],
  },
  {
    title: 'the leader takes bytes from followers without a limit',
    file: 'replica/inbox.ts',
    find: ' && isAdmitted(isPreferred, this.#bytes, this.#maxBytes)',
    replace: '',
    suites: [INBOX],
  },
  {
    title: 'proposals do not keep step with a follower that gets its image, which then needs the next one',
    file: 'replica/log-cutter.ts',
    find: 'return used > 0.5 + share / 2;',
    replace: 'return used < 0;',
    suites: [CUTTER, CATCH_UP],
  },
  {
    title: 'a log that is full after a restart is never compacted',
    file: 'replica/loop.ts',
    find: 'const isFull = this.cutter.isFull && !this.#saver.isSaving;',
    replace: 'const isFull = false;',
    suites: [DURABILITY],
  },
];

export const BYTES = listed('bytes', 'ours', FAULTS);
